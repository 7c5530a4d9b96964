#!/usr/bin/env bash
# What dist_train.sh, dist_test.sh, slurm_train.sh and slurm_test.sh share. Not meant to be called by hand.
#
#   launch.sh dist|slurm train|test ARGUMENTS...
#
# The working directory stays the caller's: configs and data paths are relative to it.
set -euo pipefail

TOOLS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
MODE="$1"
TASK="$2"
shift 2

usage() { # the comment at the head of the script that was called
    sed -n '2,/^set /{/^#/p;}' "$TOOLS/${MODE}_$TASK.sh" | sed 's/^# \{0,1\}//' >&2
    exit 2
}

positive() { case "$1" in '' | *[!0-9]* | 0) echo "$2 must be a positive number, not '$1'" >&2; usage ;; esac; }

free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }

launch_dist() { # CONFIG [CHECKPOINT] PROCESSES ...
    local named=1 nodes="${NNODES:-1}"
    if [ "$TASK" = test ]; then named=2; fi
    if [ $# -le "$named" ]; then usage; fi
    local inputs=("${@:1:named}") processes="${*:named+1:1}"
    shift $((named + 1))
    positive "$processes" 'the number of processes'
    if [ "$nodes" -gt 1 ] && [ -z "${PORT:-}" ]; then
        echo 'with NNODES > 1, PORT must be set to the same free port on every machine' >&2
        exit 2
    fi
    # One thread a process is torchrun's own default; it is said here to keep it quiet. GPU training does not notice.
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
    exec "$PYTHON" -m torch.distributed.run --nnodes="$nodes" --node_rank="${NODE_RANK:-0}" \
        --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-$(free_port)}" \
        --nproc_per_node="$processes" "$TOOLS/$TASK.py" "${inputs[@]}" --launcher pytorch "$@"
}

launch_slurm() { # PARTITION JOB_NAME CONFIG (WORK_DIR | CHECKPOINT) ...
    if [ $# -lt 4 ]; then usage; fi
    local partition="$1" job="$2" config="$3" fourth="$4"
    shift 4
    local gpus="${GPUS:-8}" inputs=("$config" "$fourth") extra=()
    positive "$gpus" GPUS
    local per_node="${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}"
    if [ "$TASK" = train ]; then inputs=("$config" --work-dir "$fourth"); fi
    read -r -a extra <<<"${SRUN_ARGS:-}"
    exec srun -p "$partition" --job-name="$job" --gres="gpu:$per_node" --ntasks="$gpus" \
        --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
        ${extra[@]+"${extra[@]}"} "$PYTHON" -u "$TOOLS/$TASK.py" "${inputs[@]}" --launcher slurm "$@"
}

PYTHON="$(bash "$TOOLS/setup_env.sh" --which)"
export PYTHONPATH="$(dirname "$TOOLS")${PYTHONPATH:+:$PYTHONPATH}"
"launch_$MODE" "$@"
