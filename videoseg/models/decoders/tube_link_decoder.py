"""Tube-Link: one set of queries for all frames of a tube, linked and compared from tube to tube."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from mmdet.structures import TrackDataSample
from torch import Tensor, nn

from videoseg.models.decoders.tube_transformer import TubeOutput, TubeTransformer
from videoseg.models.task_modules import (
    FrameTargets,
    Match,
    check_clip_lengths,
    make_frame_targets,
    make_tube_targets,
)
from videoseg.registry import MODELS, TASK_UTILS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta, PixelFeatures
from videoseg.structures.video_state import StateDict


@MODELS.register_module()
class TubeLinkDecoder(TubeTransformer):
    """Masked attention over tubes of any length, for panoptic, instance and semantic segmentation.

    With ``association`` a training clip of 2 S frames is a key and a reference tube of S frames each, which both get
    all losses (those of the reference tube with the suffix ``_ref``); thing queries of the key tube are linked to those
    of the reference tube and compared with them. Without, a clip is one tube: the baseline of the paper, and the whole
    of the VIS and VSS models; with ``mask_loss='per_frame'`` it is Mask2Former-VIS, and MinVIS on tubes of one frame.

    Unlike the original a GPU may hold any number of clips, and a clip may lack things, stuff or both. Source: Li et
    al., Tube-Link, ICCV 2023; ``specs/tube_link.md`` sections 1 and 2.

    Args:
        num_things: Thing classes; they come first.
        num_stuff: Stuff classes.
        num_queries: All queries, those of stuff slots included.
        stuff_slots: The last ``num_stuff`` queries belong to one stuff class each, and only things are matched (VPS);
            otherwise every tube, stuff too, is matched with every query.
        link: Config of the cross-tube link (CTL), or None.
        association: Config of the contrastive head (TCL), or None.
        mask_loss: ``'long_image'`` or ``'per_frame'``, see :class:`videoseg.models.losses.TubeCriterion`.
        num_points: Points at which a mask is matched and trained.
        assigner: Overrides of the matching.
        association_assigner: Overrides of the matching behind the association losses.
        criterion: Overrides of the losses.
        compat: Keep two defects of the original: the rows of a tube without stuff supervise stuff slots (Q5), and at
            test time the link also changes stuff slots, which it does not see in training, slot by slot (Q1; the
            default of ``link.compat``).
        embed_dims: C of the queries, and of link and association unless they say otherwise.
        kwargs: Other arguments of :class:`TubeTransformer`.

    Raises:
        ValueError: If ``link`` is on without ``association``, stuff classes leave no query for things, or the
            ``association`` looks at pixels or is no head for tubes.
    """

    def __init__(
        self,
        num_things: int,
        num_stuff: int = 0,
        num_queries: int = 100,
        stuff_slots: bool = False,
        link: dict | None = None,
        association: dict | None = None,
        mask_loss: str = 'long_image',
        num_points: int = 12544,
        assigner: dict | None = None,
        association_assigner: dict | None = None,
        criterion: dict | None = None,
        compat: bool = False,
        embed_dims: int = 256,
        **kwargs,
    ) -> None:
        self._check_arguments(num_things, num_stuff, num_queries, stuff_slots, link, association)
        super().__init__(num_things, num_stuff, num_queries, embed_dims, **kwargs)
        self.num_matched = num_queries - (num_stuff if stuff_slots else 0)
        self.compat = compat
        points = dict(num_points=num_points, mask_loss=mask_loss)
        matching = dict(type='TubeAssigner', **points)
        self.assigner = TASK_UTILS.build({**matching, **(assigner or {})})
        classes = dict(num_classes=num_things + num_stuff)
        self.criterion = MODELS.build({**dict(type='TubeCriterion'), **classes, **points, **(criterion or {})})
        self.link = self.association = self.association_assigner = None
        if link is not None:
            defaults = dict(type='CrossTubeLink', embed_dims=embed_dims)
            self.link = MODELS.build({**defaults, **(dict(compat=True) if compat else {}), **link})
        if association is not None:
            defaults = dict(type='TubeContrastiveHead', in_channels=embed_dims, embed_channels=embed_dims)
            self.association = self._checked(MODELS.build({**defaults, **association}))
            costs = [
                dict(type='CrossEntropyLossCost', weight=5.0),
                dict(type='DiceCost', weight=4.0, pred_act=True, eps=1e-3),
            ]
            self.association_assigner = TASK_UTILS.build(
                {**matching, **dict(mask_costs=costs), **(association_assigner or {})}
            )

    @staticmethod
    def _check_arguments(
        num_things: int,
        num_stuff: int,
        num_queries: int,
        stuff_slots: bool,
        link: dict | None,
        association: dict | None,
    ) -> None:
        if link is not None and association is None:
            raise ValueError(
                'TubeLinkDecoder: link needs association=dict(...): the association losses alone train the link; set '
                'link=None to track raw queries'
            )
        needed = num_stuff + (num_things > 0)
        if stuff_slots and num_queries < needed:
            raise ValueError(
                f'TubeLinkDecoder: {num_stuff} stuff slots and at least {needed - num_stuff} query for things do not '
                f'fit num_queries={num_queries}: raise it, or set stuff_slots=False'
            )

    @staticmethod
    def _checked(association: nn.Module) -> nn.Module:
        if not hasattr(association, 'sample'):
            raise ValueError(
                f'TubeLinkDecoder: association is a {type(association).__name__}, which does not choose queries of '
                'tubes: use TubeContrastiveHead, or a subclass'
            )
        if getattr(association, 'region', None) is not None:
            raise ValueError(
                'TubeLinkDecoder: association embeds queries alone and would not look at the pixels under a mask: set '
                "association.source='kernel'"
            )
        return association

    # ---------------------------------------------------------------- training

    def loss(self, feats: PixelFeatures, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Losses of B clips.

        Raises:
            ValueError: If a clip is shorter than the others, an instance changes its class, or with ``association`` the
                number of frames is odd.
        """
        check_clip_lengths(type(self).__name__, data_samples, feats.num_frames)
        num_tubes = 1 if self.association is None else 2
        size, rest = divmod(feats.num_frames, num_tubes)
        if rest:
            raise ValueError(
                f'TubeLinkDecoder: association needs a key and a reference tube of equal length, the clips have '
                f'{feats.num_frames} frames: set an even number of frames in the training pipeline'
            )
        tubes = [self.targets_of(sample, size) for sample in data_samples]
        outputs = self.run_layers(replace(feats, num_frames=size), keep_all=True)  # tube t of clip b is row 2b + t
        if num_tubes == 1:
            return self.tube_losses(outputs, [targets[0] for targets in tubes])
        (key, key_targets), (reference, reference_targets) = (
            (_every(outputs, t, num_tubes), [targets[t] for targets in tubes]) for t in (0, 1)
        )
        losses = self.tube_losses(key, key_targets)
        losses.update({f'{k}_ref': v for k, v in self.tube_losses(reference, reference_targets).items()})
        losses.update(self.association_losses(key[-1], reference[-1], key_targets, reference_targets))
        return losses

    def targets_of(self, sample: TrackDataSample, size: int) -> list[FrameTargets]:
        """Ground truth of the tubes of ``size`` frames of a clip, at full resolution.

        Without thing classes every class is a tube of the semantic map, and instances are left aside.
        """
        frames = make_frame_targets(list(sample), 1, self.num_things, self.num_stuff > 0)
        if self.num_things == 0:
            frames = [f._replace(labels=f.labels[:0], masks=f.masks[:0], ids=f.ids[:0]) for f in frames]
        where = f'video {sample.get("video_id")!r}'
        return [make_tube_targets(frames[i : i + size], where) for i in range(0, len(frames), size)]

    def tube_losses(self, outputs: Sequence[TubeOutput], targets: Sequence[FrameTargets]) -> dict[str, Tensor]:
        """Losses of all outputs for B tubes; with stuff slots those of stuff and things apart, added for the last."""
        losses: dict[str, Tensor] = {}
        last = len(outputs) - 1
        for group in self._groups():
            truths = [self._rows_of(target, group) for target in targets]
            queries = slice(self.num_matched, None) if group == 'stuff_' else slice(self.num_matched)
            for i, output in enumerate(outputs):
                classes, masks = output.class_logits[:, queries], output.mask_logits[:, queries]
                if group == 'stuff_':
                    matches = [self._slots(target) for target in truths]
                else:
                    matches = self.assigner.assign(masks.detach(), classes.detach(), truths)
                raw = self.criterion(classes, masks, matches, [t.labels for t in truths], [t.masks for t in truths])
                for name, value in raw.items():
                    name = name if i == last else f'd{i}.{group}{name}'
                    losses[name] = losses[name] + value if name in losses else value
        return losses

    def _groups(self) -> list[str]:
        """Prefixes of the groups of queries that are matched and normalised by themselves, stuff slots first."""
        if self.num_matched == self.num_queries:
            return ['']
        return ['stuff_', 'thing_'] if self.num_matched else ['stuff_']

    def _rows_of(self, target: FrameTargets, group: str) -> FrameTargets:
        """The tubes that a group of queries is trained with, as ``labels`` and ``masks``."""
        if group == 'thing_' or (self.compat and group == 'stuff_' and len(target.stuff_labels) == 0):
            return target
        if group == 'stuff_':
            return target._replace(labels=target.stuff_labels, masks=target.stuff_masks)
        return target._replace(
            labels=torch.cat([target.labels, target.stuff_labels]),
            masks=torch.cat([target.masks, target.stuff_masks]),
        )

    def _slots(self, target: FrameTargets) -> Match:
        """Stuff class c belongs to slot c - num_things; thing labels (Q5) count from the end."""
        slots = (target.labels - self.num_things) % self.num_stuff
        return Match(slots, torch.arange(len(slots), device=slots.device))

    def association_losses(
        self,
        key: TubeOutput,
        reference: TubeOutput,
        key_targets: Sequence[FrameTargets],
        reference_targets: Sequence[FrameTargets],
    ) -> dict[str, Tensor]:
        """Contrastive losses of the last outputs of B key and B reference tubes."""
        things = slice(self.num_matched)
        key_queries, reference_queries = key.queries[:, things], reference.queries[:, things]
        if self.link is not None:
            key_queries = self.link(key_queries, reference_queries)
        key_ids, reference_ids = self._identities(key, key_targets), self._identities(reference, reference_targets)
        pairs = [self.association.sample(*ids) for ids in zip(key_ids, reference_ids, strict=True)]
        return self.association.loss(
            [self.association.embed(key_queries[b, rows]) for b, (rows, _, _) in enumerate(pairs)],
            [self.association.embed(reference_queries[b, rows]) for b, (_, rows, _) in enumerate(pairs)],
            [same for _, _, same in pairs],
        )

    def _identities(self, output: TubeOutput, targets: Sequence[FrameTargets]) -> Tensor:
        """Instance id (B, n) that each thing query was matched to, 0 = none."""
        things, frames = slice(self.num_matched), self.association.target_frames
        seen = []
        for target in targets:
            masks = target.masks[:, frames]
            rows = masks.flatten(1).any(1)
            seen.append(target._replace(labels=target.labels[rows], ids=target.ids[rows], masks=masks[rows]))
        matches = self.association_assigner.assign(
            output.mask_logits[:, things, frames].detach(), output.class_logits[:, things].detach(), seen
        )
        ids = torch.zeros(output.class_logits[:, things].shape[:2], dtype=torch.long, device=output.queries.device)
        for row, match, target in zip(ids, matches, seen, strict=True):
            row[match.kernels] = target.ids[match.targets]
        return ids

    # ---------------------------------------------------------------- the decoder contract

    def decode(
        self, feats: PixelFeatures, state: StateDict, metas: Sequence[FrameMeta], prompts: object = None
    ) -> tuple[ClipPrediction, StateDict]:
        """Predict B tubes; with a link the state is this tube's queries (B, N, C), already linked."""
        (output,) = self.run_layers(feats)
        queries, new_state = output.queries, {}
        if self.link is not None:
            queries = self._linked(queries, state.get('queries'))
            new_state = dict(queries=queries)
        prediction = ClipPrediction(
            class_logits=output.class_logits,
            mask_logits=output.mask_logits,
            queries=queries,
            activation='softmax',
            fixed_labels=ClipPrediction.panoptic_fixed_labels(self.num_queries, 0, 0, queries.device),
            num_things=self.num_things,
        )
        return prediction, new_state

    def _linked(self, queries: Tensor, previous: Tensor | None) -> Tensor:
        if previous is None:
            return queries
        linked = self.num_queries if self.compat else self.num_matched
        return torch.cat([self.link(queries[:, :linked], previous[:, :linked]), queries[:, linked:]], dim=1)

    def embed(self, feats: PixelFeatures, prediction: ClipPrediction, segments: ClipSegments) -> Tensor:
        """Association vectors (S, D) of the survivors; without ``association`` their queries."""
        vectors = super().embed(feats, prediction, segments)
        return vectors if self.association is None else self.association.embed(vectors)


def _every(outputs: Sequence[TubeOutput], first: int, step: int) -> list[TubeOutput]:
    """Every ``step``-th tube of the outputs, from ``first`` on."""
    return [TubeOutput(*(x[first::step] for x in output)) for output in outputs]
