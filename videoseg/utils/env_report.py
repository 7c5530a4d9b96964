"""What is installed, what of it is wrong, and how to put it right.

Nothing is checked when videoseg is imported: versions other than the tested ones often work. This report says what
differs. It needs the standard library alone, so that it can report on an environment in which nothing else works.
"""

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_SET_UP = 'bash tools/setup_env.sh'
_IMPORTS = {
    'onedl-mmcv': 'mmcv.ops',
    'onedl-mmengine': 'mmengine',
    'onedl-mmdetection': 'mmdet',
    'onedl-mmsegmentation': 'mmseg',
    'opencv-python': 'cv2',
    'opencv-python-headless': 'cv2',
    'pillow': 'PIL',
    'pycocotools': 'pycocotools.mask',
}


@dataclass(frozen=True)
class EnvEntry:
    """One line of the report.

    Attributes:
        section: Heading the line stands under.
        name: What it is about.
        value: What was found.
        problem: What is wrong with it; empty if nothing is.
        fix: What to do about the problem, a command where there is one.
        severity: ``'ok'``, ``'warning'`` (works, or concerns an option) or ``'error'`` (videoseg cannot work).
    """

    section: str
    name: str
    value: str
    problem: str = ''
    fix: str = ''
    severity: str = 'ok'


def collect_entries() -> list[EnvEntry]:
    """Look at the machine and the installed packages.

    Returns:
        The lines of the report, in the order in which they are shown.
    """
    return [*_system(), *_packages(), *_torch(), *_mmcv_ops(), *_video()]


def format_report(entries: list[EnvEntry]) -> str:
    """The report as text of about one screen: sections, then what is wrong and how to fix it.

    Args:
        entries: From ``collect_entries``.
    """
    lines: list[str] = []
    section = None
    for entry in entries:
        if entry.section != section:
            section = entry.section
            lines.append(section)
        mark = {'ok': ' ', 'warning': '!', 'error': 'X'}[entry.severity]
        lines.append(f' {mark} {entry.name:<24} {entry.value}')
    problems = [entry for entry in entries if entry.severity != 'ok']
    lines.append('Problems' if problems else 'No problems found.')
    for entry in problems:
        lines.append(f' {entry.severity}: {entry.name}: {entry.problem}')
        if entry.fix:
            lines.append(f'   fix: {entry.fix}')
    return '\n'.join(lines)


def _system() -> list[EnvEntry]:
    version = platform.python_version()
    supported = (3, 11) <= sys.version_info[:2] <= (3, 12)
    python = EnvEntry('System', 'python', f'{version} ({sys.executable})')
    if not supported:
        problem, fix = 'videoseg is made for Python 3.11 and 3.12', 'install Python 3.11, then ' + _SET_UP
        python = EnvEntry('System', 'python', version, problem, fix, 'error')
    memory = 'memory unknown'
    if hasattr(os, 'sysconf') and 'SC_PHYS_PAGES' in os.sysconf_names:
        memory = f'{os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30:.0f} GiB memory'
    compiler = next((path for path in map(shutil.which, ('c++', 'g++', 'clang++')) if path), None)
    return [
        EnvEntry('System', 'platform', platform.platform()),
        EnvEntry('System', 'machine', f'{os.cpu_count()} cores, {memory}'),
        python,
        EnvEntry('System', 'C++ compiler', compiler or 'none (needed only to compile mmcv)'),
    ]


def _requirements(name: str) -> list[str]:
    """Requirement lines of ``requirements/<name>.txt``; of the installed metadata where there is no checkout."""
    path = Path(__file__).parents[2] / 'requirements' / f'{name}.txt'
    if path.is_file():
        lines = (line.split('#')[0].strip() for line in path.read_text(encoding='utf-8').splitlines())
        return [line for line in lines if line]
    extra = {'runtime': None, 'mminstall': 'mm'}.get(name, name)
    try:
        declared = importlib.metadata.requires('videoseg') or []
    except importlib.metadata.PackageNotFoundError:
        return []
    split = [[part.strip() for part in line.partition(';')[::2]] for line in declared]
    return [line for line, marker in split if (f'extra == "{extra}"' in marker if extra else not marker)]


def _packages() -> list[EnvEntry]:
    entries = {}
    for group in ('mminstall', 'runtime', 'optional', 'tests'):
        for line in _requirements(group):
            name = re.match(r'[\w.-]+', line)[0]
            if name not in entries:
                entries[name] = _package(name, line, group)
    return list(entries.values())


