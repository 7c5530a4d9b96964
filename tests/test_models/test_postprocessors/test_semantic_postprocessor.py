"""Reading semantic maps from a decoder's dense branch; reading them from queries is in test_other_postprocessors."""

import pytest
import torch
from torch.nn import functional as F

from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, FrameMeta


def dense(semantic_logits, num_classes):
    """A prediction of one clip whose queries say something else."""
    frames, size = semantic_logits.shape[2], semantic_logits.shape[-2:]
    return ClipPrediction(
        class_logits=torch.zeros(1, 2, num_classes),
        mask_logits=torch.zeros(1, 2, frames, *size),
        queries=torch.zeros(1, 2, 4),
        activation='sigmoid',
        fixed_labels=torch.full((2,), -1),
        num_things=1,
        semantic_logits=semantic_logits,
    )


@pytest.mark.parametrize('extra', [0, 1], ids=['classes', 'with background'])
def test_logits_are_resized_then_compared(extra):
    """Bilinear to the canvas, crop, bilinear to the original size; a background column is no label."""
    logits = torch.randn(1, 3 + extra, 2, 4, 6, generator=torch.Generator().manual_seed(0)) * 4
    meta = FrameMeta('v', [0, 1], (14, 20), (21, 30), (16, 24))
    segments = MODELS.build(dict(type='SemanticPostprocessor', source='semantic_logits'))(dense(logits, 3), meta)
    full = F.interpolate(logits[0, :3].transpose(0, 1), (16, 24), mode='bilinear')[..., :14, :20]
    probs = F.interpolate(full, (21, 30), mode='bilinear').softmax(1)
    value, labels = probs.max(1)
    assert torch.equal(segments.labels[segments.segment_map.long() - 1], labels)
    means = [value[labels == label].mean().item() for label in segments.labels]
    assert segments.scores.tolist() == pytest.approx(means, rel=1e-5)
    assert not segments.is_thing.any()


def test_a_decoder_without_dense_branch():
    prediction = dense(torch.zeros(1, 3, 1, 4, 6), 3)
    prediction.semantic_logits = None
    meta = FrameMeta('v', [0], (16, 24), (16, 24), (16, 24))
    with pytest.raises(ValueError, match=r"set SemanticPostprocessor\(source='queries'\)"):
        MODELS.build(dict(type='SemanticPostprocessor', source='semantic_logits'))(prediction, meta)
    with pytest.raises(ValueError, match='source must be'):
        MODELS.build(dict(type='SemanticPostprocessor', source='masks'))
