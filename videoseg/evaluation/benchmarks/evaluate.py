"""From a benchmark to one result: videos shared out over processes, statistics merged."""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from videoseg.evaluation.benchmarks.base_benchmark import BaseBenchmark
from videoseg.evaluation.formats.result_json import result_content

Progress = Callable[[int, int, str], None]


def evaluate(benchmark: BaseBenchmark, jobs: int = 1, progress: Progress | None = None) -> dict[str, Any]:
    """Score all videos of a benchmark.

    Processes return the statistics of one video at a time, which are merged at once in the order of the ground truth,
    so memory holds a few numbers a video, and the result does not depend on ``jobs``.

    Args:
        benchmark: Ground truth and predictions.
        jobs: Processes; 1 works in this one. Default 1.
        progress: Called after each video with (videos done, videos, video id). Default: nothing.

    Returns:
        Ready for a json, NaN being None, every number in [0, 1]: ``protocol`` (all that decides a number), ``metrics``
        (``stq/STQ`` -> number), ``num_videos``, ``num_frames``, ``per_video`` (video -> the same names and
        ``num_frames``), ``per_class`` (class -> ``<metric>/<column>`` -> number).

    Raises:
        FileNotFoundError, ValueError: If the benchmark finds something wrong; naming video, frame and id.
        RuntimeError: If a process was killed.
    """
    if jobs < 1:
        raise ValueError(f'jobs is {jobs}, expected at least 1')
    names = list(benchmark.videos)
    if not names:
        raise ValueError(f'{benchmark.gt}: there are no videos')
    statistics = benchmark.build_statistics()
    for done, (name, parts) in enumerate(_scored(benchmark, names, jobs), 1):
        for prefix, videos in parts.items():
            statistics[prefix].merge_videos(videos)
        if progress is not None:
            progress(done, len(names), name)
    return _result(benchmark, statistics)


Parts = dict[str, dict[str, Any]]
_benchmark: BaseBenchmark | None = None


def _scored(benchmark: BaseBenchmark, names: list[str], jobs: int) -> Iterator[tuple[str, Parts]]:
    """Videos and their statistics, prefix -> ``videos``, in the order of the names."""
    if jobs == 1:
        for name in names:
            yield name, _score(benchmark, name)
        return
    pool = ProcessPoolExecutor(min(jobs, len(names)), multiprocessing.get_context(), _start, (benchmark,))
    try:
        chunk = max(1, min(16, len(names) // (8 * jobs)))
        yield from zip(names, pool.map(_score_in_worker, names, chunksize=chunk), strict=True)
    except BrokenProcessPool as error:
        raise RuntimeError('a process of the evaluation was killed, perhaps for lack of memory; try fewer') from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start(benchmark: BaseBenchmark) -> None:
    global _benchmark
    _benchmark = benchmark


def _score_in_worker(name: str) -> Parts:
    return _score(_benchmark, name)


def _score(benchmark: BaseBenchmark, name: str) -> Parts:
    statistics = benchmark.build_statistics()
    benchmark.score_video(name, statistics)
    return {prefix: x.videos for prefix, x in statistics.items()}


def _result(benchmark: BaseBenchmark, statistics: Mapping[str, Any]) -> dict[str, Any]:
    results = benchmark.combine({prefix: x.compute() for prefix, x in statistics.items()})
    return result_content(
        results={prefix: results[prefix] for prefix in benchmark.metrics},
        names={
            prefix: statistics[prefix].names if prefix in statistics else _numbers(results[prefix])
            for prefix in benchmark.metrics
        },
        classes=benchmark.classes,
        num_frames=benchmark.videos,
        protocol=benchmark.protocol,
    )


def _numbers(result: Mapping[str, Any]) -> list[str]:
    """The numbers of a metric that follows from others."""
    return [name for name, value in result.items() if isinstance(value, float)]
