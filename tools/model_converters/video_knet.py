"""Convert released K-Net and Video K-Net (VPS) checkpoints to the names of videoseg.

    python tools/model_converters/video_knet.py RELEASED.pth OUT.pth [--link-stages 2]

Heads keep their published leaf names, so this is prefix work (``specs/video_knet.md`` section 4). Linking and fusion
layers of stages that are not linked hold untrained values and are dropped.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

PREFIXES = (
    (r'^rpn_head\.localization_fpn\.', 'neck.1.'),
    (r'^neck\.', 'neck.0.'),
    (r'^rpn_head\.', 'decoder.proposal_head.'),
    (r'^roi_head\.mask_head\.', 'decoder.stages.'),
    (r'^track_head\.', 'decoder.embedding_head.'),
    (r'^embed_fcs\.', 'decoder.embedding_head.kernel_fcs.'),
    (r'^fc_embed\.', 'decoder.embedding_head.kernel_embed.'),
)
STAGE_PARTS = (
    ('attention_previous_update_track', 'linking.updator'),
    ('attention_previous_update_link', 'fusion.updator'),
    ('attention_previous_norm_track', 'linking.attention_norm'),
    ('attention_previous_norm_link', 'fusion.attention_norm'),
    ('attention_previous_track', 'linking.attention'),
    ('attention_previous_link', 'fusion.attention'),
    ('link_ffn_norm_track', 'linking.ffn_norm'),
    ('link_ffn_norm_link', 'fusion.ffn_norm'),
    ('link_ffn_track', 'linking.ffn'),
    ('link_ffn_link', 'fusion.ffn'),
    ('attention_previous_norm', 'linking.attention_norm'),
    ('attention_previous', 'linking.attention'),
    ('link_ffn_norm', 'linking.ffn_norm'),
    ('link_ffn', 'linking.ffn'),
)


def convert_stage_key(key: str) -> str:
    """Name of one parameter of an update head."""
    first, _, rest = key.partition('.')
    return next((f'{ours}.{rest}' for theirs, ours in STAGE_PARTS if first == theirs), key)


def convert_key(key: str) -> str:
    """Name of one parameter of a whole released detector."""
    for pattern, ours in PREFIXES:
        key, hits = re.subn(pattern, ours, key)
        if hits:
            break
    stage = re.match(r'^(decoder\.stages\.\d+\.)(.*)$', key)
    return stage.group(1) + convert_stage_key(stage.group(2)) if stage else key


def convert_state_dict(
    state_dict: Mapping[str, torch.Tensor], link_stages: Sequence[int] | None = (2,)
) -> dict[str, torch.Tensor]:
    """Rename all parameters.

    Args:
        state_dict: Released parameters.
        link_stages: Stages whose linking and fusion layers are kept; None keeps all.
    """
    converted = {}
    for key, value in state_dict.items():
        name = convert_key(key)
        part = re.match(r'^decoder\.stages\.(\d+)\.(linking|fusion)\.', name)
        if part and link_stages is not None and int(part.group(1)) not in link_stages:
            continue
        converted[name] = value
    return converted


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path)
    parser.add_argument('target', type=Path)
    parser.add_argument('--link-stages', type=int, nargs='*', default=[2])
    args = parser.parse_args()
    checkpoint = torch.load(args.source, map_location='cpu', weights_only=True)
    converted = convert_state_dict(checkpoint.get('state_dict', checkpoint), args.link_stages)
    torch.save(dict(meta=dict(source=args.source.name), state_dict=converted), args.target)
    print(f'{len(converted)} parameters written to {args.target}')


if __name__ == '__main__':
    main()
