"""The writer, in the default layout KITTI-STEP: files, completion of interrupted runs, refusals."""

import fcntl
import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from videoseg.datasets.synthetic import SyntheticWriter, check_dataset, get_preset, sample_scene


def tiny(train=2, val=1, **changes):
    fields = dict(size=(48, 96), train_frames=3, val_frames=2, min_things=0) | changes
    return get_preset('quickstart', num_train=train, num_val=val, **fields)


def snapshot(root):
    return {str(p.relative_to(root)): (p.stat().st_mtime_ns, p.read_bytes()) for p in root.rglob('*') if p.is_file()}


def test_layout_and_description(tmp_path):
    seen = []
    description = SyntheticWriter(tmp_path, tiny(), 7, lambda *state: seen.append(state)).write()
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob('*') if p.is_file()}
    frames = [f'train/0000/00000{i}.png' for i in range(3)] + [f'train/0001/00000{i}.png' for i in range(3)]
    frames += ['val/5000/000000.png', 'val/5000/000001.png']
    expected = {f'{folder}/{frame}' for folder in ('images', 'panoptic_maps') for frame in frames}
    assert files == expected | {'synthetic.json', 'synthetic.sha256'}
    assert seen == [(1, 3, 'train/0000'), (2, 3, 'train/0001'), (3, 3, 'val/5000')]
    stored = json.loads((tmp_path / 'synthetic.json').read_text())
    assert dict(json.loads(json.dumps(description))) == dict(stored, written=3)
    assert (stored['preset']['name'], stored['seed'], stored['layout']) == ('quickstart', 7, 'kitti_step')
    assert stored['counts'] == {'train': {'sequences': 2, 'frames': 6}, 'val': {'sequences': 1, 'frames': 2}}
    assert [c['name'] for c in stored['classes']] == ['grass', 'water', 'wall', 'disc', 'crate', 'star']
    assert check_dataset(tmp_path) == []
    assert os.stat(tmp_path / 'images/train/0000').st_mode & 0o777 == os.stat(tmp_path / 'images').st_mode & 0o777


def test_files_hold_the_rendered_frames(tmp_path):
    SyntheticWriter(tmp_path, tiny(), 7).write()
    scene = sample_scene(tiny(), 7, 'train', 1)
    for time in range(3):
        frame = scene.render(time)
        image = np.array(Image.open(tmp_path / f'images/train/0001/{time:06d}.png'))
        np.testing.assert_array_equal(image, frame.image)
        png = Image.open(tmp_path / f'panoptic_maps/train/0001/{time:06d}.png')
        assert png.mode == 'RGB'
        panoptic = np.array(png).astype(int)
        np.testing.assert_array_equal(panoptic[..., 0], frame.raw_map)
        np.testing.assert_array_equal(panoptic[..., 1] * 256 + panoptic[..., 2], frame.instance_map)


def test_ids_of_the_files_are_constant_and_start_at_one(tmp_path):
    SyntheticWriter(tmp_path, tiny(train=3, train_frames=10), 0).write()
    for sequence in sorted((tmp_path / 'panoptic_maps/train').iterdir()):
        maps = np.stack([np.array(Image.open(p)).astype(int) for p in sorted(sequence.iterdir())])
        raw, ids = maps[..., 0], maps[..., 1] * 256 + maps[..., 2]
        used = np.unique(ids[ids > 0])
        assert used.tolist() == list(range(1, len(used) + 1))
        for instance in used:
            assert len(np.unique(raw[ids == instance])) == 1
        assert set(np.unique(raw[ids > 0])) <= {3, 4, 5}


def test_second_run_touches_nothing(tmp_path):
    SyntheticWriter(tmp_path, tiny(), 0).write()
    before = snapshot(tmp_path)
    again = SyntheticWriter(tmp_path, tiny(), 0).write()
    assert again['written'] == 0
    assert snapshot(tmp_path) == before


