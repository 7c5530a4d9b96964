"""Semantic K-Net: one kernel a class, for images and, with the previous frame's kernels, for videos."""

from collections.abc import Sequence

import torch
from mmdet.structures import TrackDataSample
from mmengine.model import ModuleList
from torch import Tensor
from torch.nn import functional as F

from videoseg.models.decoders.base_decoder import BaseDecoder
from videoseg.models.decoders.kernel_proposal_head import Proposals
from videoseg.models.decoders.kernel_update_head import StageOutput
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, FrameMeta, PixelFeatures
from videoseg.structures.ids import VOID_LABEL
from videoseg.structures.video_state import StateDict

CERTAIN = 20.0
"""Logit of a kernel for its own class: a probability of 1 in float32."""


def mask_logits_of(logits: Tensor) -> Tensor:
    """Logits (F, K, h, w) under a soft-max as logits under a sigmoid: the probabilities stay the same."""
    log_probs = logits.float().log_softmax(dim=1).clamp(max=-1e-6)
    return log_probs - torch.log(-torch.expm1(log_probs))


@MODELS.register_module()
class SemanticKNetDecoder(BaseDecoder):
    """K-Net for semantic segmentation (mmseg's K-Net), and Video K-Net's temporal fusion of it (VSS).

    A decode head of mmseg gives features, first masks and, as the rows of its classifier, one kernel a class. Update
    stages share every pixel out among the kernels by a soft-max, update the kernels and convolve them to new masks.
    There is nothing to match and no class branch: kernel k is class k, things and stuff alike. All stages and the
    generate head are trained with cross entropy on the label map, enlarged to its size.

    **Video.** The authors of Video K-Net report VSPW numbers but never released this model; the paper only says that
    the tracking branch is removed and the temporal kernel operations are kept. The design here is ours: with ``fusion``
    the kernels of the named stages attend to the last-stage kernels of the previous frame before their update, by the
    same block as in Video K-Net (kernel k always is class k, so that the alignment by index is exact). Training takes a
    key frame (first) and a reference frame, whose kernels are not detached unless the block says so; the features of
    both go through the generate head together. Inference carries the kernels from frame to frame. With ``fusion=None``
    every frame is an image of its own.

    Source: K-Net and Video K-Net, ``specs/video_knet.md`` sections 1.9 and 2.9.

    Args:
        num_things: Thing classes; they come first. They are classes like the others here.
        num_stuff: Stuff classes.
        generate_head: Config of an mmseg decode head, see :class:`KernelGenerateHead`.
        num_stages: Update stages.
        update_head: Overrides of the update heads' arguments. As published for 512 channels:
            ``dict(updator=dict(in_channels=256))``.
        auxiliary_head: Config of an mmseg decode head that is trained beside, or None.
        auxiliary_weight: Factor of its loss.
        fusion: Config of the fusion block (:class:`PreviousKernelAttention`), or None.
        fusion_stages: Stages with fusion; negative numbers count from the last.
        reference_losses: Train the masks of the reference frame too.
        loss_seg: Config of the loss on label maps, 255 ignored; cross entropy, averaged over all pixels, by default.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: If a stage with fusion does not exist.
    """

    clip_length = 1
    has_instances = False

    def __init__(
        self,
        num_things: int,
        num_stuff: int,
        generate_head: dict,
        num_stages: int = 3,
        update_head: dict | None = None,
        auxiliary_head: dict | None = None,
        auxiliary_weight: float = 0.4,
        fusion: dict | None = None,
        fusion_stages: Sequence[int] = (-1,),
        reference_losses: bool = True,
        loss_seg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if any(not -num_stages <= stage < num_stages for stage in fusion_stages):
            raise ValueError(
                f'fusion_stages {tuple(fusion_stages)}, but there are {num_stages} stages (0 to {num_stages - 1})'
            )
        self.num_things = num_things
        self.num_stuff = num_stuff
        self.auxiliary_weight = auxiliary_weight
        self.fuses = fusion is not None
        self.reference_losses = reference_losses
        head = dict(type='KernelGenerateHead', num_classes=num_things + num_stuff)
        self.generate_head = MODELS.build({**head, 'head': generate_head})
        self.auxiliary_head = MODELS.build({**head, 'head': auxiliary_head}) if auxiliary_head else None
        stage_cfg = dict(
            type='KernelUpdateHead',
            num_classes=num_things + num_stuff,
            in_channels=self.generate_head.channels,
            with_classes=False,
            group_masks='softmax',
            **(update_head or {}),
        )
        fusing = {stage % num_stages for stage in fusion_stages} if self.fuses else set()
        block = {**dict(type='PreviousKernelAttention'), **(fusion or {})}
        # mmengine's list initialises the weights of its modules, PyTorch's does not
        self.stages = ModuleList(
            MODELS.build({**stage_cfg, 'fusion': block if stage in fusing else None}) for stage in range(num_stages)
        )
        self.loss_seg = MODELS.build(loss_seg or dict(type='CrossEntropyLoss', use_sigmoid=False))

    def run_stages(
        self, proposals: Proposals, previous: Tensor | None = None, keep_all: bool = False
    ) -> list[StageOutput]:
        """All stages in order; only the last output is kept unless the losses need all of them.

        Args:
            proposals: Output of the generate head for F frames.
            previous: (F, K, C, 1, 1) kernels of the previous frame, or None.
            keep_all: Keep every stage's output.
        """
        kernels, masks, outputs = proposals.kernels, proposals.mask_logits, []
        for stage in self.stages:
            output = stage(proposals.features, kernels, masks, previous)
            kernels, masks = output.kernels, output.mask_logits
            outputs = [*outputs, output] if keep_all else [output]
        return outputs

    def loss(self, feats: PixelFeatures, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips: of a key frame (first) and a reference frame with fusion, of images without.

        Returns:
            ``loss_ce.s0`` of the generate head, ``loss_ce.s1`` ... of the stages and ``loss_ce.aux``; those of
            the reference frames with the suffix ``_ref``.

        Raises:
            ValueError: If there is fusion, and the clips do not have two frames.
        """
        frames = feats.num_frames
        if self.fuses and frames != 2:
            raise ValueError(
                f'SemanticKNetDecoder with fusion trains on pairs, the clips have {frames} frame(s): set '
                'ClipSample(offsets=..., num_refs=1) in the training pipeline, or fusion=None for single images'
            )
        labels = torch.stack([frame.gt_sem_seg.sem_seg[0] for sample in data_samples for frame in sample]).long()
        proposals = self.generate_head(feats)
        auxiliary = self.auxiliary_head(feats).mask_logits if self.auxiliary_head is not None else None
        if not self.fuses:
            return self._frame_losses(proposals, labels, auxiliary)[0]

        def of_frame(x: Tensor | None, t: int) -> Tensor | None:
            return None if x is None else x.unflatten(0, (-1, frames))[:, t]

        key, reference = (
            (Proposals(*(of_frame(x, t) for x in proposals)), of_frame(labels, t), of_frame(auxiliary, t))
            for t in (0, 1)
        )
        reference_losses, kernels = self._frame_losses(*reference)
        losses, _ = self._frame_losses(*key, previous=kernels)
        if self.reference_losses:
            losses.update({f'{name}_ref': value for name, value in reference_losses.items()})
        return losses

    def _frame_losses(
        self, proposals: Proposals, labels: Tensor, auxiliary: Tensor | None, previous: Tensor | None = None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of F frames with label maps (F, H, W), and the last stage's kernels."""
        outputs = self.run_stages(proposals, previous, keep_all=True)
        maps = [proposals.mask_logits, *(output.mask_logits for output in outputs)]
        losses = {f'loss_ce.s{stage}': self._map_loss(logits, labels) for stage, logits in enumerate(maps)}
        if auxiliary is not None:
            losses['loss_ce.aux'] = self._map_loss(auxiliary, labels) * self.auxiliary_weight
        return losses, outputs[-1].kernels

    def _map_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        logits = F.interpolate(logits, labels.shape[-2:], mode='bilinear', align_corners=False)
        return self.loss_seg(logits, labels, ignore_index=VOID_LABEL)

    def decode(
        self, feats: PixelFeatures, state: StateDict, metas: Sequence[FrameMeta], prompts: object = None
    ) -> tuple[ClipPrediction, StateDict]:
        """Predict B single frames.

        The prediction has one kernel a class, each with a fixed label and a probability of 1 for it; the masks'
        sigmoids sum to 1 at every pixel. ``semantic_logits`` are the maps as trained.

        Returns:
            The prediction; with fusion the state is the last stage's kernels (B, K, C, 1, 1), else empty.
        """
        output = self.run_stages(self.generate_head(feats), state.get('kernels'))[-1]
        logits = output.mask_logits
        num_classes = logits.shape[1]
        certain = (2 * torch.eye(num_classes, device=logits.device) - 1) * CERTAIN
        prediction = ClipPrediction(
            class_logits=certain[None].expand(len(logits), -1, -1),
            mask_logits=mask_logits_of(logits).unsqueeze(2),
            queries=output.kernels.flatten(2),
            activation='sigmoid',
            fixed_labels=torch.arange(num_classes, device=logits.device),
            num_things=self.num_things,
            semantic_logits=logits.unsqueeze(2),
        )
        return prediction, dict(kernels=output.kernels) if self.fuses else {}
