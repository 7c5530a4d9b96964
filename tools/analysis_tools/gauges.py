"""Gauges that are read before and after the parts of a model (used by ``benchmark.py``)."""

import contextlib
import operator
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

PARTS = ('backbone', 'neck', 'decoder', 'post-processing', 'tracker')


class Clock:
    """Seconds; waits for the GPU at both ends."""

    merge = staticmethod(operator.add)

    def __init__(self, device: torch.device) -> None:
        self._wait = partial(torch.cuda.synchronize, device) if device.type == 'cuda' else lambda: None

    def start(self) -> float:
        self._wait()
        return perf_counter()

    def stop(self, started: float) -> float:
        self._wait()
        return perf_counter() - started


class FlopGauge(FlopCounterMode):
    """Floating point operations by torch's counter; to be used as a context."""

    merge = staticmethod(operator.add)

    def __init__(self) -> None:
        super().__init__(display=False)

    def start(self) -> int:
        return self.get_total_flops()

    def stop(self, started: int) -> int:
        return self.get_total_flops() - started


class PeakMemory:
    """Bytes: allocated tensors on a GPU; on a CPU the process's resident set beyond what it was when this was made."""

    merge = staticmethod(max)

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._base = 0
        self.start()
        if device.type != 'cuda':
            self._base = resident_peak()

    def start(self) -> float:
        if self._device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            reset_resident_peak()
        return 0.0

    def stop(self, started: float) -> float:
        peak = torch.cuda.max_memory_allocated(self._device) if self._device.type == 'cuda' else resident_peak()
        return max(peak - self._base, started)


def reset_resident_peak() -> None:
    """Let the kernel forget the peak so far; where it cannot, peaks of later parts include those of earlier ones."""
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')


def resident_peak() -> int:
    """Bytes, since the last reset."""
    try:
        status = Path('/proc/self/status').read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith('VmHWM')) * 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


class PartMeter:
    """Wraps the parts of a VideoSegmentor, so that a gauge can be read around each of them.

    Args:
        model: Model; its parts are changed in place.
    """

    def __init__(self, model: nn.Module) -> None:
        self._gauge, self._used = None, {}
        methods = [('backbone', model.backbone, 'forward'), *(('neck', neck, 'forward') for neck in model.neck)]
        methods += [('decoder', model.decoder, name) for name in ('decode', 'embed')]
        methods += [('tracker', model.tracker, name) for name in ('align', 'associate')]
        if isinstance(model.postprocessor, nn.Module):
            methods.append(('post-processing', model.postprocessor, 'forward'))
        else:
            methods.append(('post-processing', model, 'postprocessor'))
        for part, owner, name in methods:
            setattr(owner, name, partial(self._call, part, getattr(owner, name)))

    def _call(self, part: str, function: Callable, *args: Any, **kwargs: Any) -> Any:
        if self._gauge is None:
            return function(*args, **kwargs)
        started = self._gauge.start()
        result = function(*args, **kwargs)
        self._used[part] = self._gauge.merge(self._used[part], self._gauge.stop(started))
        return result

    def read(self, gauge: Any, run: Callable[[], Any], split: bool = True) -> dict[str, float]:
        """What ``run`` uses: a value for every part (if ``split``) and the ``total``."""
        self._used = dict.fromkeys(PARTS, 0)
        self._gauge = gauge if split else None
        started = gauge.start()
        try:
            run()
            return {**self._used, 'total': gauge.stop(started)}
        finally:
            self._gauge = None


def rest_of(values: dict[str, float], part: str) -> float:
    """The value of a part; of ``'other'`` what no part accounts for."""
    return values.get(part, 0) if part != 'other' else values['total'] - sum(values.get(p, 0) for p in PARTS)
