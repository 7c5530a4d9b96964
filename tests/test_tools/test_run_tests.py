"""``tools/run_tests.sh core``: the tests of the evaluators, in an environment that must not have the heavy stack."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose environment without torch is ready; its interpreter is still to be written."""
    for folder in ('requirements', 'tools'):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns('__pycache__'))
    (tmp_path / '.venv-core' / 'bin').mkdir(parents=True)
    recipe = [tmp_path / 'requirements' / f'{x}.txt' for x in ('runtime', 'tests')] + [tmp_path / 'tools/run_tests.sh']
    content = b''.join(path.read_bytes() for path in recipe)
    stamp = subprocess.run(['cksum'], input=content, capture_output=True, check=True).stdout
    (tmp_path / '.venv-core' / '.videoseg_stamp').write_bytes(stamp)
    return tmp_path


def run_core(checkout, body):
    python = checkout / '.venv-core' / 'bin' / 'python'
    python.write_text(f'#!/bin/sh\n{body}\n')
    python.chmod(0o755)
    environment = {**os.environ, 'PYTHONPATH': '/somewhere/heavy'}
    command = ['bash', checkout / 'tools' / 'run_tests.sh', 'core', '-k', 'a b']
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def test_command(checkout):
    done = run_core(checkout, 'case "$1" in -c) ;; *) printf "%s\\n" "$PYTHONPATH" "$@";; esac')
    assert done.returncode == 0, done.stderr
    path, *command = done.stdout.splitlines()
    assert path == str(checkout)  # nothing of the caller's
    assert command[:4] == ['-m', 'pytest', '-m', 'not learns'] and command[-2:] == ['-k', 'a b']
    tests = command[4:-2]
    assert 'tests/test_evaluation/test_functional' in tests and len(tests) > 4
    assert all((ROOT / test).exists() for test in tests)


def test_heavy_stack_in_the_environment_is_noticed(checkout):
    done = run_core(checkout, f'exec "{sys.executable}" "$@"')
    assert done.returncode == 1
    assert "['torch', 'mmengine'" in done.stderr and 'Remove .venv-core' in done.stderr
    assert 'collected' not in done.stdout


def test_environment_is_made_of_the_requirements(checkout, tmp_path):
    (checkout / '.venv-core' / '.videoseg_stamp').write_text('another recipe')
    made = tmp_path / 'python'
    # Stands for `python -m venv`, and for the interpreter of what it makes.
    made.write_text(
        '#!/bin/sh\ncase "$*" in\n'
        '"-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;\n'
        '*"pip install"*) for last; do :; done\n'
        f'cat "$last" >"{tmp_path}/installed"; echo "$@" >>"{tmp_path}/installed";;\n'
        '*) ;;\nesac\n'
    )
    made.chmod(0o755)
    environment = {**os.environ, 'VIDEOSEG_PYTHON': str(made)}
    command = ['bash', checkout / 'tools' / 'run_tests.sh', 'core']
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    *tests, arguments = (tmp_path / 'installed').read_text().splitlines()
    assert [line.split('>')[0] for line in tests] == ['hypothesis', 'pytest']
    assert f'-r {checkout}/requirements/runtime.txt' in arguments
    assert (checkout / '.venv-core' / '.videoseg_stamp').read_text() != 'another recipe\n'
