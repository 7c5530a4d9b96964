"""Files such as the authors released them: their names and meta data, random weights."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

CONFIG = """
decoder = dict(type='{decoder}', num_things={num_things}, num_stuff={num_stuff}, num_proposals=5, in_channels=32,
               update_head=dict(feedforward_channels=16))
if '{decoder}' == 'VideoKNetDecoder':
    decoder.update(embedding_head=dict(), linking=dict(feedforward_channels=16))
model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='ResNet', depth=18, base_channels=8),
    neck=[dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=32, num_outs=4),
          dict(type='SemanticFPN', in_channels=32, feat_channels=32, out_channels=32)],
    decoder=decoder,
    postprocessor=dict(type='PanopticPostprocessor'),
    tracker=dict(type='KernelIndexTracker'))
train_dataloader = dict(dataset=dict(type='{dataset}'))
"""
_NAMES = (
    (r'^neck\.0\.', 'neck.'),
    (r'^neck\.1\.', 'rpn_head.localization_fpn.'),
    (r'^decoder\.proposal_head\.', 'rpn_head.'),
    (r'^decoder\.stages\.', 'roi_head.mask_head.'),
    (r'linking\.attention\.', 'attention_previous.'),
    (r'linking\.attention_norm\.', 'attention_previous_norm.'),
    (r'linking\.ffn', 'link_ffn'),
    (r'^decoder\.embedding_head\.kernel_fcs\.', 'embed_fcs.'),
    (r'^decoder\.embedding_head\.kernel_embed\.', 'fc_embed.'),
    (r'^decoder\.embedding_head\.', 'track_head.'),
)


def write_config(
    path: Path,
    decoder: str = 'VideoKNetDecoder',
    num_things: int = 2,
    num_stuff: int = 17,
    dataset: str = 'KITTISTEPDataset',
) -> str:
    """A config of a small model; returns its path."""
    path.write_text(CONFIG.format(decoder=decoder, num_things=num_things, num_stuff=num_stuff, dataset=dataset))
    return str(path)


def released_names(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Our names back to the released ones; stages that are not linked own linking layers all the same."""
    out = {}
    for name, value in state_dict.items():
        for ours, theirs in _NAMES:
            name = re.sub(ours, theirs, name)
        out[name] = value
        if 'mask_head.2.' in name and re.search('attention_previous|link_ffn', name):
            out[name.replace('.2.', '.0.', 1)] = torch.zeros_like(value)
    return out


def write_released(path: Path, state_dict: Mapping[str, Any], classes: Sequence[str] | None = None) -> str:
    """A checkpoint as mmcv 1 wrote it; returns its path."""
    meta = dict(epoch=12, iter=1000, mmdet_version='2.18.0', **({} if classes is None else dict(CLASSES=classes)))
    torch.save(dict(meta=meta, state_dict=dict(state_dict), optimizer=dict(state={}, param_groups=[])), path)
    return str(path)
