"""Names of K-Net and Video K-Net as released (``specs/video_knet.md`` section 4)."""

from collections.abc import Iterable, Sequence

from backbone_tables import BACKBONES

from videoseg.utils.key_table import Rule, Table

_AFFINE = r'(?:weight|bias)'

UPDATOR: Table = (
    Rule(
        r'((?:dynamic_layer|input_layer|input_gate|update_gate|fc_layer|norm_in|norm_out|input_norm_in|input_norm_out'
        rf'|fc_norm|gate_norm)(?:\.fc[12])?\.{_AFFINE})',
        r'\1',
    ),
)
ATTENTION: Table = (Rule(rf'(attn\.(?:in_proj_weight|in_proj_bias|out_proj\.{_AFFINE}))', r'\1'),)
FFN: Table = (Rule(rf'(layers\.(?:0\.0|1)\.{_AFFINE})', r'\1'),)
NORM: Table = (Rule(rf'({_AFFINE})', r'\1'),)


def previous_attention(suffix: str, target: str) -> Table:
    """Attention to the previous frame's kernels; the original tells its two uses by a suffix of the names."""
    return (
        Rule(rf'attention_previous_update{suffix}\.', f'{target}.updator.', then=UPDATOR),
        Rule(rf'attention_previous{suffix}\.', f'{target}.attention.', then=ATTENTION),
        Rule(rf'attention_previous_norm{suffix}\.', f'{target}.attention_norm.', then=NORM),
        Rule(rf'link_ffn{suffix}\.', f'{target}.ffn.', then=FFN),
        Rule(rf'link_ffn_norm{suffix}\.', f'{target}.ffn_norm.', then=NORM),
    )


LINKING: Table = (
    *previous_attention('', 'linking'),
    *previous_attention('_track', 'linking'),
    *previous_attention('_link', 'fusion'),
)
STAGE: Table = (
    Rule(r'attention\.', 'attention.', then=ATTENTION),
    Rule(r'(attention_norm|ffn_norm)\.', r'\1.', then=NORM),
    Rule(r'kernel_update_conv\.', 'kernel_update_conv.', then=UPDATOR),
    Rule(rf'(feat_transform\.conv\.{_AFFINE})', r'\1'),
    Rule(r'ffn\.', 'ffn.', then=FFN),
    Rule(rf'((?:cls|mask)_fcs\.(?:0\.weight|1\.{_AFFINE}))', r'\1'),
    Rule(rf'((?:fc_cls|fc_mask)\.{_AFFINE})', r'\1'),
    *LINKING,
)
_QUERY_FUSION: Table = (
    Rule(r'query_merge_attn\.', 'query_fusion.attention.', then=ATTENTION),
    Rule(r'query_merge_norm\.', 'query_fusion.attention_norm.', then=NORM),
    Rule(r'query_merge_ffn\.', 'query_fusion.ffn.', then=FFN),
    Rule(r'query_merge_ffn_norm\.', 'query_fusion.ffn_norm.', then=NORM),
)
CLIP_HEAD: Table = (
    Rule(r'mask_head\.(\d+)\.', r'clip_stages.\1.', then=STAGE + _QUERY_FUSION),
    Rule(r'((?:init_query|query_pos)\.weight)', r'\1'),
    *_QUERY_FUSION,
)
_UNIT = rf'(?:conv\.weight|gn\.{_AFFINE})'
SEMANTIC_FPN: Table = (
    Rule(rf'(convs_all_levels\.\d+\.conv\d+\.{_UNIT})', r'\1'),
    Rule(rf'((?:conv_pred|aux_convs\.\d+)\.{_UNIT})', r'\1'),
)
PROPOSAL_HEAD: Table = (
    Rule(r'(init_kernels\.weight)', r'\1'),
    Rule(rf'(conv_seg\.{_AFFINE})', r'\1'),
    Rule(rf'((?:loc|seg)_convs\.\d+\.{_UNIT})', r'\1'),
)
FPN: Table = (Rule(rf'((?:lateral|fpn)_convs\.\d+\.conv\.{_AFFINE})', r'\1'),)
EMBEDDING: Table = (
    Rule(rf'track_head\.((?:fcs\.\d+|fc_embed)\.{_AFFINE})', r'decoder.embedding_head.\1'),
    Rule(rf'embed_fcs\.(0\.weight|1\.{_AFFINE})', r'decoder.embedding_head.kernel_fcs.\1'),
    Rule(rf'fc_embed\.({_AFFINE})', r'decoder.embedding_head.kernel_embed.\1'),
)
_NORMED = r'(?:conv\.(?:weight|bias)|bn\.(?:weight|bias|running_mean|running_var|num_batches_tracked))'
MMSEG_HEAD: Table = (
    Rule(rf'(conv_seg\.{_AFFINE})', r'\1'),
    Rule(
        r'((?:convs|conv_cat|bottleneck|psp_modules|aspp_modules|image_pool|lateral_convs|fpn_convs|fpn_bottleneck'
        rf'|c1_bottleneck|sep_bottleneck)(?:\.\d+)*(?:\.(?:depthwise|pointwise)_conv)?\.{_NORMED})',
        r'\1',
    ),
)
SEMANTIC_KNET: Table = (
    Rule(r'backbone\.', 'backbone.', then=BACKBONES),
    Rule(r'decode_head\.kernel_generate_head\.', 'decoder.generate_head.head.', then=MMSEG_HEAD),
    Rule(r'decode_head\.kernel_update_head\.(\d+)\.', r'decoder.stages.\1.', then=STAGE),
    Rule(r'auxiliary_head\.', 'decoder.auxiliary_head.head.', then=MMSEG_HEAD),
)


def stages_of(names: Iterable[str]) -> int:
    """Number of update stages in a checkpoint."""
    prefix = 'roi_head.mask_head.'
    numbers = [name.removeprefix('module.') for name in names]
    return 1 + max((int(n[len(prefix) :].split('.')[0]) for n in numbers if n.startswith(prefix)), default=-1)


def knet_table(link_stages: Sequence[int] | None) -> Table:
    """All of K-Net and Video K-Net (detectors).

    Args:
        link_stages: Stages that are linked and fused, 0 for the first. The original owns these layers in every stage;
            in the others they were never trained. None keeps all.
    """
    unused = ()
    if link_stages is not None:
        used = '|'.join(map(str, link_stages)) or 'none'
        reason = 'linking of a stage that is not linked: never trained'
        unused = (Rule(rf'roi_head\.mask_head\.(?!(?:{used})\.)\d+\.', then=LINKING, drop=reason),)
    return (
        *unused,
        Rule(r'backbone\.', 'backbone.', then=BACKBONES),
        Rule(r'neck\.', 'neck.0.', then=FPN),
        Rule(r'rpn_head\.localization_fpn\.', 'neck.1.', then=SEMANTIC_FPN),
        Rule(r'rpn_head\.', 'decoder.proposal_head.', then=PROPOSAL_HEAD),
        Rule(r'roi_head\.mask_head\.(\d+)\.', r'decoder.stages.\1.', then=STAGE),
        Rule(r'tracker\.', 'decoder.', then=CLIP_HEAD),  # the head of the clip model for video instances
        *EMBEDDING,
    )
