import json
import math

import numpy as np
import pytest
from PIL import Image

from tests.test_evaluation.clips import recorded
from videoseg.evaluation.benchmarks import get_benchmark
from videoseg.evaluation.benchmarks.evaluate import evaluate
from videoseg.evaluation.benchmarks.vspw_benchmark import VSPWBenchmark

NAMES = ('mIoU', 'aAcc', 'mAcc', 'fwIoU')


def save(path, values, dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, dtype)).save(path)


@pytest.fixture
def recorded_files(tmp_path):
    """The recorded videos, laid out by hand; the list lacks the end of its last line."""
    arrays, expected, params, tolerance = recorded('vspw')
    for video in params['videos']:
        for t, (gt, pred) in enumerate(zip(arrays[f'gt_{video}'], arrays[f'pred_{video}'], strict=True)):
            save(tmp_path / 'gt' / 'data' / video / 'mask' / f'{t * 5 + 1:08d}.png', gt)
            save(tmp_path / 'pred' / video / f'{t * 5 + 1:08d}.png', pred)
    (tmp_path / 'gt' / 'val.txt').write_text('\n'.join(params['videos']))
    return tmp_path / 'gt', tmp_path / 'pred', expected, tolerance


@pytest.fixture
def small_files(tmp_path):
    """Two videos of three frames; perfect predictions but for a corner."""
    for video in 'ab':
        for t in range(3):
            gt = np.array([[1, 2, 3], [0, 255, 3]])
            save(tmp_path / 'gt' / 'data' / video / 'mask' / f'{t}.png', gt)
            save(tmp_path / 'pred' / video / f'{t}.png', [[0, 1, 2], [5, 6, 1 if t == 2 else 2]])
    (tmp_path / 'gt' / 'val.txt').write_text('a\nb\n')
    return tmp_path / 'gt', tmp_path / 'pred'


@pytest.mark.parametrize('jobs', [1, 2])
def test_parity_from_files(recorded_files, jobs):
    gt, pred, expected, tolerance = recorded_files
    result = evaluate(get_benchmark('vspw')(gt, pred), jobs)
    expected = {f'vss/{x}': expected[x] for x in NAMES} | {f'vc/{x}': expected[x] for x in ('VC8', 'VC16')}
    assert result['metrics'] == pytest.approx(expected, rel=0, abs=tolerance)
    assert (result['num_videos'], result['num_frames']) == (9, 130)
    assert result['per_video']['g']['num_frames'] == 1 and result['per_video']['g']['vc/VC8'] is None
    assert len(result['per_class']) == 124 and 'class_007' in result['per_class']
    assert json.loads(json.dumps(result)) == result


def test_options_decide_the_numbers_and_are_returned(recorded_files):
    gt, pred, expected, tolerance = recorded_files
    options = dict(class_average='union', vc_pooled='true')
    result = evaluate(VSPWBenchmark(gt, pred, options=options))
    assert result['metrics']['vc/VC16'] == pytest.approx(
        expected['quirk_dvis_VC16_pooled_with_VC8'], rel=0, abs=tolerance
    )
    assert np.float32(result['metrics']['vss/mIoU']) == pytest.approx(expected['mmseg']['mIoU'], abs=1e-7)
    assert result['protocol']['metrics']['vss']['class_average'] == 'union'
    assert result['protocol']['metrics']['vc']['pooled'] is True
    assert result['protocol']['split'] == 'val' and result['protocol']['options']['pred_void'] == 'error'


def test_hand_computed_files(small_files):
    result = evaluate(VSPWBenchmark(*small_files, windows=[2], options=dict(vc_last_window=True)))
    # Ground truth a frame: classes 0, 1 on one pixel, 2 on two. In the last frame a pixel of 2 is predicted as 1.
    assert result['metrics']['vss/mIoU'] == pytest.approx((1 + 3 / 4 + 5 / 6) / 3)
    assert result['metrics']['vss/aAcc'] == pytest.approx(11 / 12)
    assert result['metrics']['vc/VC2'] == pytest.approx((1 + 5 / 6) / 2)
    assert evaluate(VSPWBenchmark(*small_files, ['vc'], [2]))['metrics'] == {'vc/VC2': 1}


