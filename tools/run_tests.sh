#!/usr/bin/env bash
# Sets up the environment if need be, then runs the tests.
#
#   bash tools/run_tests.sh [full|fast|learns] [pytest arguments]
#
#   full     everything but the tests that train until something is learned (default)
#   fast     additionally without the tests of more than 5 seconds
#   learns   only the tests that train until something is learned
#
# VIDEOSEG_PARITY_DIR=DIR compares with all recorded cases of the reference code under DIR, not just the committed ones.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
MODE=full
case "${1:-}" in
    full | fast | learns) MODE="$1"; shift ;;
    -h | --help) sed -n '2,10p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
case "$MODE" in
    full) SELECT='not learns' ;;
    fast) SELECT='not slow and not learns' ;;
    learns) SELECT='learns' ;;
esac

if [ -n "${VIDEOSEG_PARITY_DIR:-}" ]; then # a relative path means the caller's folder, not the checkout
    VIDEOSEG_PARITY_DIR="$(cd "$VIDEOSEG_PARITY_DIR" && pwd)"
    export VIDEOSEG_PARITY_DIR
fi
PYTHON="$(bash "$ROOT/tools/setup_env.sh")"
cd "$ROOT"
"$PYTHON" -c 'import pytest' 2>/dev/null || {
    echo "pytest is missing. Fix: $PYTHON -m pip install -r requirements/tests.txt" >&2
    exit 1
}
# Small tensors: more threads only get into each other's way. Training to learn has use for all cores.
if [ "$MODE" != learns ]; then export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"; fi
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" # this checkout, whatever else is installed
exec "$PYTHON" -m pytest -m "$SELECT" "$@"
