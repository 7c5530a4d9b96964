"""Where the parameters, the arithmetic, the time and the memory of a model go, part by part.

python tools/analysis_tools/benchmark.py CONFIG [--shape 384 1248] [--frames 10] [--warmup 2] [--device cuda]
    [--amp bf16] [--num-things 8] [--inside decoder] [--cfg-options k=v ...] [--out FILE.json]
                                                                      frame after frame of one video
python tools/analysis_tools/benchmark.py CONFIG --train [--batch-size 1] [--clip-frames 2] ...     training steps

Weights are random and nothing is downloaded. As time depends on how many segments there are, the decoder's prediction
is replaced, after it has been computed, by a scene of --num-things things on every stuff class of the config.
"""

import argparse
import copy
import json
import os
import os.path as osp
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from gauges import PARTS, Clock, FlopGauge, PartMeter, PeakMemory, rest_of
from mmengine.config import Config, DictAction
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from module_times import ModuleTimes
from stand_ins import FixedScene, Footage
from torch import nn

from videoseg.apis import init_model
from videoseg.structures import FrameMeta
from videoseg.utils.config import load_config

AMP = {'bf16': torch.bfloat16, 'fp16': torch.float16}
MIB = 2**20


class Stream:
    """Feeds windows to ``model.step``, as evaluation and demo do.

    Args:
        model: Model on its device.
        footage: What it sees.
        precision: Context of every step.
    """

    def __init__(self, model: nn.Module, footage: Footage, precision: Callable[[], AbstractContextManager]) -> None:
        self.model, self.footage, self.precision = model, footage, precision
        self.next_frame, self.state, self.batch, self.results = 0, None, None, []

    def prepare(self) -> Callable[[], None]:
        """Bring the next window; the returned function processes it."""
        overlap = self.model.overlap if self.state is not None else 0
        start = self.next_frame - overlap
        self.next_frame = start + self.model.window
        self.batch = self.footage.clip(start, self.next_frame, overlap)
        return self.step

    @torch.no_grad()
    def step(self) -> None:
        with self.precision():
            data = self.model.data_preprocessor(self.batch, False)
            if self.state is None:
                self.state = self.model.init_state(FrameMeta.of_window(data['data_samples'][0]))
            self.results, self.state = self.model.step(data['inputs'][0], data['data_samples'][0], self.state)

    def segment_counts(self) -> tuple[int, int]:
        """Tracked things and stuff segments of the last frame."""
        rows = self.results[-1].pred_track_instances
        return int((rows.instances_id > 0).sum()), int((~rows.is_thing).sum())


def measure_stream(model: nn.Module, args: argparse.Namespace, memory: PeakMemory) -> dict[str, Any]:
    """Everything of the streaming mode."""
    meter = PartMeter(model)
    scene = FixedScene(model.decoder, args.num_things)
    stream = Stream(model, Footage(args.shape, model.decoder, args.num_things), precision_of(args))
    for _ in range(args.warmup):
        stream.prepare()()
    clock, frames = Clock(args.device), model.window - model.overlap
    times = [meter.read(clock, stream.prepare()) for _ in range(args.frames)]
    whole = [meter.read(clock, stream.prepare(), split=False)['total'] for _ in range(args.frames)]
    peaks = meter.read(memory, stream.prepare())
    peaks['total'] = max(meter.read(memory, stream.prepare(), split=False)['total'], *peaks.values())
    with FlopGauge() as counter:
        flops = meter.read(counter, stream.prepare())
    sizes = {part: count_parameters(getattr(model, part, None)) for part in PARTS[:3]}
    sizes['total'] = count_parameters(model)
    rows = {}
    for part in (*PARTS, 'other'):
        ms = statistics.median(rest_of(t, part) for t in times) * 1e3 / frames
        rows[part] = dict(parameters=int(rest_of(sizes, part)), gflops=rest_of(flops, part) / 1e9 / frames, ms=ms)
        rows[part]['peak_mib'] = peaks[part] / MIB if part in PARTS else None
    total = {key: sum(row[key] for row in rows.values()) for key in ('parameters', 'gflops', 'ms')}
    total.update(peak_mib=peaks['total'] / MIB, unsplit_ms=statistics.median(whole) * 1e3 / frames)
    for row in (*rows.values(), total):
        row['share'] = row['ms'] / total['ms']
    inside = measure_inside(model, args, stream, meter, clock) if args.inside else None
    things, stuff = stream.segment_counts()
    fixed = 'set, not predicted' if scene.used else 'as the random weights predict them'
    return dict(window=model.window, things=things, stuff=stuff, scene=fixed, parts=rows, total=total, inside=inside)


