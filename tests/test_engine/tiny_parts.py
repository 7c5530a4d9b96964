"""A model, a data set and a metric of a few lines; also copied beside configs as a user's own module."""

import os
import signal

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.structures import PixelData
from torch import nn

from videoseg.registry import DATASETS, HOOKS, METRICS, MODELS
from videoseg.structures import VideoState


@MODELS.register_module(force=True)
class TinyPreprocessor(BaseDataPreprocessor):
    def forward(self, data, training=False):
        data = self.cast_data(data)
        return {'inputs': torch.stack(data['inputs']).float() / 255, 'data_samples': data['data_samples']}


@MODELS.register_module(force=True)
class TinyDecoder(nn.Module):
    def __init__(self, num_classes=3, extra=False):
        super().__init__()
        self.stem = nn.Linear(3, 8)
        self.norm = nn.BatchNorm1d(8)
        self.dropout = nn.Dropout(0.5)
        self.fc_cls = nn.Linear(8, num_classes)
        if extra:
            self.embedding_head = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4))

    def forward(self, inputs):  # (B, T, 3, H, W) -> (B, T, classes)
        pixels = inputs.mean((-2, -1))
        hidden = self.norm(self.stem(pixels).flatten(0, 1)).unflatten(0, pixels.shape[:2])
        return self.fc_cls(self.dropout(hidden))


@MODELS.register_module(force=True)
class TinySegmentor(BaseModel):
    """Loss with dropout and noise; a state that counts frames and averages them."""

    def __init__(self, decoder, data_preprocessor=None):
        super().__init__(data_preprocessor or {'type': 'TinyPreprocessor'})
        self.decoder = MODELS.build(decoder)
        self.calls = []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        logits = self.decoder(inputs)
        if mode == 'loss':
            target = torch.tensor([s.metainfo['target'] for s in data_samples], device=logits.device)
            loss = nn.functional.cross_entropy(logits.mean(1) + torch.rand_like(logits[:, 0]), target)
            return {'loss_cls': loss, 'loss_reg': logits.square().mean()}
        return logits

    def init_state(self, meta):
        self.calls.append(('init', meta.video_id))
        return VideoState(meta.video_id, decoder={'sum': torch.zeros(())})

    def step_batch(self, inputs, data_samples, states):
        self.calls.append(('step', [s.video_id for s in states], tuple(inputs.shape)))
        results, new_states = [], []
        for clip, sample, state in zip(inputs, data_samples, states, strict=True):
            total, frames = state.decoder['sum'], []
            for image, frame in zip(clip, sample.video_data_samples, strict=True):
                total = total + image.mean()
                result = frame.clone()
                seen = frame.metainfo['frame_id'] + 1
                result.pred_panoptic_seg = PixelData(panoptic_seg=(total / seen).reshape(1, 1, 1))
                frames.append(result)
            results.append(frames)
            new_states.append(VideoState(state.video_id, state.next_frame + len(frames), decoder={'sum': total}))
        return results, new_states

    def finish(self, state):
        self.calls.append(('finish', state.video_id))
        return {'num_frames': torch.tensor([state.next_frame])}


def _frames(video, start, stop, length, size, value):
    frames = []
    for t in range(start, stop):
        meta = {'video_id': video, 'frame_id': t, 'img_shape': size, 'ori_shape': size, 'video_length': length}
        frames.append(DetDataSample(metainfo=meta))
    pixels = [torch.full((3, *size), (value + 7 * t) % 256, dtype=torch.uint8) for t in range(start, stop)]
    return torch.stack(pixels), frames


@DATASETS.register_module(force=True)
class TinyClips:
    """Training clips: a pure function of the index and the seed given by ClipSampler."""

    metainfo = {'classes': ('person', 'road', 'sky'), 'num_things': 1}

    def __init__(self, length=10):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, draw):
        noise = torch.Generator().manual_seed(draw.seed)
        inputs = torch.randint(0, 256, (2, 3, 4, 4), generator=noise, dtype=torch.uint8)
        inputs[0] = draw.index
        meta = {'video_id': 'train', 'target': draw.index % 3, 'index': draw.index}
        return {'inputs': inputs, 'data_samples': TrackDataSample(metainfo=meta)}


@DATASETS.register_module(force=True)
class TinyVideos:
    """Windows of videos given as (name, frames, height)."""

    def __init__(self, videos=(('a', 5, 4), ('b', 3, 4)), classes=('person', 'road', 'sky')):
        self.videos = [tuple(v) for v in videos]
        self.metainfo = {'classes': tuple(classes), 'num_things': 1}
        self.num_videos = len(self.videos)

    def __len__(self):
        return sum(length for _, length, _ in self.videos)

    def video_length(self, video):
        return self.videos[video][1]

    def __getitem__(self, window):
        name, length, height = self.videos[window.video]
        inputs, frames = _frames(name, window.start, window.stop, length, (height, 4), 10 * window.video)
        sample = TrackDataSample(
            metainfo={
                'video_id': name,
                'video_length': length,
                'window_start': window.start,
                'num_overlap': window.overlap,
                'is_last_window': window.stop == length,
            }
        )
        sample.video_data_samples = frames
        return {'inputs': inputs, 'data_samples': sample}


@METRICS.register_module(force=True)
class TinyMetric(BaseMetric):
    """Mean of the averaged frames, merged over processes by video; ``STQ`` rises with every evaluation."""

    default_prefix = 'stq'

    def __init__(self, scores=(0.5, 0.6, 0.7, 0.8)):
        super().__init__()
        self.scores = list(scores)
        self.frames, self.tables = [], {}

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            value = float(sample['pred_panoptic_seg']['panoptic_seg'])
            self.frames.append((sample['video_id'], sample['frame_id'], value))

    def process_tracks(self, video_id, table):
        assert video_id not in self.tables
        self.tables[video_id] = int(table['num_frames'])

    def compute_metrics(self, results):
        return {}

    def evaluate(self, size):
        merged = sorted(set(sum(all_gather_object(self.frames), [])))
        tables = {k: v for part in all_gather_object(self.tables) for k, v in part.items()}
        self.last = merged, tables
        self.frames, self.tables = [], {}
        torch.rand(3)  # an evaluation that draws numbers
        score = self.scores.pop(0) if len(self.scores) > 1 else self.scores[0]
        return {'stq/STQ': score, 'stq/frames': len(merged), 'stq/videos': len(tables)}


@HOOKS.register_module(force=True)
class KillHook(Hook):
    """The process dies like by ``kill -9`` right after an iteration."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == int(os.environ.get('TINY_KILL_AT', -1)):
            os.kill(os.getpid(), signal.SIGKILL)
