"""Configs of the tiny world."""

from pathlib import Path

BASE = Path(__file__).parents[2] / 'configs' / '_base_' / 'default_runtime.py'


def tiny_config_text(by_epoch: bool = False, workers: int = 0, max_iters: int = 12, extra: str = '') -> str:
    """A complete config that imports ``tiny_parts`` from beside itself."""
    epochs = -(-max_iters // 5)
    loop = f"type='ResumableEpochLoop', max_epochs={epochs}, val_interval=1"
    if not by_epoch:
        loop = f"type='ResumableIterLoop', max_iters={max_iters}, val_interval=4"
    return f"""
_base_ = {str(BASE)!r}
custom_imports = dict(imports=['tiny_parts'])
model = dict(type='TinySegmentor', decoder=dict(type='TinyDecoder'))
train_dataloader = dict(
    batch_size=2,
    num_workers={workers},
    persistent_workers={bool(workers)},
    dataset=dict(type='TinyClips'),
    sampler=dict(type='ClipSampler'),
)
val_dataloader = dict(
    batch_size=1, num_workers=0, dataset=dict(type='TinyVideos'), sampler=dict(type='VideoWindowSampler', window=2)
)
test_dataloader = val_dataloader
val_evaluator = dict(type='TinyMetric')
test_evaluator = val_evaluator
train_cfg = dict({loop})
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.01))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=6),
    dict(type='MultiStepLR', by_epoch={by_epoch}, milestones=[{1 if by_epoch else 7}]),
]
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=3, max_keep_ckpts=2))
custom_hooks = [dict(type='RandomStateHook'), dict(type='KillHook')]
log_processor = dict(window_size=3, by_epoch={by_epoch})
{extra}
"""
