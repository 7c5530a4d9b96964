"""The architecture as a test: which part may import which, and what only some of them may import at all.

The table is that of the design: each part sees the parts below it, and parts of one level meet in the segmentor only.
"""

import ast
import importlib
import pkgutil
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'videoseg'
MAX_LINES = 450

# Importable from everywhere: they import nothing of videoseg and nothing heavy.
BASICS = {'videoseg', 'videoseg.lazy', 'videoseg.version'}
MODEL_BLOCKS = {'videoseg.models.layers', 'videoseg.models.losses', 'videoseg.models.task_modules'}
SCORING = {'videoseg.evaluation.functional', 'videoseg.evaluation.formats'}
PURE_STRUCTURES = {'videoseg.structures.ids', 'videoseg.structures.rle'}

# Part -> what it may import of videoseg, beside itself and BASICS. The longest matching part counts.
ALLOWED = {
    'videoseg.lazy': set(),
    'videoseg.version': set(),
    'videoseg.registry': set(),
    'videoseg.structures': set(),
    'videoseg.utils': {'videoseg.structures'},
    'videoseg.datasets': {'videoseg.structures', 'videoseg.utils', 'videoseg.registry', 'videoseg.evaluation.formats'},
    'videoseg.models': {'videoseg.models'},
    'videoseg.models.data_preprocessors': {'videoseg.structures', 'videoseg.registry'},
    'videoseg.models.segmentors': {'videoseg.structures', 'videoseg.registry'},
    'videoseg.models.backbones': {'videoseg.models.layers', 'videoseg.registry'},
    'videoseg.models.necks': {'videoseg.models.layers', 'videoseg.structures', 'videoseg.registry'},
    'videoseg.models.decoders': MODEL_BLOCKS | {'videoseg.structures', 'videoseg.registry'},
    'videoseg.models.postprocessors': {'videoseg.structures', 'videoseg.registry'},
    'videoseg.models.trackers': {'videoseg.structures', 'videoseg.registry'},
    'videoseg.models.layers': MODEL_BLOCKS | {'videoseg.structures', 'videoseg.registry'},
    'videoseg.models.losses': MODEL_BLOCKS | {'videoseg.structures', 'videoseg.registry'},
    'videoseg.models.task_modules': MODEL_BLOCKS | {'videoseg.structures', 'videoseg.registry'},
    'videoseg.evaluation': {'videoseg.evaluation'},
    'videoseg.evaluation.functional': SCORING | PURE_STRUCTURES,
    'videoseg.evaluation.formats': SCORING | PURE_STRUCTURES,
    'videoseg.evaluation.benchmarks': SCORING | PURE_STRUCTURES,
    'videoseg.evaluation.metrics': SCORING | {'videoseg.structures', 'videoseg.registry'},
    'videoseg.engine': {'videoseg.structures', 'videoseg.utils', 'videoseg.registry'},
    'videoseg.visualization': {'videoseg'},
    'videoseg.apis': {'videoseg'},
}

