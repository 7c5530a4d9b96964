"""Ids of the decoder are passed on."""

import pytest
import torch

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

META = FrameMeta('alley', [7], (4, 6), (4, 6), (4, 6))


def segments(ids, is_thing):
    labels = torch.zeros(len(ids), dtype=torch.long)
    ids = torch.tensor(ids, dtype=torch.long)
    return ClipSegments(labels, labels + 0.5, torch.tensor(is_thing, dtype=torch.bool), labels - 1, decoder_ids=ids)


def test_things_keep_the_ids_of_the_decoder():
    tracker = MODELS.build(dict(type='DecoderIdTracker'))
    state = dict(anything=torch.ones(1))
    ids, after = tracker.associate(segments([7, 2**40, 3, 0], [True, True, False, True]), None, META, state)
    assert ids.tolist() == [7, 2**40, 0, 0] and ids.dtype == torch.int64 and after is state
    ids, after = tracker.associate(segments([], []), None, META, {})
    assert ids.tolist() == [] and after == {}


def test_queries_have_no_such_ids():
    bare = segments([1], [True])
    bare.decoder_ids = None
    with pytest.raises(ValueError, match="'alley', frame 7: DecoderIdTracker needs a decoder that tracks"):
        MODELS.build(dict(type='DecoderIdTracker')).associate(bare, None, META, {})
