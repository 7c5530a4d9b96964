import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from PIL import Image

from tests.test_evaluation.test_metrics.runs import evaluator, frame_results
from videoseg.datasets.index_maps import read_davis_map
from videoseg.evaluation.benchmarks.davis_benchmark import DavisBenchmark
from videoseg.evaluation.benchmarks.evaluate import evaluate

NUM_FRAMES = 7


def object_maps():
    """Ground truth with void around an object, and a prediction that reaches into the void, (T, H, W) uint8."""
    gt = np.zeros((NUM_FRAMES, 24, 24), np.uint8)
    gt[:, 6:14, 3:18] = 255
    gt[:, 8:12, 5:12] = 1
    pred = np.zeros_like(gt)
    pred[:, 8:12, 5:15] = 1
    return gt, pred


@pytest.mark.parametrize('matching', ['best', 'id'])
def test_void_of_davis_counts_as_in_the_files(tmp_path, matching):
    gt, pred = object_maps()
    for kind, maps in (('gt', gt), ('pred', pred)):
        (tmp_path / kind / 'video').mkdir(parents=True)
        for t, pixels in enumerate(maps):
            Image.fromarray(pixels).save(tmp_path / kind / 'video' / f'{t}.png')
    options = {'matching': matching}
    from_files = evaluate(DavisBenchmark(tmp_path / 'gt', tmp_path / 'pred', options=options))['metrics']
    run = evaluator([{'type': 'JAndFMetric', 'matching': matching}], {'classes': ('object',), 'num_things': 1})
    for t, sample in enumerate(frame_results('a', gt=False, stop=NUM_FRAMES)):
        truth = read_davis_map(str(tmp_path / 'gt' / 'video' / f'{t}.png'), (24, 24), None)
        sample.gt_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(truth)[None])
        sample.pred_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(pred[t].astype(np.int32))[None])
        run.process([sample])
    in_process = run.evaluate(NUM_FRAMES)
    assert in_process == {name: value for name, value in from_files.items()}
    assert (in_process['jf/J_mean'] == 1) == (matching == 'best')  # what lies on void is a mistake otherwise
