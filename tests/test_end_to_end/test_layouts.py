"""Every layout from the data set class through all metrics and the writer, and back through the command line."""

import json
import logging
from unittest import mock

import pytest
import torch
from mmengine.logging import MMLogger

from tests.test_end_to_end.layout_runs import Predictions, class_file, load, make_data, run
from tests.test_end_to_end.project import run as run_tool
from tests.tool_module import load_tool
from videoseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('default_scope')

PANOPTIC = {'stq', 'vpq', 'pq', 'ap', 'vss', 'vc'}
KINDS = {
    'vipseg': PANOPTIC,
    'cityscapes_vps': PANOPTIC,
    'video_folder': PANOPTIC,
    'vspw': {'vss', 'vc'},
    'youtube_vis': {'ap'},
    'ovis': {'ap'},
    'davis': {'ap', 'jf'},
}
# Of the family of vipseg (the first two) and of youtube_vis; what they have of their own has tests of its own.
SLOW = ('cityscapes_vps', 'video_folder', 'ovis')
COMMANDS = {
    'vipseg': ('panoptic_gt_VIPSeg_val.json', 'pred.json', ['--metrics', 'stq', 'vpq', 'pq', 'vss', 'vc']),
    'cityscapes_vps': ('panoptic_gt_val_city_vps.json', 'pred.json', ['--metrics', 'stq', 'vpq', 'pq', 'vss']),
    'vspw': ('', '', []),
    'youtube_vis': ('valid.json', 'results.zip', []),
    'ovis': ('annotations_valid.json', 'results.json', []),
}


