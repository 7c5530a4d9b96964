"""Video K-Net: kernels that are linked, fused and compared over time."""

from collections.abc import Sequence

from mmdet.structures import TrackDataSample
from torch import Tensor

from videoseg.models.decoders.kernel_update_head import StageOutput
from videoseg.models.decoders.knet_decoder import KNetDecoder
from videoseg.models.task_modules import FrameTargets
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta, PixelFeatures
from videoseg.structures.video_state import StateDict


@MODELS.register_module()
class VideoKNetDecoder(KNetDecoder):
    """K-Net whose kernels see the kernels of the previous frame, with an association embedding on top.

    The three ideas of the paper are three switches: ``embedding_head`` (association embedding, trained contrastively on
    a key and a reference frame), ``linking`` (the vectors that are tracked attend to the previous kernels) and
    ``fusion`` (the kernels do so before their update, which changes masks and classes). With all three off it is K-Net
    trained on pairs, whose raw kernels are what a tracker sees. Source: Video K-Net, ``specs/video_knet.md`` sections
    2.2 to 2.4.

    Losses of the reference frame carry the suffix ``_ref``. Unlike the original a GPU may hold any number of clips.

    Args:
        embedding_head: Config of the association embedding, or None.
        linking: Config of kernel linking, or None.
        fusion: Config of kernel fusion, or None.
        link_stages: Stages with linking; negative numbers count from the last.
        fusion_stages: Stages with fusion.
        reference_losses: Train masks and classes of the reference frame too (joint training); otherwise the key
            frame's.
        kwargs: Arguments of :class:`KNetDecoder`.


    Raises:
        ValueError: If a linked stage does not exist, or linking is on without an embedding head: linked kernels are
            only trained by the association losses.
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
        in_channels: int = 256,
        **kwargs,
    ) -> None:
        if linking is not None and embedding_head is None:
            raise ValueError(
                'VideoKNetDecoder: linking needs embedding_head=dict(...): the association losses alone train the '
                'linked kernels; set linking=None to track raw kernels'
            )
        self._temporal = dict(linking=(linking, link_stages), fusion=(fusion, fusion_stages))
        super().__init__(*args, in_channels=in_channels, **kwargs)
        self.reference_losses = reference_losses
        defaults = dict(type='AssociationEmbeddingHead', in_channels=in_channels, embed_channels=in_channels)
        self.embedding_head = MODELS.build({**defaults, **embedding_head}) if embedding_head is not None else None

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
        """Losses of B clips of a key frame (first) and a reference frame.

        Raises:
            ValueError: If the clips do not have two frames.
        """
        if feats.num_frames != 2:
            raise ValueError(
                f'VideoKNetDecoder trains on pairs, the clips have {feats.num_frames} frame(s): set '
                'ClipSample(offsets=..., num_refs=1) in the training pipeline, or use KNetDecoder for single images'
            )
        key_targets, ref_targets = (self.targets_of([sample[t] for sample in data_samples]) for t in (0, 1))
        key_feats, ref_feats = feats.select_frames([0]), feats.select_frames([1])
        ref_losses, reference = self.frame_losses(ref_feats, ref_targets)
        losses, key = self.frame_losses(key_feats, key_targets, previous=reference.kernels)
        if self.reference_losses:
            losses.update({f'{name}_ref': value for name, value in ref_losses.items()})
        if self.embedding_head is not None:
            scale = self._scale(feats)
            losses.update(self._association_losses(key, reference, key_targets, ref_targets, scale))
        return losses

    def _association_losses(
        self,
        key: StageOutput,
        reference: StageOutput,
        key_targets: Sequence[FrameTargets],
        ref_targets: Sequence[FrameTargets],
        scale: int,
    ) -> dict[str, Tensor]:
        """Contrastive losses of matched kernels, averaged over the clips."""
        key_matches = self.match(key.mask_logits, key.class_logits, key_targets, scale)
        ref_matches = self.match(reference.mask_logits, reference.class_logits, ref_targets, scale)
        tracked = key.kernels if key.track_kernels is None else key.track_kernels
        clips = []
        for i, (key_match, ref_match) in enumerate(zip(key_matches, ref_matches, strict=True)):
            key_embeds = self.embedding_head(tracked[i, key_match.kernels])
            ref_embeds = self.embedding_head(reference.kernels[i, ref_match.kernels])
            key_ids = key_targets[i].ids[key_match.targets]
            ref_ids = ref_targets[i].ids[ref_match.targets]
            clips.append(self.embedding_head.loss(key_embeds, ref_embeds, key_ids[:, None] == ref_ids[None]))
        return {name: sum(clip[name] for clip in clips) / len(clips) for name in clips[0]}

    def decode(
        self, feats: PixelFeatures, state: StateDict, metas: Sequence[FrameMeta], prompts: object = None
    ) -> tuple[ClipPrediction, StateDict]:
        """Predict B single frames; the state is the last stage's kernels (B, M, C, k, k)."""
        proposals = self.proposal_head(feats)
        output = self.run_stages(proposals, state.get('kernels'))[-1]
        prediction = self.make_prediction(feats, proposals, output)
        tracked = output.kernels if output.track_kernels is None else output.track_kernels
        prediction.embeddings = tracked.flatten(2)
        return prediction, dict(kernels=output.kernels)

    def embed(self, feats: PixelFeatures, prediction: ClipPrediction, segments: ClipSegments) -> Tensor:
        """Association vectors (S, D) of the survivors; without an embedding head the raw kernels."""
        vectors = super().embed(feats, prediction, segments)
        return vectors if self.embedding_head is None else self.embedding_head(vectors)
