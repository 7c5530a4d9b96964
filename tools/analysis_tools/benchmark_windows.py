"""Frames a second and peak memory of a tube model for several windows, beside a peer that sees the whole clip at once.

python tools/analysis_tools/benchmark_windows.py CONFIG [--peer PEER_CONFIG] [--shape 192 352] [--windows 1 2 4 6 8]
    [--lengths 36 72 144] [--long 1000] [--long-window 6] [--device cuda] [--amp bf16] [--cfg-options k=v ...]
    [--out FILE.json]
python tools/analysis_tools/benchmark_windows.py CONFIG --parts [--repeats 3] [--lengths 12] ...     where the time goes

Weights are random and nothing is downloaded. The peer is an MMDetVideoSegmentor around mmdet's Mask2FormerVideo; where
its weights fit the model, both have the same. Every line of the table is a run of its own: on a CPU in a forked
process, so that one run does not find the memory of another. The model runs on the shortest length for every window, on
--long frames for --long-window; the peer on every length.

--parts is another table: milliseconds a frame of backbone, neck, decoder, post-processing and tracker for every window,
on the shortest length. One process takes the windows in turns, --repeats times after one to warm up, so that what slows
the machine down for a while hits them all; medians are printed.
"""

import argparse
import json
import multiprocessing
import operator
import os
import os.path as osp
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmark import AMP, MIB, device_name, precision_of, without_init_cfg
from gauges import PARTS, Clock, PartMeter, PeakMemory, rest_of
from markdown_table import table_line
from mmengine.config import DictAction
from stand_ins import Footage
from torch import nn

from videoseg.apis import init_model
from videoseg.structures import FrameMeta, VideoState
from videoseg.structures.windows import cut_windows
from videoseg.utils.config import load_config
from videoseg.utils.errors import CheckpointMismatchError
from videoseg.utils.mask2former_names import HEAD, translate_mask2former

WARMUP = (64, 96)
_PEER_HEAD = 'track_head.'


def build(config: str, options: dict | None, device: torch.device) -> nn.Module:
    """An untrained model on its device."""
    cfg = load_config(config, options)
    cfg.model = without_init_cfg(cfg.model.to_dict())
    torch.manual_seed(0)
    return init_model(cfg, device=device)


def share_weights(model: nn.Module, peer: nn.Module) -> str | None:
    """Give the peer's weights to the model; what does not fit otherwise, and then the model is as before."""
    names = ((name.removeprefix('detector.'), value) for name, value in peer.state_dict().items())
    weights = {HEAD + k.removeprefix(_PEER_HEAD) if k.startswith(_PEER_HEAD) else k: v for k, v in names}
    own = model.state_dict()
    try:
        converted = translate_mask2former(weights, own, 'the peer')
    except CheckpointMismatchError as error:
        return str(error)
    if converted is None:
        return 'the peer is no Mask2Former'
    theirs = converted.state_dict
    shapes, own_shapes = ({k: v.shape for k, v in weights.items()} for weights in (theirs, own))
    bad = sorted(k for k in own.keys() | theirs.keys() if shapes.get(k) != own_shapes.get(k))
    if bad:
        return f'{len(bad)} tensors do not fit, such as {bad[0]}'
    model.load_state_dict(theirs)
    return None


def stream(
    model: nn.Module, footage: Footage, length: int, window: int, args: argparse.Namespace, clock: Any
) -> tuple[float, VideoState]:
    """Seconds that the model needs for a video, and its last state; making the frames is not counted."""
    state, seconds = None, 0.0
    for start, stop, overlap in cut_windows(length, window, min(args.overlap, window - 1)):
        batch = footage.clip(start, stop, overlap)
        started = clock.start()
        with precision_of(args)():
            data = model.data_preprocessor(batch, False)
            sample = data['data_samples'][0]
            state = state or model.init_state(FrameMeta.of_window(sample))
            _, state = model.step(data['inputs'][0], sample, state)
        seconds += clock.stop(started)
    model.finish(state)
    return seconds, state


class CPUClock:
    """CPU seconds of this process: other jobs on the machine are not counted."""

    merge = staticmethod(operator.add)
    start = staticmethod(time.process_time)

    def stop(self, started: float) -> float:
        return time.process_time() - started


def clock_of(device: torch.device) -> CPUClock | Clock:
    """What tells the time of work on a device."""
    return CPUClock() if device.type == 'cpu' else Clock(device)


