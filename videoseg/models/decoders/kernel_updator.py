"""The adaptive kernel update of K-Net."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from videoseg.registry import MODELS


class _MLP(nn.Module):
    """Two linear layers in place of one."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, out_features)
        self.fc2 = nn.Linear(out_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.fc1(x).relu())


@MODELS.register_module()
class KernelUpdator(BaseModule):
    """Mix kernels with the features they gathered, by two learned gates.

    ``update_gate`` weighs the gathered features, ``input_gate`` the old kernel. There is no residual connection.
    The published variants are arguments. Source: K-Net, ``specs/video_knet.md`` sections 1.3 and 2.10.

    Args:
        in_channels: C of kernels and group features.
        feat_channels: Width of the inner vectors.
        out_channels: Width of the new kernels.
        gate_sigmoid: Squash the gates.
        gate_norm_act: Normalise and rectify the mixed vector before the gates.
        activate_out: Rectify both normalised outputs.
        combine: ``'product'`` of kernel and feature, or ``'concat'`` of half-width ones (1x1 kernels only).
        skip: Add the raw old kernel in place of the gated one.
        mlp: Two layers in place of each linear one.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: For an unknown ``combine``.
    """

    def __init__(
        self,
        in_channels: int = 256,
        feat_channels: int = 256,
        out_channels: int = 256,
        gate_sigmoid: bool = True,
        gate_norm_act: bool = False,
        activate_out: bool = False,
        combine: str = 'product',
        skip: bool = False,
        mlp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if combine not in ('product', 'concat'):
            raise ValueError(f"KernelUpdator: combine must be 'product' or 'concat', not {combine!r}")
        linear = _MLP if mlp else nn.Linear
        self.combine = combine
        self.skip = skip
        self.gate_sigmoid = gate_sigmoid
        self.activate_out = activate_out
        self.feat_channels = feat_channels
        self.mixed_channels = feat_channels // 2 if combine == 'concat' else feat_channels
        self.dynamic_layer = linear(in_channels, self.mixed_channels + feat_channels)
        self.input_layer = linear(in_channels, self.mixed_channels + (0 if skip else feat_channels))
        self.update_gate = linear(feat_channels, feat_channels)
        self.norm_in = nn.LayerNorm(feat_channels)
        self.norm_out = nn.LayerNorm(feat_channels)
        if not skip:
            self.input_gate = linear(feat_channels, feat_channels)
            self.input_norm_in = nn.LayerNorm(feat_channels)
            self.input_norm_out = nn.LayerNorm(feat_channels)
        self.gate_norm = nn.LayerNorm(feat_channels) if gate_norm_act else None
        self.fc_layer = linear(feat_channels, out_channels)
        self.fc_norm = nn.LayerNorm(out_channels)

    def _gate(self, x: Tensor) -> Tensor:
        return x.sigmoid() if self.gate_sigmoid else x

    def _out(self, x: Tensor) -> Tensor:
        return x.relu() if self.activate_out else x

    def forward(self, features: Tensor, kernels: Tensor) -> Tensor:
        """Update kernels.

        Args:
            features: (..., C) group features, one vector a kernel.
            kernels: (..., K, C) old kernels, K = cells of a kernel.

        Returns:
            New kernels (..., K, out_channels).
        """
        f_in, f_out = self.dynamic_layer(features).unsqueeze(-2).split([self.mixed_channels, self.feat_channels], -1)
        projected = self.input_layer(kernels)
        k_in = projected[..., : self.mixed_channels]
        mixed = torch.cat([k_in, f_in], dim=-1) if self.combine == 'concat' else k_in * f_in
        if self.gate_norm is not None:
            mixed = self.gate_norm(mixed).relu()
        updated = self._gate(self.norm_in(self.update_gate(mixed))) * self._out(self.norm_out(f_out))
        if self.skip:
            updated = updated + kernels
        else:
            k_out = projected[..., self.mixed_channels :]
            kept = self._out(self.input_norm_out(k_out))
            updated = updated + self._gate(self.input_norm_in(self.input_gate(mixed))) * kept
        return self.fc_norm(self.fc_layer(updated)).relu()
