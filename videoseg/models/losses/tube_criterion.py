"""Class, mask and dice losses of queries whose masks are tubes."""

from collections.abc import Sequence

import torch
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from videoseg.models.task_modules import Match
from videoseg.models.task_modules.tube_points import check_layout, draw_uncertain_points, sample_points, tube_maps
from videoseg.registry import MODELS


@MODELS.register_module()
class TubeCriterion(nn.Module):
    """Losses of Mask2Former, extended to tubes.

    In the ``'long_image'`` of Tube-Link (all frames of a tube below one another) a mask has P points in all. With
    ``'per_frame'``, as in Mask2Former-VIS and MinVIS, every frame has P points and a dice of its own. Both are means:
    over points, and per frame over the frames too, so that the balance with the class loss does not depend on the
    number of frames. Mask2Former-VIS sums over the T frames instead; for its published training multiply the weights
    of mask and dice by T. (The port in mmdet multiplies the cross-entropy by T squared.)

    Source: ``specs/tube_link.md`` sections 2.2, 2.4 and 6.3.

    Args:
        num_classes: K.
        num_points: P.
        oversample_ratio: Candidates for each point.
        importance_sample_ratio: Share of the points chosen where masks are undecided.
        mask_loss: ``'long_image'`` or ``'per_frame'``.
        no_object_weight: Weight of the no-object class; the others have 1.
        loss_cls: Overrides of the class loss; a ``class_weight`` in it replaces ``no_object_weight``.
        loss_mask: Overrides of the mask loss on logits.
        loss_dice: Overrides of the dice loss on logits.

    Raises:
        ValueError: For an unknown ``mask_loss``.
    """

    def __init__(
        self,
        num_classes: int,
        num_points: int = 12544,
        oversample_ratio: float = 3.0,
        importance_sample_ratio: float = 0.75,
        mask_loss: str = 'long_image',
        no_object_weight: float = 0.1,
        loss_cls: dict | None = None,
        loss_mask: dict | None = None,
        loss_dice: dict | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_points = num_points
        self.ratios = (oversample_ratio, importance_sample_ratio)
        self.mask_loss = check_layout('TubeCriterion', mask_loss)
        weights = [1.0] * num_classes + [no_object_weight]
        cross_entropy = dict(type='CrossEntropyLoss', loss_weight=2.0, class_weight=weights)
        cross_entropy.update(loss_cls or {})
        self.class_weights = cross_entropy['class_weight'] or [1.0] * (num_classes + 1)
        self.loss_cls = MODELS.build(cross_entropy)
        binary = dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0)
        self.loss_mask = MODELS.build({**binary, **(loss_mask or {})})
        dice = dict(type='DiceLoss', naive_dice=True, eps=1.0, loss_weight=5.0)
        self.loss_dice = MODELS.build({**dice, **(loss_dice or {})})

    def forward(
        self,
        class_logits: Tensor,
        mask_logits: Tensor,
        matches: Sequence[Match],
        labels: Sequence[Tensor],
        masks: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """Losses of one output for B clips.

        Args:
            class_logits: (B, N, K + 1).
            mask_logits: (B, N, T, h, w).
            matches: Matched queries and ground-truth rows of every clip.
            labels: (G,) of every clip.
            masks: Tubes (G, T, H, W) of every clip, in [0, 1].

        Returns:
            ``loss_cls``, ``loss_mask``, ``loss_dice``; without any match the last two are 0, with gradients of 0.
        """
        clips = torch.cat([torch.full_like(match.kernels, i) for i, match in enumerate(matches)])
        queries = torch.cat([match.kernels for match in matches])
        wanted = torch.full(class_logits.shape[:2], self.num_classes, device=class_logits.device)
        wanted[clips, queries] = torch.cat([own[match.targets] for own, match in zip(labels, matches, strict=True)])
        truths = [own[match.targets] for own, match in zip(masks, matches, strict=True)]
        return dict(
            loss_cls=self._class_loss(class_logits.flatten(0, 1).float(), wanted.flatten()),
            **self._mask_losses(mask_logits[clips, queries], truths),
        )

    def _class_loss(self, logits: Tensor, wanted: Tensor) -> Tensor:
        normalizer = logits.new_tensor(self.class_weights)[wanted].sum()
        return self.loss_cls(logits, wanted, avg_factor=normalizer)

    def _mask_losses(self, tubes: Tensor, truths: Sequence[Tensor]) -> dict[str, Tensor]:
        """Mask and dice loss of matched tubes (R, T, h, w); truths of all clips together have R rows."""
        count = reduce_mean(tubes.new_tensor(len(tubes), dtype=torch.float)).clamp(min=1)
        if len(tubes) == 0:
            zero = tubes.sum()
            return dict(loss_mask=zero, loss_dice=zero)
        maps = tube_maps(tubes, self.mask_loss)
        count = count * (len(maps) // len(tubes))
        with torch.no_grad():
            points = draw_uncertain_points(maps, self.num_points, *self.ratios)
            targets = sample_points(tube_maps(torch.cat(list(truths)), self.mask_loss), points)
        values = sample_points(maps, points)
        return dict(
            loss_mask=self.loss_mask(values.flatten(), targets.flatten(), avg_factor=count * self.num_points),
            loss_dice=self.loss_dice(values, targets, avg_factor=count),
        )