def measure(model: nn.Module, length: int, window: int, args: argparse.Namespace) -> dict[str, Any]:
    """One line of the table."""
    clock = clock_of(args.device)
    torch.manual_seed(0)
    owner = getattr(model, 'decoder', model)
    stream(model, Footage(WARMUP, owner, 0), 1, 1, args, clock)  # code that is read for the first time is no memory
    memory = PeakMemory(args.device)
    footage = Footage(args.shape, owner, 0)
    stream(model, footage, 2, min(window, 2), args, clock)
    memory.start()
    seconds, state = stream(model, footage, length, window, args, clock)
    peak = memory.stop(0)
    kept = sum(x.numel() * x.element_size() for x in (*state.decoder.values(), *state.tracker.values()))
    return dict(
        frames=length,
        window=window,
        fps=length / seconds,
        peak_mib=peak / MIB,
        state_kib=kept / 1024,
        table_kib=sum(x.numel() * x.element_size() for x in state.track_table.values()) / 1024,
    )


def measure_parts(model: nn.Module, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Milliseconds a frame by part, a row a window; the model's parts are changed in place."""
    meter, clock, length = PartMeter(model), clock_of(args.device), min(args.lengths)
    torch.manual_seed(0)
    footage = Footage(args.shape, model.decoder, 0)
    found: dict[int, list[dict[str, float]]] = {window: [] for window in args.windows}
    for number in range(args.repeats + 1):
        for window, runs in found.items():
            runs.append(_by_part(meter, clock, partial(stream, model, footage, length, window, args, clock)))
        print(f'repeat {number} of {args.repeats}' if number else 'warmed up', flush=True)
    rows = []
    for window, runs in found.items():
        ms = {p: statistics.median(rest_of(x, p) for x in runs[1:]) * 1e3 / length for p in (*PARTS, 'other', 'total')}
        rows.append(dict(frames=length, window=window, fps=1e3 / ms['total'], ms=ms))
    return rows


def _by_part(meter: PartMeter, clock: CPUClock | Clock, run: Callable[[], tuple[float, Any]]) -> dict[str, float]:
    """Seconds of every part of a run, and its own total: the meter's includes making the frames."""
    results = []
    used = meter.read(clock, lambda: results.append(run()))
    return {**used, 'total': results[0][0]}


def apart(device: torch.device, function: Callable[..., dict], *values: Any, name: str | None = None) -> dict[str, Any]:
    """Call a function in a process of its own, where that is possible; errors call it ``name``."""
    if device.type != 'cpu':
        return function(*values)
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(function(*values)))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        name = name or f'a run of {values[1]} frames'
        raise SystemExit(f'{name} ended with code {process.exitcode}: too little memory?') from None
    finally:
        process.join()


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Read and check the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--peer', help='config of an MMDetVideoSegmentor')
    parser.add_argument('--shape', type=int, nargs=2, default=(192, 352), metavar=('H', 'W'))
    parser.add_argument('--windows', type=int, nargs='+', default=[1, 2, 4, 6, 8], help='frames a window')
    parser.add_argument('--overlap', type=int, default=0, help='frames shared by windows, where they are longer')
    parser.add_argument('--lengths', type=int, nargs='+', default=[36, 72, 144], help='frames of the clips')
    parser.add_argument('--long', type=int, default=1000, help='frames of a long video; 0: none')
    parser.add_argument('--long-window', type=int, default=6, help='window for the long video')
    parser.add_argument('--parts', action='store_true', help='only the time by part, of all windows in turns')
    parser.add_argument('--repeats', type=int, default=3, help='--parts: times that every window is measured')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--amp', choices=sorted(AMP), help='autocast; fp32 without it')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides of CONFIG, dotted.key=value')
    parser.add_argument('--out', help='write the numbers to this .json file')
    args = parser.parse_args(argv)
    least = dict(windows=args.windows, lengths=args.lengths, long_window=[args.long_window], repeats=[args.repeats])
    for name, values in least.items():
        if min(values) < 1:
            parser.error(f'--{name.replace("_", "-")} {min(values)}: must be at least 1')
    if min(args.overlap, args.long) < 0:
        parser.error('--overlap and --long: must be at least 0')
    if args.parts and args.peer:
        parser.error('--parts is of the model alone: leave --peer out')
    if args.out and not args.out.endswith('.json'):
        parser.error(f'--out {args.out}: the name must end with .json')
    args.device = torch.device(args.device)
    if args.device.type == 'cuda' and not torch.cuda.is_available():
        parser.error(f'--device {args.device}: no GPU was found')
    if args.device.type == 'cpu' and torch.get_num_threads() > 1:
        parser.error('on a CPU the runs are forked, which threads do not survive: set OMP_NUM_THREADS=1')
    return args


