import torch

from videoseg.structures import PixelFeatures


def features():
    """Two clips of three frames; every value says which map, clip and frame it is."""
    frames = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 4, 2, 3)
    return PixelFeatures(frames, stride=8, num_frames=3, multi_scale=(frames + 10, frames + 20), images=frames + 30)


def numbers(maps):
    return maps[:, 0, 0, 0].tolist()


def test_one_clip_of_the_batch():
    clip = features().select_clip(1)
    assert (clip.batch_size, clip.num_frames, clip.stride) == (1, 3, 8)
    assert numbers(clip.mask_features) == [3, 4, 5]
    assert [numbers(x) for x in clip.multi_scale] == [[13, 14, 15], [23, 24, 25]]
    assert numbers(clip.images) == [33, 34, 35] and clip.semantic_features is None
    feats = features()
    view = feats.select_clip(0).mask_features
    assert view.data_ptr() == feats.mask_features.data_ptr()


def test_frames_of_every_clip():
    for frames, expected in (([2, 0], [2, 0, 5, 3]), ([0, 0], [0, 0, 3, 3]), (slice(1, None), [1, 2, 4, 5])):
        chosen = features().select_frames(frames)
        assert (chosen.batch_size, chosen.num_frames) == (2, 2)
        assert numbers(chosen.mask_features) == expected
        assert numbers(chosen.multi_scale[1]) == [20 + n for n in expected]
    assert features().select_frames(slice(1, 2)).select_clip(1).mask_features.unique().tolist() == [4]
