"""Peak memory of the diffusion decoder: all logits at once, a few rows at a time, and with a smaller code book.

python tools/analysis_tools/benchmark_diffusion_memory.py [CONFIG] [--mask-size 192 624] [--chunk 48 16] [--bits 8 8]
    [--parts loss step decode] [--device cuda] [--amp bf16] [--cfg-options k=v ...] [--out FILE.json]

Code books are that of --bits (class and identity digits) and that of CONFIG. Weights and features are random, the batch
is one clip, and there is neither backbone nor neck:

* loss: from the features of the denoiser to the loss, and back to their gradient;
* step: the decoder's whole training step, forwards and backwards;
* decode: from the features of the denoiser to estimate, codes and scores.

Every number is a run of its own: on a CPU in a forked process, so that one run does not find the memory of another.
Weights, features and ground truth were there before and are not counted. Chunks must not change the loss: if they do,
the exit status is 1.
"""

import argparse
import contextlib
import ctypes
import json
import math
import os
import os.path as osp
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from benchmark import AMP, MIB, device_name, precision_of, without_init_cfg
from benchmark_windows import apart
from gauges import PeakMemory
from markdown_table import table_line
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from stand_ins import Footage

from videoseg.models.decoders import DiffusionDecoder
from videoseg.models.task_modules.bit_sampler import SampleResult
from videoseg.registry import MODELS
from videoseg.structures import PixelFeatures
from videoseg.utils.config import load_config

WARMUP = (16, 32)
NUM_THINGS = 8
SAME = 1e-5
M_MMAP_THRESHOLD = -3


class Book(NamedTuple):
    """A row of the table: digits of the codes, and rows of logits at a time (None: all)."""

    class_bits: int
    id_bits: int
    chunk: int | None

    @property
    def codes(self) -> int:
        return (1 << self.class_bits) + (1 << self.id_bits)

    @property
    def name(self) -> str:
        rows = 'all rows' if self.chunk is None else f'{self.chunk} rows'
        return f'{1 << self.class_bits} + {1 << self.id_bits} codes, {rows} at a time'


def build(config: dict, book: Book, device: torch.device) -> DiffusionDecoder:
    """The decoder with other codes and with random weights, as its own start gives equal logits."""
    codec = dict(config['codec'], num_class_bits=book.class_bits, num_id_bits=book.id_bits)
    loss = dict(config.get('loss_bits') or {}, chunk=book.chunk)
    torch.manual_seed(0)
    decoder = MODELS.build(dict(config, codec=codec, loss_bits=loss))
    for weight in decoder.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    return decoder.to(device).train()


# ---------------------------------------------------------------- what is measured


def prepare_loss(decoder: DiffusionDecoder, size: tuple[int, int]) -> Callable[[], float]:
    """From features to the loss and back."""
    features = features_like(decoder, size).requires_grad_()
    labels = torch.randint(decoder.codes.num_classes, (1, *size), device=features.device)
    ids = torch.randint(decoder.codes.max_ids + 1, (1, *size), device=features.device)

    def run() -> float:
        loss = decoder.loss_bits(features, labels, ids, decoder.codec, head=decoder.denoiser.head)
        loss.backward()
        return loss.item()

    return run


def prepare_step(decoder: DiffusionDecoder, size: tuple[int, int]) -> Callable[[], float]:
    """A training step of the decoder."""
    shape, device = (2 * size[0], 2 * size[1]), next(decoder.parameters()).device
    clip = Footage(shape, decoder, NUM_THINGS).clip(0, decoder.num_past + 1, truth=True)['data_samples']
    frames = len(decoder.seen_frames(clip)[0])
    denoiser, coarse = decoder.denoiser, [-(-side // 8) for side in size]
    feats = PixelFeatures(
        torch.randn(frames, denoiser.cond_channels, *size, device=device, requires_grad=True),
        stride=2,
        num_frames=frames,
        multi_scale=(torch.randn(frames, denoiser.token_channels, *coarse, device=device, requires_grad=True),),
        images=torch.randn(frames, 3, *shape, device=device),
    )
    clip = [sample.to(device) for sample in clip]

    def run() -> float:
        torch.manual_seed(0)
        losses = decoder.loss(feats, clip)
        sum(losses.values()).backward()
        return sum(losses.values()).item()

    return run


def prepare_decode(decoder: DiffusionDecoder, size: tuple[int, int]) -> Callable[[], float]:
    """From features to analog bits, codes and scores; the mean score."""
    features, loss = features_like(decoder, size), decoder.loss_bits

    @torch.no_grad()
    def run() -> float:
        head = decoder.denoiser.head
        estimate = decoder.codec.estimate(features, loss.kind, head, loss.chunk)
        return decoder.codes.decode(SampleResult(estimate, features), loss.kind, head, loss.chunk)[2].mean().item()

    return run


PARTS = dict(loss=prepare_loss, step=prepare_step, decode=prepare_decode)


def features_like(decoder: DiffusionDecoder, size: tuple[int, int]) -> torch.Tensor:
    """Random features (1, F, h, w) such as the denoiser makes."""
    denoiser, device = decoder.denoiser, next(decoder.parameters()).device
    inputs = (denoiser.bit_channels, 8, 8), (denoiser.cond_channels, 8, 8), (4, denoiser.token_channels), ()
    with torch.no_grad():
        width = denoiser.features(*(torch.zeros(1, *shape, device=device) for shape in inputs)).shape[1]
    return torch.randn(1, width, *size, generator=torch.Generator().manual_seed(1)).to(device)


def return_freed_memory() -> None:
    """Make freed tensors leave the process: glibc keeps some, and peaks would not be those of what is in use."""
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, MIB)
        libc.malloc_trim(0)


def measure(config: dict, book: Book, part: str, args: argparse.Namespace) -> dict[str, float]:
    """One number of the table."""
    decoder = build(config, book, args.device)
    with precision_of(args)():
        PARTS[part](decoder, WARMUP)()  # code that is read for the first time is no memory
        decoder.zero_grad()
        torch.manual_seed(0)
        run = PARTS[part](decoder, args.mask_size)
        return_freed_memory()
        memory = PeakMemory(args.device)
        before = torch.cuda.memory_allocated(args.device) if args.device.type == 'cuda' else 0
        value = run()
    return dict(peak_mib=(memory.stop(0) - before) / MIB, value=value)


# ---------------------------------------------------------------- command line


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Read and check the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', default='configs/diffusion/r50_kitti_step.py')
    parser.add_argument('--mask-size', type=int, nargs=2, default=(192, 624), metavar=('H', 'W'))
    parser.add_argument(
        '--chunk', type=int, nargs='+', default=[48, 16], help='rows of logits at a time, where not all'
    )
    parser.add_argument(
        '--bits', type=int, nargs=2, default=(8, 8), metavar=('CLASS', 'ID'), help='the large code book'
    )
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--amp', choices=sorted(AMP), help='autocast; fp32 without it')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides of CONFIG, dotted.key=value')
    parser.add_argument('--out', help='write the numbers to this .json file')
    args = parser.parse_args(argv)
    for chunk in args.chunk:
        if not 1 <= chunk < args.mask_size[0]:
            parser.error(f'--chunk {chunk}: must be at least 1 and less than the {args.mask_size[0]} rows of the masks')
    if args.out and not args.out.endswith('.json'):
        parser.error(f'--out {args.out}: the name must end with .json')
    args.mask_size, args.device = tuple(args.mask_size), torch.device(args.device)
    if args.device.type == 'cuda' and not torch.cuda.is_available():
        parser.error(f'--device {args.device}: no GPU was found')
    if args.device.type == 'cpu' and torch.get_num_threads() > 1:
        parser.error('on a CPU the runs are forked, which threads do not survive: set OMP_NUM_THREADS=1')
    return args


