"""``tools/offline_env.sh``: what it asks pip for, in which order and under which variables. Nothing is fetched here."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tools' / 'offline_env.sh'
PINS = {
    line.split('#')[0].strip()
    for path in (ROOT / 'requirements').glob('*.txt')
    for line in path.read_text(encoding='utf-8').splitlines()
    if line.split('#')[0].strip()
}
MMCV = next(pin for pin in PINS if pin.startswith('onedl-mmcv'))
PURE = ('onedl-mmengine', 'onedl-mmdetection', 'onedl-mmsegmentation')
# Stands for the interpreter: pip leaves files behind and notes how it was called; -c answers what the case says.
PYTHON = """#!/bin/sh
here="$(dirname "$0")"
if [ "$1" = -m ]; then
    previous=; list=
    for word in "$@"; do
        case "$previous" in
            --wheel-dir) touch "$word/onedl_mmengine-1-$(cat "$here/tag").whl" ;;
            --dest) mkdir -p "$word" && cd "$word" && touch onedl_mmcv-2.tar.gz torch-2-x.whl torchlike-2-x.whl ;;
            -r) list="$list $(grep -v '^#' "$word" | tr '\\n' ';')" ;;
        esac
        previous="$word"
    done
    printf '%s|%s|%s|%s|%s|%s\\n' "${FORCE_CUDA-}" "${CUDA_VISIBLE_DEVICES-all}" "${TORCH_CUDA_ARCH_LIST-}" \
        "${MAX_JOBS-}" "$*" "$list" >>"$here/calls"
    case "$*" in *"pip install"*onedl_mmcv-*) touch "$here/ops" ;; esac
    exit 0
fi
case "$2" in
    *version_info*) cat "$here/version" ;;
    *mmcv.ops*) [ -f "$here/ops" ] ;;
    *CUDA_HOME*) [ -f "$here/gpu" ] ;;
    *"import cv2"*) [ ! -f "$here/no_cv2" ] ;;
    *get_device_capability*) cat "$here/gpu" ;;
    *"import torch"*) [ ! -f "$here/no_torch" ] ;;
