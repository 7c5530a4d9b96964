"""Metrics fed with made-up frame results."""

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData, PixelData

from tests.test_evaluation.clips import disturb, make_clip
from videoseg.registry import METRICS as REGISTRY
from videoseg.structures.ids import DIVISOR
from videoseg.structures.rle import encode_masks

META = {'classes': ('car', 'person', 'road', 'sky'), 'num_things': 2, 'raw_ids': (13, 11, 0, 10)}
METRICS = [{'type': 'STQMetric'}, {'type': 'VPQMetric'}]
ALL_METRICS = [
    *METRICS,
    {'type': 'PQMetric'},
    {'type': 'VideoAPMetric'},
    {'type': 'JAndFMetric'},
    {'type': 'SemanticIoUMetric'},
    {'type': 'VideoConsistencyMetric', 'windows': (2, 3)},
]
VIDEOS = {'a': make_clip(0, 7), 'b': make_clip(1, 4), 'c': make_clip(2, 9)}


def evaluator(metrics=None, meta=None):
    result = Evaluator([REGISTRY.build(x) for x in metrics or METRICS])
    result.dataset_meta = meta or META
    return result


def add_truth(sample, ids, kind='panoptic'):
    """Give a frame result ground truth of one kind."""
    if kind == 'panoptic':
        sample.gt_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(ids)[None])
    elif kind == 'semantic':
        sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy((ids // DIVISOR).astype(np.uint8))[None])
    else:
        things = np.unique(ids[ids // DIVISOR < META['num_things']])
        sample.gt_instances = InstanceData(
            labels=torch.from_numpy(things.astype(np.int64) // DIVISOR),
            instances_ids=torch.from_numpy(things.astype(np.int64)),
            masks=encode_masks(ids[None] == things[:, None, None]),
            is_crowd=torch.from_numpy(things % DIVISOR == 0),
            areas=torch.from_numpy((ids[None] == things[:, None, None]).sum((1, 2)).astype(np.float64)),
        )


def frame_results(video_id, gt=True, stop=None, kind='panoptic'):
    """One DetDataSample a frame, as the segmentor returns them."""
    clip = VIDEOS[video_id]
    for t, (true, pred) in enumerate(zip(clip[:stop], disturb(clip, 0)[:stop], strict=True)):
        path = f'/data/images/{video_id}/{video_id}_{100 + t:06d}.png'
        sample = DetDataSample(
            metainfo={
                'video_id': video_id,
                'frame_id': t,
                'video_length': len(clip),
                'img_path': path,
                'ori_shape': true.shape,
            }
        )
        sample.pred_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(pred)[None])
        if gt:
            add_truth(sample, true, kind)
        yield sample


def track_table(video_id):
    """What the segmentor's ``finish`` returns for the predictions of a video."""
    pred = disturb(VIDEOS[video_id], 0)
    ids = np.unique(pred % DIVISOR)[1:]
    labels = [np.bincount(pred[pred % DIVISOR == x] // DIVISOR).argmax() for x in ids]
    scores = 1 / (2 + np.arange(len(ids)) * 3 % 5)
    return {'ids': torch.from_numpy(ids), 'labels': torch.tensor(labels), 'scores': torch.from_numpy(scores).float()}


def process(evaluator, *video_ids, batch_size=1, **kwargs):
    """Give whole videos to an evaluator, a batch of frames at a time, as the loops do."""
    for video_id in video_ids:
        samples = list(frame_results(video_id, **kwargs))
        for start in range(0, len(samples), batch_size):
            evaluator.process(samples[start : start + batch_size])
        for metric in evaluator.metrics:
            metric.process_tracks(video_id, track_table(video_id))
    return evaluator
