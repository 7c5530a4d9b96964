"""Convert released weights (K-Net, Video K-Net, Tube-Link, Mask2Former, backbones) to the names of videoseg.

    python tools/model_converters/convert_weights.py RELEASED.pth OUT.pth --check CONFIG

Prints which module became which and what was left out. A parameter that no rule knows is an error.
docs/converting_weights.md walks through an example.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from knet_tables import STAGE, knet_table
from tube_link_tables import tube_link_facts
from weight_fit import build_model, check_fit, dataset_metainfo
from weight_sources import KINDS, recognise

from videoseg.utils import (
    CheckpointLoadError,
    CheckpointMismatchError,
    CheckpointSaveError,
    load_checkpoint_file,
    load_config,
    save_checkpoint_atomic,
)
from videoseg.utils.checkpoint import file_sha256, local_checkpoint
from videoseg.utils.key_table import Conversion, UnknownKeysError, convert
from videoseg.version import __version__


def convert_state_dict(state_dict: Mapping[str, Any], link_stages: Sequence[int] | None = (2,)) -> dict[str, Any]:
    """K-Net parameters under our names.

    Args:
        state_dict: Released parameters.
        link_stages: Stages whose linking and fusion layers are kept; None keeps all.
    """
    return convert(state_dict, knet_table(link_stages)).state_dict


def convert_stage(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a single update head under our names."""
    return convert(state_dict, STAGE).state_dict


def weights_of(checkpoint: Mapping[str, Any], source: str) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint, whatever its author called them.

    Raises:
        CheckpointLoadError: If there are none.
    """
    for key in ('state_dict', 'model'):
        weights = checkpoint.get(key)
        if isinstance(weights, Mapping) and weights and all(torch.is_tensor(v) for v in weights.values()):
            return dict(weights)
    raise CheckpointLoadError(f'{source}: there are no weights in it, only {", ".join(map(str, checkpoint))}')


def source_classes(checkpoint: Mapping[str, Any]) -> list[str] | None:
    """Class names that the checkpoint itself states (mmdet 2: ``CLASSES``, mmdet 3: ``dataset_meta``)."""
    meta = checkpoint.get('meta') or {}
    names = meta.get('CLASSES') or (meta.get('dataset_meta') or {}).get('classes')
    return None if names is None else list(names)


def convert_file(
    source: str,
    target: Path,
    kind: str | None = None,
    link_stages: Sequence[int] | None = None,
    config: str | None = None,
    allow_reinit: Sequence[str] | None = None,
    unsafe_load: bool = False,
) -> Conversion:
    """Convert a file; see :func:`parse_args` for the arguments."""
    file = local_checkpoint(source)
    checkpoint = load_checkpoint_file(file, allow_unsafe=unsafe_load)
    weights = weights_of(checkpoint, file)
    recognised = recognise(weights, kind, link_stages)
    converted = convert(weights, recognised.table, Path(file).name)
    meta = dict(
        source=Path(file).name,
        source_sha256=file_sha256(file),
        source_kind=recognised.kind,
        converted_with=f'videoseg {__version__}',
        decoder=recognised.decoder,
        classes=None,
        num_things=None,
    )
    print(f'{Path(file).name} ({meta["source_sha256"][:12]}): {recognised.kind}, {recognised.decoder or "no decoder"}')
    if recognised.kind == 'tube_link':
        facts = tube_link_facts(converted.state_dict)
        meta.update(facts)
        print(', '.join(f'{key}: {value}' for key, value in facts.items()))
    print(converted.summary())
    if config is not None:
        _check(converted, meta, recognised.part, config, allow_reinit, source_classes(checkpoint))
    save_checkpoint_atomic(dict(meta=meta, state_dict=converted.state_dict), target)
    print(f'{len(converted.state_dict)} tensors written to {target}')
    return converted


def _check(
    converted: Conversion,
    meta: dict[str, Any],
    part: str,
    config: str,
    allow_reinit: Sequence[str] | None,
    stated_classes: list[str] | None,
) -> None:
    """Load into the model of a config; take class names from there and out what starts anew."""
    cfg = load_config(config)
    model = build_model(cfg)
    target, weights = model, converted.state_dict
    if part:
        target, weights = getattr(model, part), {k.removeprefix(f'{part}.'): v for k, v in weights.items()}
    fit = check_fit(target, weights, meta, meta['source'], allow_reinit)
    print(f'{len(fit.report.matched)} tensors loaded into {f"the {part} of " if part else ""}{config}')
    for name in fit.reinit:
        converted.state_dict.pop(f'{part}.{name}' if part else name, None)
    if fit.reinit:
        meta['reinitialised'] = fit.reinit
        print('these start anew:', *(f'    {name}' for name in fit.reinit), sep='\n')
        print(f'so the config that loads the weights needs: load_from_allow = {fit.modules}')
    elif not part:
        info = dataset_metainfo(cfg)
        meta.update(
            classes=info.get('classes'),
            num_things=model.decoder.num_things,
            dataset_meta=info if 'classes' in info else None,
        )
        _compare_order(info.get('classes'), stated_classes)


def _compare_order(ours: Sequence[str] | None, theirs: Sequence[str] | None) -> None:
    if ours is not None and theirs is not None and sorted(ours) == sorted(theirs) and list(ours) != list(theirs):
        print('note: the checkpoint lists the same classes in another order; here things come first')


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', help='released file or http(s) URL')
    parser.add_argument('target', type=Path, help='file to write')
    parser.add_argument('--kind', choices=KINDS, help='what the source is (found out by default)')
    parser.add_argument(
        '--link-stages',
        type=int,
        nargs='*',
        help='stages whose linking and fusion layers are kept, 0 for the first (default: the last one, as released)',
    )
    parser.add_argument('--check', metavar='CONFIG', help='load strictly into this model; it also gives class names')
    parser.add_argument(
        '--allow-reinit',
        metavar='MODULE',
        nargs='*',
        help='with --check: classifiers for another number of classes may start anew, and so may these modules',
    )
    parser.add_argument('--unsafe-load', action='store_true', help="unpickle any object: runs the file author's code")
    parsed = parser.parse_args(args)
    if parsed.allow_reinit is not None and not parsed.check:
        parser.error('--allow-reinit needs --check CONFIG: only a model tells what does not fit')
    return parsed


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    parsed = parse_args(args)
    try:
        convert_file(
            parsed.source,
            parsed.target,
            parsed.kind,
            parsed.link_stages,
            parsed.check,
            parsed.allow_reinit,
            parsed.unsafe_load,
        )
    except (
        *(UnknownKeysError, CheckpointLoadError, CheckpointMismatchError, CheckpointSaveError, FileNotFoundError),
    ) as error:
        print(f'{type(error).__name__}: {error}\nNothing was written.', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
