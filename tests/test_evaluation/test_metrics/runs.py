"""Metrics fed with made-up frame results."""

import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData

from tests.test_evaluation.clips import disturb, make_clip
from videoseg.registry import METRICS as REGISTRY

META = {'classes': ('car', 'person', 'road', 'sky'), 'num_things': 2, 'raw_ids': (13, 11, 0, 10)}
METRICS = [{'type': 'STQMetric'}, {'type': 'VPQMetric'}]
VIDEOS = {'a': make_clip(0, 7), 'b': make_clip(1, 4), 'c': make_clip(2, 9)}


def evaluator(metrics=None):
    result = Evaluator([REGISTRY.build(x) for x in metrics or METRICS])
    result.dataset_meta = META
    return result


def frame_results(video_id, gt=True, stop=None):
    """One DetDataSample a frame, as the segmentor returns them."""
    clip = VIDEOS[video_id]
    for t, (true, pred) in enumerate(zip(clip[:stop], disturb(clip, 0)[:stop], strict=True)):
        path = f'/data/images/{video_id}/{100 + t:06d}.png'
        sample = DetDataSample(
            metainfo={'video_id': video_id, 'frame_id': t, 'video_length': len(clip), 'img_path': path}
        )
        sample.pred_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(pred)[None])
        if gt:
            sample.gt_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(true)[None])
        yield sample


def process(evaluator, *video_ids, batch_size=1):
    """Give whole videos to an evaluator, a batch of frames at a time."""
    for video_id in video_ids:
        samples = list(frame_results(video_id))
        for start in range(0, len(samples), batch_size):
            evaluator.process(samples[start : start + batch_size])
    return evaluator
