"""Packaging and scripts: what an install brings, what runs without the heavy stack, what the shell scripts do."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted([*ROOT.glob('tools/**/*.sh'), ROOT / '.ci' / 'run'])
TOP_LEVEL = {'setup.py', 'README.md', 'LICENSE', 'configs', 'videoseg', 'tools', 'tests', 'docs', 'requirements'}
SMALL_TOOLS = ('bash', 'sh', 'dirname', 'basename', 'cat', 'cksum', 'df', 'awk', 'grep', 'head', 'tail', 'sed', 'uname')
MADE_LOCALLY = {
    'data',
    'work_dirs',
    'checkpoints',
    'build',
    'dist',
    'venv',
    '__pycache__',
    'videoseg.egg-info',
    'projects',
}


def run(command: list, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, **kwargs)


@pytest.fixture
def stub(tmp_path: Path):
    """Makes executables in a folder of their own; ``stub.path`` is that folder."""
    folder = tmp_path / 'bin'
    folder.mkdir()

    def make(name: str, body: str) -> Path:
        path = folder / name
        path.write_text(f'#!/bin/sh\n{body}\n')
        path.chmod(0o755)
        return path

    make.path = folder
    return make


@pytest.fixture
def bare_path(stub) -> Path:
    """A PATH with the usual small tools, but neither a compiler nor a Python."""
    for tool in SMALL_TOOLS:
        (stub.path / tool).symlink_to(shutil.which(tool))
    return stub.path


# ----------------------------------------------------------------------------------------------------- requirements


def load_setup() -> dict:
    """``setup.py`` as a module: importing it must not start a build."""
    namespace = {'__name__': 'setup_as_module', '__file__': str(ROOT / 'setup.py')}
    exec(compile((ROOT / 'setup.py').read_text(encoding='utf-8'), 'setup.py', 'exec'), namespace)
    return namespace


def test_install_requires_are_the_four() -> None:
    lines = load_setup()['read_requirements']('runtime')
    assert [re.match(r'[\w-]+', line)[0] for line in lines] == ['numpy', 'scipy', 'pycocotools', 'pillow']
    assert all('>=' in line for line in lines)


def test_heavy_stack_is_pinned() -> None:
    lines = load_setup()['read_requirements']('mminstall')
    for name in ('torch', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmsegmentation'):
        assert any(re.fullmatch(rf'{name}==[\d.]+', line) for line in lines), name
    every = [line for path in ROOT.glob('requirements/*.txt') for line in load_setup()['read_requirements'](path.stem)]
    assert not any('torchvision' in line for line in every)


def test_metadata_of_a_build(tmp_path: Path) -> None:
    """The metadata pip sees: name, version, Python range, the four requirements and the extras."""
    copy = tmp_path / 'checkout'
    for folder in ('requirements', 'videoseg'):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.py', 'LICENSE'):
        shutil.copy(ROOT / name, copy)
    done = run([sys.executable, 'setup.py', '-q', 'sdist'], cwd=copy)
    assert done.returncode == 0, done.stderr
    (archive,) = (copy / 'dist').glob('videoseg-*.tar.gz')
    shutil.unpack_archive(archive, tmp_path / 'unpacked')
    (unpacked,) = (tmp_path / 'unpacked').iterdir()
    packed = {str(path.relative_to(unpacked)) for path in unpacked.rglob('*')}
    assert {'LICENSE', 'setup.py', 'requirements/runtime.txt', 'videoseg/registry.py'} <= packed
    info = (unpacked / 'PKG-INFO').read_text(encoding='utf-8')
    version = re.search(r"'(.+)'", (ROOT / 'videoseg' / 'version.py').read_text(encoding='utf-8'))[1]
    assert f'\nVersion: {version}\n' in info
    assert re.search(r'\nRequires-Python: (>=3\.11,<3\.13|<3\.13,>=3\.11)\n', info)
    assert set(re.findall(r'\nProvides-Extra: (\w+)', info)) == {'mm', 'optional', 'tests', 'docs', 'all'}
    required = re.findall(r'\nRequires-Dist: ([\w-]+)[^;\n]*(?=\n)', info)
    assert set(required) == {'numpy', 'scipy', 'pycocotools', 'pillow'}


# --------------------------------------------------------------------------------------- without the heavy stack

BLOCKER = """
import importlib.metadata, sys