def _package(name: str, line: str, group: str) -> EnvEntry:
    wanted = line.removeprefix(name)
    required = group in ('mminstall', 'runtime')
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        if name.startswith('opencv-') and _import_error('cv2') is None:
            return EnvEntry('Packages', name, 'another build of OpenCV serves')
        fix = _SET_UP if name in ('torch', 'onedl-mmcv') else f"{sys.executable} -m pip install '{line}'"
        if name.startswith('onedl-'):
            fix = f"{sys.executable} -m pip install --no-build-isolation '{line}' (with torch installed first)"
        return EnvEntry('Packages', name, 'missing', 'not installed', fix, 'error' if required else 'warning')
    if version is None:  # metadata without a version: an install that was interrupted
        fix = f"{sys.executable} -m pip install --force-reinstall --no-deps '{line}', or {_SET_UP}"
        return EnvEntry('Packages', name, 'damaged', 'its installation was interrupted', fix, 'error')
    error = _import_error(_IMPORTS.get(name, name)) if required else None
    if error and name != 'onedl-mmcv':  # mmcv's ops have a line of their own
        return EnvEntry('Packages', name, version, f'cannot be imported: {error}', _import_fix(name, error), 'error')
    if not _satisfies(version, wanted):
        problem = f'version {version} is not in the tested set ({wanted}); it may work'
        return EnvEntry('Packages', name, version, problem, f"{sys.executable} -m pip install '{line}'", 'warning')
    return EnvEntry('Packages', name, f'{version:<14} wanted: {wanted}')


def _import_error(module: str) -> str | None:
    try:
        importlib.import_module(module)
    except Exception as error:  # any package may fail in any way, and the report must go on
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


def _import_fix(name: str, error: str) -> str:
    if name.startswith('opencv') and ('libGL' in error or 'libgthread' in error):
        build = next((line for line in _requirements('mminstall') if line.startswith('opencv-python-headless')), '')
        return f"{sys.executable} -m pip install --force-reinstall --no-deps '{build}' (needs no libGL)"
    return _SET_UP


def _satisfies(version: str, wanted: str) -> bool:
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:  # only a report: without the means to compare nothing is claimed to differ
        return True
    return SpecifierSet(wanted).contains(version, prereleases=True)


def _torch() -> list[EnvEntry]:
    if _import_error('torch'):
        return []
    import torch

    driver = shutil.which('nvidia-smi')
    threads = EnvEntry('Devices', 'CPU threads of torch', str(torch.get_num_threads()))
    if torch.cuda.is_available():
        names = ', '.join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return [threads, EnvEntry('Devices', 'GPU', f'{names}; CUDA {torch.version.cuda}')]
    if driver is None:
        return [threads, EnvEntry('Devices', 'GPU', 'none; everything runs on the CPU, slowly')]
    built = f'CUDA {torch.version.cuda}' if torch.version.cuda else 'the CPU only'
    problem = f'an NVIDIA driver is installed, but torch, built for {built}, sees no GPU'
    fix = f'remove .venv, then VIDEOSEG_TORCH_INDEX=<index of the CUDA wheels for your driver> {_SET_UP}'
    return [threads, EnvEntry('Devices', 'GPU', 'not usable', problem, fix, 'warning')]


def _mmcv_ops() -> list[EnvEntry]:
    if _import_error('mmcv'):
        return []
    error = _import_error('mmcv.ops')
    if error:
        problem = f'not compiled for this torch ({error})'
        fix = f'{_SET_UP} (it rebuilds mmcv; by hand: pip install --no-build-isolation, never with isolation)'
        return [EnvEntry('Devices', 'mmcv ops', 'not usable', problem, fix, 'error')]
    from mmcv.ops import get_compiling_cuda_version

    cuda = get_compiling_cuda_version()
    return [EnvEntry('Devices', 'mmcv ops', 'compiled for the CPU' if cuda == 'not available' else f'CUDA {cuda}')]


def _video() -> list[EnvEntry]:
    entries = [EnvEntry('Video', 'ffmpeg', shutil.which('ffmpeg') or 'none (not needed: OpenCV writes the videos)')]
    if _import_error('cv2') is None:
        works = _quiet(_writes_mp4)
        problem = 'OpenCV cannot write mp4 files here; overlays come as single pictures'
        fix = f"{sys.executable} -m pip install --force-reinstall 'opencv-python-headless'"
        missing = EnvEntry('Video', 'OpenCV mp4 (mp4v)', 'does not write', problem, fix, 'warning')
        entries.append(EnvEntry('Video', 'OpenCV mp4 (mp4v)', 'writes and reads back') if works else missing)
    return entries


def _writes_mp4() -> bool:
    import cv2
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / 'probe.mp4')
        writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'mp4v'), 10, (64, 64))
        for _ in range(2):
            writer.write(np.full((64, 64, 3), 128, np.uint8))
        writer.release()
        reader = cv2.VideoCapture(path)
        found, _ = reader.read()
        reader.release()
        return bool(found)


def _quiet(probe: Callable[[], bool]) -> bool:
    """Run a probe without the chatter that C libraries write to standard error."""
    saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        return probe()
    except Exception:
        return False
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
