"""Real decoders on long videos: 2000 frames with weights that make Tube-Link predictable, fewer with random ones."""

import itertools

import pytest
import torch
from mmengine.model import BaseModule
from torch.nn import functional as F

from tests.test_end_to_end.streams import (
    NUM_FRAMES,
    NUM_STUFF,
    NUM_THINGS,
    NUM_VISITORS,
    PERIOD,
    RESIDENTS,
    SIZE,
    Gauge,
    Names,
    PassImages,
    Rendered,
    discs,
    objects_at,
    state_bytes,
    stream,
)
from tests.test_models.tiny_models import tiny_model, tiny_tube_config, tiny_tube_model
from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures
from videoseg.structures.rle import decode_masks

# ---------------------------------------------------------------- Tube-Link that knows the objects

NUM_SLOTS, CHANNELS = 8, 16


class SlotFeatures(BaseModule):
    """Neck that turns the pixels of :func:`discs` into one channel a query: +0.5 where its object is, -0.5 elsewhere.

    The three residents have a query each; visitors, one at a time, take turns at four others.
    """

    def forward(self, x, num_frames):
        identities, labels = x[0][:, 0].long(), x[0][:, 1].long()
        visitors = RESIDENTS + (identities - RESIDENTS - 1) % 4
        slots = torch.where(identities > RESIDENTS, visitors, identities - 1)
        slots = torch.where(identities > 0, slots, NUM_SLOTS + labels - NUM_THINGS)
        maps = F.one_hot(slots, CHANNELS).permute(0, 3, 1, 2) - 0.5
        memories = tuple(F.avg_pool2d(maps, stride) for stride in (16, 8, 4))
        return PixelFeatures(maps, stride=1, num_frames=num_frames, multi_scale=memories)


def knowing_model(window, vis=False):
    """Tube-Link, all of its parts at work, with weights that make query n the mask of channel n, of a fixed class."""
    stuff = dict(num_stuff=0, stuff_slots=False, link=None, association=None, query_tap='normed') if vis else {}
    cfg = tiny_tube_config(window, embed_dims=CHANNELS, **stuff)
    cfg.update(
        data_preprocessor=dict(type='ClipDataPreprocessor', mean=None, std=None, bgr_to_rgb=False),
        backbone=dict(type=PassImages),
        neck=dict(type=SlotFeatures),
        postprocessor=dict(type='VideoInstancePostprocessor' if vis else 'QueryPanopticPostprocessor'),
        tracker=dict(type='QueryMatchingTracker' if vis else 'TubeMemoryTracker'),
    )
    torch.manual_seed(0)
    model = MODELS.build(cfg).eval()
    model.init_weights()
    decoder, eye = model.decoder, torch.eye(CHANNELS)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            # what attention and feed-forward add is little beside the query, but not nothing
            if name.endswith(('out_proj.weight', 'layers.1.weight')):
                parameter *= 0.05
            elif name.startswith('association.') and parameter.dim() == 2:
                parameter.copy_(eye)
        decoder.query_feat.weight.copy_(eye[: decoder.num_queries])
        for layer in decoder.mask_embed[::2]:
            layer.weight.copy_(2 * eye)
            layer.bias.zero_()
        labels = torch.tensor([0, 0, 1, 0, 1, 0, 1, 0, *range(NUM_THINGS, NUM_THINGS + NUM_STUFF)])
        decoder.cls_embed.weight.zero_()
        for query in range(decoder.num_queries if not vis else NUM_SLOTS):
            decoder.cls_embed.weight[labels[query], query] = 3.0
    return model


@pytest.mark.slow
@pytest.mark.parametrize(('window', 'overlap'), [(4, 0), (6, 1)])
def test_tube_link_on_a_long_video(window, overlap):
    """Attention, link, association and tracker keep 23 objects apart; the decoder's state has one size throughout."""
    model, names, gauge = knowing_model(window), Names(), Gauge(500, NUM_FRAMES - PERIOD)
    state = stream(model, discs, NUM_FRAMES, window, overlap, names, gauge)
    assert sorted(names.ids) == list(range(1, RESIDENTS + NUM_VISITORS + 1))
    assert len(set(names.ids.values())) == len(names.ids)
    gauge.check_bounded()
    assert gauge.decoder[0] == state.decoder['queries'].numel() * 4 == model.decoder.num_queries * CHANNELS * 4
    assert sorted(model.finish(state)['ids'].tolist()) == sorted(names.ids.values())


