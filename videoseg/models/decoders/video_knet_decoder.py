"""Video K-Net: kernels that are linked, fused and compared over time."""

from collections.abc import Sequence

import torch
from mmdet.structures import TrackDataSample
from torch import Tensor

from videoseg.models.decoders.kernel_update_head import StageOutput
from videoseg.models.decoders.knet_decoder import KNetDecoder
from videoseg.models.task_modules import FrameTargets, Match, check_clip_lengths
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta, PixelFeatures
from videoseg.structures.video_state import StateDict


def tracked_kernels(output: StageOutput) -> Tensor:
    """What is embedded and tracked: linked kernels where there are any, else the kernels; (F, M, C, k, k)."""
    return output.kernels if output.track_kernels is None else output.track_kernels


@MODELS.register_module()
class VideoKNetDecoder(KNetDecoder):
    """K-Net whose kernels see the kernels of the previous frame, with an association embedding on top.

    The three ideas of the paper are three switches: ``embedding_head`` (association embedding, trained contrastively on
    a key and a reference frame), ``linking`` (the vectors that are tracked attend to the previous kernels) and
    ``fusion`` (the kernels do so before their update, which changes masks and classes). With all three off it is K-Net
    trained on pairs, whose raw kernels are what a tracker sees. Source: Video K-Net, ``specs/video_knet.md`` sections
    2.2 to 2.4.

    Losses of the reference frame carry the suffix ``_ref``. Unlike the original a GPU may hold any number of clips, and
    a clip several reference frames: the key frame makes a pair with each of them, and the losses are averaged.

    What is ours, because the published ablation gives a number without details: linking in another stage than the last
    (every stage attends to the previous frame's *last* kernels; vectors of several linked stages are averaged), dense
    sampling, and embedding sources other than the kernel. Training describes the pixels of the true masks where a
    kernel is matched to one (the original's RoIAlign variant uses true boxes, section 2.7), testing those of the
    predicted masks.

    With ``tube`` (see :class:`KNetDecoder`) the previous kernels are those of the previous tube.

    Args:
        embedding_head: Config of the association embedding, or None.
        linking: Config of kernel linking, or None.
        fusion: Config of kernel fusion, or None.
        link_stages: Stages with linking; negative numbers count from the last.
        fusion_stages: Stages with fusion.
        reference_losses: Train masks and classes of the reference frame too (joint training); otherwise the key
            frame's.
        association_sampling: Which thing kernels the association losses compare: those ``'matched'`` to an object, or
            all of them (``'dense'``; an unmatched kernel is the same object as no other).
        kwargs: Arguments of :class:`KNetDecoder`.

    Raises:
        ValueError: If a linked stage does not exist, for an unknown ``association_sampling``, for the embedding head of
            tubes, or if linking is on without an embedding head that looks at kernels: linked kernels are only trained
            by the association losses.
    """

    def __init__(
        self,
        *args,
        embedding_head: dict | None = None,
        linking: dict | None = None,
        fusion: dict | None = None,
        link_stages: Sequence[int] = (-1,),
        fusion_stages: Sequence[int] = (-1,),
        reference_losses: bool = True,
        association_sampling: str = 'matched',
        in_channels: int = 256,
        **kwargs,
    ) -> None:
        if linking is not None and embedding_head is None:
            raise ValueError(
                'VideoKNetDecoder: linking needs embedding_head=dict(...): the association losses alone train the '
                'linked kernels; set linking=None to track raw kernels'
            )
        if association_sampling not in ('matched', 'dense'):
            raise ValueError(
                f"VideoKNetDecoder: association_sampling must be 'matched' or 'dense', not {association_sampling!r}"
            )
        self._temporal = dict(linking=(linking, link_stages), fusion=(fusion, fusion_stages))
        super().__init__(*args, in_channels=in_channels, **kwargs)
        self.reference_losses = reference_losses
        self.association_sampling = association_sampling
        defaults = dict(type='AssociationEmbeddingHead', in_channels=in_channels, embed_channels=in_channels)
        self.embedding_head = MODELS.build({**defaults, **embedding_head}) if embedding_head is not None else None
        if hasattr(self.embedding_head, 'association_target'):
            raise ValueError(
                'VideoKNetDecoder: embedding_head.association_target would be ignored, it is about tubes: use '
                'AssociationEmbeddingHead, and association_sampling to choose the kernels that are compared'
            )
        if linking is not None and not self.embedding_head.uses_kernels:
            raise ValueError(
                "VideoKNetDecoder: linking acts on kernels, which this embedding_head's source does not look at: set "
                "linking=None, or embedding_head.source to 'kernel' or 'both'"
            )

    def _stage_parts(self, stage: int, num_stages: int) -> dict:
        parts = {}
        for name, (config, stages) in self._temporal.items():
            if any(not -num_stages <= s < num_stages for s in stages):
                raise ValueError(
                    f'{name} names stages {tuple(stages)}, but there are {num_stages} (0 to {num_stages - 1})'
                )
            if config is not None and stage in {s % num_stages for s in stages}:
                parts[name] = {**dict(type='PreviousKernelAttention'), **config}
        return parts

    def loss(self, feats: PixelFeatures, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips of a key frame (first) and one or more reference frames.

        Raises:
            ValueError: If the clips have a key frame only, or are not equally long.
        """
        refs = feats.num_frames - 1
        if refs < 1:
            raise ValueError(
                'VideoKNetDecoder trains on pairs, the clips have 1 frame: set ClipSample(offsets=..., num_refs=1) in '
                'the training pipeline, or use KNetDecoder for single images'
            )
        check_clip_lengths('VideoKNetDecoder', data_samples, feats.num_frames)
        key_feats, ref_feats = feats.select_frames([0] * refs), feats.select_frames(slice(1, None))
        key_targets = [target for target in self.targets_of([s[0] for s in data_samples]) for _ in range(refs)]
        ref_targets = self.targets_of([s[t] for s in data_samples for t in range(1, refs + 1)])
        ref_losses, reference = self._reference(ref_feats, ref_targets)
        losses, key = self.frame_losses(key_feats, key_targets, previous=reference.kernels)
        losses.update({f'{name}_ref': value for name, value in ref_losses.items()})
        if self.embedding_head is not None:
            keys, key_ids = self._association_samples(key_feats, key, key_targets)
            references, ref_ids = self._association_samples(ref_feats, reference, ref_targets)
            same = [(k[:, None] == r[None]) & (k >= 0)[:, None] for k, r in zip(key_ids, ref_ids, strict=True)]
            losses.update(self.embedding_head.loss(keys, references, same))
        return losses

    def _reference(
        self, feats: PixelFeatures, targets: Sequence[FrameTargets]
    ) -> tuple[dict[str, Tensor], StageOutput]:
        """The losses of reference frames, none in key-frame-only training, and their last output."""
        if self.reference_losses:
            return self.frame_losses(feats, targets)
        return {}, self.run_stages(self.proposal_head(feats))[-1]

    def _association_samples(
        self, feats: PixelFeatures, output: StageOutput, targets: Sequence[FrameTargets]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Of every frame the embeddings (R, D) of the kernels to compare, and whose they are: (R,), -1 = nobody's."""
        scale = self._scale(feats)
        vectors = tracked_kernels(output)
        embeddings, owners = [], []
        for i, match in enumerate(self.match(output.mask_logits, output.class_logits, targets, scale)):
            ids = match.kernels.new_full((self.num_proposals,), -1)
            ids[match.kernels] = targets[i].ids[match.targets]
            dense = self.association_sampling == 'dense'
            rows = torch.arange(self.num_proposals, device=ids.device) if dense else match.kernels
            pixels = ()
            if self.embedding_head.region is not None:
                masks = self._region_masks(output.mask_logits[i], match, targets[i], scale)
                pixels = feats.mask_features[i], masks[rows]
            embeddings.append(self.embedding_head(vectors[i, rows], *pixels))
            owners.append(ids[rows])
        return embeddings, owners

    def _region_masks(self, mask_logits: Tensor, match: Match, targets: FrameTargets, scale: int) -> Tensor:
        """Masks (N, h, w) in [0, 1] whose pixels are embedded: the true ones of matched kernels, else the predicted."""
        masks = (mask_logits[: self.num_proposals] > 0).to(mask_logits.dtype)
        true = targets.masks[match.targets].unflatten(-1, (-1, scale)).mean(-1).unflatten(-2, (-1, scale)).mean(-2)
        return masks.index_copy(0, match.kernels, true.to(masks))

    def decode(
        self, feats: PixelFeatures, state: StateDict, metas: Sequence[FrameMeta], prompts: object = None
    ) -> tuple[ClipPrediction, StateDict]:
        """Predict B single frames, or tubes with ``tube``; the state is the last stage's kernels (B, M, C, k, k)."""
        proposals = self.tube_proposals(feats)
        output = self.run_stages(proposals, state.get('kernels'))[-1]
        prediction = self.make_prediction(feats, proposals, output)
        prediction.embeddings = tracked_kernels(output).flatten(2)
        return prediction, dict(kernels=output.kernels)

    def embed(self, feats: PixelFeatures, prediction: ClipPrediction, segments: ClipSegments) -> Tensor:
        """Association vectors (S, D) of the survivors; without an embedding head the raw kernels.

        Where pixels are embedded, those of a tube are the mean over the frames in which its mask is not empty.
        """
        vectors = super().embed(feats, prediction, segments)
        if self.embedding_head is None:
            return vectors
        if self.embedding_head.region is None:
            return self.embedding_head(vectors)
        masks = prediction.mask_logits[0, segments.query_index.clamp(min=0)] > 0  # (S, T, h, w)
        frames = [
            self.embedding_head(vectors, features, masks[:, t].to(vectors.dtype))
            for t, features in enumerate(feats.mask_features)
        ]
        seen = masks.flatten(2).any(2)
        weights = (seen | ~seen.any(1, keepdim=True)).to(vectors.dtype)
        weights = weights / weights.sum(1, keepdim=True)
        return (torch.stack(frames, 1) * weights[..., None]).sum(1)
