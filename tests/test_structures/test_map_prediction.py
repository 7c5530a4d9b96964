"""Maps of a batch of clips."""

import pytest
import torch

from videoseg.structures import MapPrediction


def maps(batch=3):
    return torch.arange(batch * 2 * 4 * 5).view(batch, 2, 4, 5)


def test_one_clip_of_a_batch():
    labels, ids, scores = maps(), maps() + 1000, maps() / 120
    layers = labels[:, None].repeat(1, 4, 1, 1, 1), ids[:, None].repeat(1, 4, 1, 1, 1)
    clip = MapPrediction(labels, ids, 2, scores, layers).select_clip(1)
    assert clip.num_things == 2
    for name, expected in dict(labels=labels, ids=ids, scores=scores).items():
        assert torch.equal(getattr(clip, name), expected[1:2]), name
    assert torch.equal(clip.layers[0], layers[0][1:2]) and torch.equal(clip.layers[1], layers[1][1:2])
    bare = MapPrediction(labels, ids, 2).select_clip(0)
    assert bare.scores is None and bare.layers is None


@pytest.mark.parametrize('name', ['ids', 'scores'])
def test_maps_must_have_one_shape(name):
    given = dict(labels=maps(), ids=maps(), num_things=1, scores=maps())
    given[name] = given[name][:, 0]
    with pytest.raises(ValueError, match=rf'{name} has shape \(3, 4, 5\), labels \(3, 2, 4, 5\)'):
        MapPrediction(**given)
