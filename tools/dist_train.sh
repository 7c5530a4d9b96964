#!/usr/bin/env bash
# Distributed training on one or more machines; without GPUs over gloo.
#
#   bash tools/dist_train.sh CONFIG PROCESSES [arguments of tools/train.py]
#
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT (the same on all). On one machine PORT defaults to a
# free port. The interpreter is VIDEOSEG_PYTHON, else that of .venv, else python3.
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/launch.sh" dist train "$@"
