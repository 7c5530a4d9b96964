"""Instance and semantic results, and the boxes for trackers."""

import pytest
import torch

from tests.parity_data import parity_file, parity_names
from videoseg.models.postprocessors.tracker_boxes import boxes_of_map, boxes_of_masks
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, FrameMeta


def predict(class_logits, mask_logits, num_things, fixed=None, activation='sigmoid'):
    return ClipPrediction(
        class_logits=class_logits,
        mask_logits=mask_logits,
        queries=torch.zeros(*class_logits.shape[:2], 4),
        activation=activation,
        fixed_labels=torch.full(class_logits.shape[1:2], -1) if fixed is None else fixed,
        num_things=num_things,
    )


def test_instances_leave_stuff_out_and_keep_both_classes_of_a_query():
    masks = torch.full((1, 3, 2, 4, 6), -5.0)
    masks[0, 0, 1, 1:3, 2:5] = 5
    scores = torch.tensor([[[0.9, 0.6, 0.1], [0.2, 0.3, 0.1], [0.1, 0.1, 0.99]]])
    prediction = predict(scores.logit(), masks, 2, torch.tensor([-1, -1, 2]))
    size = (4, 6)
    postprocessor = MODELS.build(dict(type='InstancePostprocessor', max_per_img=3, score_thr=0.25))
    segments = postprocessor(prediction, FrameMeta('v', [0, 1], size, size, size))
    assert segments.query_index.tolist() == [0, 0, 1]
    assert segments.labels.tolist() == [0, 1, 1]
    assert segments.masks.shape == (3, 2, 4, 6)
    assert segments.masks.flatten(2).sum(2).tolist() == [[0, 6], [0, 6], [0, 0]]
    assert segments.boxes.tolist() == [[2, 1, 4, 2], [2, 1, 4, 2], [-1, -1, 10, 10]]
    assert segments.is_thing.all()


@pytest.mark.parametrize('activation', ['sigmoid', 'softmax'])
def test_semantic_sums_queries_of_a_class(activation):
    size = (4, 6)
    masks = torch.full((1, 3, 1, *size), 0.01)
    masks[0, 0] = 0.5
    masks[0, 1:, :, :, 3:] = 0.4
    scores = torch.tensor([[[0.8, 0.01, 0.1], [0.01, 0.7, 0.1], [0.01, 0.7, 0.1]]])
    if activation == 'softmax':
        logits = torch.cat([scores, 1 - scores.sum(-1, keepdim=True)], -1).log()
    else:
        logits = scores.logit()
    segments = MODELS.build(dict(type='SemanticPostprocessor'))(
        predict(logits, masks.logit(), 2, activation=activation), FrameMeta('v', [0], size, size, size)
    )
    assert segments.labels.tolist() == [0, 1]
    assert segments.segment_map.tolist() == [[[1, 1, 1, 2, 2, 2]] * 4]
    assert not segments.is_thing.any()
    assert segments.query_index.tolist() == [-1, -1]
    assert segments.scores.tolist() == pytest.approx(
        [0.8 * 0.5 + 0.01 * 0.01 * 2, 0.7 * 0.4 * 2 + 0.01 * 0.5], rel=1e-4
    )


def test_semantic_counts_fixed_queries_for_their_class_only():
    size = (2, 2)
    scores = torch.tensor([[[0.3, 0.1, 0.1], [0.9, 0.1, 0.2]]])
    prediction = predict(scores.logit(), torch.full((1, 2, 1, *size), 3.0), 2, torch.tensor([-1, 2]))
    segments = MODELS.build(dict(type='SemanticPostprocessor'))(prediction, FrameMeta('v', [0], size, size, size))
    assert segments.labels.tolist() == [0]


@pytest.mark.parametrize('name', parity_names('knet', ['video_label_utils.pt']))
def test_recorded_boxes(name):
    record = torch.load(parity_file('knet', name), weights_only=True)
    masks, expected = record['inputs']['masks'], record['outputs']['boxes']
    assert torch.equal(boxes_of_masks(masks).double(), expected)
    for row, mask in enumerate(masks):  # one at a time: they may overlap
        assert torch.equal(boxes_of_map(mask.int(), 1)[0].double(), expected[row])


def test_boxes_of_map_equal_boxes_of_masks():
    segment_map = torch.randint(0, 5, (9, 14), generator=torch.Generator().manual_seed(0)).int()
    segment_map[segment_map == 3] = 0
    masks = segment_map[None] == torch.arange(1, 6)[:, None, None]
    boxes = boxes_of_map(segment_map, 5)
    assert torch.equal(boxes, boxes_of_masks(masks))
    assert boxes[2].tolist() == [-1, -1, 10, 10]
    assert boxes_of_map(segment_map * 0, 0).shape == (0, 4)