def layouts(names):
    return [pytest.param(x, marks=pytest.mark.slow if x in SLOW else ()) for x in names]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with every layout, made when asked for."""
    root, made = tmp_path_factory.mktemp('layouts'), {}

    def get(layout):
        if layout not in made:
            made[layout] = make_data(root, layout)
        return made[layout]

    return get


@pytest.fixture(scope='module')
def predictions(data):
    return Predictions(data('kitti_step'))


@pytest.fixture
def log(caplog):
    logger = MMLogger.get_instance('test_layouts')
    logger.addHandler(caplog.handler)
    with mock.patch.object(MMLogger, 'get_current_instance', return_value=logger), caplog.at_level(logging.INFO):
        yield caplog
    logger.removeHandler(caplog.handler)


def with_folder(metrics, folder):
    return [dict(x, out_dir=str(folder)) if x['type'] == 'PredictionWriter' else dict(x) for x in metrics]


def command_line(layout, gt, pred, out, *options):
    tool = load_tool('analysis_tools/eval_results.py')
    code = tool.main(['--format', layout, '--gt', str(gt), '--pred', str(pred), '--out', str(out), '--quiet', *options])
    assert code in (0, None)
    return json.loads(out.read_text())


def assert_same(scored, metrics, result):
    """What the command line says of the written files is what the metrics said while they were written."""
    assert result['metrics']
    for name, value in result['metrics'].items():
        assert scored[name] == pytest.approx(value if value is not None else float('nan'), abs=1e-12, nan_ok=True), name
    assert sum(isinstance(x, float) and 0.05 < x < 0.999 for x in result['metrics'].values()) >= 4
    for video_id, row in result['per_video'].items():
        for name, value in row.items():
            if '/' in name and value is not None:
                prefix, column = name.split('/', 1)
                assert metrics[prefix].last_result['per_video'][video_id][column] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize('layout', layouts(KINDS))
def test_all_metrics_in_one_run(layout, data, predictions, log):
    cfg, dataset = load(layout, data(layout))
    numbers, metrics = run(dataset, cfg.test_evaluator, predictions)
    assert {name.split('/')[0] for name in numbers} == KINDS[layout]
    for prefix in {*PANOPTIC} - KINDS[layout]:
        name = type(metrics[prefix]).__name__
        assert log.text.count(f' {name}: no score: this data set has') == 1
    main = [numbers[x] for x in ('stq/STQ', 'vpq/VPQ', 'ap/AP50', 'vss/mIoU', 'jf/J&F') if x in numbers]
    assert main and all(0.05 < x < 0.95 for x in main)


@pytest.mark.parametrize('layout', layouts(COMMANDS))
def test_command_line_gives_the_same_numbers(layout, data, predictions, tmp_path):
    root = data(layout)
    cfg, dataset = load(layout, root)
    scored, metrics = run(dataset, with_folder(cfg.test_evaluator, tmp_path / 'pred'), predictions)
    gt, pred, options = COMMANDS[layout]
    result = command_line(layout, root / gt, tmp_path / 'pred' / pred, tmp_path / 'result.json', *options)
    assert_same(scored, metrics, result)


def test_command_line_gives_the_same_numbers_for_kitti_step(data, predictions, tmp_path):
    root = data('kitti_step')
    cfg, dataset = load('quickstart', root)
    scored, metrics = run(dataset, with_folder(cfg.test_evaluator, tmp_path / 'pred'), predictions)
    assert {name.split('/')[0] for name in scored} == PANOPTIC
    options = ['--classes', class_file(tmp_path), '--metrics', 'stq', 'vpq', 'pq', 'vss', 'vc']
    gt = root / 'panoptic_maps' / 'val'
    assert_same(scored, metrics, command_line('kitti_step', gt, tmp_path / 'pred', tmp_path / 'r.json', *options))


def test_command_line_gives_the_same_numbers_for_davis(data, predictions, tmp_path):
    root = data('davis')
    cfg, dataset = load('davis', root)
    scored, metrics = run(dataset, with_folder(cfg.test_evaluator, tmp_path / 'pred'), predictions)
    options = ['--options', 'matching=best', '--split', str(root / 'ImageSets' / '2017' / 'val.txt')]
    gt = root / 'Annotations' / '480p'
    assert_same(scored, metrics, command_line('davis', gt, tmp_path / 'pred', tmp_path / 'r.json', *options))


def test_instances_are_the_same_from_every_kind_of_truth_and_prediction(data, predictions):
    scores = []
    for layout, instance_mode in (('vipseg', False), ('vipseg', True), ('youtube_vis', False), ('ovis', True)):
        _, dataset = load(layout, data(layout))
        numbers, _ = run(dataset, [dict(type='VideoAPMetric')], predictions, instance_mode)
        scores.append([numbers[f'ap/{x}'] for x in ('AP', 'AP50', 'AP75', 'AR1', 'AR10')])
    assert scores[0] == scores[1] == scores[2] == scores[3]
    assert 0 < scores[0][0] < scores[0][1] < 1


def test_labels_are_the_same_from_every_kind_of_truth(data, predictions):
    metrics = [dict(type='SemanticIoUMetric'), dict(type='VideoConsistencyMetric')]
    by_layout = [run(load(x, data(x))[1], metrics, predictions)[0] for x in ('vipseg', 'vspw')]
    assert by_layout[0] == by_layout[1]


@pytest.mark.slow
def test_tools_write_what_the_command_line_scores(data, tmp_path):
    """The real thing: a model, tools/test.py, and the command line on its files."""
    root = data('vipseg')
    cfg, dataset = load('vipseg', root)
    torch.manual_seed(0)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    model.init_weights()
    meta = dict(decoder='VideoKNetDecoder', classes=list(dataset.metainfo['classes']), num_things=3)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), tmp_path / 'weights.pth')
    out, pred = tmp_path / 'result.json', tmp_path / 'pred'
    options = [f'test_dataloader.dataset.data_root={root}', 'model.postprocessor.instance_score_thr=0.0']
    arguments = ['--out', out, '--pred-dir', pred, '--work-dir', tmp_path / 'work', '--cfg-options', *options]
    run_tool('test.py', cfg.filename, tmp_path / 'weights.pth', *arguments)
    mine = json.loads(out.read_text())
    gt, names = root / 'panoptic_gt_VIPSeg_val.json', ['stq', 'vpq', 'pq', 'vss', 'vc']
    theirs = command_line('vipseg', gt, pred / 'pred.json', tmp_path / 'other.json', '--metrics', *names)
    assert mine.keys() == theirs.keys()
    assert {x: mine['metrics'][x] for x in theirs['metrics']} == theirs['metrics']
    assert {'ap/AP', 'vss/mIoU', 'stq/STQ'} <= mine['metrics'].keys()
    for part in ('per_video', 'per_class'):
        for name, row in theirs[part].items():
            assert {x: mine[part][name].get(x) for x in row} == row
    assert mine['protocol']['metrics']['vpq'] == theirs['protocol']['metrics']['vpq']
    only = tmp_path / 'only'
    done = run_tool(
        'test.py',
        cfg.filename,
        tmp_path / 'weights.pth',
        *('--pred-dir', only, '--pred-format', 'kitti_step', '--format-only', '--work-dir', tmp_path / 'work'),
        *('--cfg-options', *options),
    )
    assert sum(1 for _ in only.rglob('*.png')) == sum(row['num_frames'] for row in mine['per_video'].values())
    assert 'STQMetric: ' not in done.stdout + done.stderr
