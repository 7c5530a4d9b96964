"""K-Net: a set of kernels, updated stage by stage, each convolved to one mask."""

from collections.abc import Sequence

import torch
from mmdet.structures import TrackDataSample
from mmengine.model import ModuleList
from torch import Tensor

from videoseg.models.decoders.base_decoder import BaseDecoder
from videoseg.models.decoders.kernel_proposal_head import Proposals
from videoseg.models.decoders.kernel_update_head import StageOutput
from videoseg.models.losses.kernel_criterion import upsample
from videoseg.models.task_modules import FrameTargets, make_frame_targets
from videoseg.registry import MODELS, TASK_UTILS
from videoseg.structures import ClipPrediction, FrameMeta, PixelFeatures
from videoseg.structures.video_state import StateDict

FOCAL = dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25)
RANK = dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.1)


@MODELS.register_module()
class KNetDecoder(BaseDecoder):
    """Image K-Net for panoptic (``num_stuff > 0``) or instance segmentation, frame by frame.

    Each stage is matched with the prediction before it (the proposals have no classes yet), as published. Losses are
    averaged over the positives of a process. Source: K-Net, ``specs/video_knet.md`` section 1.

    **Tubes.** With ``tube`` a model that was trained frame by frame decodes all frames of a window at once, without a
    new parameter: one set of kernels, those of the proposals and what every stage gathers averaged over the frames as
    in the clip stages of :class:`ClipKNetDecoder`, one class a kernel, and masks of every frame. A tracker then matches
    tubes instead of frames (Tube-Link, ``specs/tube_link.md`` 4.5: Video K-Net on VIPSeg from VPQ 26.1 to 27.6). On
    windows of one frame nothing changes, neither does training.

    Args:
        num_things: Thing classes; they come first.
        num_stuff: Stuff classes, each with a kernel of its own; 0 for instance segmentation.
        num_proposals: N thing kernels.
        in_channels: C of the pixel features and kernels.
        num_stages: Update stages, each with its own weights.
        mask_assign_stride: Input pixels per cell at which masks are matched, trained and read out (4; 2 for
            KITTI-STEP).
        proposal_head: Overrides of the proposal head's arguments.
        update_head: Overrides of the update heads' arguments.
        assigner: Config of the matching.
        proposal_criterion: Overrides of the proposal losses.
        criterion: Overrides of the stage losses.
        stage_loss_weights: Factor of each stage's losses.
        tube: Decode windows of any length as tubes at test time; otherwise frame by frame.
        init_cfg: mmengine initialisation.
    """

    clip_length: int | None = 1

    def __init__(
        self,
        num_things: int,
        num_stuff: int,
        num_proposals: int = 100,
        in_channels: int = 256,
        num_stages: int = 3,
        mask_assign_stride: int = 4,
        proposal_head: dict | None = None,
        update_head: dict | None = None,
        assigner: dict | None = None,
        proposal_criterion: dict | None = None,
        criterion: dict | None = None,
        stage_loss_weights: Sequence[float] | None = None,
        tube: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if tube:
            self.clip_length = None
        self.num_things = num_things
        self.num_stuff = num_stuff
        self.num_proposals = num_proposals
        self.mask_assign_stride = mask_assign_stride
        self.stage_loss_weights = tuple(stage_loss_weights or (1.0,) * num_stages)
        if len(self.stage_loss_weights) != num_stages:
            raise ValueError(f'{len(self.stage_loss_weights)} stage_loss_weights for {num_stages} stages')
        classes = dict(num_things=num_things, num_stuff=num_stuff)
        self.proposal_head = MODELS.build(
            {
                **dict(type='KernelProposalHead', num_proposals=num_proposals, in_channels=in_channels, **classes),
                **dict(append_stuff=num_stuff > 0),
                **(proposal_head or {}),
            }
        )
        self.stages = ModuleList(
            MODELS.build(
                {
                    **dict(type='KernelUpdateHead', num_classes=num_things + num_stuff, in_channels=in_channels),
                    **(update_head or {}),
                    **self._stage_parts(stage, num_stages),
                }
            )
            for stage in range(num_stages)
        )
        self.assigner = TASK_UTILS.build(assigner or dict(type='KernelAssigner'))
        rank = RANK if num_stuff else None
        proposal_defaults = dict(type='KernelCriterion', loss_rank=rank, loss_seg=dict(loss_weight=1.0, **FOCAL))
        self.proposal_criterion = MODELS.build({**proposal_defaults, **classes, **(proposal_criterion or {})})
        defaults = dict(type='KernelCriterion', loss_rank=rank, loss_cls=dict(loss_weight=2.0, **FOCAL))
        self.criterion = MODELS.build({**defaults, **classes, **(criterion or {})})

    def _stage_parts(self, stage: int, num_stages: int) -> dict:
        """Arguments that only some stages get; a hook for subclasses."""
        return {}

    def run_stages(
        self, proposals: Proposals, previous: Tensor | None = None, keep_all: bool = False
    ) -> list[StageOutput]:
        """All stages in order; only the last output is kept unless the losses need all of them.

        Linked kernels leave with the last output: those of the stage that links, the mean where several do.
        """
        kernels, masks, outputs, linked = proposals.kernels, proposals.mask_logits, [], []
        for stage in self.stages:
            output = stage(proposals.features, kernels, masks, previous)
            kernels, masks = output.kernels, output.mask_logits
            outputs = [*outputs, output] if keep_all else [output]
            if output.track_kernels is not None:
                linked.append(output.track_kernels)
        if linked:
            outputs[-1] = outputs[-1]._replace(track_kernels=sum(linked) / len(linked))
        return outputs

    def _scale(self, feats: PixelFeatures) -> int:
        scale, rest = divmod(feats.stride, self.mask_assign_stride)
        if rest or scale < 1:
            raise ValueError(
                f'mask_assign_stride {self.mask_assign_stride} does not divide the stride {feats.stride} of the neck'
            )
        return scale

    def frame_losses(
        self, feats: PixelFeatures, targets: Sequence[FrameTargets], previous: Tensor | None = None
    ) -> tuple[dict[str, Tensor], StageOutput]:
        """Losses of F frames, and the last stage's output.

        Args:
            feats: Features of F frames.
            targets: F ground truths.
            previous: (F, M, C, k, k) kernels of the previous frame, or None.
        """
        return self.proposal_losses(self.proposal_head(feats), targets, self._scale(feats), previous)

    def proposal_losses(
        self, proposals: Proposals, targets: Sequence[FrameTargets], scale: int, previous: Tensor | None = None
    ) -> tuple[dict[str, Tensor], StageOutput]:
        """Losses of given proposals and of the stages that start from them; ``scale`` leads to the targets' size."""
        outputs = self.run_stages(proposals, previous, keep_all=True)
        things = slice(self.num_proposals)
        matches = self.match(proposals.mask_logits[:, things], None, targets, scale)
        raw = self.proposal_criterion(
            proposals.mask_logits[:, things],
            matches,
            targets,
            semantic_logits=proposals.semantic_logits,
            scale=scale,
        )
        losses = {name.replace('loss_', 'loss_rpn_'): value for name, value in raw.items()}
        stuff_from = self.num_proposals if self.num_stuff else None
        for stage, (output, weight) in enumerate(zip(outputs, self.stage_loss_weights, strict=True)):
            raw = self.criterion(
                output.mask_logits, matches, targets, output.class_logits, num_proposals=stuff_from, scale=scale
            )
            losses.update({f's{stage}_{name}': value * weight for name, value in raw.items()})
            if stage + 1 < len(outputs):
                matches = self.match(output.mask_logits, output.class_logits, targets, scale)
        return losses, outputs[-1]

    @torch.no_grad()
    def match(
        self, mask_logits: Tensor, class_logits: Tensor | None, targets: Sequence[FrameTargets], scale: int
    ) -> list:
        """Match thing kernels (F, >=N, h, w) at the resolution of the targets."""
        things = slice(self.num_proposals)
        if class_logits is not None:
            class_logits = class_logits[:, things, : self.num_things].detach()
        return self.assigner.assign(upsample(mask_logits[:, things].detach(), scale), class_logits, targets)

    def targets_of(self, frames: Sequence) -> list[FrameTargets]:
        """Ground truth of frames at the assignment stride."""
        return make_frame_targets(frames, self.mask_assign_stride, self.num_things, self.num_stuff > 0)

    def loss(self, feats: PixelFeatures, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips; every frame is an image of its own."""
        frames = [frame for sample in data_samples for frame in sample]
        return self.frame_losses(feats, self.targets_of(frames))[0]

    def decode(
        self, feats: PixelFeatures, state: StateDict, metas: Sequence[FrameMeta], prompts: object = None
    ) -> tuple[ClipPrediction, StateDict]:
        """Predict B single frames, or tubes with ``tube``; there is no state."""
        proposals = self.tube_proposals(feats)
        output = self.run_stages(proposals)[-1]
        return self.make_prediction(feats, proposals, output), {}

    def tube_proposals(self, feats: PixelFeatures) -> Proposals:
        """Proposals with one set of kernels (B, M, C, k, k) for all frames of a window: the mean of theirs."""
        proposals = self.proposal_head(feats)
        return proposals._replace(kernels=proposals.kernels.unflatten(0, (-1, feats.num_frames)).mean(1))

    def make_prediction(self, feats: PixelFeatures, proposals: Proposals, output: StageOutput) -> ClipPrediction:
        """Put the last stage into the common form: classes and kernels of B windows, masks of their B * T frames."""
        fixed = ClipPrediction.panoptic_fixed_labels(
            self.num_proposals, self.num_things, self.num_stuff, output.class_logits.device
        )
        return ClipPrediction(
            class_logits=output.class_logits,
            mask_logits=self._as_tubes(feats, output.mask_logits),
            queries=output.kernels.flatten(2),
            activation='sigmoid',
            fixed_labels=fixed,
            num_things=self.num_things,
            mask_upsample=self._scale(feats),
            semantic_logits=self._as_tubes(feats, proposals.semantic_logits),
        )

    @staticmethod
    def _as_tubes(feats: PixelFeatures, maps: Tensor) -> Tensor:
        """Maps of the frames (B * T, N, h, w) as (B, N, T, h, w)."""
        return maps.unflatten(0, (-1, feats.num_frames)).transpose(1, 2)
