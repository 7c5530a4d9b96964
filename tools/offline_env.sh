#!/usr/bin/env bash
# The Python environment of videoseg for a machine without network, which has Python, torch and a C++17 compiler.
#
#   bash tools/offline_env.sh pack DIR      on a connected machine: fetch and build everything into DIR
#   bash tools/offline_env.sh install DIR   on the other one, in a checkout of the same revision: install from DIR
#
# Versions are those of requirements/. `pack` has been run (Python 3.12, Linux on x86-64: 330 MiB). `install` has NOT
# been run on such a machine: none was at hand. tests/test_tools/test_offline_env.py covers what it decides.
#
# Environment variables of both:
#   VIDEOSEG_PYTHON          interpreter, with torch (default: pack that of tools/setup_env.sh, install python3)
# of pack:
#   VIDEOSEG_PRESENT         packages of the other machine that will do: they are left out (default: torch)
#   VIDEOSEG_TARGET_PYTHON   Python version of the other machine (default: 3.12); its platform must be that of this one
# of install, which changes the environment of its interpreter:
#   VIDEOSEG_OPS             cpu or cuda: which of mmcv's ops are compiled (default: cuda with nvcc and a GPU, else cpu)
#   TORCH_CUDA_ARCH_LIST     architectures of the CUDA ops, e.g. 9.0 for Hopper (default: that of the GPU)
#   MAX_JOBS                 parallel compile jobs for mmcv (default: 16, or the number of cores if there are fewer)
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
REQUIREMENTS="$ROOT/requirements"
PRESENT="${VIDEOSEG_PRESENT:-torch}"

say() { printf '[offline] %s\n' "$*" >&2; }

die() {
    printf '[offline] ERROR: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '[offline]        %s\n' "$line" >&2; done
    exit 1
}

# The requirement lines of some files, without comments and without what is present on the other machine.
lines_of() {
    local file line name
    for file in "$@"; do
        while IFS= read -r line || [ -n "$line" ]; do
            line="${line%%#*}"
            name="${line%%[=<>! ;[]*}"
            case " $PRESENT " in *" $name "*) continue ;; esac
            [ -z "${name// /}" ] || printf '%s\n' "$line"
        done <"$REQUIREMENTS/$file.txt"
    done
}

requirement() { lines_of mminstall | grep -E "^$1[=<>]" || die "$1 has no line in requirements/mminstall.txt."; }

