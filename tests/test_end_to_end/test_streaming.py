"""Videos of 2000 frames through ``step``: bounded memory, ids unique and stable, no frame lost.

With untrained weights ids mean nothing, so the long runs have a decoder that reads objects off the pixels: everything
after it, and the data preprocessor before it, is real. Real decoders run on fewer frames.
"""

import gc
import itertools
import math
import resource
from pathlib import Path

import pytest
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.model import BaseModule

from tests.test_models.tiny_models import tiny_model, tiny_tube_model
from videoseg.datasets.synthetic import get_preset, sample_scene
from videoseg.models.decoders import BaseDecoder
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, FrameMeta, PixelFeatures
from videoseg.structures.ids import DIVISOR
from videoseg.structures.rle import decode_masks
from videoseg.structures.windows import cut_windows

NUM_FRAMES, SIZE = 2000, (48, 96)
NUM_THINGS, NUM_STUFF, NUM_QUERIES, WIDTH = 2, 2, 8, 64
PERIOD, STAY, RESIDENTS = 100, 50, 3
NUM_VISITORS = NUM_FRAMES // PERIOD
MIB = 2**20


# ---------------------------------------------------------------- what is seen


def objects_at(t):
    """(identity, label, x, y, radius) of the discs of a frame: three that stay, and a new one every 100 frames."""
    swing = math.sin(2 * math.pi * t / 200)
    found = [(1, 0, 48 + 35 * swing, 9, 6), (2, 0, 48 - 35 * swing, 38, 7), (3, 1, 20 + 10 * swing, 24, 5)]
    visit, since = divmod(t, PERIOD)
    if since >= PERIOD - STAY:
        found.append((RESIDENTS + 1 + visit, visit % NUM_THINGS, 40 + 0.8 * (since - STAY), 24, 5))
    return found


def discs(t):
    """Frame t (3, H, W) uint8 whose channels are identity, model label, nothing."""
    y, x = torch.meshgrid(torch.arange(SIZE[0]), torch.arange(SIZE[1]), indexing='ij')
    image = torch.zeros(3, *SIZE, dtype=torch.uint8)
    image[1] = torch.where(y < SIZE[0] // 2, NUM_THINGS, NUM_THINGS + 1)
    for identity, label, cx, cy, radius in objects_at(t):
        inside = (x - cx) ** 2 + (y - cy) ** 2 <= radius**2
        image[0, inside], image[1, inside] = identity, label
    return image


class Rendered:
    """Frames of a synthetic scene of the generator, forwards and backwards for ever."""

    def __init__(self, frames=40):
        preset = get_preset('quickstart', size=SIZE, val_frames=frames, min_hidden_share=0.0, min_things=1)
        self.scene, self.frames = sample_scene(preset, 0, 'val', 0), frames

    def __call__(self, t):
        t %= 2 * self.frames - 2
        image = self.scene.render(min(t, 2 * self.frames - 2 - t)).image[..., ::-1]
        return torch.from_numpy(image.copy()).permute(2, 0, 1)


# ---------------------------------------------------------------- who sees it


class PassImages(BaseModule):
    """Backbone that leaves the pixels as they are."""

    def forward(self, x):
        return (x,)


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


# ---------------------------------------------------------------- the stream and its gauges


def collated(film, start, stop, overlap):
    """Frames [start, stop) as a batch of one, made when they are asked for."""
    sample = TrackDataSample(metainfo=dict(video_id='long', num_overlap=overlap))
    info = dict(video_id='long', img_shape=SIZE, ori_shape=SIZE)
    sample.video_data_samples = [DetDataSample(metainfo=dict(frame_id=t, **info)) for t in range(start, stop)]
    return dict(inputs=[torch.stack([film(t) for t in range(start, stop)])], data_samples=[sample])


def stream(model, film, num_frames, window, overlap, watch, gauge=None, policy='full'):
    """Show ``watch`` the results of every window, ``gauge`` the state when nothing else is held; the last state."""
    state, emitted = None, 0
    for start, stop, shared in cut_windows(num_frames, window, overlap, policy):
        data = model.data_preprocessor(collated(film, start, stop, shared))
        sample = data['data_samples'][0]
        state = state or model.init_state(FrameMeta.of_window(sample))
        results, state = model.step(data['inputs'][0], sample, state)
        assert [frame.frame_id for frame in results] == list(range(emitted, stop))
        emitted = stop
        watch(results)
        del data, sample, results
        if gauge is not None:
            gauge(state)
    assert emitted == state.next_frame == num_frames
    return state


def state_bytes(*parts):
    return sum(x.numel() * x.element_size() for part in parts for x in part.values())


def tensors_alive():
    """Number of tensors, and the bytes behind them."""
    gc.collect()
    found = [x for x in gc.get_objects() if issubclass(type(x), torch.Tensor)]
    storages = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in found}
    return len(found), sum(storages.values())


def resident():
    """Bytes of the process; where the kernel does not tell, the largest so far."""
    statm = Path('/proc/self/statm')
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Gauge:
    """Sizes of the state in every window; of everything else at a few frames."""

    def __init__(self, *frames):
        self.frames, self.alive, self.resident = list(frames), [], []
        self.decoder, self.tracker, self.table = [], [], []

    def __call__(self, state):
        for part in ('decoder', 'tracker', 'track_table'):
            getattr(self, part.removeprefix('track_')).append(state_bytes(getattr(state, part)))
        if self.frames and state.next_frame >= self.frames[0]:
            self.frames.pop(0)
            number, size = tensors_alive()
            self.alive.append((number, size - state_bytes(state.decoder, state.tracker, state.track_table)))
            self.resident.append(resident())

    def check_bounded(self, margin=16 * MIB):
        """Decoder constant, tracker never larger than at the start, and nothing alive beside the state."""
        quarter = len(self.decoder) // 4
        assert len(set(self.decoder)) == 1
        assert max(self.tracker[quarter:]) <= max(self.tracker[:quarter])
        assert not self.frames and len(set(self.alive)) == 1
        assert self.resident[-1] - self.resident[0] < margin


class Names:
    """Which id every identity got, checked in every frame: always the same, and nobody else's."""

    def __init__(self):
        self.ids = {}

    def __call__(self, results):
        for frame in results:
            truth = discs(frame.frame_id)[0]
            result = frame.pred_panoptic_seg.panoptic_seg[0]
            for identity, label, *_ in objects_at(frame.frame_id):
                value = result[truth == identity].unique().tolist()
                assert len(value) == 1 and value[0] // DIVISOR == label and value[0] % DIVISOR > 0
                assert self.ids.setdefault(identity, value[0] % DIVISOR) == value[0] % DIVISOR, frame.frame_id
            assert (result[truth == 0] % DIVISOR == 0).all()


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
