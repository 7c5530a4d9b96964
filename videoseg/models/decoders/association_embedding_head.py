"""The association embedding of Video K-Net and Tube-Link, and its contrastive losses."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.registry import MODELS

# source: is the kernel used, and the part that describes the pixels of its mask
SOURCES = dict(
    kernel=(True, None), mask=(False, 'MaskAverage'), roi_align=(False, 'MaskRoIAlign'), both=(True, 'MaskAverage')
)


@MODELS.register_module()
class AssociationEmbeddingHead(BaseModule):
    """Kernels to vectors whose dot products tell whether two kernels are the same object.

    Two layers inside the original's detector (``kernel_fcs``, ``kernel_embed``) followed by its track head (``fcs``,
    ``fc_embed``); no normalisation. Source: Video K-Net, ``specs/video_knet.md`` section 2.4; Tube-Link has the same
    layers and losses (``specs/tube_link.md`` 2.7). Sources other than the kernel are rows of the published ablation
    without details: how pixels are described, and that one linear layer merges kernel and mask feature, is ours.

    Args:
        in_channels: C of the kernels (1x1 kernels) and of the pixel features.
        embed_channels: D.
        num_fcs: Linear layers before the last one.
        source: What is embedded: the ``'kernel'``, the pixel features under its ``'mask'``, those in the mask's box by
            ``'roi_align'``, or ``'both'`` kernel and mask.
        region: Overrides of the part that describes the pixels (``MaskAverage``, ``MaskRoIAlign``); not for
            ``'kernel'``.
        loss_track: Config of the multi-positive cross-entropy on dot products.
        loss_track_aux: Config of the loss on cosines.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: For an unknown ``source``, or a ``region`` that it does not use.
    """

    def __init__(
        self,
        in_channels: int = 256,
        embed_channels: int = 256,
        num_fcs: int = 2,
        source: str = 'kernel',
        region: dict | None = None,
        loss_track: dict | None = None,
        loss_track_aux: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if source not in SOURCES:
            raise ValueError(f'AssociationEmbeddingHead: source must be one of {tuple(SOURCES)}, not {source!r}')
        self.uses_kernels, part = SOURCES[source]
        if part is None and region is not None:
            raise ValueError(f'AssociationEmbeddingHead: source={source!r} describes no pixels, so it takes no region')
        self.region = MODELS.build({**dict(type=part, in_channels=in_channels), **(region or {})}) if part else None
        self.merge = nn.Linear(2 * in_channels, in_channels) if part and self.uses_kernels else None
        self.kernel_fcs = nn.Sequential(
            nn.Linear(in_channels, in_channels, bias=False), nn.LayerNorm(in_channels), nn.ReLU(inplace=True)
        )
        self.kernel_embed = nn.Linear(in_channels, in_channels)
        self.fcs = nn.ModuleList([nn.Linear(in_channels, in_channels) for _ in range(num_fcs)])
        self.fc_embed = nn.Linear(in_channels, embed_channels)
        self.loss_track = MODELS.build(loss_track or dict(type='MultiPosCrossEntropyLoss', loss_weight=0.25))
        self.loss_track_aux = MODELS.build(loss_track_aux or dict(type='AssociationL2Loss'))

    def init_weights(self) -> None:
        """Xavier-uniform layers, N(0, 0.01) for the last one (spec 2.4)."""
        super().init_weights()
        for layer in self.fcs:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.fc_embed.weight, std=0.01)
        nn.init.zeros_(self.fc_embed.bias)

    def track_layers(self, vectors: Tensor) -> Tensor:
        """The second half, the original's track head: (..., C) to (..., D)."""
        for layer in self.fcs:
            vectors = layer(vectors).relu()
        return self.fc_embed(vectors)

    def forward(self, kernels: Tensor, features: Tensor | None = None, masks: Tensor | None = None) -> Tensor:
        """Embed the kernels of one frame.

        Args:
            kernels: (R, C, 1, 1) or (R, C).
            features: (C, h, w) pixel features; only sources other than the kernel look at them.
            masks: (R, h, w) in [0, 1], the mask of every kernel; likewise.

        Returns:
            (R, D).
        """
        vectors = kernels.flatten(1)
        if self.region is not None:
            pixels = self.region(features, masks)
            vectors = pixels if self.merge is None else self.merge(torch.cat([vectors, pixels], dim=1))
        return self.embed(vectors)

    def embed(self, vectors: Tensor) -> Tensor:
        """Embed vectors (..., C): (..., D)."""
        return self.track_layers(self.kernel_embed(self.kernel_fcs(vectors)))

    def loss(
        self, key: Tensor | Sequence[Tensor], reference: Tensor | Sequence[Tensor], same: Tensor | Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Contrastive losses between the positives of a key and a reference frame or tube.

        A pair without a common object gives zeros with a gradient, so that no parameter is ever unused (Video K-Net
        divides 0 by 0, Tube-Link takes constants and needs ``find_unused_parameters``).

        Args:
            key: (R, D) embeddings of matched kernels of the key frame; or a list of them, one a clip.
            reference: (C, D) of the reference frame; or a list.
            same: (R, C) bool, both kernels were matched to the same instance; or a list.

        Returns:
            ``loss_track``, ``loss_track_aux``; the mean over the clips.
        """
        if isinstance(same, Tensor):
            return self._pair_loss(key, reference, same)
        clips = [self._pair_loss(*clip) for clip in zip(key, reference, same, strict=True)]
        return {name: sum(clip[name] for clip in clips) / len(clips) for name in clips[0]}

    def _pair_loss(self, key: Tensor, reference: Tensor, same: Tensor) -> dict[str, Tensor]:
        if not bool(same.any()):
            zero = (key.sum() + reference.sum()) * 0
            return dict(loss_track=zero, loss_track_aux=zero)
        rows = same.any(dim=1).to(key)
        dots = key @ reference.t()
        cosines = F.normalize(key, dim=1) @ F.normalize(reference, dim=1).t()
        loss = self.loss_track(dots, same.long(), rows, avg_factor=rows.sum().clamp(min=1))
        return dict(loss_track=loss, loss_track_aux=self.loss_track_aux(cosines, same))
