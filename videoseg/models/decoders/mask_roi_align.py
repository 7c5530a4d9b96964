"""What lies in the box of a mask."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from videoseg.registry import MODELS


def exclusive_boxes(masks: Tensor) -> Tensor:
    """Boxes (R, 4) x0, y0, x1, y1 of bool masks (R, h, w) in cells, maxima exclusive; zeros for an empty mask."""
    height, width = masks.shape[-2:]
    columns, rows = masks.any(1).int(), masks.any(2).int()
    first = [columns.argmax(1), rows.argmax(1)]
    last = [width - columns.flip(1).argmax(1), height - rows.flip(1).argmax(1)]
    return torch.stack(first + last, dim=1) * columns.amax(1, keepdim=True)


@MODELS.register_module()
class MaskRoIAlign(BaseModule):
    """RoIAlign of the pixel features in the box of every mask: embedding source ``'roi_align'``.

    The boxes are those of masks as in the original's variant (``specs/video_knet.md`` section 2.7); one linear layer in
    place of its convolutions is ours.

    Args:
        in_channels: C of the pixel features.
        output_size: Side of the grid of samples in a box.
        sampling_ratio: Samples a side of each grid cell.
        init_cfg: mmengine initialisation.
    """

    def __init__(
        self, in_channels: int = 256, output_size: int = 7, sampling_ratio: int = 2, init_cfg: dict | None = None
    ) -> None:
        from mmcv.ops import RoIAlign  # compiled, and needed by this part alone

        super().__init__(init_cfg)
        self.align = RoIAlign(output_size, spatial_scale=1.0, sampling_ratio=sampling_ratio, aligned=True)
        self.fc = nn.Linear(in_channels * output_size**2, in_channels)

    def forward(self, features: Tensor, masks: Tensor) -> Tensor:
        """Describe the masks of one frame.

        Args:
            features: (C, h, w).
            masks: (R, h, w) in [0, 1]; the box is that of all positive cells.

        Returns:
            (R, C); of an empty mask what the layer makes of zeros.
        """
        boxes = exclusive_boxes(masks > 0)
        rois = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)
        with torch.autocast(features.device.type, enabled=False):  # the op has no bfloat16
            aligned = self.align(features[None].float(), rois.float())
        occupied = (boxes[:, 2] > 0).to(aligned)
        return self.fc((aligned.flatten(1) * occupied[:, None]).to(features.dtype))
