"""A kernel update stage for clips."""

from functools import partial

from torch import Tensor

from videoseg.models.decoders.kernel_update_head import KernelUpdateHead, StageOutput
from videoseg.registry import MODELS


@MODELS.register_module()
class ClipKernelUpdateHead(KernelUpdateHead):
    """The update of K-Net on a clip: one kernel for all its frames (*gather*), or kernels of every frame.

    As a gather stage each kernel is updated with what its masks cover in all frames and convolved with each of them.
    Given kernels a frame it is :class:`KernelUpdateHead` frame by frame. Parameter names are the published ones.
    Source: the clip model of Video K-Net, ``specs/video_knet.md`` 2.8.

    Args:
        num_classes: K.
        query_fusion: Config of the part that fuses the group features of the frames, queried by the kernels; None
            takes their mean.
        plain_init: Leave the parameters as PyTorch makes them, without the focal class bias, as the original does
            (defect 18).
        kwargs: Arguments of :class:`KernelUpdateHead`.
    """

    def __init__(self, num_classes: int, query_fusion: dict | None = None, plain_init: bool = False, **kwargs) -> None:
        super().__init__(num_classes, **kwargs)
        self.query_fusion = MODELS.build(query_fusion) if query_fusion else None
        self.plain_init = plain_init

    def init_weights(self) -> None:
        """That of :class:`KernelUpdateHead`, unless ``plain_init``."""
        if not self.plain_init:
            super().init_weights()

    def forward(
        self, features: Tensor, kernels: Tensor, mask_logits: Tensor, query_pos: Tensor | None = None
    ) -> StageOutput:
        """Run the stage on B clips.

        Args:
            features: (B, T, C, h, w).
            kernels: (B, M, C, k, k) of the clip, or (B, T, M, C, k, k) of the frames.
            mask_logits: (B, T, M, h', w').
            query_pos: (M, C) for the attention of ``query_fusion``, or None.

        Returns:
            Masks (B, T, M, h, w), kernels of the shape given, and classes (B, M, K), for kernels a frame
            (B, T, M, K).
        """
        batch = features.shape[0]
        features, mask_logits = features.flatten(0, 1), mask_logits.flatten(0, 1)
        if kernels.dim() == 6:
            output = super().forward(features, kernels.flatten(0, 1), mask_logits)
            return StageOutput(*(None if x is None else x.unflatten(0, (batch, -1)) for x in output))
        fuse = None
        if self.query_fusion is not None:
            fuse = partial(self.query_fusion, kernels.detach().flatten(2), query_pos=query_pos)
        output = super().forward(features, kernels, mask_logits, fuse=fuse)
        return output._replace(mask_logits=output.mask_logits.unflatten(0, (batch, -1)))
