"""Safe writing and later checking of a generated data set; the same for every on-disk layout.

A data set has a description (``synthetic.json``) and a list of the SHA-256 of all other files
(``synthetic.sha256``, readable by ``sha256sum --check``).
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

DESCRIPTION_NAME = 'synthetic.json'
MANIFEST_NAME = 'synthetic.sha256'
_LINE = re.compile(r'([0-9a-f]{64})  (\S.*)\n')


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen half-written.

    Raises:
        OSError: If the folder cannot be written or the disk is full; no partial file stays.
    """
    temporary = path.with_name(f'.{path.name}.tmp')
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive_writer(root: Path) -> Iterator[None]:
    """Let one process at a time write to a data set.

    Raises:
        RuntimeError: If another process holds it.
    """
    handle = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f'{root}: another process is writing this data set; wait for it to end') from None
        yield
    finally:
        os.close(handle)


def read_manifest(root: Path) -> dict[str, str]:
    """Relative path -> SHA-256; empty if there is no manifest. A line cut off by an interruption is dropped."""
    path = root / MANIFEST_NAME
    if not path.exists():
        return {}
    matches = (_LINE.fullmatch(line) for line in path.read_text(errors='replace').splitlines(keepends=True))
    return {match[2]: match[1] for match in matches if match}


def manifest_bytes(hashes: dict[str, str]) -> bytes:
    """Text of a manifest, sorted by path."""
    return ''.join(f'{hashes[path]}  {path}\n' for path in sorted(hashes)).encode()


def read_description(root: Path) -> dict | None:
    """Read the data set's description; None if there is none.

    Raises:
        ValueError: If the file is not a JSON object with a preset.
    """
    path = root / DESCRIPTION_NAME
    if not path.exists():
        return None
    try:
        description = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f'{path} is not valid JSON ({error}); delete the data set and make it again') from error
    if not isinstance(description, dict) or not isinstance(description.get('preset'), dict):
        raise ValueError(f'{path} must hold a JSON object with a preset; delete the data set and make it again')
    return description


def check_dataset(
    root: Path, preset: str | None = None, seed: int | None = None, layout: str | None = None
) -> list[str]:
    """Compare a data set with its manifest.

    Args:
        root: Folder of the data set.
        preset: Name of the preset it should be of. Default: any.
        seed: Seed it should be of. Default: any.
        layout: Layout it should be in. Default: any.

    Returns:
        One line for each problem, naming the file; empty if all is well.
    """
    try:
        description = read_description(root)
    except ValueError as error:
        return [str(error)]
    if description is None:
        return [f'{root / DESCRIPTION_NAME}: missing; this is not a synthetic data set']
    problems = []
    for key, wanted, found in (
        ('preset', preset, description['preset'].get('name')),
        ('seed', seed, description.get('seed')),
        ('layout', layout, description.get('layout')),
    ):
        if wanted is not None and wanted != found:
            problems.append(f'{root / DESCRIPTION_NAME}: {key} is {found!r}, not {wanted!r}')
    return problems + _check_files(root, description.get('manifest_sha256'))


def _check_files(root: Path, manifest_sha256: str | None) -> list[str]:
    """Compare the manifest with its own hash, and the files with the manifest."""
    problems = []
    hashes = read_manifest(root)
    digest = hashlib.sha256(manifest_bytes(hashes)).hexdigest()
    if manifest_sha256 is None:
        problems.append(f'{root}: not finished; run the generator again to complete it')
    elif digest != manifest_sha256:
        problems.append(f'{root / MANIFEST_NAME}: differs from the hash in {DESCRIPTION_NAME}')
    for name in sorted(hashes):
        path = root / name
        if not path.is_file():
            problems.append(f'{path}: missing')
        elif hashlib.sha256(path.read_bytes()).hexdigest() != hashes[name]:
            problems.append(f'{path}: content differs from the manifest')
    present = {str(path.relative_to(root)) for path in root.rglob('*') if path.is_file()}
    for name in sorted(present - set(hashes) - {DESCRIPTION_NAME, MANIFEST_NAME}):
        problems.append(f'{root / name}: not part of the data set')
    return problems