def measure_inside(
    model: nn.Module, args: argparse.Namespace, stream: Stream, meter: PartMeter, clock: Clock
) -> dict[str, dict[str, float]]:
    """Modules of one part, two levels deep; per window."""
    part = getattr(model, args.inside)
    spent = [0.0]

    def window() -> None:
        spent[0] += meter.read(clock, stream.prepare())[args.inside]

    return ModuleTimes(part, depth=3, clock=clock).measure([window] * args.frames, lambda: spent[0])


def count_parameters(module: nn.Module | None) -> int:
    return sum(p.numel() for p in module.parameters()) if module is not None else 0


def measure_training(model: nn.Module, args: argparse.Namespace, memory: PeakMemory, cfg: Config) -> dict[str, Any]:
    """Everything of the training mode; an optimiser step for every batch."""
    options = {k: v for k, v in cfg.optim_wrapper.to_dict().items() if k not in ('loss_scale', 'dtype', 'use_fsdp')}
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')  # else a line for every parameter
    optimizer = build_optim_wrapper(model.train(), {**options, 'type': 'OptimWrapper'})
    logger.setLevel(level)
    clip = Footage(args.shape, model.decoder, args.num_things).clip(0, args.clip_frames, truth=True)
    precision, clock, seconds = precision_of(args), Clock(args.device), []
    for step in range(args.warmup + args.frames):
        if step == args.warmup:
            memory.start()
        batch = {key: [copy.deepcopy(values[0]) for _ in range(args.batch_size)] for key, values in clip.items()}
        started = clock.start()
        with precision():
            losses = model(**model.data_preprocessor(batch, True), mode='loss')
            loss, _ = model.parse_losses(losses)
        forward = clock.stop(started)
        optimizer.update_params(loss)
        seconds.append((forward, clock.stop(started)))
    forward, total = (statistics.median(column) for column in zip(*seconds[args.warmup :], strict=True))
    return dict(
        batch_size=args.batch_size,
        clip_frames=args.clip_frames,
        forward_ms=forward * 1e3,
        backward_ms=(total - forward) * 1e3,
        step_ms=total * 1e3,
        steps_per_s=1 / total,
        clips_per_s=args.batch_size / total,
        peak_mib=memory.stop(0) / MIB,
        loss=loss.item(),
    )


def precision_of(args: argparse.Namespace) -> Callable[[], AbstractContextManager]:
    return partial(torch.autocast, args.device.type, dtype=AMP[args.amp]) if args.amp else nullcontext


