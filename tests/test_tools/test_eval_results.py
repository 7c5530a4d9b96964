"""Scoring from the command line: results, and what is said when an input is wrong."""

import copy
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.test_evaluation.layouts import (
    CATEGORIES,
    clip_segments,
    clips,
    fingerprint,
    save,
    save_ids,
    write_city_dvpq,
    write_cityscapes_vps,
    write_coco_panoptic,
    write_jsons,
    write_kitti_step,
    write_vipseg,
)
from tests.test_evaluation.test_formats.test_png import png_of_16_bits
from tests.tool_module import TOOLS, load_tool
from videoseg.evaluation.benchmarks.evaluate import evaluate
from videoseg.evaluation.benchmarks.vipseg_benchmark import VIPSegBenchmark

tool = load_tool('analysis_tools/eval_results.py')

WRITERS = {
    'vipseg': write_vipseg,
    'cityscapes_vps': write_cityscapes_vps,
    'coco_panoptic': write_coco_panoptic,
}


def arguments(root, name, *more):
    """Command line of a layout below ``root/data``; the result goes to ``root/result.json``."""
    data = root / 'data'
    gt, pred = ('gt.json', 'pred.json') if name in WRITERS else ('gt', 'pred')
    classes = ['--classes', str(root / 'classes.json')] if name == 'kitti_step' else []
    return [
        *('--format', name, '--gt', str(data / gt), '--pred', str(data / pred), '--out', str(root / 'result.json')),
        *classes,
        *more,
    ]


def write(root, name, num_frames=6):
    """One layout; returns the jsons, if it has any."""
    data = root / 'data'
    data.mkdir(parents=True)
    if name in WRITERS:
        return WRITERS[name](data, clip_segments(num_frames))
    if name == 'dvps':
        return write_city_dvpq(data)
    raw = [{'id': x, 'name': str(x), 'isthing': int(x > 10)} for x in (11, 13, 0, 1)]
    (root / 'classes.json').write_text(json.dumps(raw))
    return write_kitti_step(data, clips(num_frames))


def refused(root, capsys, name, message, *more):
    """The run fails with one line, leaves no result, and does not touch its inputs."""
    before = fingerprint(root / 'data')
    assert tool.main(arguments(root, name, *more)) == 1
    captured = capsys.readouterr()
    assert captured.out == ''
    (line,) = [x for x in captured.err.splitlines() if not x.startswith('[')]
    assert re.search(f'^error: .*{message}', line), line
    assert not (root / 'result.json').exists()
    assert fingerprint(root / 'data') == before


@pytest.mark.parametrize('name', ['kitti_step', 'vipseg', 'cityscapes_vps', 'coco_panoptic', 'dvps'])
def test_every_layout(tmp_path, capsys, name):
    write(tmp_path, name)
    before = fingerprint(tmp_path / 'data')
    assert tool.main(arguments(tmp_path, name, '--jobs', '2', '--worst', '2')) == 0
    captured = capsys.readouterr()
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['protocol']['format'] == name
    assert all(value is None or 0 <= value <= 1 for value in result['metrics'].values())
    main = next(iter(result['metrics']))
    assert f'{result["num_videos"]} videos, {result["num_frames"]} frames' in captured.out
    assert re.search(rf'{main}\s+{result["metrics"][main]:.4f}', captured.out)
    assert f'videos that cost most of {main}' in captured.out
    assert fingerprint(tmp_path / 'data') == before
    assert str(tmp_path) not in (tmp_path / 'result.json').read_text()


def test_same_numbers_as_in_python(tmp_path):
    write(tmp_path, 'vipseg')
    assert tool.main(arguments(tmp_path, 'vipseg', '--quiet', '--windows', '1', '3', '--metrics', 'vpq', 'pq')) == 0
    data = tmp_path / 'data'
    expected = evaluate(VIPSegBenchmark(data / 'gt.json', data / 'pred.json', ['vpq', 'pq'], [1, 3]))
    assert json.loads((tmp_path / 'result.json').read_text()) == expected  # full precision


