"""Where the recorded tensors of the original implementations lie.

A compact selection is committed under ``tests/data/parity``; ``VIDEOSEG_PARITY_DIR`` names the whole collection. With
the variable set every named file must exist; without it the committed selection is what is tested.
"""

import os
from pathlib import Path

COMMITTED = Path(__file__).parent / 'data' / 'parity'


def parity_root() -> Path:
    """The folder in use: the whole collection if ``VIDEOSEG_PARITY_DIR`` is set, else the committed selection."""
    named = os.environ.get('VIDEOSEG_PARITY_DIR')
    return Path(named) if named else COMMITTED


def parity_file(group: str, name: str) -> Path:
    """Path of one recorded file.

    Raises:
        FileNotFoundError: If it is not there, naming the variable to set.
    """
    path = parity_root() / group / name
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: recorded parity file missing; set VIDEOSEG_PARITY_DIR to the whole collection'
        )
    return path


def parity_names(group: str, names: list[str]) -> list[str]:
    """Names to test: all of them with the whole collection, else those in the committed selection."""
    if 'VIDEOSEG_PARITY_DIR' in os.environ:
        return names
    return [name for name in names if (COMMITTED / group / name).is_file()]
