"""The association embedding of Video K-Net and its contrastive losses."""

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.registry import MODELS


@MODELS.register_module()
class AssociationEmbeddingHead(BaseModule):
    """Kernels to vectors whose dot products tell whether two kernels are the same object.

    Two layers inside the original's detector (``kernel_fcs``, ``kernel_embed``) followed by its track head (``fcs``,
    ``fc_embed``); no normalisation. Source: Video K-Net, ``specs/video_knet.md`` section 2.4.

    Args:
        in_channels: C of the kernels (1x1 kernels).
        embed_channels: D.
        num_fcs: Linear layers before the last one.
        loss_track: Config of the multi-positive cross-entropy on dot products.
        loss_track_aux: Config of the loss on cosines.
        init_cfg: mmengine initialisation.
    """

    def __init__(
        self,
        in_channels: int = 256,
        embed_channels: int = 256,
        num_fcs: int = 2,
        loss_track: dict | None = None,
        loss_track_aux: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
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
        """The second half, the original's track head: (R, C) to (R, D)."""
        for layer in self.fcs:
            vectors = layer(vectors).relu()
        return self.fc_embed(vectors)

    def forward(self, kernels: Tensor) -> Tensor:
        """Embed kernels (R, C, 1, 1) or (R, C): (R, D)."""
        return self.track_layers(self.kernel_embed(self.kernel_fcs(kernels.flatten(1))))

    def loss(self, key: Tensor, reference: Tensor, same: Tensor) -> dict[str, Tensor]:
        """Contrastive losses between the positives of a key and a reference frame.

        A pair of frames without a common object gives zeros (the original divides 0 by 0).

        Args:
            key: (R, D) embeddings of matched kernels of the key frame.
            reference: (C, D) of the reference frame.
            same: (R, C) bool, both kernels were matched to the same instance.

        Returns:
            ``loss_track``, ``loss_track_aux``.
        """
        if same.numel() == 0:
            zero = (key.sum() + reference.sum()) * 0
            return dict(loss_track=zero, loss_track_aux=zero)
        rows = same.any(dim=1).to(key)
        dots = key @ reference.t()
        cosines = F.normalize(key, dim=1) @ F.normalize(reference, dim=1).t()
        loss = self.loss_track(dots, same.long(), rows, avg_factor=rows.sum().clamp(min=1))
        return dict(loss_track=loss, loss_track_aux=self.loss_track_aux(cosines, same))
