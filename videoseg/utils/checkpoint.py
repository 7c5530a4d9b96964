"""Checkpoint files: written atomically, read as plain data only."""

import hashlib
import logging
import os
import os.path as osp
import pickle
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log

from videoseg.utils.errors import CheckpointLoadError, CheckpointSaveError, WorkDirError

_PLAIN = (torch.Tensor, torch.Size, torch.dtype, type(None))
_SCALARS = (bool, int, float, str, bytes)
_LATEST = 'last_checkpoint'


def to_plain(value: Any, where: str = 'checkpoint') -> Any:
    """Turn a nest of containers into what ``torch.load(..., weights_only=True)`` accepts.

    numpy arrays become tensors, numpy numbers Python numbers, paths strings.

    Args:
        value: Containers, numbers, strings, tensors and arrays.
        where: Name of ``value`` in error messages.

    Raises:
        TypeError: For any other object; the message names its key.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, _PLAIN) or type(value) in _SCALARS:
        return value
    for scalar in _SCALARS:
        if isinstance(value, scalar):
            return scalar(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return torch.from_numpy(np.array(value))
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        # Every mapping (Counter of MultiStepLR, ConfigDict ...) but the ordered one becomes a plain dictionary.
        items = [(k, to_plain(v, f'{where}.{k}')) for k, v in value.items()]
        if not isinstance(value, OrderedDict):
            return dict(items)
        plain = OrderedDict(items)
        if hasattr(value, '_metadata'):
            plain._metadata = value._metadata
        return plain
    if isinstance(value, (list, tuple)):
        items = [to_plain(v, f'{where}[{i}]') for i, v in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    raise TypeError(
        f'{where} is a {type(value).__module__}.{type(value).__qualname__}: checkpoints hold only tensors, numbers, '
        'strings and containers of them, so that they can be loaded safely. Convert it before it is saved.'
    )


def save_checkpoint_atomic(checkpoint: Mapping, path: str | Path) -> None:
    """Write a checkpoint so that ``path`` holds either the complete new file or what was there before.

    Args:
        checkpoint: Plain data (see :func:`to_plain`).
        path: File to write; its folder exists.

    Raises:
        CheckpointSaveError: If the disk is full or the folder cannot be written to.
        TypeError: If a value is not plain data.
    """
    plain = to_plain(checkpoint)
    _write_atomic(path, lambda file: torch.save(plain, file))


def write_text_atomic(text: str, path: str | Path) -> None:
    """Write a small text file completely or not at all.

    Raises:
        CheckpointSaveError: If it cannot be written.
    """
    _write_atomic(path, lambda file: file.write(text.encode()))


def _write_atomic(path: str | Path, write: Callable[[Any], Any]) -> None:
    path = osp.abspath(path)
    folder, name = osp.split(path)
    temporary = osp.join(folder, f'.{name}.{os.getpid()}.part')
    try:
        with open(temporary, 'wb') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        # torch reports a failed write of its zip archive as RuntimeError.
        raise CheckpointSaveError(
            f'could not write {path}: {error} ({_free_space(folder)}). Earlier checkpoints are untouched, no partial '
            'file was left. Free some space or choose another --work-dir, then continue with --resume.'
        ) from error
    finally:
        if osp.exists(temporary):
            os.remove(temporary)
    _sync_folder(folder)


def _free_space(folder: str) -> str:
    try:
        return f'{shutil.disk_usage(folder).free / 2**20:.0f} MiB free there'
    except OSError:
        return 'the folder cannot be read'


def _sync_folder(folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some file systems cannot sync a folder
    finally:
        os.close(descriptor)


def check_work_dir(work_dir: str | Path) -> None:
    """Create the work dir and prove that files can be written to it.

    Raises:
        WorkDirError: If it cannot.
    """
    try:
        os.makedirs(work_dir, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=work_dir, prefix='.write_test.') as file:
            file.write(b'videoseg')
            file.flush()
    except OSError as error:
        raise WorkDirError(
            f'cannot write to the work dir {osp.abspath(work_dir)}: {error}. Choose another with --work-dir.'
        ) from error


def latest_checkpoint(work_dir: str | Path) -> str | None:
    """The newest complete checkpoint of a run, or None. Works also after the work dir has been moved."""
    pointer = osp.join(work_dir, _LATEST)
    if not osp.isfile(pointer):
        return None
    with open(pointer) as file:
        path = file.read().strip()
    beside = osp.join(work_dir, osp.basename(path))
    return path if osp.isfile(path) or not osp.isfile(beside) else beside


def set_latest_checkpoint(work_dir: str | Path, path: str) -> None:
    """Name the checkpoint that ``--resume`` takes. Call it only after that file is complete."""
    write_text_atomic(path, osp.join(work_dir, _LATEST))


def load_checkpoint_file(path: str | Path, map_location: Any = 'cpu', allow_unsafe: bool = False) -> dict:
    """Read a checkpoint without running code that it may contain.

    Args:
        path: Local file or http(s) URL (kept in torch's hub folder after the first download).
        map_location: As in ``torch.load``.
        allow_unsafe: Unpickle arbitrary Python objects if the file holds some. Runs whatever code its author put
            there.

    Returns:
        The dictionary in the file; bare weights are wrapped as ``dict(state_dict=...)``.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointLoadError: If the file is truncated, is no checkpoint, or holds Python objects.
    """
    file = local_checkpoint(path)
    if not osp.isfile(file):
        raise FileNotFoundError(f'checkpoint {file} does not exist')
    checkpoint = _read(file, map_location, allow_unsafe)
    if not isinstance(checkpoint, Mapping):
        raise CheckpointLoadError(
            f'{file} holds a {type(checkpoint).__name__}, not a dictionary of weights: is it really a checkpoint?'
        )
    if 'state_dict' not in checkpoint and checkpoint and all(torch.is_tensor(v) for v in checkpoint.values()):
        checkpoint = {'state_dict': checkpoint}
    return checkpoint


def _read(file: str, map_location: Any, allow_unsafe: bool) -> Any:
    damaged = (
        f'checkpoint {file} ({osp.getsize(file)} bytes) is truncated or not a checkpoint at all. Copy or download it '
        'again; a run can be continued from an earlier file with --resume FILE.'
    )
    try:
        with torch.serialization.safe_globals(_safe_globals()):
            return torch.load(file, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error)
        with open(file, 'rb') as head:
            is_pickle = head.read(2)[:1] in (b'\x80', b'P')
        if not is_pickle:
            raise CheckpointLoadError(f'{damaged} ({_culprit(reason)})') from error
        if not allow_unsafe:
            raise CheckpointLoadError(
                f'checkpoint {file} was refused: it holds Python objects, and unpickling those can run any code '
                f'({_culprit(reason)}). If you trust its author, load it with --unsafe-load (allow_unsafe=True), '
                'or save its state_dict alone to a new file.'
            ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError) as error:
        raise CheckpointLoadError(f'{damaged} ({_culprit(str(error))})') from error
    print_log(f'unpickling arbitrary objects from {file}, as demanded', 'current', logging.WARNING)
    return torch.load(file, map_location=map_location, weights_only=False)


def _culprit(message: str, length: int = 200) -> str:
    """The line of a torch message that says something."""
    advice = ('Weights only load failed', 'Please file an issue', 'Check the documentation', '(1)', '(2)')
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(advice)] or lines
    return telling[0][:length] if telling else 'it ends early'


def file_sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file, which tells exactly which release it is."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def local_checkpoint(path: str | Path) -> str:
    """Name of a checkpoint's local file; a URL is downloaded once (rank 0 first) into torch's hub folder.

    Raises:
        CheckpointLoadError: If it cannot be downloaded.
    """
    path = str(path)
    if not path.startswith(('http://', 'https://')):
        return osp.expanduser(path)
    from mmengine.dist import barrier, is_main_process

    folder = osp.join(torch.hub.get_dir(), 'checkpoints')
    file = osp.join(folder, osp.basename(urlparse(path).path))
    if not osp.isfile(file) and is_main_process():
        os.makedirs(folder, exist_ok=True)
        try:
            torch.hub.download_url_to_file(path, file, progress=False)
        except OSError as error:
            raise CheckpointLoadError(
                f'could not download {path}: {error}. Download it elsewhere and put it at {file}.'
            ) from error
    barrier()
    return file


def _safe_globals() -> list:
    """Harmless types found in checkpoints of mmengine: numpy arrays and its log buffers."""
    core = np._core.multiarray
    number_types = [type(np.dtype(x)) for x in (np.float32, np.float64, np.int32, np.int64, np.uint8, np.uint32, bool)]
    return [core._reconstruct, core.scalar, np.ndarray, np.dtype, *number_types, HistoryBuffer, _BUFFER_METHOD]


def _buffer_method(owner: type, name: str) -> Any:
    """What pickled log buffers use ``getattr`` for, and nothing else."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'mean', 'current'):
        raise pickle.UnpicklingError(f'Unsupported getattr({owner!r}, {name!r})')
    return getattr(owner, name)


_BUFFER_METHOD = (_buffer_method, 'builtins.getattr')


def install_safe_loading() -> None:
    """Let mmengine read every checkpoint (``init_cfg`` of a backbone, ``load_from`` ...) through this module."""
    from mmengine.runner import checkpoint as mm

    def plain(filename: str, map_location: Any = None, **_: Any) -> dict:
        return load_checkpoint_file(filename, map_location)

    def named(table: Callable[[], dict]) -> Callable[..., dict]:
        def load(filename: str, map_location: Any = None, **_: Any) -> dict:
            return load_checkpoint_file(table()[filename.split('://', 1)[1]], map_location)

        return load

    def refused(filename: str, map_location: Any = None, **_: Any) -> dict:
        raise CheckpointLoadError(f'{filename}: cannot be read safely from there; download it and name the file')

    register = mm.CheckpointLoader.register_scheme
    register(['', 'http://', 'https://'], plain, force=True)
    register(['torchvision://', 'modelzoo://'], named(mm.get_torchvision_models), force=True)
    register(['open-mmlab://', 'openmmlab://'], named(mm.get_external_models), force=True)
    register(['pavi://', 'mmcls://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://'], refused, force=True)