@pytest.mark.slow
def test_tube_link_for_instances_on_a_long_video():
    """Queries are slots: residents keep theirs, visitors share four, and the table is as large as at the start."""
    model, gauge, slots = knowing_model(6, vis=True), Gauge(500, NUM_FRAMES - PERIOD), {}

    def watch(results):
        for frame in results:
            truth, rows = discs(frame.frame_id)[0], frame.pred_track_instances
            assert len(set(rows.instances_id.tolist())) == len(rows)
            masks = torch.from_numpy(decode_masks(rows.masks, SIZE)).bool()
            for identity, *_ in objects_at(frame.frame_id):
                same = (masks == (truth == identity)).flatten(1).all(1).nonzero()[:, 0].tolist()
                assert len(same) == 1
                slot = int(rows.instances_id[same[0]])
                assert slots.setdefault(identity, slot) == slot, frame.frame_id

    state = stream(model, discs, NUM_FRAMES, 6, 0, watch, gauge)
    assert len({slots[identity] for identity in range(1, RESIDENTS + 1)}) == RESIDENTS
    assert len(set(slots.values())) == RESIDENTS + 4
    gauge.check_bounded()
    assert len(set(gauge.table)) == len(set(gauge.tracker)) == 1
    assert model.finish(state)['num_frames'].max() == NUM_FRAMES


# ---------------------------------------------------------------- real decoders


def tube_model(window, vis=False):
    if not vis:
        model = tiny_tube_model(window)
        model.postprocessor.overlap_thr = 0.0  # things come and go, and so do tracks
        model.tracker = MODELS.build(dict(type='TubeMemoryTracker', init_score_thr=0.0, addnew_score_thr=0.0))
        return model
    model = tiny_tube_model(window, num_stuff=0, stuff_slots=False, link=None, association=None)
    model.postprocessor = MODELS.build(dict(type='VideoInstancePostprocessor'))
    model.tracker = MODELS.build(dict(type='QueryMatchingTracker'))
    return model


REAL = {
    'tube_link': (lambda: tube_model(4), 4, 0),
    'tube_link_overlapping': (lambda: tube_model(4), 4, 1),
    'tube_link_vis': (lambda: tube_model(4, vis=True), 4, 0),
    'video_knet': (tiny_model, 1, 0),
}


@pytest.mark.slow
@pytest.mark.parametrize('case', REAL)
def test_real_decoders(case):
    build, window, overlap = REAL[case]
    model, num_frames, seen = build(), 122, []

    def watch(results):
        things = [r.pred_track_instances for r in results]
        assert all(len(rows) for rows in things)
        seen.append({int(i) for rows in things for i in rows.instances_id[rows.is_thing] if i > 0})

    gauge = Gauge(40, 110)
    state = stream(model, Rendered(), num_frames, window, overlap, watch, gauge)
    assert len(set(gauge.decoder)) == 1 and len(set(gauge.alive)) == 1
    assert (gauge.decoder[0] > 0) == (case != 'tube_link_vis')
    ids = set().union(*seen)
    if case == 'tube_link_vis':
        assert len(set(gauge.table)) == len(set(gauge.tracker)) == 1
        assert ids <= set(range(1, 11))
        return
    # what a tracker remembers is bounded by the queries of the windows that it looks back on
    row = state_bytes({k: v[:1] for k, v in state.tracker.items() if k.startswith('track_')})
    back = -(-model.tracker.memo_tracklet_frames // (window - overlap))
    assert state_bytes({k: v for k, v in state.tracker.items() if k.startswith('track_')}) <= row * back * 10
    assert ids == set(range(1, int(state.tracker['num_tracks']) + 1)) and len(ids) >= 2
    assert set(state.track_table['ids'].tolist()) == ids
    assert len(state.track_table['ids']) <= len(ids) * model.decoder.num_things
    for one in ids:  # never used again
        windows = [i for i, present in enumerate(seen) if one in present]
        gaps = [b - a for a, b in itertools.pairwise(windows)]
        assert max(gaps, default=1) <= back