def report(numbers: dict[str, Any]) -> str:
    """The numbers as a table and what follows from them."""
    head = ['model', 'frames', 'window', 'frames/s', 'peak memory (MiB)', 'state (KiB)']
    lines = [table_line(head), table_line(['---'] * len(head))]
    for name in ('model', 'peer'):
        for row in numbers[name]:
            kept = f'{row["state_kib"] + row["table_kib"]:.1f}' if name == 'model' else ''
            whole = 'whole clip' if name == 'peer' else str(row['window'])
            lines.append(
                table_line([name, str(row['frames']), whole, f'{row["fps"]:.2f}', f'{row["peak_mib"]:.0f}', kept])
            )
    lines += ['', circumstances(numbers, 'seconds')]
    if numbers['peer']:
        lines.append(f'Weights: random, {numbers["unshared"] or "the same in both"}.')
    first, *others = (row for row in numbers['model'] if row['frames'] == numbers['model'][0]['frames'])
    lines += [f'Window {row["window"]}: {row["fps"] / first["fps"]:.2f} x window {first["window"]}.' for row in others]
    if len(numbers['peer']) > 1:
        low, high = numbers['peer'][0], numbers['peer'][-1]
        slope = (high['peak_mib'] - low['peak_mib']) / (high['frames'] - low['frames'])
        lines.append(f'Peer: {slope:.1f} MiB more for every further frame.')
    return '\n'.join(lines)


def report_parts(numbers: dict[str, Any]) -> str:
    """The table of --parts."""
    head = ['window', *PARTS, 'the rest', 'total', 'frames/s']
    lines = [table_line(head), table_line(['---'] * len(head))]
    for row in numbers['parts']:
        cells = [f'{value:.1f}' for value in (*row['ms'].values(), row['fps'])]
        lines.append(table_line([str(row['window']), *cells]))
    of = f'a frame, {numbers["parts"][0]["frames"]} frames, medians of {numbers["repeats"]}'
    return '\n'.join([*lines, '', circumstances(numbers, f'milliseconds {of}')])


def circumstances(numbers: dict[str, Any], unit: str) -> str:
    """What was measured on what, in which unit."""
    own = 'CPU ' if numbers['device_type'] == 'cpu' else ''
    shape = 'x'.join(map(str, numbers['shape']))
    return f'{shape}, {numbers["device"]}, {numbers["amp"] or "fp32"}; {own}{unit}.'


def measure_lines(model: nn.Module, args: argparse.Namespace) -> dict[str, Any]:
    """The lines of model and peer, and why their weights differ if they do."""
    peer = build(args.peer, None, args.device) if args.peer else None
    unshared = share_weights(model, peer) if peer is not None else None
    found: dict[str, Any] = dict(peer_config=args.peer, unshared=unshared, model=[], peer=[])
    runs = [(min(args.lengths), window) for window in args.windows] + [(args.long, args.long_window)] * bool(args.long)
    whole_clips = [(length, length) for length in sorted(args.lengths)] if peer is not None else []
    for name, owner, wanted in (('model', model, runs), ('peer', peer, whole_clips)):
        for run in wanted:
            found[name].append(apart(args.device, measure, owner, *run, args))
            print(f'{name}, {run[0]} frames, window {run[1]}: {found[name][-1]["fps"]:.2f} frames/s', flush=True)
    return found


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, write."""
    args = parse_args(argv)
    model = build(args.config, args.cfg_options, args.device)
    numbers = dict(config=args.config, shape=list(args.shape), amp=args.amp, torch=torch.__version__)
    numbers.update(device=device_name(args.device), device_type=args.device.type)
    if args.parts:
        numbers.update(repeats=args.repeats, parts=measure_parts(model, args))
    else:
        numbers.update(measure_lines(model, args))
    print(report_parts(numbers) if args.parts else report(numbers))
    if args.out:
        os.makedirs(osp.dirname(osp.abspath(args.out)), exist_ok=True)
        Path(args.out).write_text(json.dumps(numbers, indent=2) + '\n')
        print(f'written to {osp.abspath(args.out)}')
    return numbers


if __name__ == '__main__':
    main()
