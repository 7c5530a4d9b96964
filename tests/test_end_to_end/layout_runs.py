"""One synthetic scene in every layout, and predictions of it that do not depend on the layout."""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData, PixelData

from tests.tool_module import load_tool
from videoseg.datasets.samplers import WindowIndex
from videoseg.datasets.synthetic.layouts import synthetic_metainfo
from videoseg.evaluation.formats import KittiStep
from videoseg.registry import DATASETS, METRICS
from videoseg.structures.ids import DIVISOR

ROOT = Path(__file__).parents[2]
NUM_FRAMES, NUM_VIDEOS = 30, 2  # six labelled frames a video in Cityscapes-VPS
META = synthetic_metainfo('kitti_step')


def make_data(folder, layout):
    """Write the scenes in a layout; returns the folder."""
    tool = load_tool('dataset_converters/make_synthetic.py')
    size = ['--size', '64', '128', '--frames', str(NUM_FRAMES)]
    assert tool.main([str(folder / layout), '--layout', layout, '--train', '1', '--val', str(NUM_VIDEOS), *size]) == 0
    return folder / layout


class Predictions:
    """The truth of every frame, shifted, with identities and classes mixed up.

    Args:
        step_data: The scenes in the layout of KITTI-STEP.
    """

    def __init__(self, step_data):
        reader, root = KittiStep(META['raw_ids']), step_data / 'panoptic_maps' / 'val'
        self.videos = {
            video.name: _disturbed(np.stack([reader.read(x) for x in sorted(video.glob('*.png'))]))
            for video in sorted(root.iterdir())
        }

    def of(self, img_path):
        """Panoptic ids of a video, found by the name of the sequence in the path of an image."""
        (name,) = [x for x in self.videos if re.search(rf'(?<!\d){x}(?!\d)', '/'.join(Path(img_path).parts[-3:]))]
        return self.videos[name]


def _disturbed(truth):
    pred = np.roll(truth, 3, axis=2).astype(np.int64)
    ids, areas = np.unique(pred[pred % DIVISOR > 0], return_counts=True)
    first, second = ids[np.argsort(-areas)[:2]]
    half = len(pred) // 2
    late = pred[half:].copy()
    pred[half:][late == first] = first // DIVISOR * DIVISOR + 200  # a new identity for the largest thing
    pred[:half][pred[:half] == second] += (
        DIVISOR if second < 2 * DIVISOR else -DIVISOR
    )  # and a wrong class for the next
    pred[::4, :12, :40] = 4 * DIVISOR
    return pred


def track_table(video):
    """Ids, the most frequent label and a made-up score of every track, as the segmentor's ``finish`` gives them."""
    numbers = np.unique(video % DIVISOR)
    numbers = numbers[numbers > 0]
    labels = [np.bincount(video[video % DIVISOR == x] // DIVISOR).argmax() for x in numbers]
    scores = (np.arange(len(numbers)) * 7 % 11 + 1) / 12
    return dict(ids=torch.tensor(numbers), labels=torch.tensor(np.array(labels)), scores=torch.tensor(scores))


def as_results(window, video, instance_mode):
    """The frames of a window with predictions."""
    results = []
    for frame in window['data_samples'].video_data_samples:
        ids = video[frame.frame_id]
        result = frame.clone()
        if instance_mode:
            rows = [x for x in np.unique(ids) if x % DIVISOR]
            masks = torch.from_numpy(np.stack([ids == x for x in rows]) if rows else np.zeros((0, *ids.shape), bool))
            result.pred_track_instances = InstanceData(
                labels=torch.tensor([x // DIVISOR for x in rows]),
                scores=torch.full((len(rows),), 0.5),
                instances_id=torch.tensor([x % DIVISOR for x in rows]),
                masks=masks,
            )
        else:
            result.pred_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(ids)[None])
        results.append(result)
    return results


def load(layout, data_root):
    """The config of a layout and its test set."""
    cfg = Config.fromfile(ROOT / f'configs/video_knet/effnet-lite0_synthetic_{layout}.py')
    cfg.test_dataloader.dataset.data_root = str(data_root)
    return cfg, DATASETS.build(cfg.test_dataloader.dataset)


def run(dataset, metrics, predictions, instance_mode=False):
    """Score and write predictions of a whole data set; returns the numbers and the metrics by prefix."""
    evaluator = Evaluator([METRICS.build(x) for x in metrics])
    evaluator.dataset_meta = dataset.metainfo
    for video in range(dataset.num_videos):
        length = dataset.video_length(video)
        for start in range(0, length, 7):
            window = dataset[WindowIndex(video, start, min(start + 7, length), 0)]
            first = window['data_samples'].video_data_samples[0]
            maps = predictions.of(first.img_path)
            evaluator.process(as_results(window, maps, instance_mode))
        for metric in evaluator.metrics:
            metric.process_tracks(first.video_id, track_table(maps))
    numbers = evaluator.evaluate(len(dataset))
    return numbers, {metric.prefix: metric for metric in evaluator.metrics}


@cache
def class_file(folder):
    """Class list for the command line."""
    path = Path(folder, 'classes.json')
    rows = zip(META['raw_ids'], META['classes'], strict=True)
    path.write_text(
        json.dumps([dict(id=i, name=name, isthing=k < META['num_things']) for k, (i, name) in enumerate(rows)])
    )
    return str(path)
