"""A user's project in a temporary folder: a tiny data set in KITTI-STEP layout, a config, and the tools run on it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from tests.tool_module import load_tool

ROOT = Path(__file__).parents[2]

CONFIG = """
_base_ = ['{root}/configs/video_knet/effnet-lite0_synthetic_quickstart.py']
custom_imports = dict(imports={imports}, allow_failed_imports=False)
train_pipeline = [
    dict(type='ClipSample', offsets=(-1, 1), num_refs=1),
    dict(type='TransformBroadcaster', share_random_params=True,
         transforms=[dict(type='LoadImageFromFile'), dict(type='LoadPanopticMap')] + {augmentation}),
    dict(type='PackClipInputs'),
]
model = dict(
    backbone=dict(init_cfg=None),
    neck=[
        dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=32, num_outs=4),
        dict(type='SemanticFPN', in_channels=32, feat_channels=32, out_channels=32),
    ],
    decoder=dict(num_proposals=8, in_channels=32, num_stages=2, update_head=dict(feedforward_channels=64),
                 linking=dict(feedforward_channels=64), fusion=dict(feedforward_channels=64)),
)
train_dataloader = dict(batch_size={batch_size}, num_workers={workers},
                        dataset=dict(data_root='{data}', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root='{data}'))
test_dataloader = dict(dataset=dict(data_root='{data}'))
train_cfg = dict(max_iters={iters}, val_interval={iters})
param_scheduler = [dict(type='LinearLR', start_factor=0.5, begin=0, end=20, by_epoch=False)]
default_hooks = dict(checkpoint=dict(interval=2), logger=dict(interval=1))
custom_hooks = [dict(type='RandomStateHook')] + {hooks}
"""

RECORDER = """
import json, os, signal
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from videoseg.registry import HOOKS

@HOOKS.register_module()
class LossRecorder(Hook):
    def __init__(self, path, kill_at=None):
        self.path, self.kill_at = path, kill_at

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        row = {name: float(value) for name, value in outputs.items()}
        row['iter'] = runner.iter + 1
        with open(f'{self.path}.rank{get_rank()}', 'a') as f:
            f.write(json.dumps(row) + chr(10))
        if self.kill_at == runner.iter + 1:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def write_dataset(root: Path, frames: int = 4) -> Path:
    """Two videos, the second mirrored: every frame has two things, three stuff classes and the same void band."""
    rng = np.random.default_rng(0)
    height, width = 64, 96
    noise = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
    for split in ('train', 'val'):
        for video in range(2):
            for t in range(frames):
                raw = np.zeros((height, width), np.uint8)
                raw[:, 32:64], raw[:, 64:], raw[-6:] = 1, 2, 255
                ids = np.zeros((height, width), np.uint16)
                for i, (raw_id, x, y) in enumerate(((3, 12 + 4 * t, 14), (5, 70 - 4 * t, 42))):
                    box = slice(y - 8, y + 8), slice(x - 8, x + 8)
                    raw[box], ids[box] = raw_id, i + 1
                image = noise + (raw.astype(int) * 23 % 190)[..., None].astype(np.uint8)
                label = np.stack([ids % 256, ids // 256, raw], -1).astype(np.uint8)  # BGR
                if video:
                    image, label = image[:, ::-1], label[:, ::-1]
                for kind, picture in (('images', image), ('panoptic_maps', label)):
                    path = root / kind / split / f'{video:04d}' / f'{t:06d}.png'
                    path.parent.mkdir(parents=True, exist_ok=True)
                    cv2.imwrite(str(path), picture)
    return root


def write_project(
    folder: Path, iters=4, batch_size=2, workers=0, imports=(), hooks=(), augmentation=(), extra=''
) -> Path:
    """Write data, a recording hook and a config; return the config."""
    data = folder / 'data'
    if not data.exists():
        write_dataset(data)
    folder.joinpath('recorder.py').write_text(RECORDER)
    config = folder / 'config.py'
    text = CONFIG.format(
        root=ROOT,
        data=data,
        iters=iters,
        batch_size=batch_size,
        workers=workers,
        imports=['recorder', *imports],
        hooks=list(hooks),
        augmentation=list(augmentation),
    )
    config.write_text(text + extra)
    return config


def run(
    tool: str, *args, processes: int = 1, cwd: Path | None = None, check: bool = True
) -> subprocess.CompletedProcess:
    """Run ``tools/<tool>`` as a user would, optionally with several processes over gloo."""
    env = {**os.environ, 'OMP_NUM_THREADS': '1'}
    env.pop('PYTHONPATH', None)
    launch = [sys.executable]
    if processes > 1:
        launch += ['-m', 'torch.distributed.run', f'--nproc_per_node={processes}', '--standalone']
        args = (*args, '--launcher', 'pytorch')
    command = [*launch, str(ROOT / 'tools' / tool), *map(str, args)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=600)
    if check and done.returncode:
        raise AssertionError(f'{" ".join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}')
    return done


def tool_config(tool: str, monkeypatch: pytest.MonkeyPatch, *args) -> Config:
    """The config that ``tools/<tool>.py`` makes of a command line, in this process."""
    module = load_tool(f'{tool}.py')
    monkeypatch.setattr(sys, 'argv', [f'tools/{tool}.py', *map(str, args)])
    return module.configure(module.parse_args())


def losses(path: Path, rank: int = 0) -> dict[int, dict[str, float]]:
    """Recorded rows by iteration; a later row of an iteration replaces an earlier one."""
    rows = [json.loads(line) for line in Path(f'{path}.rank{rank}').read_text().splitlines()]
    return {row.pop('iter'): row for row in rows}
