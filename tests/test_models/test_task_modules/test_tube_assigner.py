"""Matching of queries and tubes."""

import pytest
import torch
from mmdet.models.task_modules import HungarianAssigner
from mmengine.structures import InstanceData

from videoseg.models.task_modules import FrameTargets, TubeAssigner
from videoseg.models.task_modules.tube_points import draw_points, sample_points

LAYOUTS = ['long_image', 'per_frame']


def targets(masks, labels):
    none = torch.zeros(0, dtype=torch.long)
    labels = torch.as_tensor(labels, dtype=torch.long)
    return FrameTargets(labels, masks, torch.arange(len(labels)) + 1, none, masks[:0])


def stripes(rows, frames=3):
    """Object i owns column i in all frames but frame i."""
    masks = torch.zeros(rows, frames, 8, rows)
    for i in range(rows):
        masks[i, :, :, i] = 1
        masks[i, i % frames] = 0
    return masks


@pytest.mark.parametrize('layout', LAYOUTS)
def test_perfect_predictions_find_their_tubes(layout):
    masks = stripes(4)
    logits = torch.cat([masks[[2, 0, 3, 1]], torch.zeros_like(masks[:2])])[None] * 10 - 5
    assigner = TubeAssigner(num_points=200, mask_loss=layout)
    (match,) = assigner.assign(logits, torch.zeros(1, 6, 5), [targets(masks, [0, 1, 2, 3])])
    assert match.kernels.tolist() == [0, 1, 2, 3] and match.targets.tolist() == [2, 0, 3, 1]


def test_classes_decide_between_equal_masks():
    masks = stripes(1).repeat(2, 1, 1, 1)
    classes = torch.tensor([[[0.0, 9.0, 0.0], [9.0, 0.0, 0.0]]])
    (match,) = TubeAssigner(num_points=50).assign(masks[None] * 10 - 5, classes, [targets(masks, [0, 1])])
    assert match.targets.tolist() == [1, 0]


def test_equals_mmdet():
    masks, logits, classes = (torch.rand(3, 2, 8, 6) > 0.5).float(), torch.randn(7, 2, 8, 6), torch.randn(7, 5)
    torch.manual_seed(0)
    (match,) = TubeAssigner(num_points=60).assign(logits[None], classes[None], [targets(masks, [4, 0, 2])])
    torch.manual_seed(0)
    points = draw_points(1, 60, 'cpu')
    costs = [
        dict(type='ClassificationCost', weight=2.0),
        dict(type='CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
        dict(type='DiceCost', weight=5.0, pred_act=True, eps=1.0),
    ]
    result = HungarianAssigner(costs).assign(
        InstanceData(scores=classes, masks=sample_points(logits.flatten(1, 2), points)),
        InstanceData(labels=torch.tensor([4, 0, 2]), masks=sample_points(masks.flatten(1, 2), points)),
    )
    expected = result.gt_inds.nonzero()[:, 0]
    assert torch.equal(match.kernels, expected) and torch.equal(match.targets + 1, result.gt_inds[expected])


@pytest.mark.parametrize('layout', LAYOUTS)
def test_no_objects_and_more_objects_than_queries(layout):
    assigner = TubeAssigner(num_points=50, mask_loss=layout)
    many, none = targets(stripes(4), [0, 1, 2, 3]), targets(torch.zeros(0, 3, 8, 4), [])
    matches = assigner.assign(torch.randn(2, 2, 3, 8, 4), torch.randn(2, 2, 5), [many, none])
    assert [len(match.kernels) for match in matches] == [2, 0]


def test_bad_input():
    with pytest.raises(ValueError, match="TubeAssigner: mask_loss must be one of .* 'long'"):
        TubeAssigner(mask_loss='long')
    logits = torch.full((1, 2, 3, 8, 4), torch.nan)
    with pytest.raises(FloatingPointError, match='matching cost of frame 0'):
        TubeAssigner(num_points=5).assign(logits, torch.zeros(1, 2, 5), [targets(stripes(4), [0, 1, 2, 3])])
