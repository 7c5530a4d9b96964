"""The kinds of checkpoint that can be converted, and what tells them apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backbone_tables import BACKBONE_ALONE, BACKBONE_OF_DETECTOR
from knet_tables import SEMANTIC_KNET, knet_table, stages_of
from tube_link_tables import TUBE_LINK

from videoseg.utils.key_table import Table, UnknownKeysError, find_place

KINDS = ('knet', 'semantic_knet', 'tube_link', 'backbone')


@dataclass(frozen=True)
class Source:
    """A checkpoint as its names show it.

    Attributes:
        kind: One of ``KINDS``.
        table: Rules for its names.
        decoder: Decoder type that the converted weights are for; None for a backbone.
        part: Part of the model that the converted names belong to; empty: the whole model.
    """

    kind: str
    table: Table
    decoder: str | None
    part: str = ''


def recognise(names: Iterable[str], kind: str | None = None, link_stages: Sequence[int] | None = None) -> Source:
    """What a checkpoint with these names is.

    Args:
        names: Its parameters.
        kind: Demand this kind; None finds out.
        link_stages: Stages that are linked; None: the last one, as in all released models.

    Raises:
        UnknownKeysError: If the kind cannot be told.
    """
    names = [name.removeprefix('module.') for name in names]

    def has(*prefixes: str) -> bool:
        return any(name.startswith(prefixes) for name in names)

    backbone = BACKBONE_OF_DETECTOR if has('backbone.') else BACKBONE_ALONE
    if kind is None:
        if has('roi_head.mask_head.', 'rpn_head.init_kernels.'):
            kind = 'knet'
        elif has('decode_head.kernel_generate_head.'):
            kind = 'semantic_knet'
        elif has('panoptic_head.query_feat.'):
            kind = 'tube_link'
        elif any(place is not None and place.name for place in (find_place(name, backbone) for name in names)):
            kind = 'backbone'
    if kind == 'backbone':
        return Source(kind, backbone, None, part='backbone')
    if kind == 'semantic_knet':
        return Source(kind, SEMANTIC_KNET, 'SemanticKNetDecoder')
    if kind == 'tube_link':
        return Source(kind, TUBE_LINK, 'TubeLinkDecoder')
    if kind is None:
        raise UnknownKeysError(
            f'this is neither K-Net, Tube-Link, Mask2Former nor a backbone ({len(names)} parameters, the first ones '
            f'are {", ".join(names[:3])}); if it is, say so with --kind {{{",".join(KINDS)}}}'
        )
    decoder = 'KNetDecoder'
    if has('tracker.mask_head.'):
        decoder = 'ClipKNetDecoder'
    elif has('track_head.', 'embed_fcs.'):
        decoder = 'VideoKNetDecoder'
    stages = (stages_of(names) - 1,) if link_stages is None else link_stages
    return Source(kind, knet_table(stages), decoder)
