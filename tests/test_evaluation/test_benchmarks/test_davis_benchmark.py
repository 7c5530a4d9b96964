import pickle
import shutil

import numpy as np
import pytest

from videoseg.evaluation.benchmarks.davis_benchmark import DavisBenchmark
from videoseg.evaluation.formats.davis import write_davis
from videoseg.evaluation.functional.j_and_f import JAndF


def video(seed, num_frames=6, size=(20, 30)):
    """Two moving boxes and some void, (T, H, W) uint8."""
    rng = np.random.default_rng(seed)
    frames = np.zeros((num_frames, *size), np.uint8)
    for t in range(num_frames):
        for number in (1, 2):
            y, x = rng.integers(0, 4, 2) + (0, 12 * (number - 1))
            frames[t, y : y + 9, x : x + 9] = number
    frames[:, -2:] = 255
    return frames


@pytest.fixture
def folders(tmp_path):
    """Ground truth and predictions of two videos; the latter are the former, moved to the right."""
    for seed, name in enumerate(('bear', 'cat')):
        for t, ids in enumerate(video(seed)):
            write_davis(tmp_path / 'gt' / name / f'{t:05d}.png', ids)
            write_davis(tmp_path / 'pred' / name / f'{t:05d}.png', np.roll(ids, 2, axis=1))
    return tmp_path / 'gt', tmp_path / 'pred'


def run(benchmark):
    statistics = benchmark.build_statistics()
    for video_id in benchmark.videos:
        benchmark.score_video(video_id, statistics)
    return statistics['jf'].compute()


def expected(**options):
    statistics = JAndF(void_label=255, **options)
    for seed, name in enumerate(('bear', 'cat')):
        for t, ids in enumerate(video(seed)):
            statistics.update(name, t, ids, np.where(ids == 255, 0, np.roll(ids, 2, axis=1)))
    return statistics.compute()


def test_equals_the_statistics_of_the_same_maps(folders):
    benchmark = pickle.loads(pickle.dumps(DavisBenchmark(*folders)))
    assert benchmark.videos == {'bear': 6, 'cat': 6} and benchmark.classes == ()
    result, by_hand = run(benchmark), expected()
    assert 0 < by_hand['J_mean'] < 1 and 0 < by_hand['F_mean'] < 1
    assert {x: result[x] for x in JAndF.names} == {x: by_hand[x] for x in JAndF.names}


def test_frames_are_in_natural_order(tmp_path):
    for t, ids in enumerate(video(0, num_frames=12)):
        write_davis(tmp_path / 'gt' / 'bear' / f'{t}.png', ids)
        if 0 < t < 11:  # the first and the last one are not scored
            write_davis(tmp_path / 'pred' / 'bear' / f'{t}.png', ids)
    benchmark = DavisBenchmark(tmp_path / 'gt', tmp_path / 'pred')
    assert benchmark.frames['bear'] == [f'{t}.png' for t in range(12)]
    assert run(benchmark)['J_mean'] == 1


def test_unsupervised(folders):
    result = run(DavisBenchmark(*folders, options={'matching': 'best'}))
    assert result['J&F'] == expected(matching='best', void_pixels='ignore')['J&F']
    assert result['protocol']['void_pixels'] == 'ignore'


def test_ends_are_not_needed(folders):
    whole = run(DavisBenchmark(*folders))
    for name in ('00000', '00005'):
        (folders[1] / 'bear' / f'{name}.png').unlink()
    assert run(DavisBenchmark(*folders))['J&F'] == whole['J&F']


def test_split(folders, tmp_path):
    (tmp_path / 'val.txt').write_text('cat\n\n')
    shutil.rmtree(folders[1] / 'bear')
    benchmark = DavisBenchmark(*folders, split=tmp_path / 'val.txt')
    assert list(benchmark.videos) == ['cat']
    with pytest.raises(FileNotFoundError, match='none.txt: list of videos missing'):
        DavisBenchmark(*folders, split=tmp_path / 'none.txt')
    (tmp_path / 'val.txt').write_text('../cat')
    with pytest.raises(ValueError, match='cat'):
        DavisBenchmark(*folders, split=tmp_path / 'val.txt')
    (tmp_path / 'val.txt').write_text('')
    with pytest.raises(ValueError, match='val.txt: names no video'):
        DavisBenchmark(*folders, split=tmp_path / 'val.txt')


def test_missing_and_surplus_files(folders):
    shutil.copytree(folders[1] / 'cat', folders[1] / 'dog')
    with pytest.raises(ValueError, match="video 'dog' of the prediction is not in the ground truth"):
        DavisBenchmark(*folders)
    shutil.rmtree(folders[1] / 'dog')
    shutil.move(folders[1] / 'cat' / '00003.png', folders[1] / 'cat' / '00009.png')
    with pytest.raises(ValueError, match="video 'cat', frame '00003.png' is missing"):
        DavisBenchmark(*folders)
    shutil.copy(folders[1] / 'cat' / '00009.png', folders[1] / 'cat' / '00003.png')
    with pytest.raises(ValueError, match="video 'cat', frame '00009.png' of the prediction is not in"):
        DavisBenchmark(*folders)
    shutil.rmtree(folders[1] / 'cat')
    with pytest.raises(ValueError, match="video 'cat' is missing"):
        DavisBenchmark(*folders)


@pytest.mark.parametrize('what', ['size', 'truncated'])
def test_wrong_files_are_named(folders, what):
    path = folders[1] / 'cat' / '00002.png'
    if what == 'size':
        write_davis(path, np.zeros((30, 20), int))
    else:
        path.write_bytes(path.read_bytes()[:40])
    benchmark = DavisBenchmark(*folders)
    with pytest.raises(ValueError, match=r"video 'cat', frame '00002.png'.*cat/00002.png"):
        run(benchmark)


def test_unknown_objects_are_an_error_unless_told(folders):
    ids = video(1)[2]
    ids[:3, -3:] = 9
    write_davis(folders[1] / 'cat' / '00002.png', ids)
    with pytest.raises(ValueError, match=r"video 'cat': predicted objects \[9\]"):
        run(DavisBenchmark(*folders))
    assert 0 < run(DavisBenchmark(*folders, options={'extra_ids': 'ignore'}))['J&F'] < 1
