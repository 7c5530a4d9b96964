"""Test a checkpoint.

python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--show-dir DIR] [--out FILE.json] [--cfg-options k=v ...]
"""

import argparse
import json
import os
import os.path as osp

from mmengine.config import Config, DictAction
from mmengine.dist import is_main_process

from videoseg.utils.config import load_config, named_config_errors


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Test a checkpoint')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder of logs; work_dirs/<config name> by default')
    parser.add_argument('--show-dir', help='write overlay pictures there')
    parser.add_argument('--out', help='write the metrics to this .json file')
    parser.add_argument('--unsafe-load', action='store_true', help="unpickle Python objects (runs their author's code)")
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides, dotted.key=value')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.out and not args.out.endswith('.json'):
        parser.error(f'--out {args.out}: the name must end with .json')
    return args


def configure(args: argparse.Namespace) -> Config:
    """Merge the command line into the config."""
    cfg = load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('work_dirs', osp.splitext(osp.basename(args.config))[0])
    cfg.load_from = args.checkpoint
    cfg.resume = False
    cfg.unsafe_load = args.unsafe_load
    if args.show_dir:
        hook = dict((cfg.get('default_hooks') or {}).get('visualization') or {'type': 'VideoVisualizationHook'})
        cfg.merge_from_dict({'default_hooks.visualization': {**hook, 'show_dir': osp.abspath(args.show_dir)}})
    return cfg


def main() -> None:
    """Test and write the metrics."""
    from videoseg.engine.video_seg_runner import build_runner

    args = parse_args()
    cfg = configure(args)
    with named_config_errors(cfg):
        metrics = build_runner(cfg).test()
    if args.out and is_main_process():
        os.makedirs(osp.dirname(osp.abspath(args.out)), exist_ok=True)
        with open(args.out, 'w') as file:
            json.dump(metrics, file, indent=2, default=lambda value: value.tolist())
        print(f'metrics written to {osp.abspath(args.out)}')


if __name__ == '__main__':
    main()
