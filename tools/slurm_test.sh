#!/usr/bin/env bash
# Testing on a Slurm cluster.
#
#   bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [arguments of tools/test.py]
#
# GPUS=8, GPUS_PER_NODE=8, CPUS_PER_TASK=5, MASTER_PORT and SRUN_ARGS="..." come from the environment. The interpreter is
# VIDEOSEG_PYTHON, else that of .venv, else python3; it must be reachable from the nodes.
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/launch.sh" slurm test "$@"
