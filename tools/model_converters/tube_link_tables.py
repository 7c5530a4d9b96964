"""Names of Tube-Link as released (``specs/tube_link.md`` section 5); those of mmdet's Mask2Former are among them."""

from collections.abc import Mapping
from typing import Any

from backbone_tables import BACKBONES
from knet_tables import ATTENTION, FFN, NORM

from videoseg.utils.key_table import Rule, Table, UnknownKeysError
from videoseg.utils.mask2former_names import MASK2FORMER_HEAD, QUERIES

CLASSIFIER = 'decoder.cls_embed.weight'
_AFFINE = r'(?:weight|bias)'
LINK: Table = (
    Rule(r'attention_previous_track\.', 'decoder.link.attention.', then=ATTENTION),
    Rule(r'attention_previous_norm_track\.', 'decoder.link.attention_norm.', then=NORM),
    Rule(r'link_ffn_track\.', 'decoder.link.ffn.', then=FFN),
    Rule(r'link_ffn_norm_track\.', 'decoder.link.ffn_norm.', then=NORM),
)
ASSOCIATION: Table = (
    Rule(rf'embed_fcs\.(0\.weight|1\.{_AFFINE})', r'decoder.association.kernel_fcs.\1'),
    Rule(rf'fc_embed\.({_AFFINE})', r'decoder.association.kernel_embed.\1'),
    Rule(rf'track_head\.((?:fcs\.\d+|fc_embed)\.{_AFFINE})', r'decoder.association.\1'),
)
TUBE_LINK: Table = (Rule(r'backbone\.', 'backbone.', then=BACKBONES), *MASK2FORMER_HEAD, *LINK, *ASSOCIATION)


def tube_link_facts(converted: Mapping[str, Any]) -> dict[str, Any]:
    """What the converted tensors tell of their model: numbers of queries and classes, link and embedding (VPS).

    Raises:
        UnknownKeysError: If queries or classifier are missing.
    """
    missing = {QUERIES, CLASSIFIER} - set(converted)
    if missing:
        raise UnknownKeysError(f'this is no complete Mask2Former or Tube-Link: it lacks {", ".join(sorted(missing))}')
    return dict(
        num_queries=len(converted[QUERIES]),
        num_classes=len(converted[CLASSIFIER]) - 1,  # the last one is no object
        with_link=any(name.startswith('decoder.link.') for name in converted),
        with_association=any(name.startswith('decoder.association.') for name in converted),
    )
