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
TUBE_LINK_CONFIG = """
model = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='STDCPyramid', base_channels=8),
    neck=dict(type='DeformablePixelDecoder', in_channels=[8, 32, 64, 128], feat_channels=32, out_channels=32,
              num_layers=2, num_heads=4, feedforward_channels=64, semantic_head=False),
    decoder=dict(type='TubeLinkDecoder', num_things={num_things}, num_stuff={num_stuff}, num_queries={num_queries},
                 embed_dims=32, num_layers=3, num_heads=4, feedforward_channels=64, stuff_slots=True,
                 link=dict(feedforward_channels=64), association=dict()),
    postprocessor=dict(type='PanopticPostprocessor'),
    tracker=dict(type='QuasiDenseEmbeddingTracker'))
train_dataloader = dict(dataset=dict(type='KITTISTEPDataset'))
"""
# mmdet 3 -> mmdet 2, in the order of specs/tube_link.md section 5
_MMDET2 = (
    (r'(encoder\.layers\.\d+\.)self_attn\.', r'\1attentions.0.'),
    (r'(transformer_decoder\.layers\.\d+\.)cross_attn\.', r'\1attentions.0.'),
    (r'(transformer_decoder\.layers\.\d+\.)self_attn\.', r'\1attentions.1.'),
    (r'(coder\.layers\.\d+\.)ffn\.', r'\1ffns.0.'),
)
_TUBE_LINK_NAMES = (
    *_MMDET2,
    (r'^decoder\.link\.attention\.', 'attention_previous_track.'),
    (r'^decoder\.link\.attention_norm\.', 'attention_previous_norm_track.'),
    (r'^decoder\.link\.ffn\.', 'link_ffn_track.'),
    (r'^decoder\.link\.ffn_norm\.', 'link_ffn_norm_track.'),
    (r'^decoder\.association\.kernel_fcs\.', 'embed_fcs.'),
    (r'^decoder\.association\.kernel_embed\.', 'fc_embed.'),
    (r'^decoder\.association\.', 'track_head.'),
    (r'^decoder\.', 'panoptic_head.'),
    (r'^neck\.0\.', 'panoptic_head.pixel_decoder.'),
)


def mmdet2_names(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Names of mmdet 3's Mask2Former as mmdet 2 wrote them."""
    return _renamed(state_dict, _MMDET2)


def released_tube_link_names(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Our names back to the released ones of Tube-Link; backbones keep theirs."""
    return _renamed(state_dict, _TUBE_LINK_NAMES)


def _renamed(state_dict: Mapping[str, Any], names: Sequence[tuple[str, str]]) -> dict[str, Any]:
    out = {}
    for name, value in state_dict.items():
        for ours, theirs in names:
            name = re.sub(ours, theirs, name)
        out[name] = value
    return out


def write_tube_link_config(path: Path, num_things: int = 2, num_stuff: int = 17, num_queries: int = 24) -> str:
    """A config of a small Tube-Link; returns its path."""
    path.write_text(TUBE_LINK_CONFIG.format(num_things=num_things, num_stuff=num_stuff, num_queries=num_queries))
    return str(path)


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
    for name, value in _renamed(state_dict, _NAMES).items():
        out[name] = value
        if 'mask_head.2.' in name and re.search('attention_previous|link_ffn', name):
            out[name.replace('.2.', '.0.', 1)] = torch.zeros_like(value)
    return out


def write_released(path: Path, state_dict: Mapping[str, Any], classes: Sequence[str] | None = None) -> str:
    """A checkpoint as mmcv 1 wrote it; returns its path."""
    meta = dict(epoch=12, iter=1000, mmdet_version='2.18.0', **({} if classes is None else dict(CLASSES=classes)))
    torch.save(dict(meta=meta, state_dict=dict(state_dict), optimizer=dict(state={}, param_groups=[])), path)
    return str(path)
