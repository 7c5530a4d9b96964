#!/usr/bin/env bash
# Distributed testing on one or more machines: videos, never frames, are split over the processes.
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of tools/test.py]
#
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT (the same on all). On one machine PORT defaults to a
# free port. The interpreter is VIDEOSEG_PYTHON, else that of .venv, else python3.
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/launch.sh" dist test "$@"
