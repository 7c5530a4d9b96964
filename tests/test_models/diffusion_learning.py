"""Squares that move: does the diffusion decoder learn to tell them apart, and to keep their identities?

``python -m tests.test_models.diffusion_learning 0 1 2`` trains on videos with these seeds and prints what was reached.
"""

import dataclasses
import statistics
import sys
import time

import numpy as np
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData, PixelData

from tests.test_models.diffusion_models import tiny_diffusion_config
from videoseg.evaluation.functional import PQ, STQ, joint_histogram
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures import VideoState
from videoseg.structures.ids import VOID_LABEL, encode_ids

SIZE, CELL = 32, 4  # images and the cells of their masks, in pixels
NUM_THINGS, NUM_STUFF = 2, 1
COLOURS = np.array([[200.0, 80.0, 80.0], [80.0, 80.0, 200.0]])
FRAMES, LAST_ENTRY = 12, 8
UNSEEN, SEEN = 0, 10_000  # first seeds of the data to test and to train on
Batch = tuple[torch.Tensor, list[TrackDataSample]]


# ---------------------------------------------------------------- data


def moving_squares(seed: int, frames: int = 1) -> dict:
    """A packed item of T frames: two or three squares on grey noise, on the grid of the masks.

    All squares of an item are of one class, which their colour tells, so that only identities tell them apart. They
    overlap, and turn round at the border. In videos half of them, but never the first, may appear later.
    """
    rng = np.random.default_rng(seed)
    images = rng.uniform(110, 150, (frames, SIZE, SIZE, 3))
    labels = np.full((frames, SIZE, SIZE), NUM_THINGS)
    instances = np.zeros_like(labels)
    count, kind = rng.integers(2, 4), rng.integers(0, NUM_THINGS)
    for number in range(1, count + 1):
        side = CELL * rng.integers(2, 4, 2)
        reach = SIZE - side
        start, speed = rng.uniform(0, reach), rng.uniform(-2, 2, 2)
        late = number > 1 and rng.random() < 0.5
        entry = rng.integers(0, min(LAST_ENTRY, frames - 1) + 1) if late else 0
        colour = COLOURS[kind] + rng.uniform(-40, 40)
        for t in range(entry, frames):
            way = (start + speed * t) % (2 * reach)
            top, left = CELL * (np.minimum(way, 2 * reach - way) / CELL).round().astype(int)
            inside = np.s_[t, top : top + side[0], left : left + side[1]]
            images[inside] = colour + rng.uniform(-10, 10, images[inside].shape)
            labels[inside], instances[inside] = kind, number
    video = f'squares{seed}'
    sample = TrackDataSample(metainfo=dict(video_id=video, video_length=frames))
    sample.video_data_samples = [_frame(video, t, labels[t], instances[t], kind) for t in range(frames)]
    return dict(inputs=torch.from_numpy(images.astype(np.uint8)).permute(0, 3, 1, 2), data_samples=sample)


def _frame(video: str, t: int, labels: np.ndarray, instances: np.ndarray, kind: int) -> DetDataSample:
    frame = DetDataSample(metainfo=dict(video_id=video, frame_id=t, img_shape=(SIZE, SIZE), ori_shape=(SIZE, SIZE)))
    numbers = np.unique(instances[instances > 0])
    frame.gt_instances = InstanceData(
        labels=torch.full((len(numbers),), int(kind)),
        masks=torch.from_numpy((instances == numbers[:, None, None]).astype(np.uint8)),
        instances_ids=torch.from_numpy(numbers),
    )
    frame.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(labels[None].astype(np.uint8)))
    frame.gt_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(encode_ids(labels, instances)[None]))
    return frame


def prepared(model: torch.nn.Module, items: list[dict], training: bool = False) -> Batch:
    """Items as one batch: (B, T, 3, H, W) images and their samples."""
    data = dict(inputs=[item['inputs'] for item in items], data_samples=[item['data_samples'] for item in items])
    data = model.data_preprocessor(data, training)
    return data['inputs'], data['data_samples']


def training_clips(model: torch.nn.Module, items: list[dict]) -> Batch:
    """Every frame of the videos to predict, after those before it; at the start repeated, as ``ClipSample`` does."""
    inputs, samples = prepared(model, items, training=True)
    images, clips = [], []
    for video, sample in zip(inputs, samples, strict=True):
        frames = sample.video_data_samples
        for t in range(len(frames)):
            positions = [max(t - k, 0) for k in range(model.decoder.num_past, -1, -1)]
            images.append(video[positions])
            clips.append(TrackDataSample(metainfo=sample.metainfo))
            clips[-1].video_data_samples = [frames[i] for i in positions]
    return torch.stack(images), clips


# ---------------------------------------------------------------- the model


def squares_model(**decoder) -> torch.nn.Module:
    """A small model, masks at stride 4 (8x8), identities of three bits.

    With bits of b = 1 and a wide first level the loss falls below that of equally likely identities after 130
    iterations of training. With b = 0.7, 16 channels and masks of 16x16 it had not done so after 500: the bits were too
    small a part of what the last layer sees at first.
    """
    model = MODELS.build(
        tiny_diffusion_config(
            num_things=NUM_THINGS,
            num_stuff=NUM_STUFF,
            codec=dict(num_class_bits=2, num_id_bits=3, scale=1.0),
            steps_first=10,
            steps_later=10,
            td=1.0,
            denoiser=dict(base_channels=48, bottom_channels=64, time_channels=64),
            postprocessor=dict(segment_decoder=dict(type='SegmentDecoder', min_pixels=CELL**2 + 1)),
            **decoder,
        )
    )
    model.init_weights()
    return model


