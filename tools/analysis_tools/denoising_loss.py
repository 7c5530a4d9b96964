"""How well a diffusion model tells classes and identities at every noise level, with its past masks and without.

python tools/analysis_tools/denoising_loss.py CONFIG CHECKPOINT [--times 0.1 0.3 0.5 0.7 0.9] [--clips 100]
    [--device cpu] [--cfg-options k=v ...]

Clips are spread evenly over the labelled videos of the config's test_dataloader, with identities drawn as in training.
Their latest frame is noised to time t, and denoised in one call; the mean cross-entropy is printed in nats: of the
class of all pixels, and of the identity of the pixels of things, given the true past masks or none. Where identities
cost as much as a guess at every t below 1, the model has not learnt to read noisy bits; with past masks at t near 1
they tell whether it goes on with identities; without them they must come near a guess, as nothing decides yet.
"""

import argparse
import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from markdown_table import table_line
from mmengine.config import ConfigDict, DictAction
from mmengine.dataset import pseudo_collate
from progress_bar import ProgressBar
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.apis import init_model
from videoseg.datasets.samplers import WindowIndex
from videoseg.models.decoders import DiffusionDecoder
from videoseg.models.decoders.past_frames import order_clip
from videoseg.registry import DATASETS

PASTS = ('true', 'none')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read and check the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--times', type=float, nargs='+', default=[0.1, 0.3, 0.5, 0.7, 0.9], help='from 0 to 1 (noise)')
    parser.add_argument('--clips', type=int, default=100, help='clips at most')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides, dotted.key=value')
    args = parser.parse_args(argv)
    if not all(0 <= t <= 1 for t in args.times):
        parser.error(f'--times {args.times}: must be in [0, 1]')
    if args.clips < 1:
        parser.error(f'--clips {args.clips}: must be at least 1')
    return args


def labelled(config: ConfigDict) -> ConfigDict:
    """A test data set whose clips hold what is learnt: masks by instance, not the panoptic map alone."""
    config = copy.deepcopy(config)
    for transform in config.pipeline:
        if transform.type == 'PackClipInputs':
            transform.test_mode = False
    return config


def clips_of(data: Any, length: int, count: int) -> list[WindowIndex]:
    """At most ``count`` windows of ``length`` frames, spread evenly over all of them.

    Raises:
        SystemExit: If no video is that long.
    """
    ends = [(v, t) for v in range(data.num_videos) for t in range(length, data.video_length(v) + 1)]
    if not ends:
        raise SystemExit(f'{data.data_root}: no video has the {length} frames that the model needs')
    chosen = np.linspace(0, len(ends) - 1, min(count, len(ends))).round().astype(int)
    return [WindowIndex(v, t - length, t, 0) for v, t in (ends[i] for i in chosen)]


def clip_losses(model: nn.Module, item: dict, times: Tensor, seed: int) -> dict[tuple[str, str], np.ndarray]:
    """Cross-entropies of one clip by (what, past masks), one a time; identities are missing where there is no thing."""
    decoder = model.decoder
    batch = model.data_preprocessor(pseudo_collate([item]), False)
    inputs, sample = batch['inputs'], batch['data_samples'][0]
    feats = model.extract_feat(inputs[:, -1:])
    count = len(times)
    feats = replace(
        feats,
        mask_features=feats.mask_features.expand(count, -1, -1, -1),
        multi_scale=tuple(level.expand(count, -1, -1, -1) for level in feats.multi_scale),
        images=None if feats.images is None else feats.images.expand(count, -1, -1, -1),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        codes = decoder.codes.of_clip(
            sample, order_clip(sample, decoder.num_past, 'void'), feats.mask_features.shape[-2:]
        )
        clean = decoder.codec.encode(codes.classes, codes.ids).expand(count, -1, -1, -1)
        noise = torch.randn(clean.shape[1:]).to(clean)
    gamma = decoder.sampler.schedule.gamma(times).to(clean)
    noisy = decoder.sampler.schedule.add_noise(clean, noise, gamma)
    true = [past.expand(count, -1, -1, -1) for past in (codes.past_classes, codes.past_ids)]
    pasts = dict(zip(PASTS, (true, [torch.zeros_like(codes) for codes in true]), strict=True))
    found = {}
    for name, past in list(pasts.items())[decoder.num_past == 0 :]:
        outputs = decoder.codec.split(decoder.outputs(feats, tuple(past), noisy, gamma))
        things = codes.valid & (codes.ids > 0)
        for what, logits, target, where in zip(
            ('class', 'identity'), outputs, (codes.classes, codes.ids), (codes.valid, things), strict=True
        ):
            if where.any() and logits.shape[1] > 1:
                errors = F.cross_entropy(logits.float(), target.expand(count, -1, -1), reduction='none')
                found[what, name] = errors[:, where].mean(1).cpu().numpy()
    return found


def table(model: nn.Module, losses: list[dict], times: Sequence[float]) -> Iterator[str]:
    """Lines of the table."""
    codes = model.decoder.codes
    guesses = {'class': math.log(codes.num_classes), 'identity': math.log(max(codes.max_ids, 1))}
    yield table_line(['', 'past masks', *(f't = {t:g}' for t in times), 'a guess'])
    yield table_line(['---'] * (len(times) + 3))
    for what, guess in guesses.items():
        for past in PASTS:
            own = [loss[what, past] for loss in losses if (what, past) in loss]
            if own:
                numbers = [f'{x:.2f}' for x in np.mean(own, axis=0)]
                yield table_line([f'{what} ({len(own)} clips)', past, *numbers, f'{guess:.2f}'])


def main(argv: Sequence[str] | None = None) -> list[dict]:
    """Measure and print; returns the losses of all clips."""
    args = parse_args(argv)
    model = init_model(args.config, args.checkpoint, args.device, args.cfg_options)
    decoder = getattr(model, 'decoder', model)
    if not isinstance(decoder, DiffusionDecoder) or decoder.loss_bits.kind != 'softmax':
        raise SystemExit(
            f"{args.config}: needs a DiffusionDecoder with loss_bits.kind='softmax', its decoder is a "
            f'{type(decoder).__name__}'
        )
    data = DATASETS.build(labelled(model.cfg.test_dataloader.dataset))
    windows = clips_of(data, decoder.num_past + 1, args.clips)
    times, show = torch.tensor(args.times, device=args.device), ProgressBar()
    losses = []
    with torch.no_grad():
        for number, window in enumerate(windows):
            losses.append(clip_losses(model, data[window], times, number))
            show(number + 1, len(windows), 'clips')
    print('\n'.join(table(model, losses, args.times)))
    return losses


if __name__ == '__main__':
    main()
