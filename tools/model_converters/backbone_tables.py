"""Names of ResNet, Swin and STDC backbones, as torchvision, mmdet 2/3, mmseg and their authors write them."""

from typing import Any

from videoseg.utils.key_table import Rule, Table

_NORM = r'(?:weight|bias|running_mean|running_var|num_batches_tracked)'
_CLASSIFIER = 'the classifier of the pre-training'
_BUFFER = 'a buffer that depends on the image size and is computed'

RESNET: Table = (
    Rule(r'(conv1\.weight|conv1\.bias)', r'\1'),
    Rule(rf'(bn1\.{_NORM})', r'\1'),
    Rule(rf'(stem\.\d+\.{_NORM})', r'\1'),  # deep stem
    Rule(r'(layer[1-4]\.\d+\.conv[123]\.weight)', r'\1'),
    Rule(r'(layer[1-4]\.\d+\.conv2\.conv_offset\.(?:weight|bias))', r'\1'),  # deformable convolution
    Rule(rf'(layer[1-4]\.\d+\.bn[123]\.{_NORM})', r'\1'),
    Rule(rf'(layer[1-4]\.\d+\.downsample\.\d+\.{_NORM})', r'\1'),
    Rule(r'fc\.(weight|bias)', drop=_CLASSIFIER),
)


def _neighbours_inside(x: Any) -> Any:
    """Patch merging puts four neighbours side by side: (4, C) in the original's order to mmdet's (C, 4)."""
    return x.unflatten(-1, (4, -1))[..., [0, 2, 1, 3], :].transpose(-1, -2).flatten(-2)


_ATTENTION = r'(relative_position_bias_table|relative_position_index|(?:qkv|proj)\.(?:weight|bias))'
_AFFINE = r'(?:weight|bias)'
_SWIN_ENDS: Table = (
    Rule(r'(absolute_pos_embed)', r'\1'),
    Rule(rf'(patch_embed\.norm\.{_AFFINE})', r'\1'),
    Rule(rf'(norm[0-3]\.{_AFFINE})', r'\1'),
    Rule(r'(head|fc)\.(weight|bias)', drop=_CLASSIFIER),
    Rule(r'norm\.(weight|bias)', drop=_CLASSIFIER),
)
# mmdet 2, mmdet 3 and mmseg agree.
SWIN: Table = (
    Rule(rf'(stages\.\d+\.blocks\.\d+\.attn\.w_msa\.){_ATTENTION}', r'\1\2'),
    Rule(rf'(stages\.\d+\.blocks\.\d+\.(?:norm[12]|ffn\.layers\.0\.0|ffn\.layers\.1)\.{_AFFINE})', r'\1'),
    Rule(rf'(stages\.\d+\.downsample\.(?:norm\.{_AFFINE}|reduction\.weight))', r'\1'),
    Rule(rf'(patch_embed\.projection\.{_AFFINE})', r'\1'),
    *_SWIN_ENDS,
)
# The original names, also those of the Swin in Video K-Net.
SWIN_ORIGINAL: Table = (
    Rule(rf'layers\.(\d+\.blocks\.\d+\.attn\.){_ATTENTION}', r'stages.\1w_msa.\2'),
    Rule(rf'layers\.(\d+\.blocks\.\d+\.norm[12]\.{_AFFINE})', r'stages.\1'),
    Rule(rf'layers\.(\d+\.blocks\.\d+\.)mlp\.fc1\.({_AFFINE})', r'stages.\1ffn.layers.0.0.\2'),
    Rule(rf'layers\.(\d+\.blocks\.\d+\.)mlp\.fc2\.({_AFFINE})', r'stages.\1ffn.layers.1.\2'),
    Rule(
        rf'layers\.(\d+\.downsample\.(?:norm\.{_AFFINE}|reduction\.weight))',
        r'stages.\1',
        transform=_neighbours_inside,
    ),
    Rule(r'layers\.\d+\.blocks\.\d+\.attn_mask', drop=_BUFFER),
    Rule(rf'patch_embed\.proj\.({_AFFINE})', r'patch_embed.projection.\1'),
    *_SWIN_ENDS,
)
_STDC_UNIT: Table = (Rule(rf'(conv\.weight|bn\.{_NORM})', r'\1'),)
_STDC_BLOCK: Table = (
    Rule(r'conv_list\.(\d+)\.', r'layers.\1.', then=_STDC_UNIT),
    Rule(r'avd_layer\.0\.weight', 'downsample.conv.weight'),
    Rule(rf'avd_layer\.1\.({_NORM})', r'downsample.bn.\1'),
)
# mmseg.
STDC: Table = (
    Rule(r'(stages\.[01]\.)', r'\1', then=_STDC_UNIT),
    Rule(r'(stages\.[2-4]\.\d+\.(?:layers\.\d+|downsample)\.)', r'\1', then=_STDC_UNIT),
)
# The original counts blocks over the whole network. STDC1 has 2, 2 and 2, STDC2 has 4, 5 and 3: no stage of one has a
# block of the other, but for the first two.
_STDC_STAGES = (
    ('x8', 2, range(2, 6)),
    *(('x16', 3, blocks) for blocks in (range(4, 6), range(6, 11))),
    *(('x32', 4, blocks) for blocks in (range(6, 8), range(11, 14))),
)
STDC_ORIGINAL: Table = (
    Rule(r'x2\.0\.0\.', 'stages.0.', then=_STDC_UNIT),
    Rule(r'x4\.0\.1\.', 'stages.1.', then=_STDC_UNIT),
    *(
        Rule(rf'{name}\.0\.{block}\.', f'stages.{stage}.{place}.', then=_STDC_BLOCK)
        for name, stage, blocks in _STDC_STAGES
        for place, block in enumerate(blocks)
    ),
)
BACKBONES: Table = RESNET + SWIN + SWIN_ORIGINAL + STDC + STDC_ORIGINAL

# Converted ones get the prefix of a detector: mmdet's Swin reads its initial weights from nothing else.
BACKBONE_ALONE: Table = (Rule('', 'backbone.', then=BACKBONES),)
BACKBONE_OF_DETECTOR: Table = (
    Rule(r'backbone\.', 'backbone.', then=BACKBONES),
    Rule(r'(?!backbone\.).*', drop='not part of the backbone'),
)