# Part -> the only packages outside the standard library that it may import.
THIRD_PARTY = {
    'videoseg': set(),
    'videoseg.lazy': set(),
    'videoseg.version': set(),
    'videoseg.structures.ids': {'numpy'},
    'videoseg.structures.rle': {'numpy', 'pycocotools'},
    'videoseg.evaluation.functional': {'numpy', 'scipy', 'pycocotools', 'PIL'},
    'videoseg.evaluation.formats': {'numpy', 'scipy', 'pycocotools', 'PIL'},
    'videoseg.evaluation.benchmarks': {'numpy', 'scipy', 'pycocotools', 'PIL'},
}
NOWHERE = {'torchvision'}  # there is no CPU build of it for the tested torch


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def imported_modules(source: str, module: str, is_package: bool) -> set[str]:
    """Full names of everything a module imports, inside functions too; ``from a import b`` counts as ``a.b``."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                anchor = module.split('.')
                anchor = anchor[: len(anchor) - node.level + is_package]
                base = '.'.join([*anchor, *([base] if base else [])])
            names.update(f'{base}.{alias.name}' for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', '')
            if function in ('import_module', '__import__', 'import_modules_from_strings'):
                names.add(str(node.args[0].value))
    return names


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(part + '.')


def longest_part(module: str, table: dict[str, set[str]]) -> str | None:
    """The table's entry that a module belongs to. ``videoseg`` itself is the root module, not everything below it."""
    parts = [part for part in table if (module == part if part == 'videoseg' else within(module, part))]
    return max(parts, key=len, default=None)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """What a module imports against the tables."""
    found = []
    part = longest_part(module, ALLOWED)
    if part is None and module != 'videoseg':
        return [f'{module} is in no part of the table: add its folder to the design and to ALLOWED']
    third_party = longest_part(module, THIRD_PARTY)
    for name in sorted(imported_modules(source, module, is_package)):
        top = name.split('.')[0]
        if top == 'videoseg':
            basic = any(within(name, b) for b in BASICS - {'videoseg'}) or re.fullmatch(r'videoseg\.__\w+__', name)
            own = part is not None and within(name, part)
            if not (basic or own or any(within(name, allowed) for allowed in ALLOWED.get(part, ()))):
                found.append(f'{module} imports {name}; {part} may import {sorted(ALLOWED.get(part, ()))}')
        elif top in NOWHERE:
            found.append(f'{module} imports {top}, which may not be used')
        elif third_party and top not in sys.stdlib_module_names and top not in THIRD_PARTY[third_party]:
            found.append(f'{module} imports {top}; it may import only {sorted(THIRD_PARTY[third_party])}')
    return found


FILES = sorted(PACKAGE.rglob('*.py'))


def test_no_forbidden_arrow() -> None:
    assert len(FILES) > 10
    found = []
    for path in FILES:
        found += violations(path.read_text(encoding='utf-8'), module_name(path), path.name == '__init__.py')
    assert not found, '\n'.join(found)


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('videoseg.structures.ids', 'import torch'),
        ('videoseg.structures.clip_prediction', 'from videoseg.registry import MODELS'),
        ('videoseg.utils.env_report', 'from videoseg import models'),
        ('videoseg.datasets.kitti_step', 'def f():\n    from videoseg.models import layers'),
        ('videoseg.datasets.kitti_step', 'from ..models import layers'),
        ('videoseg.datasets.kitti_step', 'import importlib\nimportlib.import_module("videoseg.models")'),
        ('videoseg.models.decoders.knet', 'from videoseg.models.trackers import IoUTracker'),
        ('videoseg.models.decoders.knet', 'from ..postprocessors.panoptic import PanopticPostprocessor'),
        ('videoseg.models.trackers.iou', 'from videoseg.models.postprocessors import x'),
        ('videoseg.models.trackers.iou', 'from videoseg.models.layers import x'),
        ('videoseg.models.postprocessors.panoptic', 'import videoseg.models.decoders.knet'),
        ('videoseg.models.segmentors.video_segmentor', 'from videoseg.models.decoders import KNetDecoder'),
        ('videoseg.models.necks.fpn', 'from videoseg.models.losses import x'),
        ('videoseg.evaluation.functional.stq', 'import torch'),
        ('videoseg.evaluation.functional.stq', 'from mmengine.logging import print_log'),
        ('videoseg.evaluation.functional.stq', 'from videoseg.structures import ClipSegments'),
        ('videoseg.evaluation.metrics.stq_metric', 'from videoseg.models import x'),
        ('videoseg.engine.loops', 'from videoseg.models.segmentors import VideoSegmentor'),
        ('videoseg.anything.new', ''),
        ('videoseg.models.layers.block', 'import torchvision'),
    ],
)
def test_forbidden_arrows_are_seen(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('videoseg.structures.ids', 'import json\nimport numpy as np'),
        ('videoseg.models.decoders.knet', 'from videoseg.models.losses import x\nfrom ..layers.block import y'),
        ('videoseg.models.decoders.knet', 'from .head import z\nfrom videoseg.structures import PixelFeatures'),
        ('videoseg.evaluation.functional.stq', 'from videoseg.structures.ids import decode\nimport scipy.optimize'),
        ('videoseg.apis.inferencer', 'from videoseg.datasets import x\nfrom videoseg.registry import MODELS'),
    ],
)
def test_permitted_arrows_pass(module: str, source: str) -> None:
    assert violations(source, module) == []