PERMITTED = {'numpy', 'scipy', 'pycocotools', 'PIL', 'videoseg'}
BLOCKED = {top for top in importlib.metadata.packages_distributions() if top not in PERMITTED}
assert {'torch', 'mmengine', 'mmcv', 'mmdet', 'mmseg', 'cv2', 'matplotlib'} <= BLOCKED

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in BLOCKED:
            raise ModuleNotFoundError(f'{name} is not installed here', name=name)

sys.meta_path.insert(0, Blocker())
"""


def run_blocked(code: str) -> subprocess.CompletedProcess:
    """Run Python with only numpy, scipy, pycocotools and pillow to import, as after ``pip install .``."""
    return run([sys.executable, '-c', BLOCKER + code], cwd=ROOT, env={**os.environ, 'PYTHONPATH': str(ROOT)})


def test_blocker_blocks() -> None:
    done = run_blocked('import torch')
    assert done.returncode != 0
    assert 'torch is not installed here' in done.stderr


@pytest.mark.parametrize(
    'package', ['videoseg', 'videoseg.evaluation.functional', 'videoseg.evaluation.formats', 'videoseg.structures.ids']
)
def test_evaluators_need_only_the_four(package: str) -> None:
    """Every module of the torch-free part is imported, not only the package (its names are lazy)."""
    code = f"""
import importlib, pkgutil
package = importlib.import_module({package!r})
if {package!r} != 'videoseg':
    for info in pkgutil.walk_packages(getattr(package, '__path__', []), package.__name__ + '.'):
        importlib.import_module(info.name)
    for name in getattr(package, '__all__', []):
        getattr(package, name)
