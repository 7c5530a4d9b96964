"""A progress bar of a few lines: the evaluators do without tqdm."""

import sys
import time
from typing import TextIO


class ProgressBar:
    """Draws how far a run is; on a terminal in one line, elsewhere a line every tenth.

    Args:
        stream: Where to write. Default stderr.
        width: Characters of the bar. Default 30.
    """

    def __init__(self, stream: TextIO | None = None, width: int = 30) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.width = width
        self.start = time.monotonic()
        self.tenth = 0

    def __call__(self, done: int, total: int, name: str) -> None:
        """Show that ``done`` of ``total`` are done, ``name`` being the latest."""
        seconds = time.monotonic() - self.start
        left = seconds / done * (total - done)
        filled = self.width * done // total
        line = (
            f'[{"#" * filled}{"." * (self.width - filled)}] {done}/{total}  {seconds:.0f} s, {left:.0f} s left  {name}'
        )
        if self.stream.isatty():
            self.stream.write(f'\r{line[:100]:<100}' + ('\n' if done == total else ''))
        elif 10 * done // total > self.tenth:
            self.tenth = 10 * done // total
            self.stream.write(f'{line}\n')
        self.stream.flush()
