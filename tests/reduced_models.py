"""The models of configs at reduced width, and clips to step them with, for ``tests/test_configs.py``.

Nothing here knows a method: a config is shrunk by the names and sizes of its numbers, so that new configs are covered
without a change.
"""

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmdet.structures import TrackDataSample
from mmengine.config import Config, ConfigDict
from mmengine.structures import PixelData
from torch.overrides import TorchFunctionMode

from tests.test_models.tiny_models import video
from videoseg.registry import MODELS

FACTOR = 8
"""What widths are divided by, where the backbone can be narrowed too."""
NARROWABLE = ('ResNet', 'ResNetV1c', 'SwinTransformer', 'STDCPyramid')
WIDTHS = ('channels', 'embed_dims', 'num_feats')  # endings of keys
NOT_NARROW = 16  # smaller numbers are no widths: the channels of an image
SIZE = (96, 128)  # of the clips: three cells at stride 32, the kernel of a deformable convolution
COUNTS = dict(num_proposals=8, num_points=64)
NO_THRESHOLD = ('instance_score_thr', 'object_mask_thr', 'overlap_thr', 'init_score_thr', 'obj_score_thr')
"""Set to 0, so that untrained models have segments to track."""


class NumbersOnCPU(TorchFunctionMode):
    """Under ``torch.device('meta')``: mmdet's Swin reads numbers off ``linspace``, which need data."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.linspace:
            kwargs['device'] = 'cpu'
        return func(*args, **kwargs)


def build_on_meta(model: Mapping) -> torch.nn.Module:
    """Build a model without memory for its parameters."""
    with torch.device('meta'), NumbersOnCPU():
        return MODELS.build(copy.deepcopy(model))


def structure(model: Mapping) -> frozenset:
    """What two configs have in common if their models differ in numbers only: all types, switches and absent parts."""
    return frozenset(_switches(model, ''))


def _switches(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key not in ('init_cfg', 'data_preprocessor'):
                yield from _switches(value, f'{path}.{key}')
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _switches(value, path)
    elif isinstance(node, (str, bool, type(None))):
        yield path, node


def reduce_model(model: Mapping) -> ConfigDict:
    """The same parts with an eighth of the width, few kernels, short backbones and no pretrained weights.

    Models on backbones that cannot be narrowed (``EfficientNetLite``) are small already and keep their width.
    """
    narrow = any(node.get('type') in NARROWABLE for node in _dicts(model))
    reduced = _reduce(copy.deepcopy(dict(model)), FACTOR if narrow else 1)
    if narrow:  # the widths that nobody wrote down
        for part in _parts(reduced):
            for name, default in _defaults(part).items():
                if name.endswith(WIDTHS) and isinstance(default, (int, tuple)):
                    part.setdefault(name, _reduce(default, FACTOR, name))
    for part in _parts(reduced):
        known = _defaults(part)
        for name in COUNTS.keys() & known:  # some of the queries may belong to stuff classes
            part[name] = min(part.get(name, known[name]), COUNTS[name] + part.get('num_stuff', 0))
        part.update({name: 0.0 for name in NO_THRESHOLD if name in known})
    return ConfigDict(reduced)


def _dicts(node: Any) -> Iterator[Mapping]:
    if isinstance(node, Mapping):
        yield node
    for value in node.values() if isinstance(node, Mapping) else node if isinstance(node, (list, tuple)) else ():
        yield from _dicts(value)


def _parts(model: Mapping) -> list[dict]:
    """Backbone, necks, decoder ...: what the segmentor itself builds."""
    values = [part for value in model.values() for part in (value if isinstance(value, list) else [value])]
    return [part for part in values if isinstance(part, dict) and 'type' in part]


def _defaults(part: Mapping) -> dict[str, Any]:
    """Arguments of a part's class and of its bases, with their default values."""
    cls = MODELS.get(f'{part["_scope_"]}.{part["type"]}' if '_scope_' in part else part['type'])
    parameters = {}
    for base in inspect.getmro(cls) if inspect.isclass(cls) else ():
        for name, parameter in inspect.signature(base.__init__).parameters.items():
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                parameters.setdefault(name, parameter.default)
    return parameters


def _reduce(node: Any, factor: int, key: str = '') -> Any:
    if isinstance(node, Mapping):
        node = {name: _reduce(value, factor, name) for name, value in node.items()}
        if (node.get('init_cfg') or {}).get('type') == 'Pretrained':
            node['init_cfg'] = None
        if node.get('type') == 'SwinTransformer':
            node['depths'] = [2, 2, 2, 2]
        if str(node.get('type')).startswith('ResNet'):
            node['depth'] = min(node['depth'], 50)
        return node
    if isinstance(node, (list, tuple)):
        return type(node)(_reduce(value, factor, key) for value in node)
    if key.endswith(WIDTHS) and type(node) is int and node >= NOT_NARROW:
        return node // factor
    return node


# ---------------------------------------------------------------- clips


def transforms_of(loader: Mapping) -> list[Mapping]:
    """The pipelines of a data loader's set, or of all the sets that it joins."""
    return [transform for node in _dicts(loader) for transform in node.get('pipeline', ())]


def reduce_pictures(loader: Mapping, size: tuple[int, int]) -> None:
    """Let the pipelines of a data loader scale to (w, h) and crop to it, in place."""
    for transform in transforms_of(loader):
        for inner in (transform, *transform.get('transforms', ())):
            for key, value in (('scale', size), ('crop_size', size[::-1])):
                if key in inner:
                    inner[key] = value


def clip_length(cfg: Config) -> int:
    """Frames of a training clip, as the training pipeline samples them."""
    sampling = next(transform for transform in transforms_of(cfg.train_dataloader) if transform.type == 'ClipSample')
    return sampling.get('consecutive') or 1 + sampling.get('num_refs', 1)


def clip(seed: int, frames: int, num_things: int, num_stuff: int) -> dict:
    """A packed item with two moving objects before two areas, in the classes of a model.

    Args:
        seed: Also the name of the video.
        frames: T.
        num_things: Thing classes; without any, the objects are stuff too.
        num_stuff: Stuff classes; without any, the areas are void.
    """
    item = video(seed, frames, SIZE)
    last = num_things + num_stuff - 1
    objects = [0, min(1, (num_things or num_stuff) - 1)]
    areas = [min(num_things + (0 if num_things else 2) + i, last) for i in range(2)] if num_stuff else [255, 255]
    labels = torch.tensor([*objects, *areas])
    for frame in item['data_samples']:
        frame.gt_sem_seg = PixelData(sem_seg=labels[frame.gt_sem_seg.sem_seg.long()].to(torch.uint8))
        frame.gt_instances.labels = labels[frame.gt_instances.labels]
        if not num_things:
            frame.gt_instances = frame.gt_instances[:0]
    return item


def packed(*items: dict) -> dict[str, list]:
    """Items as a data loader hands them to the data preprocessor."""
    samples: list[TrackDataSample] = [item['data_samples'] for item in items]
    return dict(inputs=[item['inputs'] for item in items], data_samples=samples)
