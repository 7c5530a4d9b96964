"""From one kernel (or group feature) a frame to one for the clip, by attention."""

from mmcv.cnn.bricks.transformer import FFN, MultiheadAttention
from mmengine.model import BaseModule
from torch import Tensor, nn

from videoseg.registry import MODELS


@MODELS.register_module()
class TubeQueryFusion(BaseModule):
    """Queries of a clip attend to the vectors of all its frames, followed by a feed-forward network.

    The attention knows no order of the frames. Source: the clip model of Video K-Net, ``specs/video_knet.md`` 2.8
    (query fusion ``attention`` and, with ``query_pos``, ``attention_pos``).

    Args:
        embed_dims: C.
        num_heads: Heads of the attention.
        feedforward_channels: Hidden width of the feed-forward network; default 8 C, as published.
        init_cfg: mmengine initialisation.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        feedforward_channels: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.attention = MultiheadAttention(embed_dims, num_heads, batch_first=True)
        self.attention_norm = nn.LayerNorm(embed_dims)
        self.ffn = FFN(embed_dims, feedforward_channels or 8 * embed_dims)
        self.ffn_norm = nn.LayerNorm(embed_dims)

    def forward(self, queries: Tensor, vectors: Tensor, query_pos: Tensor | None = None) -> Tensor:
        """Fuse.

        Args:
            queries: (B, N, C).
            vectors: (B, T, M, C), M vectors of each frame.
            query_pos: (N, C) added to the queries for the attention weights only.

        Returns:
            (B, N, C).
        """
        asking = queries if query_pos is None else queries + query_pos
        vectors = vectors.flatten(1, 2)
        fused = self.attention_norm(self.attention(asking, vectors, vectors, identity=queries))
        return self.ffn_norm(self.ffn(fused))
