"""Cross-tube linking: the queries of a tube attend to those of the tube before."""

from torch import Tensor

from videoseg.models.decoders.previous_kernel_attention import PreviousKernelAttention
from videoseg.registry import MODELS


@MODELS.register_module()
class CrossTubeLink(PreviousKernelAttention):
    """The kernel linking of Video K-Net on query vectors, for tubes instead of frames.

    Attention without positional encoding, then a feed-forward network (``specs/tube_link.md`` 2.6).

    Args:
        embed_dims: C.
        num_heads: Heads of the attention.
        feedforward_channels: Hidden width of the feed-forward network.
        compat: In evaluation every slot attends only to the same slot of the previous tube, because the original feeds
            its module in the wrong layout there (Q1); the published numbers contain that. Training is not affected.
        detach: Stop gradients into the previous tube.
        init_cfg: mmengine initialisation.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        feedforward_channels: int = 1024,
        compat: bool = False,
        detach: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(embed_dims, num_heads, feedforward_channels, detach=detach, init_cfg=init_cfg)
        self.compat = compat

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        """Link the queries of a tube.

        Args:
            current: (B, N, C) queries of the tube.
            previous: (B, M, C) of the tube before; with ``compat`` in evaluation M must be N.

        Returns:
            (B, N, C).
        """
        if self.detach:
            previous = previous.detach()
        if self.compat and not self.training:
            linked = self.attend(current.flatten(0, 1)[:, None], previous.flatten(0, 1)[:, None])
            return linked.view(current.shape)
        return self.attend(current, previous)
