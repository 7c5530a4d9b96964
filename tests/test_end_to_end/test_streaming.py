"""Videos of 2000 frames through ``step``: bounded memory, ids unique and stable, no frame lost.

With untrained weights ids mean nothing, so the long runs have a decoder that reads objects off the pixels: everything
after it, and the data preprocessor before it, is real. Real decoders: test_streaming_decoders.py.
"""

import pytest
import torch
from mmengine.model import BaseModule

from tests.test_end_to_end.streams import (
    NUM_FRAMES,
    NUM_STUFF,
    NUM_THINGS,
    NUM_VISITORS,
    PERIOD,
    RESIDENTS,
    SIZE,
    STAY,
    Gauge,
    Names,
    PassImages,
    discs,
    objects_at,
    state_bytes,
    stream,
)
from videoseg.models.decoders import BaseDecoder
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, PixelFeatures
from videoseg.structures.rle import decode_masks

NUM_QUERIES, WIDTH = 8, 64


# ---------------------------------------------------------------- who sees it


class PassFeatures(BaseModule):
    """Neck that leaves the pixels as they are."""

    def forward(self, x, num_frames):
        return PixelFeatures(x[0], stride=1, num_frames=num_frames)


class ReadingDecoder(BaseDecoder):
    """Perfect predictions: what :func:`discs` painted, in a new order of the queries in every window."""

    num_things, num_stuff = NUM_THINGS, NUM_STUFF

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(NUM_FRAMES)  # not that of any window
        self.vectors = torch.nn.Parameter(torch.randn(256, WIDTH, generator=generator), requires_grad=False)

    def loss(self, feats, data_samples):
        raise NotImplementedError

    def decode(self, feats, state, metas, prompts=None):
        generator = torch.Generator().manual_seed(metas[0].frame_ids[0])
        identities, labels = feats.images[:, 0], feats.images[:, 1]
        total = NUM_QUERIES + NUM_STUFF
        scores = torch.full((total, NUM_THINGS + NUM_STUFF), 0.02)
        masks = torch.full((total, *identities.shape), -8.0)
        queries = torch.randn(total, WIDTH, generator=generator)
        present = identities.unique().int()[1:]
        for query, identity in zip(torch.randperm(NUM_QUERIES, generator=generator), present, strict=False):
            own = identities == identity
            scores[query, labels[own][0].int()] = 0.9
            masks[query][own] = 8.0
            queries[query] = self.vectors[identity] + 0.3 * queries[query]
        for label in range(NUM_THINGS, NUM_THINGS + NUM_STUFF):
            scores[label - NUM_THINGS + NUM_QUERIES, label] = 0.9
            masks[label - NUM_THINGS + NUM_QUERIES][labels == label] = 8.0
        prediction = ClipPrediction(
            class_logits=scores.logit()[None],
            mask_logits=masks[None],
            queries=queries[None],
            activation='sigmoid',
            fixed_labels=ClipPrediction.panoptic_fixed_labels(NUM_QUERIES, NUM_THINGS, NUM_STUFF),
            num_things=NUM_THINGS,
        )
        return prediction, dict(queries=queries[None])


def reading_model(tracker, postprocessor='PanopticPostprocessor', **options):
    """A segmentor around the perfect decoder."""
    return MODELS.build(
        dict(
            type='VideoSegmentor',
            data_preprocessor=dict(type='ClipDataPreprocessor', mean=None, std=None, bgr_to_rgb=False),
            backbone=dict(type=PassImages),
            neck=dict(type=PassFeatures),
            decoder=dict(type=ReadingDecoder),
            postprocessor=dict(type=postprocessor),
            tracker=dict(type=tracker, **options),
        )
    ).eval()


# ---------------------------------------------------------------- tests

TRACKERS = {
    'tubes': ('TubeMemoryTracker', 4, 0),
    'tubes_overlapping': ('TubeMemoryTracker', 4, 1),
    'frames': ('QuasiDenseEmbeddingTracker', 1, 0),
    'iou_overlapping': ('MaskIoUTracker', 6, 1),
    'sort': ('SORTBoxTracker', 6, 0),
}


