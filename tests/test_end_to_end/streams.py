"""Long videos, the loop that streams them, and gauges of what it keeps."""

import gc
import math
import resource
from pathlib import Path

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.model import BaseModule

from videoseg.datasets.synthetic import get_preset, sample_scene
from videoseg.structures import FrameMeta
from videoseg.structures.ids import DIVISOR
from videoseg.structures.windows import cut_windows

NUM_FRAMES, SIZE = 2000, (48, 96)
NUM_THINGS, NUM_STUFF = 2, 2
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


class PassImages(BaseModule):
    """Backbone that leaves the pixels as they are."""

    def forward(self, x):
        return (x,)


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
