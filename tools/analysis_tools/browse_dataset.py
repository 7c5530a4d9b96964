"""Look at what a config's data pipeline gives to the model: clips after augmentation, with labels and instance ids.

python tools/analysis_tools/browse_dataset.py CONFIG [--split train] [--out-dir browse] [--num 10] [--seed 0]
    [--window 4] [--columns N] [--scale S] [--cfg-options k=v ...]

Each picture holds all frames of one clip. An instance must keep its colour and number through the frames, and the
contours must follow the objects: then augmentation, loading and ids are right.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from videoseg.datasets.samplers import DrawIndex, WindowIndex
from videoseg.registry import DATASETS
from videoseg.utils.config import load_config, named_config_errors
from videoseg.visualization import PanopticOverlay, panoptic_from_ground_truth, side_by_side


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Draw clips as the model gets them')
    parser.add_argument('config', help='config file')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='train', help='which dataloader')
    parser.add_argument('--out-dir', default='browse', help='folder of the pictures')
    parser.add_argument('--num', type=int, default=10, help='number of clips')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of clips and of their augmentation')
    parser.add_argument('--window', type=int, default=4, help='frames a picture, for val and test')
    parser.add_argument('--columns', type=int, help='frames a row of the picture; all by default')
    parser.add_argument('--scale', type=float, help='enlargement; small frames are enlarged by default')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides, dotted.key=value')
    args = parser.parse_args(argv)
    for name in ('num', 'window'):
        if getattr(args, name) < 1:
            parser.error(f'--{name} must be at least 1')
    if args.columns is not None and args.columns < 1:
        parser.error('--columns must be at least 1')
    return args


def build_dataset(cfg: Config, split: str) -> Any:
    """The data set of a dataloader of the config.

    Raises:
        KeyError: If the config has no such dataloader.
    """
    loader = cfg.get(f'{split}_dataloader')
    if loader is None:
        raise KeyError(f'{cfg.filename}: there is no {split}_dataloader to browse')
    init_default_scope(cfg.get('default_scope', 'videoseg'))
    with named_config_errors(cfg):
        return DATASETS.build(loader['dataset'])


def indices(dataset: Any, num: int, window: int, seed: int) -> Iterator[DrawIndex | WindowIndex]:
    """Key frames or windows, chosen at random and all different."""
    random = np.random.default_rng(seed)
    if not getattr(dataset, 'test_mode', False):
        for index in random.permutation(len(dataset))[:num]:
            yield DrawIndex(int(index), int(random.integers(2**32)))
        return
    windows = [
        WindowIndex(video, start, min(start + window, dataset.video_length(video)), 0)
        for video in range(dataset.num_videos)
        for start in range(0, dataset.video_length(video), window)
    ]
    for index in random.permutation(len(windows))[:num]:
        yield windows[index]


def draw_clip(item: dict[str, Any], overlay: PanopticOverlay, columns: int | None = None) -> np.ndarray:
    """All frames of a packed clip next to each other, with their ground truth.

    Args:
        item: ``inputs`` (T, 3, H, W) uint8 and ``data_samples`` of T frames.
        overlay: Renderer.
        columns: Frames a row.

    Returns:
        (H', W', 3) uint8 BGR.
    """
    clip = item['data_samples']
    panels, captions = [], []
    keys = clip.metainfo.get('key_frames_inds', [])
    for position, (frame, sample) in enumerate(zip(item['inputs'], clip.video_data_samples, strict=True)):
        image = np.ascontiguousarray(frame.to(torch.uint8).permute(1, 2, 0).numpy())
        name = f'video {sample.video_id} frame {sample.frame_id}'
        truth = panoptic_from_ground_truth(sample)
        if truth is not None and truth.shape != image.shape[:2]:
            # test windows: the truth has the size of the file, the image that of the network input
            image = cv2.resize(image, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        panels.append(overlay.plain(image) if truth is None else overlay(image, truth, name=name))
        note = ' (key)' if position in keys and 'gt_instances' in sample else ''
        note += ' flipped' if sample.metainfo.get('flip') else ''
        note += '' if truth is not None else ' no labels'
        captions.append(name + note)
    return side_by_side(panels, captions, columns)


def main(argv: list[str] | None = None) -> None:
    """Draw clips."""
    args = parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    dataset = build_dataset(cfg, args.split)
    overlay = PanopticOverlay.from_meta(dataset.metainfo, scale=args.scale)
    out_dir = Path(args.out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    print(f'{args.split}: {len(dataset)} frames; pictures go to {out_dir}')
    for index in indices(dataset, args.num, args.window, args.seed):
        item = dataset[index]
        first = item['data_samples'].video_data_samples[0]
        video = str(first.video_id).replace('/', '_')
        path = out_dir / f'{args.split}_{video}_{first.frame_id:06d}.jpg'
        if not cv2.imwrite(str(path), draw_clip(item, overlay, args.columns)):
            raise OSError(f'{path}: the picture cannot be written; is the folder writable and the disk not full?')
        things = ', '.join(
            str(len(s.gt_instances)) for s in item['data_samples'].video_data_samples if 'gt_instances' in s
        )
        print(f'{path}' + (f'  things a frame: {things}' if things else ''))


if __name__ == '__main__':
    main()
