"""Clip K-Net: the kernels of the frames become one kernel an object for the whole clip."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from mmdet.structures import TrackDataSample
from mmengine.model import ModuleList
from torch import Tensor, nn

from videoseg.models.decoders.kernel_update_head import StageOutput
from videoseg.models.decoders.knet_decoder import FOCAL, KNetDecoder
from videoseg.models.losses.kernel_criterion import upsample
from videoseg.models.task_modules import FrameTargets, Match, check_clip_lengths, make_tube_targets
from videoseg.registry import MODELS, TASK_UTILS
from videoseg.structures import ClipPrediction, FrameMeta, PixelFeatures
from videoseg.structures.video_state import StateDict

FUSIONS = ('mean', 'attention', 'attention_pos')


@MODELS.register_module()
class ClipKNetDecoder(KNetDecoder):
    """K-Net on clips of any length, for video instance segmentation; with stuff kernels also for panoptic.

    Image K-Net runs on every frame. Its last kernels are fused into one kernel an object, which *gather stages* update
    with all frames at once and which has one class; the remaining *frame stages* refine it in every frame by itself,
    without classes. The losses of the clip stages (``tracker_s0_loss_cls`` ...) compare tubes, matched with the stage's
    own output; frame stages keep the matches of the last gather stage. There is no state: identity inside a window is
    the number of the kernel. Source: Video K-Net, ``specs/video_knet.md`` section 2.8.

    Args:
        num_clip_stages: Clip stages, each with its own weights.
        num_gather_stages: How many of them, from the first, gather; the rest are frame stages.
        query_fusion: How the kernels of the frames become those of the clip: their ``'mean'``, or learned queries that
            attend to all of them (``'attention'``), with a learned position (``'attention_pos'``). The attention
            variants fuse the group features of the gather stages likewise.
        fusion_channels: Hidden width of the attention variants' feed-forward networks; default 8 ``in_channels``.
        clip_update_head: Overrides of the clip stages' arguments, on top of ``update_head``.
        tube_assigner: Config of the matching of tubes; default as ``assigner``.
        tube_criterion: Overrides of the tube losses.
        clip_loss_weights: Factor of each clip stage's losses.
        compat: Leave the clip stages without initialisation, as the original does (defect 18).
        kwargs: Arguments of :class:`KNetDecoder`.

    Raises:
        ValueError: For an unknown ``query_fusion``, numbers of stages that do not fit, or attention with kernels that
            are not 1x1.
        TypeError: For the argument ``tube``: windows always are one tube here.
    """

    clip_length = None

    def __init__(
        self,
        num_things: int,
        num_stuff: int = 0,
        num_proposals: int = 100,
        in_channels: int = 256,
        num_clip_stages: int = 3,
        num_gather_stages: int = 2,
        query_fusion: str = 'mean',
        fusion_channels: int | None = None,
        update_head: dict | None = None,
        clip_update_head: dict | None = None,
        assigner: dict | None = None,
        tube_assigner: dict | None = None,
        tube_criterion: dict | None = None,
        clip_loss_weights: Sequence[float] | None = None,
        compat: bool = False,
        **kwargs,
    ) -> None:
        if 'tube' in kwargs:
            raise TypeError(
                'ClipKNetDecoder has no argument tube: its clip stages always decode a window as one tube; drop it, or '
                'use KNetDecoder'
            )
        super().__init__(
            num_things, num_stuff, num_proposals, in_channels, update_head=update_head, assigner=assigner, **kwargs
        )
        if query_fusion not in FUSIONS:
            raise ValueError(f'ClipKNetDecoder: query_fusion must be one of {FUSIONS}, not {query_fusion!r}')
        if not 1 <= num_gather_stages <= num_clip_stages:
            raise ValueError(
                f'ClipKNetDecoder: num_gather_stages {num_gather_stages} must be in [1, num_clip_stages='
                f'{num_clip_stages}]: classes come from a gather stage'
            )
        self.num_gather_stages = num_gather_stages
        self.clip_loss_weights = tuple(clip_loss_weights or (1.0,) * num_clip_stages)
        if len(self.clip_loss_weights) != num_clip_stages:
            raise ValueError(f'{len(self.clip_loss_weights)} clip_loss_weights for {num_clip_stages} clip stages')
        self._build_fusion(query_fusion, num_proposals + num_stuff, in_channels, fusion_channels)
        head = {
            **dict(type='ClipKernelUpdateHead', num_classes=num_things + num_stuff, in_channels=in_channels),
            **(update_head or {}),
            **dict(plain_init=compat),
            **(clip_update_head or {}),
        }
        if self.query_fusion is not None and head.get('kernel_size', 1) != 1:
            raise ValueError(f'ClipKNetDecoder: query_fusion={query_fusion!r} needs 1x1 kernels')
        gather, frame = dict(query_fusion=self._fusion_cfg), dict(with_classes=False)
        self.clip_stages = ModuleList(
            MODELS.build({**head, **(gather if stage < num_gather_stages else frame)})
            for stage in range(num_clip_stages)
        )
        self.tube_assigner = TASK_UTILS.build(tube_assigner or assigner or dict(type='KernelAssigner'))
        defaults = dict(type='KernelCriterion', num_things=num_things, num_stuff=num_stuff)
        loss_cls = dict(loss_weight=2.0, **FOCAL)
        self.tube_criterion = MODELS.build({**defaults, **dict(loss_cls=loss_cls), **(tube_criterion or {})})

    def _build_fusion(self, kind: str, num_queries: int, in_channels: int, fusion_channels: int | None) -> None:
        self.query_fusion = self.init_query = self.query_pos = self._fusion_cfg = None
        if kind == 'mean':
            return
        self._fusion_cfg = dict(type='TubeQueryFusion', embed_dims=in_channels, feedforward_channels=fusion_channels)
        self.query_fusion = MODELS.build(self._fusion_cfg)
        self.init_query = nn.Embedding(num_queries, in_channels)
        if kind == 'attention_pos':
            self.query_pos = nn.Embedding(num_queries, in_channels)

    # ---------------------------------------------------------------- clip stages

    def fuse(self, kernels: Tensor) -> Tensor:
        """Kernels of the frames (B, T, M, C, k, k) to kernels of the clip (B, M, C, k, k)."""
        if self.query_fusion is None:
            return kernels.mean(1)
        queries = self.init_query.weight.expand(kernels.shape[0], -1, -1)
        return self.query_fusion(queries, kernels.flatten(3), self._positions)[..., None, None]

    @property
    def _positions(self) -> Tensor | None:
        return None if self.query_pos is None else self.query_pos.weight

    def run_clip_stages(self, features: Tensor, kernels: Tensor, mask_logits: Tensor) -> Iterator[StageOutput]:
        """All clip stages on the last frame-wise output.

        Args:
            features: (B, T, C, h, w).
            kernels: (B, T, M, C, k, k).
            mask_logits: (B, T, M, h, w).

        Yields:
            The output of each stage: masks (B, T, M, h, w), kernels (B, M, C, k, k) of gather stages with classes
            (B, M, K), (B, T, M, C, k, k) of frame stages.
        """
        kernels = self.fuse(kernels)
        for number, stage in enumerate(self.clip_stages):
            if number == self.num_gather_stages:
                kernels = kernels[:, None].expand(-1, features.shape[1], -1, -1, -1, -1)
            output = stage(features, kernels, mask_logits, self._positions)
            kernels, mask_logits = output.kernels, output.mask_logits
            yield output

    def clip_losses(
        self, outputs: Iterable[StageOutput], targets: Sequence[FrameTargets], scale: int
    ) -> dict[str, Tensor]:
        """Tube losses of the outputs of all clip stages; ``scale`` leads to the targets' size."""
        losses, matches = {}, []
        stuff_from = self.num_proposals if self.num_stuff else None
        for stage, (output, weight) in enumerate(zip(outputs, self.clip_loss_weights, strict=True)):
            tubes = output.mask_logits.transpose(1, 2)  # (B, M, T, h, w)
            if stage < self.num_gather_stages:
                matches = self.match_tubes(tubes, output.class_logits, targets, scale)
            raw = self.tube_criterion(
                tubes, matches, targets, output.class_logits, num_proposals=stuff_from, scale=scale
            )
            losses.update({f'tracker_s{stage}_{name}': value * weight for name, value in raw.items()})
        return losses

    @torch.no_grad()
    def match_tubes(
        self, mask_logits: Tensor, class_logits: Tensor, targets: Sequence[FrameTargets], scale: int
    ) -> list[Match]:
        """Match the tubes (B, M, T, h, w) of thing kernels at the resolution of the targets."""
        things = slice(self.num_proposals)
        tubes = mask_logits[:, things].detach()
        tubes = upsample(tubes.flatten(1, 2), scale).unflatten(1, tubes.shape[1:3])
        return self.tube_assigner.assign(tubes, class_logits[:, things, : self.num_things].detach(), targets)

    # ---------------------------------------------------------------- the decoder contract

    def loss(self, feats: PixelFeatures, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips of T frames in any order.

        Raises:
            ValueError: If a clip is shorter than the others, or an instance changes its class.
        """
        check_clip_lengths('ClipKNetDecoder', data_samples, feats.num_frames)
        frames = self.targets_of([frame for sample in data_samples for frame in sample])
        steps = range(0, len(frames), feats.num_frames)
        tubes = [
            make_tube_targets(frames[start : start + feats.num_frames], f'video {sample.get("video_id")!r}')
            for start, sample in zip(steps, data_samples, strict=True)
        ]
        proposals, scale = self.proposal_head(feats), self._scale(feats)
        losses, last = self.proposal_losses(proposals, frames, scale)
        outputs = self.run_clip_stages(*self._as_clips(feats, proposals.features, last))
        return {**losses, **self.clip_losses(outputs, tubes, scale)}

    @staticmethod
    def _as_clips(feats: PixelFeatures, features: Tensor, last: StageOutput) -> tuple[Tensor, Tensor, Tensor]:
        """What the clip stages start from, frames apart from clips."""
        return tuple(x.unflatten(0, (-1, feats.num_frames)) for x in (features, last.kernels, last.mask_logits))

    def decode(
        self, feats: PixelFeatures, state: StateDict, metas: Sequence[FrameMeta], prompts: object = None
    ) -> tuple[ClipPrediction, StateDict]:
        """Predict B windows of T frames; there is no state.

        Classes and queries are those of the last gather stage, one a window.
        """
        proposals = self.proposal_head(feats)
        outputs = self.run_clip_stages(*self._as_clips(feats, proposals.features, self.run_stages(proposals)[-1]))
        for stage, output in enumerate(outputs):
            masks = output.mask_logits
            if stage < self.num_gather_stages:
                gathered = output
        last = gathered._replace(mask_logits=masks.flatten(0, 1))
        return self.make_prediction(feats, proposals, last), {}
