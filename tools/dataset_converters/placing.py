"""Putting files and folders of a download where a data set expects them; shared by the tools."""

import os
import shutil
from pathlib import Path


def place(source: Path, target: Path, copy: bool) -> None:
    """Link or copy a file or a folder of files; what is there already is left as it is.

    Args:
        source: File, or folder whose PNGs belong to the data set.
        target: Where it goes; missing folders above it are made.
        copy: Copy instead of linking. An interrupted copy is completed by the next call.

    Raises:
        FileExistsError: If something else is in the way.
        FileNotFoundError: If there is no such source.
    """
    if not source.exists():
        raise FileNotFoundError(f'{source}: missing')
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        if target.is_symlink() and target.resolve() == source.resolve():
            return
        if target.is_symlink() or target.exists():
            raise FileExistsError(f'{target}: exists and is not a link to {source}; remove it first')
        target.symlink_to(source.resolve(), target_is_directory=source.is_dir())
        return
    if target.is_symlink():
        raise FileExistsError(f'{target}: is a link; remove it before copying')
    if source.is_file():
        _copy_file(source, target)
        return
    target.mkdir(exist_ok=True)
    for frame in sorted(source.glob('*.png')):
        _copy_file(frame, target / frame.name)


def _copy_file(source: Path, target: Path) -> None:
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    temporary = target.with_name(f'.{target.name}.tmp')
    try:
        shutil.copy2(source, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
