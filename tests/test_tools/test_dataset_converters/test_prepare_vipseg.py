import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from tests.tool_module import load_tool
from videoseg.datasets import VIPSegDataset
from videoseg.datasets.map_decoders import MAP_DECODERS

THINGS = VIPSegDataset.METAINFO['raw_ids'][:58]
VIDEOS = {'a': (30, 50), 'b': (16, 21)}
LENGTH = 3


def mask(t, size):
    """Class 0 over class 1 with two instances of class 61 and one of class 122, and a void corner."""
    values = np.full(size, 1)
    values[size[0] // 2 :] = 2
    values[2:8, 2 + t : 8 + t] = 6200
    values[9:14, 2 + t : 8 + t] = 6201
    values[5:10, 10:15] = 12300
    values[:2, :2] = 0
    return values.astype(np.uint16)


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/prepare_vipseg.py')


@pytest.fixture
def source(tmp_path):
    root = tmp_path / 'raw'
    for name, size in VIDEOS.items():
        (root / f'imgs/{name}').mkdir(parents=True)
        (root / f'panomasks/{name}').mkdir(parents=True)
        for t in range(LENGTH):
            pixels = np.random.default_rng(t).integers(0, 255, (*size, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(root / f'imgs/{name}/{5 * t:08d}.jpg')
            Image.fromarray(mask(t, size)).save(root / f'panomasks/{name}/{5 * t:08d}.png')
    (root / 'train.txt').write_text('a\n')
    (root / 'val.txt').write_text('b')
    categories = [dict(id=i, name=f'name {i}', isthing=int(i in THINGS)) for i in range(124)]
    (root / 'panoVIPSeg_categories.json').write_text(json.dumps(categories))
    return root


def run(tool, source, *extra):
    out = ['--out', str(source.parent / 'out'), '--height', '16', '--splits', 'train', 'val', '--any-number']
    return tool.main([str(source), *out, *extra])


def hashes(root):
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob('*') if p.is_file()}


def build(root, split):
    args = dict(ann_file=f'panoptic_gt_VIPSeg_{split}.json', data_prefix=dict(img='imgs', seg='panomasksRGB'))
    return VIPSegDataset(data_root=str(root), test_mode=True, **args)


def decoded(dataset, path, size, segments=None):
    return MAP_DECODERS[dataset.seg_encoding](path, size, dataset.label_map, segments)['gt_seg_map']


def test_result(tool, source, capsys):
    before = hashes(source)
    assert run(tool, source) == 0
    assert hashes(source) == before
    report = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ['train', '1', '3', '3', '3'] in [line[:5] for line in report]
    out = source.parent / 'out'
    train = build(out, 'train')
    assert train.metainfo['classes'][0] == 'name 2' and train.video_length(0) == LENGTH
    size = (16, int(16 * 50 / 30))
    for t in range(LENGTH):
        with Image.open(out / f'imgs/a/{5 * t:08d}.jpg') as image:
            assert image.size == size[::-1]
        video = train.get_video(0)
        found = decoded(train, video['seg_map_paths'][t], size, video['segments'][t])
        rows = ((np.arange(16) + 0.5) * 30 / 16).astype(int)
        columns = ((np.arange(size[1]) + 0.5) * 50 / size[1]).astype(int)
        nearest = mask(t, (30, 50))[rows][:, columns]
        path = source.parent / 'nearest.png'
        Image.fromarray(nearest).save(path)
        raw = MAP_DECODERS['vipseg_raw'](str(path), size, train.label_map, None)['gt_seg_map']
        assert np.array_equal(found >> 16, raw >> 16)
        pairs = np.unique(np.stack([found, raw], -1).reshape(-1, 2), axis=0)
        assert len(pairs) == len(np.unique(found)) == len(np.unique(raw))


def test_ids_are_constant_over_a_video(tool, source):
    assert run(tool, source) == 0
    content = json.loads((source.parent / 'out/panoptic_gt_VIPSeg_train.json').read_text())
    frames = [frame['segments_info'] for frame in content['annotations'][0]['annotations']]
    categories = [{x['id']: x['category_id'] for x in frame} for frame in frames]
    assert categories[0] == {1: 0, 2: 1, 6200: 61, 6201: 61, 12300: 122} and len(set(map(str, categories))) == 1
    assert all(x['iscrowd'] == 0 for frame in frames for x in frame)


def test_images_of_the_right_size_are_copied(tool, source):
    assert run(tool, source) == 0
    name = 'imgs/b/00000005.jpg'
    assert (source.parent / 'out' / name).read_bytes() == (source / name).read_bytes()


def test_second_run_changes_nothing(tool, source, monkeypatch):
    assert run(tool, source) == 0
    out = source.parent / 'out'
    before, times = hashes(out), {p: p.stat().st_mtime_ns for p in out.rglob('*.*')}
    monkeypatch.setattr(tool, 'convert_frame', lambda *args: pytest.fail('converted again'))
    assert run(tool, source) == 0
    assert hashes(out) == before and {p: p.stat().st_mtime_ns for p in out.rglob('*.*')} == times


def test_interrupted_run_goes_on(tool, source, monkeypatch, capsys):
    whole = tool.convert_frame

    def stop_in_b(img, *args):
        if 'b/00000005' in str(img):
            raise OSError('disk full')
        return whole(img, *args)

    monkeypatch.setattr(tool, 'convert_frame', stop_in_b)
    assert run(tool, source) == 1 and 'disk full' in capsys.readouterr().err
    out = source.parent / 'out'
    assert not (out / 'panoptic_gt_VIPSeg_val.json').exists()
    converted = []

    def note(img, *args):
        converted.append(img.parent.name)
        return whole(img, *args)

    monkeypatch.setattr(tool, 'convert_frame', note)
    assert run(tool, source) == 0 and converted == ['b'] * LENGTH


def test_changed_source_is_converted_again(tool, source):
    assert run(tool, source) == 0
    path = source / 'panomasks/a/00000000.png'
    values = mask(0, (30, 50))
    values[20:, 20:] = 12301
    Image.fromarray(values).save(path)
    assert run(tool, source) == 0
    content = json.loads((source.parent / 'out/panoptic_gt_VIPSeg_train.json').read_text())
    assert 12301 in {x['id'] for x in content['annotations'][0]['annotations'][0]['segments_info']}


def test_value_200_is_told(tool, source, capsys):
    values = mask(0, (30, 50))
    values[20:, 20:] = 200
    Image.fromarray(values).save(source / 'panomasks/a/00000000.png')
    assert run(tool, source) == 0
    assert 'note: train: 1 frames have the mask value 200, which became void' in capsys.readouterr().out


class TestBadInput:
    def test_unreadable_image(self, tool, source, capsys):
        path = source / 'imgs/b/00000010.jpg'
        path.write_bytes(path.read_bytes()[:300])
        assert run(tool, source) == 1
        assert 'imgs/b/00000010.jpg: image cannot be read' in capsys.readouterr().err
        assert not (source.parent / 'out/panoptic_gt_VIPSeg_val.json').exists()

    def test_lost_frame(self, tool, source, capsys):
        (source / 'imgs/a/00000005.jpg').unlink()
        assert run(tool, source) == 1
        assert 'image file missing for a/00000005' in capsys.readouterr().err

    def test_lost_in_the_result(self, tool, source, capsys):
        assert run(tool, source) == 0
        (source.parent / 'out/panomasksRGB/a/00000005.png').unlink()
        assert run(tool, source, '--check') == 1
        assert "video 'a', frame '00000005'" in capsys.readouterr().err
        assert run(tool, source) == 0

    def test_check_counts_against_the_source(self, tool, source, capsys):
        assert run(tool, source) == 0
        for kind, folder in (('jpg', 'imgs'), ('png', 'panomasks')):
            extra = source / f'{folder}/a/00000099.{kind}'
            extra.write_bytes((source / f'{folder}/a/00000000.{kind}').read_bytes())
        assert run(tool, source, '--check') == 1
        assert "video 'a', frame '00000099': only in one of" in capsys.readouterr().err

    def test_wrong_value(self, tool, source, capsys):
        Image.fromarray(np.full((30, 50), 3, np.uint16)).save(source / 'panomasks/a/00000000.png')
        assert run(tool, source) == 1
        error = capsys.readouterr().err
        assert 'panomasks/a/00000000.png: pixel value 3 is a stuff class with an instance or a thing without' in error

    def test_mask_of_another_size(self, tool, source, capsys):
        Image.fromarray(mask(0, (30, 40))).save(source / 'panomasks/a/00000000.png')
        assert run(tool, source) == 1
        assert 'size (H, W) is (30, 40), expected (30, 50)' in capsys.readouterr().err

    def test_other_height(self, tool, source, capsys):
        assert run(tool, source) == 0
        assert run(tool, source, '--height', '20') == 1
        assert 'was made with --height 16; choose another folder' in capsys.readouterr().err

    def test_one_writer(self, tool, source, capsys):
        (source.parent / 'out').mkdir()
        with tool.exclusive_writer(source.parent / 'out'):
            assert run(tool, source) == 1
        assert 'another process is writing' in capsys.readouterr().err

    def test_official_numbers(self, tool, source, capsys):
        out = ['--out', str(source.parent / 'out'), '--splits', 'val']
        assert run(tool, source) == 0
        assert tool.main(['--check', *out]) == 1
        assert 'val: 1 videos, expected 343' in capsys.readouterr().err

    def test_arguments(self, tool, source):
        for wrong in ([], [str(source), '--out', str(source)], [str(source), '--height', '0']):
            with pytest.raises(SystemExit):
                tool.main(wrong)
