"""What a pixel decoder (neck) hands to every decoder."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor


@dataclass
class PixelFeatures:
    """Features of all frames of a batch of clips.

    Frames are flattened clip by clip: row ``b * num_frames + t`` is frame t of clip b.

    Attributes:
        mask_features: (B*T, C, h, w), the map that masks are made from.
        stride: Input pixels per cell of ``mask_features``.
        num_frames: T, frames of each clip.
        multi_scale: Maps at strides 32, 16, 8 for decoders with cross-attention; may be empty.
        semantic_features: (B*T, C, h, w), the map for a semantic branch, or None.
        images: (B*T, 3, H, W) network input, or None.
        depth_features: (B*T, C, h, w) or None.
    """

    mask_features: Tensor
    stride: int
    num_frames: int = 1
    multi_scale: tuple[Tensor, ...] = ()
    semantic_features: Tensor | None = None
    images: Tensor | None = None
    depth_features: Tensor | None = None

    @property
    def batch_size(self) -> int:
        """Number of clips B."""
        return self.mask_features.shape[0] // self.num_frames

    def select_frames(self, frames: list[int] | slice) -> 'PixelFeatures':
        """Keep some frames of every clip, in the order given.

        Args:
            frames: Frame positions in [0, T), the same for every clip.

        Returns:
            Features of the chosen frames; views where possible.
        """
        count = len(range(self.num_frames)[frames]) if isinstance(frames, slice) else len(frames)
        return self._pick(lambda x: x[:, frames], count)

    def select_clip(self, index: int) -> 'PixelFeatures':
        """Features of one clip of the batch, with B = 1: views."""
        return self._pick(lambda x: x[index : index + 1], self.num_frames)

    def _pick(self, choose: Callable[[Tensor], Tensor], num_frames: int) -> 'PixelFeatures':
        """Apply ``choose`` to every map in the form (B, T, C, h, w)."""

        def pick(x: Tensor | None) -> Tensor | None:
            return None if x is None else choose(x.unflatten(0, (-1, self.num_frames))).flatten(0, 1)

        return replace(
            self,
            mask_features=pick(self.mask_features),
            num_frames=num_frames,
            multi_scale=tuple(pick(x) for x in self.multi_scale),
            semantic_features=pick(self.semantic_features),
            images=pick(self.images),
            depth_features=pick(self.depth_features),
        )
