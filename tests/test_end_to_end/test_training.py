"""The tools as a user runs them: two processes equal one, a killed run goes on, a head of one's own trains."""

import json

import cv2
import pytest

from tests.test_end_to_end.project import losses, run, write_project

pytestmark = pytest.mark.slow

FLIP = [dict(type='RandomFlip', prob=0.5)]


def recorder(path, **kwargs):
    return dict(type='LossRecorder', path=str(path), **kwargs)


def test_two_processes_equal_one_with_the_doubled_batch(tmp_path):
    one, two = tmp_path / 'one', tmp_path / 'two'
    # a small step: rounding errors (1e-6) must not push a mask over the hard threshold of the group features
    extra = 'optim_wrapper = dict(optimizer=dict(lr=1e-5))\n'
    config = write_project(tmp_path, batch_size=2, hooks=[recorder(one)], extra=extra)
    run('train.py', config, '--work-dir', tmp_path / 'w1', '--seed', 0)
    config = write_project(tmp_path, batch_size=1, hooks=[recorder(two)], extra=extra)
    run('train.py', config, '--work-dir', tmp_path / 'w2', '--seed', 0, processes=2)
    single, ranks = losses(one), [losses(two, rank) for rank in range(2)]
    assert sorted(single) == [1, 2, 3, 4]
    for iteration, row in single.items():
        assert 'loss_track' in row and row['loss_track'] > 0
        for name, value in row.items():
            mean = sum(rank[iteration][name] for rank in ranks) / 2
            assert mean == pytest.approx(value, rel=1e-4, abs=1e-4), (iteration, name)


def test_killed_run_resumes_with_the_same_losses(tmp_path):
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    options = dict(iters=7, workers=1, augmentation=FLIP)
    config = write_project(tmp_path, hooks=[recorder(whole)], **options)
    run('train.py', config, '--work-dir', tmp_path / 'w1')
    config = write_project(tmp_path, hooks=[recorder(cut, kill_at=5)], **options)
    killed = run('train.py', config, '--work-dir', tmp_path / 'w2', check=False)
    assert killed.returncode == -9
    assert sorted(losses(cut)) == [1, 2, 3, 4, 5]
    config = write_project(tmp_path, hooks=[recorder(cut)], **options)
    run('train.py', config, '--work-dir', tmp_path / 'w2', '--resume')
    rows = [json.loads(line)['iter'] for line in (tmp_path / 'cut.rank0').read_text().splitlines()]
    assert rows == [1, 2, 3, 4, 5, 5, 6, 7]  # resumed from iteration 4
    expected, resumed = losses(whole), losses(cut)
    for iteration in range(1, 8):
        for name, value in expected[iteration].items():
            assert resumed[iteration][name] == pytest.approx(value, rel=1e-5, abs=1e-5), (iteration, name)


HEAD = '''
from videoseg.models.decoders import KernelUpdateHead
from videoseg.registry import MODELS

@MODELS.register_module()
class ShoutingUpdateHead(KernelUpdateHead):
    """Doubles its class logits."""

    def forward(self, *args):
        output = super().forward(*args)
        return output._replace(class_logits=output.class_logits * 2)
'''


def test_a_head_of_ones_own_trains_and_tests(tmp_path):
    (tmp_path / 'shouting.py').write_text(HEAD)
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    extra = "model['decoder']['update_head']['type'] = 'ShoutingUpdateHead'\n"
    config = write_project(tmp_path, iters=2, imports=['shouting'], extra=extra)
    work_dir = tmp_path / 'work'
    run('train.py', config, '--work-dir', work_dir, cwd=elsewhere)
    out, show = tmp_path / 'metrics.json', tmp_path / 'show'
    checkpoint = work_dir / 'iter_2.pth'
    done = run('test.py', config, checkpoint, '--out', out, '--show-dir', show, '--work-dir', work_dir, cwd=elsewhere)
    metrics = json.loads(out.read_text())
    assert {'stq/STQ', 'stq/AQ', 'stq/SQ', 'vpq/VPQ'} <= set(metrics.get('metrics', metrics)), done.stdout[-2000:]
    videos = sorted(show.rglob('*.mp4')) + sorted(show.rglob('*.avi'))
    assert len(videos) == 2
    capture = cv2.VideoCapture(str(videos[0]))
    frames = 0
    while capture.read()[0]:
        frames += 1
    assert frames == 4