print('imported', package.__name__)
"""
    done = run_blocked(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f'imported {package}'


def test_environment_report_works_without_anything() -> None:
    """The report names what is missing and how to get it, and says with its status that videoseg cannot work."""
    code = "import runpy\nsys.argv = ['x', '--check']\nrunpy.run_path('tools/collect_env.py', run_name='__main__')"
    done = run_blocked(code)
    assert done.returncode == 1
    assert 'error: torch: cannot be imported' in done.stdout
    assert 'fix: bash tools/setup_env.sh' in done.stdout
    assert 'Traceback' not in done.stderr


def test_environment_report_is_clean_here() -> None:
    done = run([sys.executable, 'tools/collect_env.py'], cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert 'mmcv ops                 compiled' in done.stdout or 'mmcv ops                 CUDA' in done.stdout
    assert ' error: ' not in done.stdout
    assert len(done.stdout.splitlines()) <= 40  # one screen


# ------------------------------------------------------------------------------------------------- the tree itself


def test_top_level_is_as_agreed() -> None:
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith('.')}
    assert found - MADE_LOCALLY <= TOP_LEVEL


def test_licence() -> None:
    text = (ROOT / 'LICENSE').read_text(encoding='utf-8')
    assert 'Apache License' in text and 'Version 2.0, January 2004' in text and 'END OF TERMS AND CONDITIONS' in text


def test_no_machine_paths() -> None:
    """No path of the machine somebody worked on."""
    pattern = re.compile(r'(?<![\w.}/-])/(?:home|root|Users|work)/[\w.]')
    found = []
    for folder in ('videoseg', 'configs', 'tools', 'docs', 'requirements', 'tests'):
        for path in sorted((ROOT / folder).rglob('*')):
            if path.suffix in {'.py', '.sh', '.md', '.txt', '.yml'}:
                for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
                    if pattern.search(line):
                        found.append(f'{path.relative_to(ROOT)}:{number}: {line.strip()}')
    assert not found, '\n'.join(found)


# ----------------------------------------------------------------------------------------------------- the scripts


@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_and_are_executable(script: Path) -> None:
    assert script.stat().st_mode & stat.S_IXUSR
    done = run(['bash', '-n', script])
    assert done.returncode == 0, done.stderr


def setup_env(path: Path, venv: Path, **variables: str) -> subprocess.CompletedProcess:
    environment = {'PATH': str(path), 'HOME': os.environ.get('HOME', '/'), 'VIDEOSEG_VENV': str(venv), **variables}
    return run([shutil.which('bash'), ROOT / 'tools' / 'setup_env.sh'], env=environment)


def test_setup_names_the_missing_compiler(stub, bare_path: Path, tmp_path: Path) -> None:
    stub('python3.11', f'exec "{sys._base_executable}" "$@"')
    stub('apt-get', 'exit 1')
    done = setup_env(bare_path, tmp_path / 'venv')
    assert done.returncode == 1
    assert 'no working C++17 compiler' in done.stderr
    assert 'apt-get install -y build-essential' in done.stderr
    assert not (tmp_path / 'venv').exists()  # found before anything was made


def test_setup_sees_a_compiler_that_does_not_work(stub, bare_path: Path, tmp_path: Path) -> None:
    stub('python3.11', f'exec "{sys._base_executable}" "$@"')
    stub('g++', 'cat >/dev/null; exit 1')
    done = setup_env(bare_path, tmp_path / 'venv')
    assert done.returncode == 1
    assert 'no working C++17 compiler' in done.stderr


def test_setup_names_missing_headers(stub, bare_path: Path, tmp_path: Path) -> None:
    stub('python3.12', f'case "$2" in *sysconfig*) echo "{tmp_path}";; *) exec "{sys._base_executable}" "$@";; esac')
    stub('dnf', 'exit 1')
    done = setup_env(bare_path, tmp_path / 'venv')
    assert done.returncode == 1
    assert 'Python.h' in done.stderr
    assert re.search(r'dnf install -y python3\.1[12]-devel', done.stderr)


def test_setup_names_the_wrong_python(stub, bare_path: Path, tmp_path: Path) -> None:
    stub('python3', '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    done = setup_env(bare_path, tmp_path / 'venv')
    assert done.returncode == 1
    assert 'needs Python 3.11 or 3.12; found: Python 3.9.2' in done.stderr


def test_setup_names_a_full_disk(stub, bare_path: Path, tmp_path: Path) -> None:
    stub('python3.11', f'exec "{sys._base_executable}" "$@"')
    stub('c++', 'cat >/dev/null')
    (stub.path / 'df').unlink()
    stub('df', 'echo header; echo "/dev/x 9999999 9000000 102400 99% /"')
    done = setup_env(bare_path, tmp_path / 'venv')
    assert done.returncode == 1
    assert 'only 100 MiB free' in done.stderr


def test_setup_honours_an_existing_environment(tmp_path: Path) -> None:
    done = setup_env(Path(os.environ['PATH']), tmp_path / 'venv', VIDEOSEG_PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == sys.executable
    assert not (tmp_path / 'venv').exists()


def test_setup_reports_an_incomplete_environment(stub, tmp_path: Path) -> None:
    python = stub('python', f'exec "{sys.executable}" -S "$@"')  # -S: no installed packages at all
    done = setup_env(Path(os.environ['PATH']), tmp_path / 'venv', VIDEOSEG_PYTHON=str(python))
    assert done.returncode == 1
    assert 'error: torch: not installed' in done.stderr
    assert 'is not complete' in done.stderr


def test_setup_is_skipped_when_done(stub, tmp_path: Path) -> None:
    """A finished environment costs a stamp comparison; a changed recipe does not count as finished."""
    checkout, venv = tmp_path / 'checkout', tmp_path / 'checkout' / '.venv'
    for folder in ('requirements', 'tools'):
        shutil.copytree(ROOT / folder, checkout / folder)
    shutil.copy(ROOT / 'setup.py', checkout)
    (venv / 'bin').mkdir(parents=True)
    (venv / 'bin' / 'python').symlink_to(sys._base_executable)
    recipe = [*sorted((checkout / 'requirements').glob('*.txt')), checkout / 'tools' / 'setup_env.sh']
    parts = [path.read_bytes() for path in [checkout / 'setup.py', *recipe]]
    stamp = subprocess.run(['cksum'], input=b''.join(parts) + f'{checkout}|'.encode(), capture_output=True, check=True)
    (venv / '.videoseg_stamp').write_bytes(stamp.stdout)
    environment = {name: value for name, value in os.environ.items() if not name.startswith('VIDEOSEG_')}
    done = run(['bash', checkout / 'tools' / 'setup_env.sh'], env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(venv / 'bin' / 'python')
    assert 'is ready' in done.stderr

    with open(checkout / 'requirements' / 'runtime.txt', 'a', encoding='utf-8') as file:
        file.write('# changed\n')
    stub('c++', 'exit 1')
    environment.update(CXX='no-such-compiler')
    done = run(['bash', checkout / 'tools' / 'setup_env.sh'], env=environment)
    assert done.returncode == 1  # it set out to install, and stopped at the missing compiler
    assert 'is ready' not in done.stderr


def launch(script: str, *arguments: str, path: Path, **variables: str) -> list[str]:
    """The command a launcher ends in, one argument a line."""
    environment = {**os.environ, 'PATH': f'{path}:{os.environ["PATH"]}', **variables}
    done = run(['bash', ROOT / 'tools' / script, *arguments], env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_dist_train_command(stub) -> None:
    echo = stub('python', 'case "$1" in -c) echo 4242;; *) printf "%s\\n" "$@";; esac')
    variables = {'path': stub.path, 'VIDEOSEG_PYTHON': str(echo)}
    command = launch('dist_train.sh', 'c.py', '2', '--work-dir', 'a b', **variables)
    assert command[:2] == ['-m', 'torch.distributed.run']
    assert {'--nnodes=1', '--node_rank=0', '--nproc_per_node=2', '--master_port=4242'} <= set(command)
    assert command[-6:] == [f'{ROOT}/tools/train.py', 'c.py', '--launcher', 'pytorch', '--work-dir', 'a b']

    nodes = {'NNODES': '2', 'NODE_RANK': '1', 'MASTER_ADDR': '10.0.0.1', 'PORT': '29501'}
    command = launch('dist_test.sh', 'c.py', 'k.pth', '8', '--out', 'r.json', **variables, **nodes)
    assert {'--nnodes=2', '--node_rank=1', '--master_addr=10.0.0.1', '--master_port=29501'} <= set(command)
    assert command[-7:] == [f'{ROOT}/tools/test.py', 'c.py', 'k.pth', '--launcher', 'pytorch', '--out', 'r.json']


def test_slurm_commands(stub) -> None:
    stub('srun', 'printf "%s\\n" "$@"')
    variables = {'path': stub.path, 'VIDEOSEG_PYTHON': sys.executable, 'GPUS': '4', 'SRUN_ARGS': '--time 60'}
    command = launch('slurm_train.sh', 'part', 'a job', 'c.py', 'wd', '--amp', **variables)
    assert {'--job-name=a job', '--gres=gpu:4', '--ntasks=4', '--ntasks-per-node=4', '--time', '60'} <= set(command)
    assert command[-6:] == ['c.py', '--work-dir', 'wd', '--launcher', 'slurm', '--amp']
    command = launch('slurm_test.sh', 'part', 'job', 'c.py', 'k.pth', **variables)
    assert command[-5:] == [f'{ROOT}/tools/test.py', 'c.py', 'k.pth', '--launcher', 'slurm']


@pytest.mark.parametrize(
    ('script', 'arguments'),
    [
        ('dist_train.sh', ['c.py']),
        ('dist_train.sh', ['c.py', 'two']),
        ('dist_test.sh', ['c.py', 'k.pth']),
        ('slurm_train.sh', ['part', 'job', 'c.py']),
    ],
)
def test_launchers_show_their_usage(script: str, arguments: list[str]) -> None:
    done = run(['bash', ROOT / 'tools' / script, *arguments])
    assert done.returncode == 2
    assert f'bash tools/{script}' in done.stderr


def test_several_machines_need_a_port() -> None:
    done = run(['bash', ROOT / 'tools' / 'dist_train.sh', 'c.py', '1'], env={**os.environ, 'NNODES': '2', 'PORT': ''})
    assert done.returncode == 2
    assert 'PORT must be set' in done.stderr
