"""Attention with a mask for each query, shared by the heads."""

from mmcv.cnn.bricks.transformer import MultiheadAttention
from torch import Tensor
from torch.nn import functional as F


class MaskedAttention(MultiheadAttention):
    """mmcv's attention (batch first, without dropout) by PyTorch's fused operator, with one mask for all heads.

    The same parameters and numbers. mmcv's wrapper asks for the attention weights as a tensor, and its mask has a copy
    for each head, which is much with many keys such as the cells of all frames of a tube (``specs/tube_link.md`` 3.5).

    Args:
        embed_dims: C.
        num_heads: Heads.
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__(embed_dims, num_heads, batch_first=True)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        query_pos: Tensor,
        key_pos: Tensor,
        attn_mask: Tensor,
        key_padding_mask: None = None,
    ) -> Tensor:
        """Attend.

        Args:
            query: (B, N, C).
            key: (B, S, C).
            value: (B, S, C).
            query_pos: (B, N, C) added to the queries.
            key_pos: (B or 1, S, C) added to the keys.
            attn_mask: (B, N, S) bool, True where a query may not look; no row may be True throughout.
            key_padding_mask: Accepted for mmdet's layer, which passes None.

        Returns:
            (B, N, C), the residual included.
        """
        inputs = (query + query_pos, key + key_pos, value)
        weights, biases = self.attn.in_proj_weight.chunk(3), self.attn.in_proj_bias.chunk(3)
        heads = [
            F.linear(x, weight, bias).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for x, weight, bias in zip(inputs, weights, biases, strict=True)
        ]
        attended = F.scaled_dot_product_attention(*heads, attn_mask=~attn_mask[:, None])
        return query + self.attn.out_proj(attended.transpose(1, 2).flatten(2))