# ---------------------------------------------------------------- command line


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Read and check the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--shape', type=int, nargs=2, default=(384, 1248), metavar=('H', 'W'))
    parser.add_argument('--frames', type=int, default=10, help='windows (or training steps) that count')
    parser.add_argument('--warmup', type=int, default=2, help='windows (or training steps) before that')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--amp', choices=sorted(AMP), help='autocast; fp32 without it')
    parser.add_argument('--num-things', type=int, default=8, help='things in every frame')
    parser.add_argument('--inside', choices=PARTS[:3], help='also the modules inside this part')
    parser.add_argument('--train', action='store_true', help='measure training steps')
    parser.add_argument('--batch-size', type=int, help='--train: clips a step; by default as in the config')
    parser.add_argument('--clip-frames', type=int, help='--train: frames a clip; by default as in the config')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides, dotted.key=value')
    parser.add_argument('--out', help='write the numbers to this .json file')
    args = parser.parse_args(argv)
    low = dict(frames=1, warmup=1, num_things=0, batch_size=1, clip_frames=1)
    for name, least in low.items():
        if getattr(args, name) is not None and getattr(args, name) < least:
            parser.error(f'--{name.replace("_", "-")} {getattr(args, name)}: must be at least {least}')
    if min(args.shape) < 32:
        parser.error(f'--shape {args.shape[0]} {args.shape[1]}: both must be at least 32')
    if args.out and not args.out.endswith('.json'):
        parser.error(f'--out {args.out}: the name must end with .json')
    if not args.train and (args.batch_size or args.clip_frames):
        parser.error('--batch-size and --clip-frames need --train: streaming takes the windows of one video')
    try:
        args.device = torch.device(args.device)
    except RuntimeError as error:
        parser.error(f'--device {args.device}: {str(error).splitlines()[0]}')
    if args.device.type == 'cuda' and not torch.cuda.is_available():
        parser.error(f'--device {args.device}: no GPU was found')
    if args.device.type == 'cpu' and args.amp == 'fp16':
        parser.error('--amp fp16: on a CPU only bf16')
    return args


def without_init_cfg(value: Any) -> Any:
    """A config whose modules load nothing."""
    if isinstance(value, dict):
        return {k: without_init_cfg(v) for k, v in value.items() if k not in ('init_cfg', 'pretrained')}
    return [without_init_cfg(v) for v in value] if isinstance(value, (list, tuple)) else value


def fill_in_training(args: argparse.Namespace, cfg: Config) -> None:
    """Batch size and clip length of the config, where the command line leaves them open."""
    loader = cfg.get('train_dataloader') or {}
    if 'optim_wrapper' not in cfg:
        raise SystemExit(f'--train: {args.config} has no optim_wrapper')
    if args.batch_size is None:
        args.batch_size = loader.get('batch_size') or 1
    if args.clip_frames is None:
        pipeline = loader.get('dataset', {}).get('pipeline', [])
        sampling = next((step for step in pipeline if step.get('type') == 'ClipSample'), {})
        args.clip_frames = sampling.get('consecutive') or sampling.get('num_refs', 1) + 1


def build(args: argparse.Namespace) -> tuple[nn.Module, Config]:
    """The untrained model on its device."""
    cfg = load_config(args.config, args.cfg_options)
    cfg.model = without_init_cfg(cfg.model.to_dict())
    torch.manual_seed(0)
    model = init_model(cfg, device=args.device)
    wanted = ('decoder',) if args.train else ('decoder', 'postprocessor', 'tracker')
    lacking = [f'model.{name}' for name in wanted if getattr(model, name, None) is None]
    if lacking:
        raise SystemExit(f'{args.config}: the benchmark needs a VideoSegmentor with {", ".join(lacking)}')
    if args.train:
        fill_in_training(args, cfg)
    else:
        model.requires_grad_(False)  # torch's counter of operations looks for gradients where it is not asked to
    return model, cfg


def device_name(device: torch.device) -> str:
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    info = Path('/proc/cpuinfo').read_text().splitlines() if osp.exists('/proc/cpuinfo') else []
    name = next((line.split(':', 1)[1].strip() for line in info if line.startswith('model name')), 'CPU')
    return f'{name}, {torch.get_num_threads()} thread(s)'