def test_arguments_reach_the_benchmark(tmp_path):
    write(tmp_path, 'vipseg')
    (tmp_path / 'data' / 'panomasksRGB').rename(tmp_path / 'data' / 'there')
    (tmp_path / 'data' / 'pan_pred').rename(tmp_path / 'data' / 'here')
    classes = [*CATEGORIES, {'id': 50, 'name': 'one more', 'isthing': 1}]
    (tmp_path / 'table.json').write_text(json.dumps(classes))
    more = ['--gt-png', str(tmp_path / 'data' / 'there'), '--pred-png', str(tmp_path / 'data' / 'here')]
    more += ['--classes', str(tmp_path / 'table.json'), '--options', 'instance_base=0', 'void_pixels=drop', '--quiet']
    assert tool.main(arguments(tmp_path, 'vipseg', *more)) == 0
    protocol = json.loads((tmp_path / 'result.json').read_text())['protocol']
    assert protocol['options']['instance_base'] == 0 and protocol['metrics']['stq']['void_pixels'] == 'drop'
    assert protocol['classes'] == ['dog', 'cat', 'one more', 'road', 'sky']


def test_the_worst_come_first():
    videos = {
        'good': {'num_frames': 10, 'vpq/VPQ': 0.9},
        'bad': {'num_frames': 2, 'vpq/VPQ': 0.1},
        'long': {'num_frames': 30, 'vpq/VPQ': 0.8},
        'none': {'num_frames': 1, 'vpq/VPQ': None},
    }
    result = {
        'protocol': {'metrics': {'vpq': {}}},
        'metrics': {'vpq/VPQ': 0.8},
        'num_videos': 4,
        'num_frames': 43,
        'per_video': videos,
        'per_class': {'road': {'vpq/VPQ': 0.9}, 'dog': {'vpq/VPQ': 0.2}, 'cat': {'vpq/VPQ': None}},
    }
    text = tool.report(result, worst=2)
    lines = text[text.index('videos that cost most') :].splitlines()
    assert lines[2].split() == ['long', '0.8000', '30', f'{0.2 * 30 / 43:.4f}']
    assert lines[3].split() == ['bad', '0.1000', '2', f'{0.9 * 2 / 43:.4f}']
    assert lines[4] == ''
    classes = text[text.index('classes that cost most') :].splitlines()
    assert [x.split()[0] for x in classes[2:]] == ['dog', 'road']
    assert 'classes that' not in tool.report(result)


def test_runs_without_torch_and_from_another_folder(tmp_path):
    """As a script, in a process where the heavy packages cannot be imported."""
    write(tmp_path, 'kitti_step', 2)
    blocked = tmp_path / 'blocked'
    for package in ('torch', 'mmengine', 'mmcv', 'mmdet', 'tqdm', 'cv2'):
        (blocked / package).mkdir(parents=True)
        (blocked / package / '__init__.py').write_text("raise ImportError('not installed')\n")
    script = str(TOOLS / 'analysis_tools' / 'eval_results.py')
    run = subprocess.run(
        [sys.executable, script, *arguments(tmp_path, 'kitti_step', '--jobs', '2')],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={'PYTHONPATH': f'{blocked}:{TOOLS.parent}', 'PATH': ''},
    )
    assert run.returncode == 0, run.stderr
    assert 'stq/STQ' in run.stdout and '[####' in run.stderr
    assert json.loads((tmp_path / 'result.json').read_text())['num_frames'] == 4


def test_runs_from_a_checkout_that_is_not_installed(tmp_path):
    """Without site-packages nothing of ours is installed; the search path is the one the tool makes."""
    code = (
        'import sys\n'
        f'sys.path.insert(0, {str(TOOLS / "analysis_tools")!r})\n'
        'import find_videoseg, videoseg\n'
        'print(videoseg.__file__)\n'
    )
    run = subprocess.run([sys.executable, '-I', '-S', '-c', code], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(TOOLS.parent / 'videoseg' / '__init__.py')


def test_result_files(tmp_path, capsys):
    write(tmp_path, 'vipseg', 3)
    out = tmp_path / 'result.json'
    assert tool.main(arguments(tmp_path, 'vipseg', '--quiet')) == 0
    first = out.read_text()
    assert tool.main(arguments(tmp_path, 'vipseg', '--quiet')) == 0 and out.read_text() == first
    # A failed run does not leave the result of an earlier one.
    refused(tmp_path, capsys, 'vipseg', "has no metrics \\['ap'\\]", '--metrics', 'ap')
    # Nothing but a result is overwritten: not the prediction, not any other file.
    for path in (tmp_path / 'data' / 'pred.json', tmp_path / 'data' / 'pan_pred' / 'a' / '00000000.png'):
        before = fingerprint(tmp_path / 'data')
        assert tool.main([*arguments(tmp_path, 'vipseg', '--quiet'), '--out', str(path)]) == 1
        assert 'is no result of this tool; it is not overwritten' in capsys.readouterr().err
        assert fingerprint(tmp_path / 'data') == before


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--split', 'val'], 'format vipseg has no --split'),
        (['--options', 'rules=json'], "has no option 'rules'"),
        (['--options', 'instance_base=2'], 'instance_base is 2'),
        (['--windows', '0'], r'windows is \(0,\)'),
        (['--metrics', 'stq', '--windows', '2'], 'none of the metrics'),
        (['--classes', 'gone.json'], 'gone.json: json file missing'),
        (['--gt-png', 'gone'], 'gone: folder with the PNGs of .*gt.json missing'),
    ],
)
def test_wrong_arguments(tmp_path, capsys, more, message):
    write(tmp_path, 'vipseg', 2)
    refused(tmp_path, capsys, 'vipseg', message, *more)


