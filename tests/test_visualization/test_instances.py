"""Instance results as something to draw."""

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from tests.test_visualization.pictures import METAINFO, SIZE, frames_of, result
from videoseg.structures.ids import VOID_ID, encode_ids
from videoseg.structures.rle import encode_masks
from videoseg.visualization import VideoRecorder, panoptic_from_instances


def sample_of(masks, scores, labels, ids, rle=False):
    masks = torch.as_tensor(np.stack(masks)) if len(masks) else torch.zeros((0, *SIZE), dtype=torch.bool)
    rows = InstanceData(labels=torch.tensor(labels), scores=torch.tensor(scores), instances_id=torch.tensor(ids))
    rows.masks = encode_masks(masks.numpy()) if rle else masks
    sample = DetDataSample(metainfo=dict(ori_shape=SIZE))
    sample.pred_track_instances = rows
    return sample


def box(y0, y1, x0, x1):
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize('rle', [False, True])
def test_better_scores_cover_and_doubles_are_left_out(rle):
    masks = [box(0, 20, 0, 20), box(10, 30, 10, 30), box(0, 20, 0, 19), box(40, 50, 40, 50)]
    drawn = panoptic_from_instances(sample_of(masks, [0.5, 0.9, 0.4, 0.2], [0, 1, 1, 0], [7, 8, 9, 10], rle))
    # the third is the first under another class, the fourth is too unsure
    assert set(np.unique(drawn)) == {VOID_ID, encode_ids(0, 7), encode_ids(1, 8)}
    assert (drawn[masks[1]] == encode_ids(1, 8)).all()
    assert (drawn == encode_ids(0, 7)).sum() == 400 - 100
    low = panoptic_from_instances(sample_of(masks, [0.5, 0.9, 0.4, 0.2], [0, 1, 1, 0], [7, 8, 9, 10], rle), 0.1)
    assert (low[masks[3]] == encode_ids(0, 10)).all()


@pytest.mark.parametrize('rle', [False, True])
@pytest.mark.parametrize('scores', [[], [0.1]])
def test_nothing_to_draw_is_void(scores, rle):
    masks = [box(0, 5, 0, 5)] * len(scores)
    drawn = panoptic_from_instances(sample_of(masks, scores, [0] * len(scores), [1] * len(scores), rle))
    assert drawn.shape == SIZE and (drawn == VOID_ID).all()


def test_recorder_draws_instances(tmp_path):
    draw = VideoRecorder(tmp_path / 'out', METAINFO, overlay=dict(scale=1, labels=False))
    for frame in range(3):
        sample = result(tmp_path, frame)
        del sample.pred_panoptic_seg
        sample.pred_track_instances = sample_of([box(0, 30, 0, 40)], [0.8], [1], [3]).pred_track_instances
        draw.add(sample)
    first = frames_of(tmp_path / 'out' / 'drive.mp4')[0].astype(int)
    assert np.ptp(first[5:25, 5:35].mean((0, 1))) > 40  # coloured where the instance is
    assert np.ptp(first[40:, 50:].mean((0, 1))) < 8  # grey where nothing is


def test_no_masks_is_an_error_that_lists_what_there_is(tmp_path):
    sample = result(tmp_path)
    del sample.pred_panoptic_seg
    with pytest.raises(KeyError, match=r'video drive, frame 0 .*neither pred_panoptic_seg nor masks'):
        VideoRecorder(tmp_path / 'out', METAINFO).add(sample)