def train_on_squares(
    model: torch.nn.Module, items: list[dict], iterations: int, lr: float = 4e-3, batch_size: int = 16
) -> list[float]:
    """AdamW with one cycle of the learning rate; the losses."""
    inputs, clips = training_clips(model, items)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, iterations, pct_start=0.1)
    losses = []
    model.train()
    for _ in range(iterations):
        rows = torch.randperm(len(clips))[:batch_size].tolist()
        total, _ = model.parse_losses(model.loss(inputs[rows], [clips[i] for i in rows]))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(total.item())
    model.eval()
    return losses


# ---------------------------------------------------------------- evaluation


def squares_scores(model: torch.nn.Module, items: list[dict], see_past: bool = True) -> dict[str, float]:
    """``AQ`` of videos of equal length, and ``RQ`` of their things frame by frame.

    Without ``see_past`` the same network finds void in the place of every past mask. Its identities are still those it
    gave, and become tracks by the same table.
    """
    inputs, samples = prepared(model, items)
    stq, pq = _metrics()
    states = None
    for t in range(len(samples[0])):
        windows = []
        for sample in samples:
            windows.append(TrackDataSample(metainfo=sample.metainfo))
            windows[-1].video_data_samples = sample.video_data_samples[t : t + 1]
        states = states or [model.init_state(window_meta(window, range(1))) for window in windows]
        results, states = model.step_batch(inputs[:, t : t + 1], windows, states)
        if not see_past:
            states = [_without_past(state) for state in states]
        for (frame,) in results:
            found = frame.pred_panoptic_seg.panoptic_seg[0].numpy()
            histogram = joint_histogram(frame.gt_panoptic_seg.panoptic_seg[0].numpy(), found)
            stq.update(frame.video_id, frame.frame_id, histogram)
            pq.update(frame.video_id, frame.frame_id, histogram)
    return dict(AQ=stq.compute()['AQ'], RQ=pq.compute()['groups']['thing']['RQ'])


def merged_scores(items: list[dict]) -> dict[str, float]:
    """What perfect masks score that give all squares of an image the same identity, frame after frame."""
    stq, pq = _metrics()
    for item in items:
        for frame in item['data_samples'].video_data_samples:
            truth = frame.gt_panoptic_seg.panoptic_seg[0].numpy()
            labels = frame.gt_sem_seg.sem_seg[0].numpy().astype(np.int64)
            histogram = joint_histogram(truth, encode_ids(labels, (labels < NUM_THINGS).astype(np.int64)))
            stq.update(frame.video_id, frame.frame_id, histogram)
            pq.update(frame.video_id, frame.frame_id, histogram)
    return dict(AQ=stq.compute()['AQ'], RQ=pq.compute()['groups']['thing']['RQ'])


def _metrics() -> tuple[STQ, PQ]:
    things = range(NUM_THINGS)
    return tuple(metric(NUM_THINGS + NUM_STUFF, things, ignore_label=VOID_LABEL) for metric in (STQ, PQ))


def _without_past(state: VideoState) -> VideoState:
    past = {name: torch.zeros_like(state.decoder[name]) for name in ('past_classes', 'past_ids')}
    return dataclasses.replace(state, decoder={**state.decoder, **past})


# ---------------------------------------------------------------- experiments


def image_experiment(seed: int, iterations: int = 400) -> dict[str, float]:
    """Train on 512 images; ``RQ`` of 64 unseen ones, ``merged``: what no identities would give, ``cpu`` seconds."""
    start = time.process_time()
    torch.manual_seed(seed)
    model = squares_model(num_past=0)
    train_on_squares(model, [moving_squares(SEEN * (seed + 1) + i) for i in range(512)], iterations)
    unseen = [moving_squares(UNSEEN + i) for i in range(64)]
    scores = squares_scores(model, unseen)
    return dict(RQ=scores['RQ'], merged=merged_scores(unseen)['RQ'], cpu=time.process_time() - start)


def video_experiment(seed: int, iterations: int = 400) -> dict[str, float]:
    """Train on 96 videos of 12 frames; ``AQ`` of 8 unseen ones ``with`` and ``without`` past masks.

    With them ``merged``, see :func:`merged_scores`, and ``cpu`` seconds. The unseen videos are the same for all seeds.
    """
    start = time.process_time()
    torch.manual_seed(seed)
    model = squares_model(num_past=2, frame_dropout=0.3)
    train_on_squares(model, [moving_squares(SEEN * (seed + 1) + i, FRAMES) for i in range(96)], iterations)
    unseen = [moving_squares(UNSEEN + i, FRAMES) for i in range(8)]
    quality = {name: squares_scores(model, unseen, see)['AQ'] for name, see in (('with', True), ('without', False))}
    return dict(**quality, merged=merged_scores(unseen)['AQ'], cpu=time.process_time() - start)


def main(seeds: list[int]) -> None:
    """Print the experiment on videos with every seed, and the mean gain."""
    MMLogger.get_current_instance().setLevel('WARNING')
    gains = []
    for seed in seeds:
        result = video_experiment(seed)
        gains.append(result['with'] - result['without'])
        print(f'seed {seed}:', ', '.join(f'{name} {value:.3f}' for name, value in result.items()), flush=True)
    print(f'mean gain {statistics.mean(gains):.3f} over {len(gains)} seeds')


if __name__ == '__main__':
    main([int(seed) for seed in sys.argv[1:]] or [0])