recipe() { cat "$REQUIREMENTS"/*.txt | cksum; }

pip() { "$PYTHON" -m pip "$@" --disable-pip-version-check --no-input; }

# ------------------------------------------------------------------------------------------------------------- pack

pack() { # DIR
    local target="${VIDEOSEG_TARGET_PYTHON:-3.12}" list
    PYTHON="${VIDEOSEG_PYTHON:-$(bash "$ROOT/tools/setup_env.sh" --which)}"
    "$PYTHON" -c 'import torch, setuptools, wheel' 2>/dev/null || die \
        "$PYTHON lacks torch, setuptools or wheel, which the packages of OpenMMLab ask for when they are packed." \
        'Fix: bash tools/setup_env.sh, or name an interpreter that has them: VIDEOSEG_PYTHON=/path/to/python'
    mkdir -p "$1"
    [ -f "$1/manifest" ] || [ -z "$(ls -A "$1")" ] || die "$1 is neither empty nor a package folder: name another one."
    echo 'incomplete' >"$1/manifest"
    rm -rf "$1"/*.whl "$1"/onedl_mmcv-*.tar.gz "$1/docs" # of an earlier revision
    list="$(mktemp)"
    trap "rm -f '$list'" EXIT

    say 'pure Python packages, as wheels; mmcv, as source'
    pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$1" "$(requirement onedl-mmengine)" \
        "$(requirement onedl-mmdetection)" "$(requirement onedl-mmsegmentation)"
    pip download --quiet --no-deps --no-build-isolation --no-binary onedl-mmcv --dest "$1" "$(requirement onedl-mmcv)"
    check_pure "$1"

    say "everything else, as wheels for Python $target; what only the docs need in $1/docs"
    for file in build mminstall optional runtime tests; do lines_of "$file"; done | grep -v '^onedl-mmcv=' >"$list"
    pip download --quiet --only-binary=:all: --python-version "$target" --find-links "$1" --dest "$1" -r "$list"
    lines_of docs >"$list"
    pip download --quiet --only-binary=:all: --python-version "$target" --dest "$1/docs" -r "$list"
    remove_present "$1"

    printf 'python %s\nrecipe %s\n' "$target" "$(recipe)" >"$1/manifest"
    say "$(find "$1" -name '*.whl' | wc -l) wheels and $(basename "$1"/onedl_mmcv-*.tar.gz): $(du -sh "$1" | cut -f1)"
}

check_pure() { # DIR
    local wheel
    for wheel in "$1"/onedl_*.whl; do
        case "$wheel" in
            *-none-any.whl) ;;
            *) die "$(basename "$wheel") is not pure Python: it fits this machine only." ;;
        esac
    done
    [ -f "$(echo "$1"/onedl_mmcv-*.tar.gz)" ] || die 'pip brought no source distribution of mmcv, or more than one.' \
        "Fix: rm -r '$1', then run this again."
}

remove_present() { # DIR: dependencies may have asked for what the other machine has
    local name
    for name in $PRESENT; do rm -f "$1/${name//-/_}"-[0-9]*.whl; done
}

# ---------------------------------------------------------------------------------------------------------- install

install() { # DIR
    PYTHON="${VIDEOSEG_PYTHON:-python3}"
    check_target "$1"
    # Without dependencies: they are all here, or on this machine, maybe under another name (OpenCV has several).
    say "$(find "$1" -maxdepth 1 -name '*.whl' | wc -l) wheels"
    pip_install "$1"/*.whl
    install_mmcv "$1"
    "$PYTHON" -c 'import cv2' 2>/dev/null || headless_opencv "$1"
    say 'videoseg itself (editable)'
    pip_install --no-build-isolation -e "$ROOT"
    "$PYTHON" "$ROOT/tools/collect_env.py" --check >&2 || die "the environment of $PYTHON is not complete; see above."
    say 'done'
}

pip_install() { pip install --no-index --no-deps "$@" >&2; }

check_target() { # DIR
    local version
    grep -qs '^python ' "$1/manifest" || die "$1 holds no complete package folder." \
        "Fix: bash tools/offline_env.sh pack $1"
    version="$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" || die "$PYTHON does not run."
    grep -qx "python $version" "$1/manifest" || die \
        "$1 was packed for $(head -n 1 "$1/manifest"), $PYTHON is $version." \
        "Fix: VIDEOSEG_TARGET_PYTHON=$version bash tools/offline_env.sh pack $1"
    grep -qx "recipe $(recipe)" "$1/manifest" || die "$1 was packed from other files under requirements/." \
        'Fix: pack again from this revision.'
    "$PYTHON" -c 'import torch' 2>/dev/null || die \
        "$PYTHON has no torch, which is not packed: its build depends on the accelerator." \
        'Fix: install it first, or name the interpreter that has it: VIDEOSEG_PYTHON=/path/to/python'
    have_compiler || die 'no C++ compiler (c++, g++ or clang++): mmcv is compiled here.'
}

have_compiler() {
    local name
    for name in ${CXX:-c++ g++ clang++}; do if command -v "$name" >/dev/null; then return; fi; done
    return 1
}

install_mmcv() { # DIR
    local ops="${VIDEOSEG_OPS:-}" cores
    if "$PYTHON" -c 'import mmcv.ops' 2>/dev/null; then say 'mmcv and its compiled ops are there already'; return; fi
    cores="$(nproc 2>/dev/null || echo 2)"
    export MAX_JOBS="${MAX_JOBS:-$((cores < 16 ? cores : 16))}"
    if [ -z "$ops" ]; then
        ops=cpu
        if has_cuda; then ops=cuda; fi
    fi
    case "$ops" in
        cpu) export CUDA_VISIBLE_DEVICES='' FORCE_CUDA=0 ;; # torch sees no GPU while mmcv is built
        cuda)
            TORCH_CUDA_ARCH_LIST="${TORCH_CUDA_ARCH_LIST:-$(gpu_architecture)}"
            export FORCE_CUDA=1 TORCH_CUDA_ARCH_LIST
            ;;
        *) die "VIDEOSEG_OPS must be cpu or cuda, not $ops." ;;
    esac
    say "mmcv: its $ops ops are compiled with $MAX_JOBS jobs${TORCH_CUDA_ARCH_LIST:+ for $TORCH_CUDA_ARCH_LIST}"
    # With build isolation there would be no torch at build time, and a wheel without ops: no error, no ops.
    pip_install --no-build-isolation --no-cache-dir "$1"/onedl_mmcv-*.tar.gz
    if [ "$ops" = cpu ]; then unset CUDA_VISIBLE_DEVICES; fi
    "$PYTHON" -c 'import mmcv.ops' || die 'mmcv was installed, but its ops cannot be imported; the reason is above.'
}

has_cuda() {
    "$PYTHON" -c 'import sys, torch; from torch.utils.cpp_extension import CUDA_HOME
sys.exit(not (torch.cuda.is_available() and CUDA_HOME))' 2>/dev/null
}

gpu_architecture() {
    "$PYTHON" -c 'import torch; print("%d.%d" % torch.cuda.get_device_capability())' ||
        die 'torch sees no GPU whose architecture could be taken.' \
            'Fix: TORCH_CUDA_ARCH_LIST=9.0 (or another), or VIDEOSEG_OPS=cpu'
}

headless_opencv() { # DIR: both OpenCV wheels fill one folder; the one with windows needs libGL, which servers lack
    say 'OpenCV does not load (no libGL here?): using the build without windows'
    pip_install --force-reinstall "$1"/opencv_python_headless-*.whl
    "$PYTHON" -c 'import cv2' || die 'OpenCV cannot be imported; the reason is above.'
}

usage() {
    sed -n '2,20p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

[ $# -eq 2 ] || usage
case "$1" in
    pack | install) "$1" "$2" ;;
    *) usage ;;
esac