@pytest.mark.parametrize('more', [['--jobs', '0'], ['--options', 'x'], ['--format', 'mots'], ['--worst', '-1']])
def test_impossible_arguments(tmp_path, more):
    with pytest.raises(SystemExit) as error:
        tool.main([*arguments(tmp_path, 'vipseg'), *more])
    assert error.value.code == 2


# ------------------------------------------------------------------------------------------------------- bad input


def entries(content):
    """Predicted frames of video ``a`` of the VIPSeg layout."""
    return content['pred']['annotations'][0]['annotations']


def segment(content, t=2):
    """The first predicted segment of a frame."""
    return entries(content)[t]['segments_info'][0]


FRAME = "video 'a', frame '00000002'"
BAD_JSONS = {
    'missing frame': (lambda x: entries(x).pop(2), "video 'a', frame '00000002.png' is not in"),
    'extra frame': (
        lambda x: entries(x).append({**entries(x)[2], 'image_id': '00000009'}),
        "video 'a', frame '00000009' of the prediction is not in the ground truth",
    ),
    'missing video': (lambda x: x['pred']['annotations'].pop(0), "video 'a' is missing in the prediction"),
    'extra video': (
        lambda x: x['pred']['annotations'].append({'video_id': 'c', 'annotations': []}),
        "video 'c' of the prediction is not in the ground truth",
    ),
    'empty prediction': (lambda x: x['pred']['annotations'].clear(), "video 'a' is missing in the prediction"),
    'only in the PNG': (
        lambda x: entries(x)[2]['segments_info'].pop(0),
        rf'{FRAME}: prediction .*00000002.png: segment ids \[7\d+\] are in the PNG but not in the json',
    ),
    'only in the json': (
        lambda x: entries(x)[2]['segments_info'].append({'id': 5, 'category_id': 10}),
        rf'{FRAME}: prediction .*00000002.png: segment ids \[5\] are in the json but not in the PNG',
    ),
    'unknown category': (lambda x: segment(x).update(category_id=99), rf'{FRAME}: segment id 7\d+ has .* category 99'),
    'unknown category of the ground truth': (
        lambda x: x['gt']['annotations'][0]['annotations'][2]['segments_info'][0].update(category_id=99),
        rf'gt.json: {FRAME}: segment id 7\d+ has the unknown category 99',
    ),
    'id above the range': (lambda x: segment(x).update(id=1 << 24), f'{FRAME}: segment id 16777216 is not in'),
    'segment twice': (
        lambda x: entries(x)[2]['segments_info'].append(dict(segment(x))),
        rf'{FRAME}: segment id 7\d+ is in segments_info twice',
    ),
    'path traversal': (
        lambda x: entries(x)[2].update(file_name='../../panomasksRGB/a/00000002.png'),
        f'{FRAME}: file name .* is not a plain relative path; refused',
    ),
    'frame without PNG': (
        lambda x: entries(x)[2].update(file_name='gone.png'),
        f'{FRAME}: .*gone.png: PNG missing',
    ),
}


@pytest.mark.parametrize('case', BAD_JSONS)
def test_bad_jsons(tmp_path, capsys, case):
    edit, message = BAD_JSONS[case]
    content = copy.deepcopy(write(tmp_path, 'vipseg', 4))
    edit(content)
    write_jsons(tmp_path / 'data', content)
    refused(tmp_path, capsys, 'vipseg', message)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-30])


def crop(path):
    with Image.open(path) as image:
        array = np.array(image)
    save(path, array[:-1])


def grey(path):
    with Image.open(path) as image:
        array = np.array(image.convert('L'))
    save(path, array)


