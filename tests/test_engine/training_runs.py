"""Run the command-line tools on the tiny world."""

import functools
import json
import multiprocessing
import os
import shutil
import sys
import traceback
from pathlib import Path

from tests.test_engine.tiny_config import tiny_config_text
from tests.tool_module import load_tool

ROOT = Path(__file__).parents[2]


def make_project(folder: Path, **config) -> Path:
    """A user's folder with a config and a module beside it; returns the config."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name('tiny_parts.py'), folder)
    path = folder / 'tiny.py'
    path.write_text(tiny_config_text(**config))
    return path


def run_tool(name: str, *args: object, cwd: Path, kill_at: int = -1) -> int:
    """Run ``tools/<name>`` in a forked process (importing torch anew takes seconds) and return its exit code.

    Args:
        name: File in ``tools``.
        args: Its command line.
        cwd: Working directory; stdout and stderr are appended to ``log.txt`` in it.
        kill_at: Training iteration after which the process gets SIGKILL.
    """
    import torch._dynamo  # noqa: F401  (all imported once, before forking; torch imports this with an optimizer)
    import yapf.yapflib.yapf_api  # noqa: F401

    import videoseg.engine  # noqa: F401

    process = multiprocessing.get_context('fork').Process(target=_main, args=(name, args, cwd, kill_at))
    process.start()
    process.join(240)
    assert process.exitcode is not None, 'still running'
    return process.exitcode


def _main(name: str, args: tuple, cwd: Path, kill_at: int) -> None:
    log = os.open(cwd / 'log.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout, sys.stderr = open(1, 'w', closefd=False), open(2, 'w', closefd=False)  # noqa: SIM115
    os.chdir(cwd)
    os.environ['TINY_KILL_AT'] = str(kill_at)
    sys.argv = [name, *map(str, args)]
    format_once()
    try:
        load_tool(name).main()
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()


def format_once() -> None:
    """A run asks for the text of its config seven times, and formatting the same text takes a tenth of a second."""
    from yapf.yapflib import yapf_api

    format_code = yapf_api.FormatCode
    formatted = functools.cache(lambda text, style: format_code(text, style_config=dict(style)))
    yapf_api.FormatCode = lambda text, style_config: formatted(text, tuple(style_config.items()))


def set_logs_aside(work_dir: Path) -> None:
    """Rename the log folders, so that a run started within the same second gets one of its own."""
    for file in work_dir.glob('*/vis_data'):
        file.parent.rename(work_dir / f'0_{file.parent.name}')


def logged(work_dir: Path, runs: str = '*') -> dict[int, dict]:
    """Everything logged in training by iteration, of all (or some) runs in a work dir; later runs win."""
    entries = {}
    for file in sorted(work_dir.glob(f'{runs}/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            if 'loss' in entry:
                entries[entry.get('iter', entry['step'])] = entry
    return entries
