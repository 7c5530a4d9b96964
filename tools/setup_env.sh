#!/usr/bin/env bash
# Makes the Python environment of videoseg, or finds out in a moment that it is there.
#
#   bash tools/setup_env.sh            set up; the path of the interpreter to use is the only line on standard output
#   bash tools/setup_env.sh --which    print that path without setting anything up
#
# Environment variables:
#   VIDEOSEG_PYTHON       use this interpreter as it is: it is checked, nothing is installed into it
#   VIDEOSEG_VENV         where the environment is made (default: .venv in the checkout)
#   VIDEOSEG_TORCH_INDEX  package index for torch alone, e.g. that of the official CPU or CUDA wheels
#   MAX_JOBS              parallel compile jobs for mmcv (default: by cores and free memory)
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${VIDEOSEG_VENV:-$ROOT/.venv}"
STAMP="$VENV/.videoseg_stamp"
LOG="$VENV/setup.log"
STARTED=$SECONDS

say() { printf '[setup] %s\n' "$*" >&2; }

die() {
    printf '[setup] ERROR: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '[setup]        %s\n' "$line" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Everything the environment depends on: its recipe, where the checkout lies (the install is editable), the index.
recipe_hash() {
    { cat "$ROOT/setup.py" "$ROOT"/requirements/*.txt "$ROOT/tools/setup_env.sh"
      printf '%s|%s' "$ROOT" "${VIDEOSEG_TORCH_INDEX:-}"; } | cksum
}

is_set_up() { [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(recipe_hash)" ] && "$VENV/bin/python" -c '' 2>/dev/null; }

install_hint() { # <Debian packages> <Fedora packages> <otherwise>
    if have apt-get; then echo "Fix: sudo apt-get install -y $1"
    elif have dnf; then echo "Fix: sudo dnf install -y $2"
    elif [ "$(uname -s)" = Darwin ]; then echo 'Fix: xcode-select --install'
    else echo "Fix: $3"; fi
}

version_ok() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1; }

find_base_python() {
    local name
    for name in python3.11 python3.12 python3 python; do
        if have "$name" && version_ok "$name"; then command -v "$name"; return; fi
    done
    local found='none'
    if have python3; then found="$(python3 --version 2>&1 || true)"; fi
    die "videoseg needs Python 3.11 or 3.12; found: $found." \
        "$(install_hint 'python3.11 python3.11-venv python3.11-dev' 'python3.11 python3.11-devel' 'install Python 3.11')" \
        'or, with conda: conda create -n videoseg python=3.11 && conda activate videoseg' \
        'or name an interpreter that has everything: VIDEOSEG_PYTHON=/path/to/python bash tools/setup_env.sh'
}

check_base_python() { # headers and the venv module come in packages of their own on some systems
    local version
    version="$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    "$1" -c 'import ensurepip, venv' 2>/dev/null || die "$1 lacks the venv module." \
        "$(install_hint "python$version-venv" "python$version" "install the venv module of Python $version")"
    [ -f "$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] || die \
        "$1 has no headers (Python.h), which compiling mmcv's ops needs." \
        "$(install_hint "python$version-dev" "python$version-devel" "install the headers of Python $version")"
}

check_compiler() {
    local compiler
    for compiler in ${CXX:-c++ g++ clang++}; do
        have "$compiler" || continue
        if printf '#include <vector>\n#include <optional>\nint main() { return 0; }\n' |
            "$compiler" -x c++ -std=c++17 -fsyntax-only - >/dev/null 2>&1; then
            export CXX="$compiler"
            return
        fi
    done
    die "no working C++17 compiler (tried: ${CXX:-c++ g++ clang++}); mmcv's ops are compiled here." \
        "$(install_hint 'build-essential' 'gcc-c++ make' 'install g++ or clang++')" \
        'Without administrator rights: conda install -c conda-forge cxx-compiler'
}

free_mib() { df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }'; }

check_disk() {
    local free
    free="$(free_mib "$(dirname "$VENV")")"
    [ "$free" -ge 4096 ] || die "only $free MiB free for $VENV; about 3 GiB are needed (more with CUDA)." \
        'Fix: free some space, or put the environment elsewhere: VIDEOSEG_VENV=/big/disk/venv bash tools/setup_env.sh'
    free="$(free_mib "${TMPDIR:-/tmp}")"
    [ "$free" -ge 1024 ] || die "only $free MiB free in ${TMPDIR:-/tmp}, where mmcv is compiled; 1 GiB is needed." \
        'Fix: TMPDIR=/big/disk/tmp bash tools/setup_env.sh'
}

compile_jobs() { # one job a core, 2 GiB of free memory a job
    local cores memory
    cores="$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)"
    memory="$(awk '/^MemAvailable/ { print int($2 / 2097152) }' /proc/meminfo 2>/dev/null || true)"
    memory="${memory:-$cores}"
    if [ "$memory" -lt 1 ]; then memory=1; fi
    echo $((memory < cores ? memory : cores))
}

# The lines of pip's output that tell how far it is; all of it goes to the log.
pip_install() {
    local status=0
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        -c "$ROOT/requirements/build.txt" -c "$ROOT/requirements/mminstall.txt" "$@" 2>&1 | tee -a "$LOG" |
        awk '/^  Downloading .*\(([0-9][0-9]+(\.[0-9])? MB|.* GB)\)|Building wheel|^ERROR/ {
                 print "[setup]   " substr($0, 1, 110); fflush() }' >&2 || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 30 "$LOG" >&2
        die "pip failed (the last lines are above, all of it in $LOG)." \
            'Run the same command again to continue where it stopped.'
    fi
}

ops_work() { "$VENV/bin/python" -c 'import mmcv.ops' >>"$LOG" 2>&1; }

install_mmcv() {
    if ops_work; then say 'mmcv and its compiled ops are there already'; return; fi
    export MAX_JOBS="${MAX_JOBS:-$(compile_jobs)}"
    say "mmcv: its ops are compiled with $MAX_JOBS jobs; expect about 8 minutes on 2 cores, less on more"
    say '  (seconds, if pip still has the wheel of an earlier build)'
    if "$VENV/bin/python" -c 'import sys, torch; from torch.utils.cpp_extension import CUDA_HOME
sys.exit(not (torch.cuda.is_available() and CUDA_HOME is None))' 2>>"$LOG"; then
        say 'WARNING: a GPU is here but no CUDA compiler (nvcc): mmcv gets its CPU ops only. videoseg trains and tests on'
        say '  the GPU all the same. For the CUDA ops install the CUDA toolkit, remove the environment, run this again.'
        export CUDA_VISIBLE_DEVICES=''
    fi
    # With build isolation there would be no torch at build time, and a wheel without ops: no error, no ops.
    pip_install --no-build-isolation "$(requirement onedl-mmengine)" "$(requirement onedl-mmcv)"
    repair_opencv
    if ops_work; then return; fi
    say 'mmcv.ops does not load: installing mmcv again'
    pip_install --no-build-isolation --no-deps --force-reinstall "$(requirement onedl-mmcv)"
    if ops_work; then return; fi
    say "the wheel in pip's cache has no ops, or is of another torch: removing it and compiling anew"
    "$VENV/bin/python" -m pip cache remove onedl_mmcv >>"$LOG" 2>&1 || true
    pip_install --no-build-isolation --no-deps --force-reinstall --no-binary onedl-mmcv "$(requirement onedl-mmcv)"
    ops_work || die "mmcv.ops cannot be imported; the reason is at the end of $LOG."
}

repair_opencv() { # both OpenCV wheels fill the same folder; the one with windows needs libGL, which servers lack
    if "$VENV/bin/python" -c 'import cv2' >>"$LOG" 2>&1; then return; fi
    say 'OpenCV does not load (no libGL here?): using the build without windows'
    pip_install --no-deps --force-reinstall "$(requirement opencv-python-headless)"
    "$VENV/bin/python" -c 'import cv2' >>"$LOG" 2>&1 || die "OpenCV cannot be imported; the reason is in $LOG." \
        "$(install_hint 'libgl1 libglib2.0-0' 'mesa-libGL glib2' 'install libGL and glib')"
}

requirement() { grep -E "^$1[=<>]" "$ROOT"/requirements/*.txt -h | head -n 1; }

# An interrupted pip can leave half a package that it takes for whole the next time. RECORD is what it writes last.
remove_half_installed() {
    local site info
    if [ ! -x "$VENV/bin/python" ]; then return; fi
    site="$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    for info in "$site"/*.dist-info "$site"/~*; do # ~: what an upgrade was about to replace
        if [ -e "$info" ] && { [ ! -f "$info/RECORD" ] || [[ "$(basename "$info")" == '~'* ]]; }; then
            say "removing what an interrupted install left: $(basename "$info")"
            rm -rf "$info"
        fi
    done
}

# Stops before anything is written if the machine lacks something; sets BASE to the interpreter behind the environment.
check_machine() {
    if [ -x "$VENV/bin/python" ]; then
        version_ok "$VENV/bin/python" || die "the Python of $VENV is not 3.11 or 3.12, or broken." \
            "Fix: rm -rf '$VENV', then run this again."
        BASE="$("$VENV/bin/python" -c 'import sys; print(sys._base_executable)')"
        if ops_work; then return; fi
    elif [ -L "$VENV/bin/python" ]; then
        die "$VENV points to a Python that is gone." "Fix: rm -rf '$VENV', then run this again."
    else
        BASE="$(find_base_python)"
    fi
    check_base_python "$BASE"
    check_compiler
    check_disk
}

make_venv() {
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        say "making $VENV with $("$BASE" --version 2>&1) ($BASE)"
        "$BASE" -m venv "$VENV"
    fi
}

set_up() {
    say "setting up $VENV: about 10 minutes the first time, most of it compiling mmcv. If it is interrupted, run it again."
    check_machine
    mkdir -p "$VENV"
    exec 9>"$VENV/.lock"
    if have flock && ! flock -n 9; then
        say 'another set-up is at work in this environment: waiting for it'
        flock 9
        if is_set_up; then return; fi
    fi
    trap 'say "interrupted; run the same command again, it continues"; exit 130' INT TERM
    rm -f "$STAMP"
    : >"$LOG"
    remove_half_installed
    make_venv
    say 'build tools'
    pip_install --upgrade -r "$ROOT/requirements/build.txt"
    say "$(requirement torch)${VIDEOSEG_TORCH_INDEX:+ from $VIDEOSEG_TORCH_INDEX}"
    if [ -z "${VIDEOSEG_TORCH_INDEX:-}" ] && [ "$(uname -s)" = Linux ] && ! have nvidia-smi; then
        say '  (no NVIDIA GPU here: should this download gigabytes of CUDA libraries, see VIDEOSEG_TORCH_INDEX in'
        say '  docs/get_started.md)'
    fi
    pip_install ${VIDEOSEG_TORCH_INDEX:+--index-url "$VIDEOSEG_TORCH_INDEX"} "$(requirement torch)"
    pip_install "$(requirement numpy)"
    install_mmcv
    say 'mmdet, mmseg and the rest'
    pip_install --no-build-isolation -r "$ROOT/requirements/mminstall.txt" -r "$ROOT/requirements/runtime.txt" \
        -r "$ROOT/requirements/optional.txt" -r "$ROOT/requirements/tests.txt"
    repair_opencv
    say 'videoseg itself (editable)'
    pip_install --no-deps --no-build-isolation -e "$ROOT"
    check_with "$VENV/bin/python"
    recipe_hash >"$STAMP"
    say "done in $(((SECONDS - STARTED) / 60)) min $(((SECONDS - STARTED) % 60)) s"
}

check_with() {
    "$1" "$ROOT/tools/collect_env.py" --check >&2 || die "the environment of $1 is not complete; see above."
}

main() {
    case "${1:-}" in
        '') ;;
        --which) print_python; return ;;
        *) sed -n '2,11p' "${BASH_SOURCE[0]}" >&2; die "unknown argument: $1" ;;
    esac
    if [ -n "${VIDEOSEG_PYTHON:-}" ]; then
        have "$VIDEOSEG_PYTHON" || die "VIDEOSEG_PYTHON=$VIDEOSEG_PYTHON is not an executable."
        VIDEOSEG_PYTHON="$(absolute "$VIDEOSEG_PYTHON")"
        say "using $VIDEOSEG_PYTHON as it is (VIDEOSEG_PYTHON is set): only checking it"
        check_with "$VIDEOSEG_PYTHON"
    elif is_set_up; then
        say "$VENV is ready"
    else
        set_up
    fi
    print_python
}

absolute() { # of a command or a path; a link stays a link: resolving it would leave a virtual environment
    local found
    found="$(command -v "$1" || true)"
    echo "$(cd "$(dirname "${found:-$1}")" && pwd)/$(basename "${found:-$1}")"
}

print_python() {
    if [ -n "${VIDEOSEG_PYTHON:-}" ]; then absolute "$VIDEOSEG_PYTHON"
    elif [ -x "$VENV/bin/python" ]; then echo "$VENV/bin/python"
    else command -v python3 || command -v python; fi
}

main "$@"