BAD_PNGS = {
    'truncated': (truncate, 'cannot be read, perhaps truncated'),
    'wrong size': (crop, r'size \(H, W\) is \(23, 32\), expected \(24, 32\)'),
    '16 bits': (lambda path: png_of_16_bits(path, 24, 32), 'has 16 bits a channel, expected 8'),
    'grey': (grey, 'image mode is L, expected RGB'),
    'no image': (lambda path: path.write_text('hello'), 'not an image'),
}
PNGS = {
    'kitti_step': ('pred/a/000002.png', "video 'a', frame '000002'"),
    'vipseg': ('pan_pred/a/00000002.png', FRAME),
    'cityscapes_vps': ('pan_pred/0001_0015_city_000000_000001.png', "video '0001', frame '0001_0015_"),
    'coco_panoptic': ('pred/000000000003.png', "video '3', frame '3'"),
}


@pytest.mark.parametrize('jobs', [1, 2])
@pytest.mark.parametrize('case', BAD_PNGS)
@pytest.mark.parametrize('name', PNGS)
def test_bad_pngs(tmp_path, capsys, name, case, jobs):
    edit, message = BAD_PNGS[case]
    file, where = PNGS[name]
    write(tmp_path, name)
    edit(tmp_path / 'data' / file)
    refused(tmp_path, capsys, name, f'{where}.*{message}', '--jobs', str(jobs))


def test_bad_folders_of_kitti_step(tmp_path, capsys):
    write(tmp_path, 'kitti_step')
    pred = tmp_path / 'data' / 'pred'
    (pred / 'a' / '000002.png').rename(pred / 'a' / '000009.png')
    refused(tmp_path, capsys, 'kitti_step', "video 'a', frame '000002' is missing in the prediction")
    save(pred / 'a' / '000002.png', np.full((24, 32, 3), 7, np.uint8))
    refused(tmp_path, capsys, 'kitti_step', "video 'a', frame '000009' of the prediction is not in the ground truth")
    (pred / 'a' / '000009.png').unlink()
    refused(tmp_path, capsys, 'kitti_step', r"video 'a', frame '000002': .*raw class ids \[7\] are not in the table")
    for path in pred.rglob('*.png'):
        path.unlink()
    refused(tmp_path, capsys, 'kitti_step', "video 'a' is missing in the prediction")


def test_bad_coco_and_cityscapes_lists(tmp_path, capsys):
    content = write(tmp_path / 'coco', 'coco_panoptic', 2)
    content['pred']['annotations'].pop(1)
    write_jsons(tmp_path / 'coco' / 'data', content)
    refused(tmp_path / 'coco', capsys, 'coco_panoptic', "video '2' is missing in the prediction")
    content = write(tmp_path / 'city', 'cityscapes_vps')
    content['pred']['annotations'][2]['segments_info'][0]['id'] = 5
    write_jsons(tmp_path / 'city' / 'data', content)
    where = "video '0001', frame '0001_0015_city_000000_000001'"
    refused(tmp_path / 'city', capsys, 'cityscapes_vps', rf'{where}: .*segment ids \[7\d+\] are in the PNG but not')


def test_bad_depth(tmp_path, capsys):
    write(tmp_path, 'dvps')
    stem = '000000_000002_city_000000_000002'
    path = tmp_path / 'data' / 'pred' / 'depth' / f'{stem}_depth.png'
    save(path, np.zeros((36, 72), np.uint8))
    refused(tmp_path, capsys, 'dvps', f"video '000000', frame '{stem}': .*image mode is L, expected I;16")
    path.unlink()
    refused(tmp_path, capsys, 'dvps', f"video '000000', frame '{stem}' is missing in the prediction")


def test_a_frame_without_segments_is_scored(tmp_path):
    """Nothing predicted is a bad prediction, not a broken one."""
    content = write(tmp_path, 'vipseg', 4)
    for video in content['pred']['annotations']:
        for entry in video['annotations']:
            entry['segments_info'] = []
            path = tmp_path / 'data' / 'pan_pred' / video['video_id'] / entry['file_name']
            save_ids(path, np.zeros((24, 32)))
    write_jsons(tmp_path / 'data', content)
    assert tool.main(arguments(tmp_path, 'vipseg', '--quiet')) == 0
    metrics = json.loads((tmp_path / 'result.json').read_text())['metrics']
    assert metrics['stq/STQ'] == metrics['vpq/VPQ'] == 0