@pytest.mark.slow
@pytest.mark.parametrize('case', TRACKERS)
def test_long_video(case):
    tracker, window, overlap = TRACKERS[case]
    names, gauge = Names(), Gauge(500, NUM_FRAMES - PERIOD)
    model = reading_model(tracker)
    state = stream(model, discs, NUM_FRAMES, window, overlap, names, gauge)
    assert sorted(names.ids) == list(range(1, RESIDENTS + NUM_VISITORS + 1))
    assert len(set(names.ids.values())) == len(names.ids)
    gauge.check_bounded()
    # the table has a row for each track, and each object was one track
    assert gauge.table[-1] == len(names.ids) * state_bytes({k: v[:1] for k, v in state.track_table.items()})
    table = model.finish(state)
    assert sorted(table['ids'].tolist()) == sorted(names.ids.values())
    frames = dict(zip(table['ids'].tolist(), table['num_frames'].tolist(), strict=True))
    for identity, track in names.ids.items():
        seen = NUM_FRAMES if identity <= RESIDENTS else STAY
        assert seen <= frames[track] < seen + 2 * window  # a tube stands for all frames of its window


@pytest.mark.slow
@pytest.mark.parametrize(('window', 'overlap'), [(6, 0), (6, 1)])
def test_long_video_whose_masks_leave_as_rle(window, overlap):
    """Window by window; what is kept is as large after the first window as after the last."""
    model = reading_model('QueryMatchingTracker', 'VideoInstancePostprocessor')
    slots, gauge = {}, Gauge(500, NUM_FRAMES - PERIOD)

    def watch(results):
        for frame in results:
            truth = discs(frame.frame_id)[0]
            rows = frame.pred_track_instances
            assert all(isinstance(mask['counts'], (bytes, str)) for mask in rows.masks)
            masks = torch.from_numpy(decode_masks(rows.masks, SIZE)).bool()
            for identity, label, *_ in objects_at(frame.frame_id):
                same = (masks == (truth == identity)).flatten(1).all(1).nonzero()[:, 0].tolist()
                assert len(same) == 1
                if identity <= RESIDENTS:
                    slot = int(rows.instances_id[same[0]])
                    assert slots.setdefault(identity, slot) == slot and rows.labels[same[0]] == label

    state = stream(model, discs, NUM_FRAMES, window, overlap, watch, gauge, policy='balanced')
    assert len(set(slots.values())) == RESIDENTS
    gauge.check_bounded()
    assert len(set(gauge.table)) == len(set(gauge.tracker)) == 1
    table = model.finish(state)
    best = dict(zip(table['mask_ids'].flip(0).tolist(), table['labels'].flip(0).tolist(), strict=True))
    assert [best[slots[identity]] for identity in (1, 2, 3)] == [0, 0, 1]


def test_the_gauge_sees_what_is_kept():
    kept, gauge = [], Gauge(20, 60)
    stream(reading_model('KernelIndexTracker'), discs, 60, 4, 0, kept.extend, gauge)
    (number, size), (later_number, later_size) = gauge.alive
    assert later_number > number and later_size - size >= 40 * SIZE[0] * SIZE[1] * 4
    with pytest.raises(AssertionError):
        gauge.check_bounded()


def test_a_camera_that_never_ends():
    """The table can be taken out at any time; ids go on."""
    model, tables = reading_model('TubeMemoryTracker'), []

    def empty_the_table(state):
        if state.next_frame % PERIOD == 0:
            tables.append(model.finish(state))
            state.track_table = {}

    names = Names()
    stream(model, discs, 3 * PERIOD, 4, 0, names, empty_the_table)
    assert len(set(names.ids.values())) == len(names.ids) == RESIDENTS + 3
    for visit, table in enumerate(tables):
        assert table['ids'].tolist() == sorted(names.ids[i] for i in (1, 2, 3, RESIDENTS + 1 + visit))
        assert table['first_frame'].min() == PERIOD * visit and table['last_frame'].max() == PERIOD * (visit + 1) - 1


@pytest.mark.parametrize('num_frames', [1, 3, 4, 5, 7, 9])
@pytest.mark.parametrize(('window', 'overlap', 'policy'), [(4, 0, 'full'), (4, 0, 'balanced'), (4, 2, 'full')])
def test_the_last_partial_window_is_not_lost(num_frames, window, overlap, policy):
    names = Names()
    state = stream(reading_model('TubeMemoryTracker'), discs, num_frames, window, overlap, names, policy=policy)
    assert sorted(names.ids) == [1, 2, 3]
    assert state.track_table['num_frames'].tolist() == [num_frames] * 3
    assert state.track_table['last_frame'].tolist() == [num_frames - 1] * 3
