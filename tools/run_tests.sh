#!/usr/bin/env bash
# Sets up the environment if need be, then runs the tests.
#
#   bash tools/run_tests.sh [full|fast|learns|core] [pytest arguments]
#
#   full     everything but the tests that train until something is learned (default)
#   fast     additionally without the tests of more than 5 seconds and those that repeat what a faster case shows
#   learns   only the tests that train until something is learned
#   core     the evaluators alone, in an environment without torch (.venv-core, made in a minute): what
#            requirements/runtime.txt lists, and pytest and hypothesis
#
# full and fast use one process a core, VIDEOSEG_TEST_PROCESSES=N another number (0: none beside pytest itself).
# VIDEOSEG_PARITY_DIR=DIR compares with all recorded cases of the reference code under DIR, not just the committed ones.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
MODE=full
case "${1:-}" in
    full | fast | learns | core) MODE="$1"; shift ;;
    -h | --help) sed -n '2,13p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
case "$MODE" in
    full) SELECT='not learns' ;;
    fast) SELECT='not slow and not learns' ;;
    learns) SELECT='learns' ;;
    core) SELECT='not learns' ;;
esac

CORE_VENV="$ROOT/.venv-core"
CORE_TESTS=(tests/test_evaluation/test_functional tests/test_evaluation/test_formats tests/test_evaluation/test_benchmarks
    tests/test_structures/test_ids.py tests/test_structures/test_rle.py tests/test_docs/test_evaluation_examples.py)

core_env() { # makes the environment without torch if its recipe has changed; prints its interpreter
    local recipe base
    recipe="$(cat "$ROOT"/requirements/{runtime,tests}.txt "${BASH_SOURCE[0]}" | cksum)"
    if [ "$(cat "$CORE_VENV/.videoseg_stamp" 2>/dev/null)" != "$recipe" ]; then
        base="$(bash "$ROOT/tools/setup_env.sh" --which)"
        if ! "$base" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'; then
            echo "videoseg needs Python 3.11 or 3.12, and $base is another. Fix: VIDEOSEG_PYTHON=/path/to/python3.11" >&2
            exit 1
        fi
        echo "[core] making $CORE_VENV" >&2
        rm -rf "$CORE_VENV"
        "$base" -m venv "$CORE_VENV"
        grep -hE '^(pytest|hypothesis)[<=>]' "$ROOT/requirements/tests.txt" >"$CORE_VENV/tests.txt"
        "$CORE_VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input \
            -r "$ROOT/requirements/runtime.txt" -r "$CORE_VENV/tests.txt" >&2
        echo "$recipe" >"$CORE_VENV/.videoseg_stamp"
    fi
    echo "$CORE_VENV/bin/python"
}

if [ -n "${VIDEOSEG_PARITY_DIR:-}" ]; then # a relative path means the caller's folder, not the checkout
    VIDEOSEG_PARITY_DIR="$(cd "$VIDEOSEG_PARITY_DIR" && pwd)"
    export VIDEOSEG_PARITY_DIR
fi
if [ "$MODE" = core ]; then
    PYTHON="$(core_env)"
    PYTHONPATH='' # nothing of the heavy stack comes in that way
else
    PYTHON="$(bash "$ROOT/tools/setup_env.sh")"
fi
cd "$ROOT"
"$PYTHON" -c 'import pytest' 2>/dev/null || {
    echo "pytest is missing. Fix: $PYTHON -m pip install -r requirements/tests.txt" >&2
    exit 1
}
# Small tensors: more threads only get into each other's way. Training to learn has use for all cores.
if [ "$MODE" != learns ]; then export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"; fi
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" # this checkout, whatever else is installed
if [ "$MODE" = core ]; then
    "$PYTHON" -c '
import importlib.util, sys
found = [x for x in ("torch", "mmengine", "mmcv", "mmdet", "mmseg", "cv2") if importlib.util.find_spec(x)]
sys.exit(f"{found} can be imported here: this does not show that the evaluators do without. Remove .venv-core." if found else 0)'
    exec "$PYTHON" -m pytest -m "$SELECT" "${CORE_TESTS[@]}" "$@"
fi
if [ "$MODE" = learns ]; then exec "$PYTHON" -m pytest -m "$SELECT" "$@"; fi
# A process a core; a file stays in one of them, so that what it prepares once is prepared once.
exec "$PYTHON" -m pytest -m "$SELECT" -n "${VIDEOSEG_TEST_PROCESSES:-auto}" --dist loadfile "$@"
