"""The encoder layer of the deformable pixel decoder."""

from mmcv.cnn.bricks.transformer import FFN
from mmengine.model import BaseModule
from torch import Tensor, nn

from videoseg.models.layers.deformable_attention import DeformableAttention, Sizes


class DeformableEncoderLayer(BaseModule):
    """Deformable self-attention, norm, feed-forward, norm.

    Args:
        embed_dims: Channels C.
        num_heads, num_levels, num_points: Of the attention.
        feedforward_channels: Inner width of the feed-forward part.
        dropout: After attention and in the feed-forward part.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        num_levels: int,
        num_points: int,
        feedforward_channels: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(embed_dims, num_heads, num_levels, num_points)
        self.ffn = FFN(embed_dims, feedforward_channels, num_fcs=2, ffn_drop=dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dims) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, position: Tensor, reference_points: Tensor, sizes: Sizes) -> Tensor:
        """Update all cells (B, S, C); arguments as :meth:`DeformableAttention.forward`, ``position`` (1, S, C)."""
        x = self.norms[0](x + self.dropout(self.self_attn(x + position, x, reference_points, sizes)))
        return self.norms[1](self.ffn(x))
