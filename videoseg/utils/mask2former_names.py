"""Names of Mask2Former as mmdet 2 and 3 write them (``specs/tube_link.md`` section 5).

Index 0 of ``attentions`` means self attention in the pixel decoder's encoder and cross attention in the decoder. mmdet
keeps the pixel decoder in the head, here it is a neck.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from mmengine.logging import print_log

from videoseg.utils.errors import CheckpointMismatchError
from videoseg.utils.key_table import Conversion, Rule, Table, convert

HEAD = 'panoptic_head.'
QUERIES = 'decoder.query_feat.weight'
PIXEL_FEATURES = 'neck.0.mask_feature.weight'
RELEASED_TUBE_LINK = ('attention_previous_track.', 'track_head.')

_AFFINE = r'(?:weight|bias)'
_FFN_AND_NORMS: Table = (
    Rule(rf'(?:ffns\.0|ffn)\.layers\.((?:0\.0|1)\.{_AFFINE})', r'ffn.layers.\1'),
    Rule(rf'(norms\.[0-2]\.{_AFFINE})', r'\1'),
)
_ENCODER_LAYER: Table = (
    Rule(
        r'(?:attentions\.0|self_attn)\.'
        rf'((?:sampling_offsets|attention_weights|value_proj|output_proj)\.{_AFFINE})',
        r'self_attn.\1',
    ),
    *_FFN_AND_NORMS,
)
_ATTENTION: Table = (Rule(rf'(in_proj_weight|in_proj_bias|out_proj\.{_AFFINE})', r'\1'),)
_DECODER_LAYER: Table = (
    Rule(r'(?:attentions\.0|cross_attn)\.attn\.', 'cross_attn.attn.', then=_ATTENTION),
    Rule(r'(?:attentions\.1|self_attn)\.attn\.', 'self_attn.attn.', then=_ATTENTION),
    *_FFN_AND_NORMS,
)
PIXEL_DECODER: Table = (
    Rule(r'(encoder\.layers\.\d+\.)', r'\1', then=_ENCODER_LAYER),
    Rule(rf'((?:input|lateral|output)_convs\.\d+\.(?:conv|gn)\.{_AFFINE})', r'\1'),
    Rule(rf'(level_encoding\.weight|mask_feature\.{_AFFINE})', r'\1'),
)
MASK2FORMER_HEAD: Table = (
    Rule(r'panoptic_head\.pixel_decoder\.', 'neck.0.', then=PIXEL_DECODER),
    Rule(r'panoptic_head\.(transformer_decoder\.layers\.\d+\.)', r'decoder.\1', then=_DECODER_LAYER),
    Rule(rf'panoptic_head\.(transformer_decoder\.post_norm\.{_AFFINE})', r'decoder.\1'),
    Rule(r'panoptic_head\.((?:query_feat|query_embed|level_embed)\.weight)', r'decoder.\1'),
    Rule(rf'panoptic_head\.((?:cls_embed|mask_embed\.[024]|decoder_input_projs\.\d+)\.{_AFFINE})', r'decoder.\1'),
)
_EVERYTHING_ELSE = Rule(r'(.*)', r'\1')  # backbones keep their names, strangers are reported as unexpected


def translate_mask2former(weights: Mapping[str, Any], model_names: Iterable[str], source: str) -> Conversion | None:
    """Weights of mmdet's Mask2Former under our names, so that they load without being converted to a file.

    What was renamed is logged.

    Args:
        weights: Parameters of a checkpoint.
        model_names: Parameters of the model that is to receive them.
        source: File name, for messages.

    Returns:
        None if they are no Mask2Former of mmdet, or the model has neither its pixel decoder nor its queries.

    Raises:
        CheckpointMismatchError: If this is a released Tube-Link with link and embedding, which has to be converted.
    """
    if not any(name.startswith(HEAD) for name in weights) or not {QUERIES, PIXEL_FEATURES} & set(model_names):
        return None
    if any(name.startswith(RELEASED_TUBE_LINK) for name in weights):
        raise CheckpointMismatchError(
            f'{source} is a Tube-Link as released, with link and embedding: convert it first, python '
            f'tools/model_converters/convert_weights.py {source} OUT.pth'
        )
    converted = convert(weights, (*MASK2FORMER_HEAD, _EVERYTHING_ELSE), source)
    print_log(f'{source} is a Mask2Former of mmdet, renamed:\n{converted.summary()}', 'current', logging.INFO)
    return converted


def query_count_problem(mismatched: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> str | None:
    """What to do about another number of queries; None if that is not what does not fit.

    Args:
        mismatched: Name -> (shape in the model, shape in the checkpoint).
    """
    ours, theirs = mismatched.get(QUERIES, ((0,), (0,)))
    if ours[0] == theirs[0]:
        return None
    return (
        f'the checkpoint has {theirs[0]} queries, the model {ours[0]}: set model.decoder.num_queries={theirs[0]}, '
        'or let query_feat and query_embed start anew'
    )
