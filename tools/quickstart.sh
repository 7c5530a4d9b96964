#!/usr/bin/env bash
# From a clone to a trained, tested Video K-Net on synthetic videos: about 10 minutes on 2 CPU cores after the set-up.
#
#   bash tools/quickstart.sh [more arguments of tools/train.py]
#
# Steps that are done are skipped; an interrupted training is resumed. To start over: rm -r work_dirs/quickstart
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
DATA=data/synthetic_quickstart
CONFIG=configs/video_knet/effnet-lite0_synthetic_quickstart.py
WORK=work_dirs/quickstart
STARTED=$SECONDS

say() { printf '\n[quickstart %d:%02d] %s\n' $(((SECONDS - STARTED) / 60)) $(((SECONDS - STARTED) % 60)) "$*"; }

PYTHON="$(bash "$ROOT/tools/setup_env.sh")"
STARTED=$SECONDS # from here on: without the set-up
cd "$ROOT"
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"

say "data: synthetic videos in $DATA"
"$PYTHON" tools/dataset_converters/make_synthetic.py "$DATA" --preset quickstart # does nothing if they are there

if [ -f "$WORK/training_finished" ] && [ -f "$(cat "$WORK/last_checkpoint")" ]; then
    say "training: finished before; rm -r $WORK to train again"
else
    RESUME=''
    if [ -f "$WORK/last_checkpoint" ]; then RESUME='--resume'; fi
    say "training: $CONFIG${RESUME:+, resumed from $(cat "$WORK/last_checkpoint")}"
    "$PYTHON" tools/train.py "$CONFIG" --work-dir "$WORK" $RESUME "$@"
    touch "$WORK/training_finished"
fi

CHECKPOINT="$(cat "$WORK/last_checkpoint")"
say "testing: $CHECKPOINT on videos it has not seen; beside it the same weights with ids by kernel index, for comparison"
export OMP_NUM_THREADS=1 # two processes at once: more threads would get into each other's way
"$PYTHON" tools/test.py "$CONFIG" "$CHECKPOINT" --work-dir "$WORK/test_index" --out "$WORK/results_index_ids.json" \
    --cfg-options model.tracker.type=KernelIndexTracker >"$WORK/test_index.log" 2>&1 &
COMPARISON=$!
"$PYTHON" tools/test.py "$CONFIG" "$CHECKPOINT" --work-dir "$WORK/test" --show-dir "$WORK/show" --out "$WORK/results.json"
wait "$COMPARISON" || { tail -n 20 "$WORK/test_index.log" >&2; exit 1; }

say 'results'
"$PYTHON" - "$WORK/results.json" "$WORK/results_index_ids.json" <<'PYTHON_CODE'
import json
import sys

columns = []
for path in sys.argv[1:]:
    with open(path, encoding='utf-8') as file:
        results = json.load(file)
    columns.append(results.get('metrics', results))
print('         embedding tracker   kernel index')
for name in ('stq/STQ', 'stq/AQ', 'stq/SQ', 'vpq/VPQ'):
    print(f'  {name.split("/")[1]:<4}' + ''.join(f'{column[name]:>17.4f}' for column in columns))
PYTHON_CODE
echo "  all numbers     $ROOT/$WORK/results.json"
echo "  checkpoint      $CHECKPOINT"
find "$WORK/show" \( -name '*.mp4' -o -name '*.avi' \) | sort | sed "s|^|  overlay video   $ROOT/|"
say 'done; next: docs/concepts.md for the way of the data, docs/get_started.md for your own training'
