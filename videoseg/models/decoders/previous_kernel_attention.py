"""Attention to the kernels of the previous frame: kernel linking and kernel fusion are both this block."""

from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention
from mmengine.model import BaseModule
from torch import Tensor, nn

from videoseg.registry import MODELS


@MODELS.register_module()
class PreviousKernelAttention(BaseModule):
    """Kernels attend to the previous frame's kernels, followed by a feed-forward network.

    As *kernel linking* it acts on the updated kernels and gives the vectors that are tracked (published link types
    ``ffn``: ``update='none'``, ``update``: ``'group_features'``, ``update_obj``: ``'kernels'``). As *kernel fusion* it
    acts before the kernel update and so changes masks and classes (``link_atten``: ``'none'``, ``update_dynamic_cov``:
    ``'group_features'``). Source: Video K-Net, ``specs/video_knet.md`` section 2.3.

    Args:
        embed_dims: C.
        num_heads: Heads of the attention.
        feedforward_channels: Hidden width of the feed-forward network.
        update: What the previous kernels are updated with first: ``'none'``, ``'group_features'`` of the current frame,
            or the current ``'kernels'``.
        updator: Overrides of that kernel updator's arguments.
        detach: Stop gradients into the previous frame.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: For an unknown ``update``.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        update: str = 'none',
        updator: dict | None = None,
        detach: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if update not in ('none', 'group_features', 'kernels'):
            raise ValueError(
                f"PreviousKernelAttention: update must be 'none', 'group_features' or 'kernels', not {update!r}"
            )
        self.update = update
        self.detach = detach
        if update != 'none':
            channels = dict(in_channels=embed_dims, feat_channels=embed_dims, out_channels=embed_dims)
            self.updator = MODELS.build({**dict(type='KernelUpdator', **channels), **(updator or {})})
        self.attention = MultiheadAttention(embed_dims, num_heads, batch_first=True)
        self.attention_norm = nn.LayerNorm(embed_dims)
        self.ffn = FFN(embed_dims, feedforward_channels)
        self.ffn_norm = nn.LayerNorm(embed_dims)

    def forward(self, kernels: Tensor, previous: Tensor, group_features: Tensor) -> Tensor:
        """Attend from the current to the previous kernels.

        Args:
            kernels: (B, M, K, C) current kernels, K = cells of a kernel (the attention needs K = 1).
            previous: (B, M, K, C) kernels of the previous frame, kernel i aligned with kernel i.
            group_features: (B, M, C) what every current kernel gathered.

        Returns:
            (B, M, K, C).
        """
        if self.detach:
            previous = previous.detach()
        if self.update == 'group_features':
            previous = self.updator(group_features, previous)
        elif self.update == 'kernels':
            previous = self.updator(kernels.mean(-2), previous)
        return self.attend(kernels.flatten(2), previous.flatten(2)).view(kernels.shape)

    def attend(self, query: Tensor, key: Tensor) -> Tensor:
        """Attention of (B, M, C) to (B, R, C), feed-forward network, each with a residual and a norm after it."""
        out = self.attention_norm(self.attention(query, key, key))
        return self.ffn_norm(self.ffn(out))
