"""All losses of the K-Net family on kernels, their masks and classes."""

from collections.abc import Sequence

import torch
from mmdet.utils import reduce_mean
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.models.task_modules.frame_targets import FrameTargets
from videoseg.models.task_modules.kernel_assigner import Match
from videoseg.registry import MODELS


def upsample(logits: Tensor, factor: int) -> Tensor:
    """Bilinear enlargement of (F, N, h, w) logits by an integer factor."""
    if factor == 1 or logits.numel() == 0:
        return logits
    return F.interpolate(logits, scale_factor=factor, mode='bilinear', align_corners=False)


@MODELS.register_module()
class KernelCriterion(nn.Module):
    """Class, mask, dice, rank and semantic losses of matched kernels.

    The proposal head uses it on thing kernels alone, every update stage on thing and stuff kernels. Stuff class c
    always belongs to kernel ``num_proposals + c - num_things`` (``specs/video_knet.md`` sections 1.2 and 1.5).

    Args:
        num_things: Thing classes.
        num_stuff: Stuff classes; 0 in instance mode.
        loss_mask: Config of the mask loss on logits.
        loss_dice: Config of the dice loss on logits.
        loss_rank: Config of the soft-max loss across kernels, or None.
        loss_cls: Config of the class loss, or None.
        loss_seg: Config of the dense semantic loss, or None; focal or soft-max by its ``use_sigmoid``.
    """

    def __init__(
        self,
        num_things: int,
        num_stuff: int,
        loss_mask: dict | None = None,
        loss_dice: dict | None = None,
        loss_rank: dict | None = None,
        loss_cls: dict | None = None,
        loss_seg: dict | None = None,
    ) -> None:
        super().__init__()
        self.num_things = num_things
        self.num_stuff = num_stuff
        self.num_classes = num_things + num_stuff
        self.loss_mask = MODELS.build(loss_mask or dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0))
        self.loss_dice = MODELS.build(loss_dice or dict(type='DiceLoss', eps=1e-3, loss_weight=4.0))
        self.loss_rank = MODELS.build(loss_rank) if loss_rank else None
        self.loss_cls = MODELS.build(loss_cls) if loss_cls else None
        self.loss_seg = MODELS.build(loss_seg) if loss_seg else None

    def forward(
        self,
        mask_logits: Tensor,
        matches: Sequence[Match],
        targets: Sequence[FrameTargets],
        class_logits: Tensor | None = None,
        semantic_logits: Tensor | None = None,
        num_proposals: int | None = None,
        scale: int = 1,
    ) -> dict[str, Tensor]:
        """Losses of F frames, or of F clips whose masks are tubes (then ``loss_mask``, ``loss_dice`` and ``loss_cls``).

        Only matched masks are brought to the resolution of the targets.

        Args:
            mask_logits: (F, M, h, w), or tubes (F, M, T, h, w) with targets (G, T, h', w').
            matches: Matched thing kernels of every frame.
            targets: Ground truth of every frame.
            class_logits: (F, M, K) or None.
            semantic_logits: (F, K, h, w) or None.
            num_proposals: N; kernels from N on are stuff kernels. None: there are no stuff kernels.
            scale: Targets are this many times larger than the logits.

        Returns:
            ``loss_mask``, ``loss_dice`` and, where configured, ``loss_rank``, ``loss_cls``, ``loss_seg``.
        """
        frames, kernels, truths = [], [], []
        for i, (match, target) in enumerate(zip(matches, targets, strict=True)):
            rows, masks = match.kernels, target.masks[match.targets]
            if num_proposals is not None:
                rows = torch.cat([rows, num_proposals + target.stuff_labels - self.num_things])
                masks = torch.cat([masks, target.stuff_masks])
            frames.append(torch.full_like(rows, i))
            kernels.append(rows)
            truths.append(masks)
        matched = mask_logits[torch.cat(frames), torch.cat(kernels)]
        matched = upsample(matched, scale) if matched.dim() == 4 else upsample(matched[None], scale)[0]
        losses = self._mask_losses(matched, torch.cat(truths))
        if self.loss_rank is not None:
            losses['loss_rank'] = self._rank_loss(upsample(mask_logits, scale), kernels, truths)
        if self.loss_cls is not None and class_logits is not None:
            losses['loss_cls'] = self._class_loss(class_logits, matches, targets, num_proposals)
        if self.loss_seg is not None and semantic_logits is not None:
            losses['loss_seg'] = self._semantic_loss(upsample(semantic_logits, scale), matches, targets)
        return losses

    def _mask_losses(self, matched: Tensor, truths: Tensor) -> dict[str, Tensor]:
        if len(matched) == 0:
            zero = matched.sum()
            return dict(loss_mask=zero, loss_dice=zero)
        return dict(loss_mask=self.loss_mask(matched, truths), loss_dice=self.loss_dice(matched, truths))

    @staticmethod
    def _paint(truths: Tensor, values: Tensor, background: int) -> Tensor:
        """Map (h, w) of the value of the last mask that is positive at a pixel: (P, h, w), (P,)."""
        if len(truths) == 0:
            return values.new_full(truths.shape[1:], background)
        order = torch.arange(1, len(truths) + 1, device=truths.device)[:, None, None]
        last = (order * (truths > 0)).amax(0)
        return torch.cat([values.new_tensor([background]), values])[last]

    def _rank_loss(self, logits: Tensor, kernels: Sequence[Tensor], truths: Sequence[Tensor]) -> Tensor:
        """Soft-max across the kernels at every pixel; unowned pixels add 0 but count in the mean."""
        ignore = 255 if logits.shape[1] <= 255 else logits.shape[1]
        maps = []
        for rows, masks in zip(kernels, truths, strict=True):
            order = rows.argsort()
            maps.append(self._paint(masks[order], rows[order], ignore))
        return self.loss_rank(logits, torch.stack(maps), ignore_index=ignore)

    def _class_loss(
        self, logits: Tensor, matches: Sequence[Match], targets: Sequence[FrameTargets], num_proposals: int | None
    ) -> Tensor:
        num_frames, num_kernels, width = logits.shape
        labels = torch.full((num_frames, num_kernels), self.num_classes, dtype=torch.long, device=logits.device)
        weights = logits.new_ones((num_kernels, width))
        for i, (match, target) in enumerate(zip(matches, targets, strict=True)):
            labels[i, match.kernels] = target.labels[match.targets]
            if num_proposals is not None:
                labels[i, num_proposals + target.stuff_labels - self.num_things] = target.stuff_labels
        if num_proposals is not None:
            weights[:num_proposals, self.num_things :] = 0
            weights[num_proposals:] = 0
            weights[num_proposals:, self.num_things :] = torch.eye(self.num_stuff).to(weights)
        positives = reduce_mean((labels < self.num_classes).sum().to(logits)).clamp(min=1.0)
        weights = weights[None].expand(num_frames, -1, -1).flatten(0, 1)
        return self.loss_cls(logits.flatten(0, 1), labels.flatten(), weights, avg_factor=positives)

    def _semantic_loss(self, logits: Tensor, matches: Sequence[Match], targets: Sequence[FrameTargets]) -> Tensor:
        background = self.num_classes
        maps = []
        for match, target in zip(matches, targets, strict=True):
            masks = torch.cat([target.stuff_masks, target.masks[match.targets]])
            labels = torch.cat([target.stuff_labels, target.labels[match.targets]])
            maps.append(self._paint(masks, labels, background))
        target_map = torch.stack(maps)
        if not self.loss_seg.use_sigmoid:
            return self.loss_seg(logits, target_map, ignore_index=background)
        valid = (target_map < background).sum().clamp(min=1)
        flat = logits.permute(0, 2, 3, 1).flatten(0, 2)
        return self.loss_seg(flat, target_map.flatten(), avg_factor=valid)
