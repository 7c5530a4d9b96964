"""Test a checkpoint.

python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--show-dir DIR] [--out FILE.json] [--cfg-options k=v ...]
python tools/test.py CONFIG CHECKPOINT --pred-dir DIR [--pred-format vipseg] [--format-only]

FILE.json has the structure of tools/analysis_tools/eval_results.py: ``metrics`` (flat), ``protocol``, ``per_video``,
``per_class``.
"""

import argparse
import os
import os.path as osp
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from videoseg.evaluation.formats.files import write_json
from videoseg.evaluation.formats.result_json import plain, result_content
from videoseg.utils.config import load_config, named_config_errors


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Test a checkpoint')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder of logs; work_dirs/<config name> by default')
    parser.add_argument('--show-dir', help='write overlay pictures there')
    parser.add_argument('--out', help='write the numbers, and the protocol behind them, to this .json file')
    parser.add_argument('--pred-dir', help='write the predictions there, as the submission that the data set asks for')
    parser.add_argument('--pred-format', help='another format of --pred-dir, see PredictionWriter')
    parser.add_argument('--format-only', action='store_true', help='with --pred-dir: write predictions, score nothing')
    parser.add_argument('--unsafe-load', action='store_true', help="unpickle Python objects (runs their author's code)")
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides, dotted.key=value')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.out and not args.out.endswith('.json'):
        parser.error(f'--out {args.out}: the name must end with .json')
    if (args.pred_format or args.format_only) and not args.pred_dir:
        parser.error('--pred-format and --format-only need --pred-dir')
    if args.format_only and args.out:
        parser.error('--format-only scores nothing: leave out --out')
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
    if args.pred_dir:
        evaluators = cfg.get('test_evaluator') or []
        evaluators = list(evaluators) if isinstance(evaluators, list | tuple) else [evaluators]
        cfg.test_evaluator = with_writers(evaluators, osp.abspath(args.pred_dir), args.pred_format, args.format_only)
    return cfg


def with_writers(evaluators: list[dict], folder: str, format_: str | None, only: bool) -> list[dict]:
    """Switch the ``PredictionWriter`` of a test evaluator on.

    Args:
        evaluators: Configs of metrics.
        folder: Where to write; several writers get a folder each in it.
        format_: Format instead of the configured one.
        only: Leave out the metrics.

    Returns:
        New configs.

    Raises:
        SystemExit: If no format is configured or given.
    """
    writers = [dict(x) for x in evaluators if x.get('type') == 'PredictionWriter']
    if format_:
        writers = [dict(type='PredictionWriter', format=format_)]
    if not writers:
        raise SystemExit("--pred-dir: the config's test_evaluator has no PredictionWriter; add --pred-format")
    for writer in writers:
        writer['out_dir'] = folder if len(writers) == 1 else osp.join(folder, writer['format'])
    metrics = [] if only else [x for x in evaluators if x.get('type') != 'PredictionWriter']
    return [*metrics, *writers]


def main() -> None:
    """Test and write the result."""
    from videoseg.engine.video_seg_runner import build_runner

    args = parse_args()
    cfg = configure(args)
    with named_config_errors(cfg):
        runner = build_runner(cfg)
        numbers = runner.test()
    if args.out and is_main_process():
        write_json(args.out, result(runner, numbers, cfg), indent=1)
        print(f'metrics written to {osp.abspath(args.out)}')


def result(runner: Runner, numbers: dict[str, float], cfg: Config) -> dict[str, Any]:
    """Numbers, protocol, per-video and per-class numbers of a finished test.

    Args:
        runner: After its ``test``.
        numbers: What ``test`` returned; those of metrics that are not ours are taken as they are.
        cfg: The config.
    """
    scored = {}
    for metric in runner.test_evaluator.metrics:
        if getattr(metric, 'last_result', None) is not None:
            scored[metric.prefix] = metric
    frames: dict[str, int] = {}
    for metric in scored.values():
        for video_id, row in metric.last_result['per_video'].items():
            frames[video_id] = max(frames.get(video_id, 0), row['num_frames'])
    dataset = runner.test_dataloader.dataset
    meta = getattr(dataset, 'metainfo', None) or {}
    content = result_content(
        results={prefix: metric.last_result for prefix, metric in scored.items()},
        names={prefix: metric.last_names for prefix, metric in scored.items()},
        classes=meta.get('classes', ()),
        num_frames=dict(sorted(frames.items())),
        protocol={
            'format': 'tools/test.py',
            'gt': osp.basename(osp.normpath(getattr(dataset, 'data_root', None) or meta.get('name', 'test'))),
            'pred': f'{osp.basename(cfg.filename)} {osp.basename(cfg.load_from)}',
            'classes': list(meta.get('classes', ())),
        },
    )
    content['metrics'] = {**plain(numbers), **content['metrics']}
    return content


if __name__ == '__main__':
    main()
