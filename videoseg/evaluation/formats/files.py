"""Reading jsons and joining paths from outside, safely."""

import json
import os
import re
from pathlib import Path, PureWindowsPath
from typing import Any


def read_json(path: str | Path) -> Any:
    """Read a json file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no json, naming the file.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: json file missing') from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: not a json file, perhaps truncated ({error})') from error


def write_json(path: str | Path, content: Any, indent: int | None = None) -> None:
    """Write a json file so that it is never seen half-written; missing folders are made. NaN is refused."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        temporary.write_text(json.dumps(content, indent=indent, allow_nan=False) + '\n', encoding='utf-8')
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def safe_join(folder: str | Path, name: str, source: str) -> Path:
    """Join a path read from a file to a folder.

    Args:
        folder: The folder that must not be left.
        name: Relative path from outside.
        source: Where it was read, for the message.

    Raises:
        ValueError: If the path is absolute, leads out of the folder or is one of Windows.
    """
    parts = Path(name).parts if isinstance(name, str) else ()
    is_windows = bool(parts) and ('\\' in name or PureWindowsPath(name).drive != '')
    if not parts or Path(name).is_absolute() or '..' in parts or is_windows or '\0' in name:
        raise ValueError(f'{source}: file name {name!r} is not a plain relative path; refused')
    return Path(folder, name)


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Sorting key of a name: 2 comes before 10."""
    parts = re.findall(r'\d+|\D+', name)
    return [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts]


def list_pngs(folder: str | Path) -> list[str]:
    """Names without suffix of the PNGs of a folder that are not hidden, in natural order: the order in time."""
    return sorted((x.stem for x in Path(folder).glob('*.png') if not x.name.startswith('.')), key=natural_key)


def list_folders(folder: str | Path) -> list[str]:
    """Names of the folders in a folder that are not hidden, in natural order."""
    return sorted((x.name for x in Path(folder).iterdir() if x.is_dir() and x.name[0] != '.'), key=natural_key)
