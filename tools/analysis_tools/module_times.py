"""Time and output size of the modules inside a part of a model (used by ``benchmark.py --inside``)."""

from collections.abc import Callable
from typing import Any

from gauges import Clock
from torch import Tensor, nn


class ModuleTimes:
    """Clocks every module down to a depth below a root while ``run`` is called.

    A module's own time is what its listed children do not account for, so that own times sum to the root's.

    Args:
        root: Module whose inside is wanted.
        depth: Levels below the root; deeper modules count to their ancestor.
        clock: Clock that waits for the device.
    """

    def __init__(self, root: nn.Module, depth: int, clock: Clock) -> None:
        self._clock = clock
        self._open: list[list[Any]] = []
        self.rows: dict[str, dict[str, float]] = {}
        self._handles = []
        for name, module in root.named_modules():
            if not name or name.count('.') >= depth or isinstance(module, nn.ModuleList):
                continue
            self._handles.append(module.register_forward_pre_hook(self._enter(name)))
            self._handles.append(module.register_forward_hook(self._leave(name)))

    def _enter(self, name: str) -> Callable:
        def hook(module: nn.Module, inputs: tuple) -> None:
            self._open.append([name, self._clock.start(), 0.0])

        return hook

    def _leave(self, name: str) -> Callable:
        def hook(module: nn.Module, inputs: tuple, output: Any) -> None:
            _, started, children = self._open.pop()
            seconds = self._clock.stop(started)
            row = self.rows.setdefault(name, dict(own_s=0.0, output_bytes=0.0, calls=0))
            row['own_s'] += seconds - children
            row['output_bytes'] = max(row['output_bytes'], tensor_bytes(output))
            row['calls'] += 1
            if self._open:
                self._open[-1][2] += seconds

        return hook

    def measure(self, runs: list[Callable[[], None]], total: Callable[[], float]) -> dict[str, dict[str, float]]:
        """Rows per run: own milliseconds, MiB of the output, calls; the rest of the root under ``''``.

        Args:
            runs: Functions that each run the root once.
            total: Seconds that the root has used by now.
        """
        self.rows.clear()
        before = total()
        for run in runs:
            run()
        spent = total() - before
        for handle in self._handles:
            handle.remove()
        inside = sum(row['own_s'] for row in self.rows.values())
        self.rows[''] = dict(own_s=spent - inside, output_bytes=0.0, calls=len(runs))
        scale = len(runs)
        return {
            name: dict(
                own_ms=row['own_s'] * 1e3 / scale, output_mib=row['output_bytes'] / 2**20, calls=row['calls'] / scale
            )
            for name, row in self.rows.items()
        }


def tensor_bytes(value: Any) -> int:
    """Bytes of all tensors in nested tuples, lists, dictionaries and dataclasses."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(tensor_bytes, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(tensor_bytes, value))
    return sum(map(tensor_bytes, vars(value).values())) if hasattr(value, '__dataclass_fields__') else 0