def report(numbers: dict[str, Any]) -> str:
    """The numbers as text."""
    where = 'x'.join(map(str, numbers['shape'])), numbers['device'], numbers['amp'] or 'fp32'
    on_gpu = 'allocated on the GPU' if numbers['device_type'] == 'cuda' else 'resident, beyond that of the bare process'
    lines = [f'{numbers["config"]}: {", ".join(where)}, torch {numbers["torch"]}', '']
    lines += (train_lines if numbers['mode'] == 'train' else stream_lines)(numbers)
    return '\n'.join([*lines, f'Memory: peak {on_gpu}; parameters and state included.'])


def train_lines(numbers: dict[str, Any]) -> list[str]:
    return [
        f'{numbers["steps_per_s"]:.3f} steps/s ({numbers["clips_per_s"]:.3f} clips/s): {numbers["batch_size"]} clip(s) '
        f'of {numbers["clip_frames"]} frame(s) a step, {numbers["num_things"]} things a frame',
        f'{numbers["forward_ms"]:.1f} ms forward, {numbers["backward_ms"]:.1f} ms backward and update, '
        f'{numbers["peak_mib"]:.0f} MiB peak memory',
        '',
        f'Time: medians of {numbers["frames"]} steps after {numbers["warmup"]}, without loading of data.',
    ]


def stream_lines(numbers: dict[str, Any]) -> list[str]:
    head, total = ('parameters (M)', 'GFLOPs', 'ms/frame', 'share (%)', 'memory (MiB)'), numbers['total']
    lines = [f'{"part":<16}' + ''.join(f'{name:>16}' for name in head)]
    for name, row in {**numbers['parts'], 'total': total}.items():
        cells = [row['parameters'] / 1e6, row['gflops'], row['ms'], 100 * row['share']]
        peak = '' if row['peak_mib'] is None else f'{row["peak_mib"]:.0f}'
        lines.append(f'{name:<16}' + ''.join(f'{cell:>16.2f}' for cell in cells) + f'{peak:>16}')
    return [
        *lines,
        *inside_lines(numbers),
        '',
        f'Segments: the weights are random; the last frame had {numbers["things"]} tracked things (--num-things '
        f'{numbers["num_things"]}) and {numbers["stuff"]} stuff segments, {numbers["scene"]}.',
        f'Time: medians of {numbers["frames"]} windows of {numbers["window"]} frame(s) after {numbers["warmup"]}; the '
        f'total is their sum. {total["unsplit_ms"]:.1f} ms/frame without clocks inside. "other" is preprocessing, '
        'making results and the track table.',
        'GFLOPs: torch.utils.flop_counter, two for a multiply-add; convolutions and matrix products only.',
    ]


def inside_lines(numbers: dict[str, Any]) -> list[str]:
    """The table of ``--inside``, most expensive first."""
    if not numbers['inside']:
        return []
    lines = ['', f'{"inside":<40}{"own ms/window":>16}{"calls":>8}{"output (MiB)":>16}']
    for name, row in sorted(numbers['inside'].items(), key=lambda item: -item[1]['own_ms']):
        label = name or '(outside of the modules)'
        lines.append(f'{label:<40}{row["own_ms"]:>16.2f}{row["calls"]:>8.1f}{row["output_mib"]:>16.2f}')
    return lines


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, write."""
    args = parse_args(argv)
    memory = PeakMemory(args.device)
    model, cfg = build(args)
    names = ('config', 'amp', 'frames', 'warmup', 'num_things')
    numbers = dict(mode='train' if args.train else 'stream', **{name: getattr(args, name) for name in names})
    numbers.update(shape=list(args.shape), device=device_name(args.device), device_type=args.device.type)
    numbers.update(torch=torch.__version__)
    numbers.update(measure_training(model, args, memory, cfg) if args.train else measure_stream(model, args, memory))
    print(report(numbers))
    if args.out:
        os.makedirs(osp.dirname(osp.abspath(args.out)), exist_ok=True)
        Path(args.out).write_text(json.dumps(numbers, indent=2) + '\n')
        print(f'written to {osp.abspath(args.out)}')
    return numbers


if __name__ == '__main__':
    main()
