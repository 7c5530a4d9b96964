"""Small predictions for the tests of the panoptic postprocessors."""

import torch

from videoseg.structures import ClipPrediction, FrameMeta


def meta_of(height=8, width=12, frames=1, **kwargs):
    size = (height, width)
    return FrameMeta(
        'video', list(range(frames)), **{**dict(img_shape=size, ori_shape=size, batch_input_shape=size), **kwargs}
    )


def prediction_of(masks, scores, num_things=2, num_stuff=0, activation='sigmoid', semantic=None):
    """Probabilities (N, T, H, W) in, logits out; the last ``num_stuff`` queries are fixed."""
    scores, masks = torch.as_tensor(scores), torch.as_tensor(masks)
    free = len(scores) - num_stuff
    return ClipPrediction(
        class_logits=(scores.logit() if activation == 'sigmoid' else scores.log())[None],
        mask_logits=masks.float().clamp(1e-6, 1 - 1e-6).logit()[None],
        queries=torch.zeros(1, len(scores), 4),
        activation=activation,
        fixed_labels=ClipPrediction.panoptic_fixed_labels(free, num_things, num_stuff),
        num_things=num_things,
        semantic_logits=semantic,
    )


def columns(*spans, height=8, width=12, value=0.99):
    """One mask a (x0, x1) span: (N, 1, H, W)."""
    masks = torch.full((len(spans), 1, height, width), 0.01)
    for mask, (x0, x1) in zip(masks, spans, strict=True):
        mask[..., x0:x1] = value
    return masks


def row_of(segments, frame=0):
    return segments.segment_map[frame, 4].tolist()