esac
"""


class Machine:
    """A stand-in interpreter and the folder that is carried."""

    def __init__(self, folder):
        self.home, self.packages = folder / 'python', folder / 'packages'
        self.home.mkdir()
        for name, content in dict(tag='py3-none-any', version='3.12', python=PYTHON).items():
            (self.home / name).write_text(content)
        (self.home / 'python').chmod(0o755)

    def run(self, verb, **variables):
        names = ('MAX_JOBS', 'FORCE_CUDA', 'CUDA_VISIBLE_DEVICES', 'TORCH_CUDA_ARCH_LIST')
        kept = {k: v for k, v in os.environ.items() if k not in names and not k.startswith('VIDEOSEG_')}
        environment = {**kept, 'CXX': 'sh', 'VIDEOSEG_PYTHON': str(self.home / 'python'), **variables}
        command = ['bash', str(SCRIPT), verb, str(self.packages)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    def calls(self):
        """(variables, arguments, lines of the requirement files) of every call of pip."""
        rows = [line.split('|') for line in (self.home / 'calls').read_text(encoding='utf-8').splitlines()]
        (self.home / 'calls').unlink()
        names = ('force', 'devices', 'arch', 'jobs')
        variables = [dict(zip(names, row[:4], strict=True)) for row in rows]
        listed = [{line.strip() for line in row[5].split(';') if line.strip()} for row in rows]
        return list(zip(variables, [row[4].split() for row in rows], listed, strict=True))


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.fixture
def packed(machine):
    assert machine.run('pack').returncode == 0
    machine.calls()
    return machine


def test_pack_asks_for_every_pin_but_torch(machine):
    done = machine.run('pack')
    assert done.returncode == 0, done.stderr
    (_, wheels, _), (_, source, _), (_, binary, listed), (_, documents, pages) = machine.calls()
    assert wheels[1:3] == ['pip', 'wheel'] and '--no-deps' in wheels
    assert {word for word in wheels if '==' in word} == {pin for pin in PINS if pin.startswith(PURE)}
    assert source[1:3] == ['pip', 'download'] and source[source.index('--no-binary') + 1] == 'onedl-mmcv'
    assert MMCV in source and '--no-deps' in source
    assert binary[binary.index('--python-version') + 1] == '3.12' and '--only-binary=:all:' in binary
    assert listed | pages == {pin for pin in PINS if not pin.startswith(('torch=', 'onedl-mmcv='))}
    assert documents[documents.index('--dest') + 1] == str(machine.packages / 'docs')
    assert {re.match(r'[\w-]+', line)[0] for line in pages} == {'sphinx', 'myst-parser'}
    names = {path.name for path in machine.packages.iterdir()}
    assert names == {
        'docs', 'manifest', 'onedl_mmcv-2.tar.gz', 'onedl_mmengine-1-py3-none-any.whl', 'torchlike-2-x.whl'
    }  # fmt: skip
    assert re.search(r'\d wheels and onedl_mmcv-2.tar.gz: [\d.]+K\n', done.stderr)


def test_pack_for_another_python_and_less(machine):
    done = machine.run('pack', VIDEOSEG_TARGET_PYTHON='3.11', VIDEOSEG_PRESENT='torch scipy opencv-python')
    assert done.returncode == 0, done.stderr
    _, arguments, listed = machine.calls()[-2]
    assert arguments[arguments.index('--python-version') + 1] == '3.11'
    names = {re.match(r'[\w-]+', line)[0] for line in listed}
    assert not names & {'torch', 'scipy', 'opencv-python'} and {'opencv-python-headless', 'numpy'} <= names
    assert machine.run('install').returncode == 1
    (machine.home / 'version').write_text('3.11')
    assert machine.run('install').returncode == 0


def test_pack_refuses_a_wheel_of_this_machine_alone(machine):
    (machine.home / 'tag').write_text('cp311-cp311-linux_x86_64')
    done = machine.run('pack')
    assert done.returncode == 1 and 'is not pure Python' in done.stderr
    assert 'holds no complete package folder' in machine.run('install').stderr


def test_pack_starts_anew_in_its_own_folder_and_in_no_other(packed):
    (packed.packages / 'old-1-py3-none-any.whl').touch()
    assert packed.run('pack').returncode == 0
    assert not (packed.packages / 'old-1-py3-none-any.whl').exists()
    (packed.packages / 'manifest').unlink()
    (packed.packages / 'photo.png').touch()
    done = packed.run('pack')
    assert done.returncode == 1 and 'is neither empty nor a package folder' in done.stderr
    assert (packed.packages / 'photo.png').exists() and (packed.packages / 'torchlike-2-x.whl').exists()


def test_pack_needs_torch(machine):
    (machine.home / 'no_torch').touch()
    done = machine.run('pack')
    assert done.returncode == 1 and 'lacks torch' in done.stderr and not machine.packages.exists()


def test_install_never_asks_the_network(packed):
    done = packed.run('install', VIDEOSEG_OPS='cpu', MAX_JOBS='3')
    assert done.returncode == 0, done.stderr
    calls = packed.calls()
    for _, arguments, _ in calls:
        assert arguments[1:5] == ['pip', 'install', '--no-index', '--no-deps']
    (_, wheels, _), (variables, mmcv, _), (after, own, _) = calls
    folder = packed.packages
    assert {word for word in wheels if word.endswith('.whl')} == {str(path) for path in folder.glob('*.whl')}
    assert str(folder / 'onedl_mmcv-2.tar.gz') in mmcv and '--no-build-isolation' in mmcv
    assert variables == dict(force='0', devices='', arch='', jobs='3')
    assert after['devices'] == 'all'  # only the build must not see the GPU
    assert own[own.index('-e') + 1] == str(ROOT) and '--no-build-isolation' in own


def test_opencv_without_windows_where_libgl_is_missing(packed):
    (packed.packages / 'opencv_python_headless-4-x.whl').touch()
    (packed.home / 'no_cv2').touch()
    done = packed.run('install', VIDEOSEG_OPS='cpu')
    assert done.returncode == 1 and 'OpenCV cannot be imported' in done.stderr  # it still does not load here
    assert packed.calls()[-1][1][5:7] == ['--force-reinstall', str(packed.packages / 'opencv_python_headless-4-x.whl')]


@pytest.mark.parametrize(
    ('variables', 'gpu', 'expected'),
    [
        (dict(VIDEOSEG_OPS='cuda', TORCH_CUDA_ARCH_LIST='9.0'), None, ('1', 'all', '9.0')),
        (dict(VIDEOSEG_OPS='cuda'), '8.6', ('1', 'all', '8.6')),
        (dict(), '8.6', ('1', 'all', '8.6')),
        (dict(), None, ('0', '', '')),
    ],
)
def test_which_ops_are_compiled(packed, variables, gpu, expected):
    if gpu:
        (packed.home / 'gpu').write_text(gpu)
    assert packed.run('install', **variables).returncode == 0
    found = packed.calls()[1][0]
    assert (found['force'], found['devices'], found['arch']) == expected
    assert 1 <= int(found['jobs']) <= 16


@pytest.mark.parametrize(
    ('variables', 'message'),
    [
        (dict(VIDEOSEG_OPS='gpu'), 'VIDEOSEG_OPS must be cpu or cuda, not gpu'),
        (dict(VIDEOSEG_OPS='cuda'), 'torch sees no GPU whose architecture could be taken'),
        (dict(CXX='no-such-compiler'), 'no C++ compiler'),
    ],
)
def test_what_install_refuses(packed, variables, message):
    done = packed.run('install', **variables)
    assert done.returncode == 1 and message in done.stderr


def test_install_checks_what_was_packed(packed):
    manifest = packed.packages / 'manifest'
    content = manifest.read_text()
    manifest.write_text(content.replace('recipe ', 'recipe 1'))
    assert 'packed from other files under requirements/' in packed.run('install').stderr
    manifest.unlink()
    assert 'holds no complete package folder' in packed.run('install').stderr
    manifest.write_text(content)
    (packed.home / 'no_torch').touch()
    assert 'has no torch' in packed.run('install').stderr
    assert not (packed.home / 'calls').exists()  # pip was never called


@pytest.mark.parametrize('arguments', [[], ['pack'], ['fetch', 'x']])
def test_usage(arguments):
    done = subprocess.run(['bash', SCRIPT, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and 'bash tools/offline_env.sh pack DIR' in done.stderr