def test_every_folder_is_a_package() -> None:
    folders = {path.parent for path in FILES}
    assert not [str(folder) for folder in folders if not (folder / '__init__.py').is_file()]


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding='utf-8').splitlines()) for path in FILES}
    too_long = {name: length for name, length in lengths.items() if length > MAX_LINES}
    assert not too_long, f'over {MAX_LINES} lines, so a concept is missing: {too_long}'


def test_library_does_not_print() -> None:
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'print':
                found.append(f'{path.relative_to(PACKAGE)}:{node.lineno}')
    assert not found, f'use MMLogger instead of print: {found}'


def our_registries() -> dict:
    """Our registries by variable name, after importing everything of ours that could register something."""
    from mmengine.registry import Registry

    import videoseg

    for info in pkgutil.walk_packages(videoseg.__path__, 'videoseg.'):
        importlib.import_module(info.name)
    registry = importlib.import_module('videoseg.registry')
    return {name: value for name, value in vars(registry).items() if isinstance(value, Registry)}


def clashes_with(scopes: set[str]) -> list[str]:
    """Names registered in ours that exist in a relative (mmcv registers in mmengine's) of one of these scopes."""
    for module in ('mmcv.cnn', 'mmcv.ops', 'mmcv.transforms'):
        importlib.import_module(module)
    for library in ('mmdet', 'mmseg'):
        importlib.import_module(f'{library}.utils').register_all_modules(init_default_scope=False)
    clashes, registered, seen = [], 0, set()
    for name, ours in our_registries().items():
        registered += len(ours.module_dict)
        root = ours.parent.parent
        for relative in [root, *root.children.values()]:
            if relative.scope in scopes:
                relative.import_from_location()
                seen.update((relative.scope, key) for key in relative.module_dict)
                both = sorted(set(ours.module_dict) & set(relative.module_dict))
                clashes += [f'{name}: {key} exists in {relative.scope}' for key in both]
    assert registered > 20
    assert {scope for scope, _ in seen} == scopes and len(seen) > 100 * len(scopes)  # they were really imported
    return clashes


@pytest.mark.slow
def test_registered_names_are_new() -> None:
    """A name of ours that exists in an ancestor would replace the original inside mmdet's own classes."""
    assert clashes_with({'mmengine', 'mmdet'}) == []


@pytest.mark.slow
def test_names_shared_with_mmseg_are_known() -> None:
    """mmseg is no ancestor: what it builds under ``_scope_='mmseg'`` does not see ours. Two names are the papers'."""
    shared = ['KernelUpdateHead', 'KernelUpdator']
    assert clashes_with({'mmseg'}) == [f'MODELS: {name} exists in mmseg' for name in shared]


def test_mmseg_scope_builds_mmseg_parts() -> None:
    """The shared names, nested too, mean mmseg's classes under mmseg's scope, even with ours as the default scope."""
    from mmengine.registry import DefaultScope
    from mmseg.models.decode_heads import knet_head

    from videoseg.registry import MODELS

    updator = {'type': 'KernelUpdator', 'in_channels': 8, 'feat_channels': 8, 'out_channels': 8}
    sizes = {'num_classes': 3, 'in_channels': 8, 'out_channels': 8, 'num_heads': 2, 'feedforward_channels': 16}
    with DefaultScope.overwrite_default_scope('videoseg'):
        head = MODELS.build(
            {'type': 'KernelUpdateHead', '_scope_': 'mmseg', 'kernel_updator_cfg': updator, 'num_mask_fcs': 1, **sizes}
        )
    assert type(head) is knet_head.KernelUpdateHead
    assert type(head.kernel_update_conv) is knet_head.KernelUpdator


def test_every_mmdet_registry_has_a_child() -> None:
    """A kind without a child could not find mmdet's types."""
    from mmdet import registry as mmdet_registry
    from mmengine.registry import Registry

    from videoseg import registry

    for name, parent in vars(mmdet_registry).items():
        if isinstance(parent, Registry) and parent.scope == 'mmdet':
            child = getattr(registry, name, None)
            assert child is not None and child.parent is parent, f'videoseg.registry lacks a child for mmdet {name}'