def test_more_sequences_are_added_and_equal_a_big_run(tmp_path):
    SyntheticWriter(tmp_path / 'grown', tiny(1, 1), 0).write()
    before = snapshot(tmp_path / 'grown')
    assert SyntheticWriter(tmp_path / 'grown', tiny(3, 1), 0).write()['written'] == 2
    SyntheticWriter(tmp_path / 'big', tiny(3, 1), 0).write()
    grown, big = snapshot(tmp_path / 'grown'), snapshot(tmp_path / 'big')
    assert {name: data for name, (_, data) in grown.items()} == {name: data for name, (_, data) in big.items()}
    assert all(grown[name] == before[name] for name in before if name.endswith('.png'))


def test_interrupted_run_leaves_whole_sequences_and_is_completed(tmp_path, monkeypatch):
    real, calls = cv2.imencode, []

    def fail_later(*args):
        calls.append(1)
        if len(calls) > 8:
            raise OSError(28, 'No space left on device')
        return real(*args)

    monkeypatch.setattr(cv2, 'imencode', fail_later)
    with pytest.raises(OSError, match='No space left'):
        SyntheticWriter(tmp_path, tiny(), 0).write()
    names = sorted(snapshot(tmp_path))
    assert len([n for n in names if n.endswith('.png')]) == 6
    assert not (tmp_path / '.incomplete').exists()
    assert any('not finished' in problem for problem in check_dataset(tmp_path))
    monkeypatch.setattr(cv2, 'imencode', real)
    assert SyntheticWriter(tmp_path, tiny(), 0).write()['written'] == 2
    SyntheticWriter(tmp_path / 'whole', tiny(), 0).write()
    assert (tmp_path / 'synthetic.sha256').read_bytes() == (tmp_path / 'whole/synthetic.sha256').read_bytes()


def test_killed_writer_leftovers_are_cleared(tmp_path):
    SyntheticWriter(tmp_path, tiny(), 0).write()
    manifest = (tmp_path / 'synthetic.sha256').read_bytes()
    (tmp_path / 'synthetic.sha256').write_bytes(manifest[:-20])
    (tmp_path / '.incomplete/images').mkdir(parents=True)
    (tmp_path / '.incomplete/images/000000.png').write_bytes(b'half')
    (tmp_path / 'panoptic_maps/train/0001/000002.png').unlink()
    assert SyntheticWriter(tmp_path, tiny(), 0).write()['written'] == 2
    assert check_dataset(tmp_path) == []
    assert (tmp_path / 'synthetic.sha256').read_bytes() == manifest


def test_other_content_is_refused(tmp_path):
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='notes.txt'):
        SyntheticWriter(tmp_path, tiny(), 0).write()
    assert [p.name for p in tmp_path.iterdir()] == ['notes.txt']


@pytest.mark.parametrize(
    ('preset', 'seed'), [(tiny(), 1), (tiny(size=(64, 96)), 0), (tiny(train_frames=4), 0), (tiny(train=1), 0)]
)
def test_another_data_set_is_refused_and_kept(tmp_path, preset, seed):
    SyntheticWriter(tmp_path, tiny(), 0).write()
    before = snapshot(tmp_path)
    with pytest.raises(FileExistsError, match='another data set|more sequences than wanted'):
        SyntheticWriter(tmp_path, preset, seed).write()
    assert snapshot(tmp_path) == before


def test_two_writers_at_once_are_refused(tmp_path):
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(RuntimeError, match='another process'):
        SyntheticWriter(tmp_path, tiny(), 0).write()
    os.close(handle)
    assert SyntheticWriter(tmp_path, tiny(), 0).write()['written'] == 3


def test_unknown_layout_is_refused(tmp_path):
    with pytest.raises(KeyError, match="no layout 'kitti'; there are kitti_step, vipseg"):
        SyntheticWriter(tmp_path, tiny(), layout='kitti')


def test_bad_seed_and_broken_description(tmp_path):
    with pytest.raises(ValueError, match='-1'):
        SyntheticWriter(tmp_path, tiny(), -1)
    (tmp_path / 'synthetic.json').write_text('{"preset": ')
    with pytest.raises(ValueError, match='synthetic.json is not valid JSON'):
        SyntheticWriter(tmp_path, tiny(), 0).write()
