"""Start ``tools/train.py`` on the tiny world in processes of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.test_engine.tiny_config import tiny_config_text

ROOT = Path(__file__).parents[2]


def make_project(folder: Path, **config) -> Path:
    """A user's folder with a config and a module beside it; returns the config."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name('tiny_parts.py'), folder)
    path = folder / 'tiny.py'
    path.write_text(tiny_config_text(**config))
    return path


def tool(name: str, *args: object, cwd: Path, kill_at: int = -1, check: bool = True) -> subprocess.CompletedProcess:
    """Run a tool from some folder."""
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'TINY_KILL_AT': str(kill_at)}
    command = [sys.executable, str(ROOT / 'tools' / name), *map(str, args)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    if check:
        assert done.returncode == 0, done.stderr[-3000:]
    return done


def logged(work_dir: Path, runs: slice = slice(None)) -> dict[int, dict]:
    """Everything logged in training by iteration, of all runs in a work dir; later runs win."""
    entries = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json'))[runs]:
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            if 'loss' in entry:
                entries[entry.get('iter', entry['step'])] = entry
    return entries
