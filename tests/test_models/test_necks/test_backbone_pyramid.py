"""The backbone's levels arrive in the order of the contract."""

import torch

from videoseg.models.necks import BackbonePyramid


def test_levels_and_frames():
    levels = [torch.randn(6, channels, 16 // step, 16 // step) for channels, step in ((4, 1), (8, 2), (16, 4), (32, 8))]
    feats = BackbonePyramid(stride=4)(levels, num_frames=3)
    assert (feats.stride, feats.num_frames, feats.batch_size) == (4, 3, 2)
    again = [feats.mask_features, *reversed(feats.multi_scale)]
    assert all(a is b for a, b in zip(again, levels, strict=True))
    picked = feats.select_frames([2])
    assert torch.equal(picked.multi_scale[0], levels[3][[2, 5]])