def decoder_config(args: argparse.Namespace) -> dict[str, Any]:
    """The config's decoder, which loads nothing."""
    cfg = load_config(args.config, args.cfg_options)
    init_default_scope(cfg.default_scope)
    config = without_init_cfg(cfg.model.to_dict()['decoder'])
    if not issubclass(MODELS.get(config['type']) or object, DiffusionDecoder):
        raise SystemExit(f'{args.config}: its decoder is {config["type"]}, this measures DiffusionDecoder')
    return config


def books_of(config: dict[str, Any], args: argparse.Namespace) -> list[Book]:
    """Rows of the table: both code books, whole and in chunks; the first is what the others are compared with."""
    own = config['codec']['num_class_bits'], config['codec']['num_id_bits']
    both = [tuple(args.bits)] + [own] * (own != tuple(args.bits))
    return [Book(*bits, chunk) for bits in both for chunk in (None, *args.chunk)]


def disagreements(rows: list[dict[str, Any]]) -> list[str]:
    """Where the loss of a code book depends on the chunks."""
    found, whole = [], rows[0]
    for row in rows:
        whole = row if row['chunk'] is None else whole
        for part in row['parts']:
            first, second = whole['parts'][part]['value'], row['parts'][part]['value']
            if not math.isclose(first, second, rel_tol=SAME):
                found.append(f'{part}: {first} with {whole["name"]}, but {second} with {row["name"]}')
    return found


def report(numbers: dict[str, Any]) -> str:
    """The table."""
    parts = numbers['parts']
    head = ['code book', 'all logits (MiB)', *(f'{part} (MiB)' for part in parts), *(f'{part} value' for part in parts)]
    lines = [table_line(head), table_line(['---'] * len(head))]
    first = numbers['rows'][0]['parts']
    for row in numbers['rows']:
        own = row['parts']
        cells = [f'{own[p]["peak_mib"]:.0f} ({own[p]["peak_mib"] / first[p]["peak_mib"]:.2f})' for p in parts]
        cells += [f'{own[p]["value"]:.6g}' for p in parts]
        lines.append(table_line([row['name'], f'{row["logits_mib"]:.0f}', *cells]))
    size, precision = 'x'.join(map(str, numbers['mask_size'])), numbers['amp'] or 'fp32'
    lines += ['', f'Masks of {size}, batch 1, {precision}, {numbers["device"]}, torch {numbers["torch"]}.']
    lines.append('In brackets: share of the first row. Value: loss, loss and mean score.')
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
    """Measure, print, write; the exit status."""
    args = parse_args(argv)
    config = decoder_config(args)
    numbers = dict(config=args.config, mask_size=list(args.mask_size), amp=args.amp, parts=args.parts, rows=[])
    numbers.update(device=device_name(args.device), torch=torch.__version__)
    for book in books_of(config, args):
        own = {}
        for part in args.parts:
            own[part] = apart(args.device, measure, config, book, part, args, name=f'{part} with {book.name}')
            print(f'{book.name}, {part}: {own[part]["peak_mib"]:.0f} MiB', flush=True)
        logits = book.codes * math.prod(args.mask_size) * 4 / MIB
        numbers['rows'].append(dict(book._asdict(), name=book.name, logits_mib=logits, parts=own))
    print(report(numbers))
    if args.out:
        os.makedirs(osp.dirname(osp.abspath(args.out)), exist_ok=True)
        Path(args.out).write_text(json.dumps(numbers, indent=2) + '\n')
        print(f'written to {osp.abspath(args.out)}')
    for line in (wrong := disagreements(numbers['rows'])):
        print(f'error: {line}', file=sys.stderr)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