def test_class_names(small_files, tmp_path):
    gt, pred = small_files
    (gt / 'label_num_dic_final.json').write_text(json.dumps({'others': 0, 'wall': 1, 'door': 7, 'sky': 3}))
    expected = ('wall', 'class_001', 'sky', 'class_003', 'class_004', 'class_005', 'door')
    assert VSPWBenchmark(gt, pred).classes == expected
    table = [dict(id=i, name=f'name {i}', isthing=0) for i in range(8)]
    (tmp_path / 'classes.json').write_text(json.dumps(table))
    benchmark = VSPWBenchmark(gt, pred, classes=tmp_path / 'classes.json')
    assert benchmark.classes == tuple(x['name'] for x in table)
    assert evaluate(benchmark, 1)['per_class']['name 0'] == {'vss/IoU': 1, 'vss/Acc': 1}
    assert evaluate(benchmark, 1)['per_class']['name 7'] == {'vss/IoU': None, 'vss/Acc': None}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'wall': 'one'}, "the value of 'wall' is no integer"),
        ({'others': 0}, 'class indices must be in'),
        ({'wall': 300}, r'class indices must be in \[0, 254\), got \[299\]'),
        ({'class_001': 1, 'sky': 5, 'x': 3}, "class name 'class_001' is there twice"),
        ([dict(id=0, name='x')], 'needs an integer id, and isthing'),
    ],
)
def test_wrong_class_files_are_named(small_files, tmp_path, content, message):
    (tmp_path / 'classes.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'classes.json: .*{message}'):
        VSPWBenchmark(*small_files, classes=tmp_path / 'classes.json')


def test_split(small_files):
    gt, pred = small_files
    (gt / 'mini.txt').write_text('b')
    for file in (pred / 'a').iterdir():
        file.unlink()
    (pred / 'a').rmdir()
    assert dict(VSPWBenchmark(gt, pred, split='mini').videos) == {'b': 3}
    with pytest.raises(FileNotFoundError, match='test.txt: list of videos missing'):
        VSPWBenchmark(gt, pred, split='test')
    with pytest.raises(ValueError, match="video 'a' is missing in the prediction"):
        VSPWBenchmark(gt, pred)


def test_missing_and_extra_frames_are_named(small_files):
    gt, pred = small_files
    save(pred / 'b' / '7.png', [[0]])
    with pytest.raises(ValueError, match="video 'b', frame '7' of the prediction is not in the ground truth"):
        VSPWBenchmark(gt, pred)
    (pred / 'b' / '7.png').unlink()
    (pred / 'b' / '1.png').unlink()
    with pytest.raises(ValueError, match="video 'b', frame '1' is missing in the prediction"):
        VSPWBenchmark(gt, pred)
    save(pred / 'b' / '1.png', [[0, 1, 2], [5, 6, 2]])
    save(pred / 'c' / '1.png', [[0]])
    with pytest.raises(ValueError, match="video 'c' of the prediction is not in the ground truth"):
        VSPWBenchmark(gt, pred)
    (pred / 'c' / '1.png').unlink()
    (pred / 'c').rmdir()
    for file in (gt / 'data' / 'a' / 'mask').iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError, match="mask: no masks of video 'a' there"):
        VSPWBenchmark(gt, pred)


@pytest.mark.parametrize('metrics', [['vss'], ['vc'], ['vss', 'vc']])
@pytest.mark.parametrize(
    ('values', 'dtype', 'message'),
    [
        ([[0, 1], [5, 6]], np.uint8, r'size \(H, W\) is \(2, 2\), expected \(2, 3\)'),
        ([[0, 1, 2], [5, 6, 2]], np.uint16, 'image mode is I;16'),
        ([[0, 1, 2], [5, 6, 124]], np.uint8, r'class indices \[124\] are not among the 124 classes'),
        ([[0, 1, 2], [5, 6, 255]], np.uint8, r'class indices \[255\] are not among'),
    ],
)
def test_wrong_predictions_are_named(small_files, metrics, values, dtype, message):
    save(small_files[1] / 'b' / '1.png', values, dtype)
    with pytest.raises(ValueError, match=f"video 'b', frame '1'.*b/1.png: {message}"):
        evaluate(VSPWBenchmark(*small_files, metrics))


def test_predicted_void_may_be_counted_as_a_miss(small_files):
    save(small_files[1] / 'b' / '1.png', [[0, 1, 2], [255, 6, 255]])
    result = evaluate(VSPWBenchmark(*small_files, options=dict(pred_void='miss')))
    assert result['metrics']['vss/aAcc'] == pytest.approx(21 / 24)


def test_wrong_ground_truth_is_named(small_files):
    save(small_files[0] / 'data' / 'b' / 'mask' / '1.png', [[1, 2, 3], [0, 125, 3]])
    with pytest.raises(ValueError, match=r"video 'b', frame '1'.*mask/1.png: values \[125\] are neither"):
        evaluate(VSPWBenchmark(*small_files))


def test_inputs_are_not_changed(small_files):
    def content():
        return {x: x.read_bytes() for folder in small_files for x in sorted(folder.rglob('*')) if x.is_file()}

    before = content()
    assert not math.isnan(evaluate(VSPWBenchmark(*small_files))['metrics']['vss/mIoU'])
    assert content() == before


def test_wrong_arguments_are_refused(small_files):
    with pytest.raises(ValueError, match='class_average'):
        VSPWBenchmark(*small_files, ['vc'], options=dict(class_average='some'))
    with pytest.raises(ValueError, match='none of the metrics .*windows'):
        VSPWBenchmark(*small_files, ['vss'], [8])
    with pytest.raises(ValueError, match="no option 'windows'"):
        VSPWBenchmark(*small_files, options=dict(windows='8'))
    with pytest.raises(ValueError, match=r"has no metrics \['stq'\]"):
        VSPWBenchmark(*small_files, ['stq'])


def test_two_classes_of_one_value_are_refused(small_files, tmp_path):
    path = tmp_path / 'labels.json'
    path.write_text('{"others": 0, "wall": 1, "ceiling": 1}')
    with pytest.raises(ValueError, match="labels.json: 'wall' has the value 1 of another class"):
        VSPWBenchmark(*small_files, classes=path)


def test_a_list_that_is_no_text_is_named(small_files):
    (small_files[0] / 'val.txt').write_bytes(b'\xe9\xff\n')
    with pytest.raises(ValueError, match='val.txt: is no list of videos in UTF-8'):
        VSPWBenchmark(*small_files)
