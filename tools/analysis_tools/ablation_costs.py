"""Measure what the rows of an ablation cost: parameters, and time a frame on the same frames (run_ablation.py --cost).

python tools/analysis_tools/ablation_costs.py configs/ablation/diffusion.py --table NAME [--device cuda]

Every row that was run is built with its options and the weights of its first seed, and streams the first test video:
two windows to warm up, then costs['frames'] frames three times. One process does this for all rows of a table in turns,
so that what slows the machine down for a while hits them all, and writes <work_dir>/<table>/costs.json, with the
settings of every row, so that a report can tell when they have changed. Times are without reading of images; on a CPU
they are CPU time of this process, for other jobs may run beside it.
"""

import argparse
import statistics
import sys
from contextlib import nullcontext
from typing import Any

import torch
from ablation_plan import Run, Table, read_plan
from benchmark import Stream, count_parameters, device_name
from benchmark_windows import CPUClock, clock_of
from gauges import Clock
from mmengine.dataset import BaseDataset
from torch import nn

from videoseg.apis import init_model
from videoseg.datasets.samplers.index import WindowIndex
from videoseg.evaluation.formats.files import write_json
from videoseg.registry import DATASETS
from videoseg.utils.config import load_config

ROUNDS = 3


class VideoFrames:
    """The first video of a data set, in the place of ``stand_ins.Footage``.

    Args:
        dataset: Test data.
    """

    def __init__(self, dataset: BaseDataset) -> None:
        self._dataset = dataset
        self.length = dataset.video_length(0)

    def clip(self, start: int, stop: int, overlap: int = 0) -> dict[str, list]:
        """Frames [start, stop) as a collated batch of one."""
        item = self._dataset[WindowIndex(0, start, stop, overlap)]
        return {key: [value] for key, value in item.items()}


def window_times(model: nn.Module, video: VideoFrames, num_frames: int, clock: Clock | CPUClock) -> list[float]:
    """Seconds a new frame, of every whole window in the first ``num_frames`` frames of a video.

    Raises:
        ValueError: If there are fewer than two windows.
    """
    stride = model.window - model.overlap
    count = (min(num_frames, video.length) - model.overlap) // stride
    if count < 2:
        raise ValueError(
            f'{min(num_frames, video.length)} frames hold fewer than two windows of {model.window}: more costs.frames, '
            'or a longer first test video'
        )
    stream, seconds = Stream(model, video, nullcontext), []
    for index in range(count):
        run = stream.prepare()
        started = clock.start()
        run()
        seconds.append(clock.stop(started) / (stride if index else model.window))
    return seconds


class RowCosts:
    """Times of one row.

    Args:
        run: A run whose weights are there.
        device: Where the model goes.
    """

    def __init__(self, run: Run, device: torch.device) -> None:
        cfg = load_config(run.config, run.options)
        model = init_model(cfg, run.weights.checkpoint(), device)
        self.model = model.to(memory_format=torch.channels_last) if cfg.get('channels_last') else model
        self.video = VideoFrames(DATASETS.build(cfg.test_dataloader.dataset))
        self.clock = clock_of(device)
        self.run = run
        self.first: list[float] = []
        self.later: list[float] = []
        window_times(self.model, self.video, 2 * self.model.window - self.model.overlap, self.clock)  # to warm up

    def add_round(self, num_frames: int) -> None:
        """Stream the video once more."""
        first, *later = window_times(self.model, self.video, num_frames, self.clock)
        self.first.append(first)
        self.later += later

    def numbers(self) -> dict[str, Any]:
        """Parameters, those of the decoder, milliseconds a frame of the first and of later windows; what this was."""
        return dict(
            parameters=count_parameters(self.model),
            decoder=count_parameters(self.model.decoder),
            first_ms=statistics.median(self.first) * 1e3,
            frame_ms=statistics.median(self.later) * 1e3,
            windows=len(self.first) + len(self.later),
            seed=self.run.seed,
            settings_sha256=self.run.settings_sha256(),
        )


def measure_table(table: Table, device: torch.device) -> dict[str, Any]:
    """All rows of a table that were run, and ``how`` they were measured."""
    runs = {row.name: next((run for run in row.runs if run.results.is_file()), None) for row in table.rows}
    rows = {name: RowCosts(run, device) for name, run in runs.items() if run is not None}
    for number in range(ROUNDS):
        for row in rows.values():
            row.add_round(table.cost_frames)
        print(f'round {number + 1} of {ROUNDS}', flush=True)
    numbers = {name: row.numbers() for name, row in rows.items()}
    windows = max((row['windows'] for row in numbers.values()), default=0)
    unit = 'CPU milliseconds' if device.type == 'cpu' else 'Milliseconds'
    how = (
        f'{unit} a frame: medians of the first window and of the later ones; {windows} windows of the first test '
        f'video in {ROUNDS} rounds over all rows, {device_name(device)}, torch {torch.__version__}.'
    )
    return dict(how=how, rows=numbers)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('plan', help='ablation file with costs=dict(frames=...)')
    parser.add_argument('--table', required=True, help='name of a table')
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='default: a GPU if there is one'
    )
    args = parser.parse_args(argv)
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        parser.error(f'--device {args.device}: no GPU was found')
    try:
        tables, _ = read_plan(args.plan)
        table = next((x for x in tables if x.name == args.table), None)
        if table is None or table.cost_frames is None:
            wanted = (
                f'there are {[x.name for x in tables]}' if table is None else 'the plan has no costs=dict(frames=...)'
            )
            raise ValueError(f'--table {args.table}: {wanted}')
        write_json(table.costs, measure_table(table, torch.device(args.device)), indent=1)
    except (OSError, ValueError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
