"""One-to-one matching of queries and tubes, at random points."""

from collections.abc import Sequence

from torch import Tensor

from videoseg.models.task_modules.frame_targets import FrameTargets
from videoseg.models.task_modules.kernel_assigner import KernelAssigner
from videoseg.models.task_modules.tube_points import check_layout, draw_points, sample_points, tube_maps
from videoseg.registry import TASK_UTILS


@TASK_UTILS.register_module()
class TubeAssigner(KernelAssigner):
    """Hungarian matching of Mask2Former, extended to tubes.

    A clip's queries and objects share P uniform points. In the long image (all frames of the tube below one another) a
    point has one frame; per frame the same P positions are looked up in all T frames. Source: ``specs/tube_link.md``
    sections 2.2 and 2.3.

    Args:
        num_points: P.
        class_cost: Config of the class cost; default the negative soft-max probability, times 2.
        mask_costs: Configs of the costs on masks; default mmdet's binary cross-entropy and dice, times 5.
        mask_loss: ``'long_image'`` or ``'per_frame'``, as in the criterion.

    Raises:
        ValueError: For an unknown ``mask_loss``.
    """

    def __init__(
        self,
        num_points: int = 12544,
        class_cost: dict | None = None,
        mask_costs: Sequence[dict] = (
            dict(type='CrossEntropyLossCost', weight=5.0),
            dict(type='DiceCost', weight=5.0, pred_act=True, eps=1.0),
        ),
        mask_loss: str = 'long_image',
    ) -> None:
        super().__init__(class_cost or dict(type='ClassificationCost', weight=2.0), mask_costs)
        self.num_points = num_points
        self.mask_loss = check_layout('TubeAssigner', mask_loss)

    def cost_matrix(self, mask_logits: Tensor, class_logits: Tensor | None, targets: FrameTargets) -> Tensor:
        """Total cost (N, G) of one clip: tubes (N, T, h, w) and classes (N, K + 1) are logits."""
        points = draw_points(1, self.num_points, mask_logits.device)
        frames = mask_logits.shape[1] if self.mask_loss == 'per_frame' else 1
        masks, truths = (
            sample_points(tube_maps(tubes, self.mask_loss), points).reshape(len(tubes), frames * self.num_points)
            for tubes in (mask_logits, targets.masks)
        )
        return super().cost_matrix(masks, class_logits, targets._replace(masks=truths))
