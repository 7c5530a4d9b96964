"""Instances of a video, chosen when it ends."""

from collections.abc import Sequence

import torch
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta
from videoseg.structures.video_state import StateDict

from .base_postprocessor import BasePostprocessor
from .candidates import top_pairs
from .resize import RESIZES, binary_masks, enlarge
from .tracker_boxes import boxes_of_masks

_NEVER = -1


@MODELS.register_module()
class VideoInstancePostprocessor(BasePostprocessor):
    """The best (query, class) pairs of a whole video in bounded memory (``specs/tube_link.md`` 3.3).

    A query is a slot that is the same object in every window: the tracker has to keep it so, ``QueryMatchingTracker``
    by permutation, ``KernelIndexTracker`` where one window is the whole video. In each window every slot is a segment,
    and its masks leave at once, as RLEs with their quality (mean probability inside the mask). What is kept are a few
    numbers a slot: the sum of the class logits over the windows, of the quality over the frames. When the video ends
    the best pairs are chosen by the mean logits. A pair is a track; pairs of one query share its masks, by the column
    ``mask_ids``. The score is the class score times the mean quality over the frames where the object is seen.

    Unlike the original, which holds all masks of the video and keeps the ``max_per_frame`` best pairs of every frame
    after the last one, slots are ranked in every frame as it leaves, by the class scores so far; with no more slots
    than ``max_per_frame`` the masks are the same. ``average_logits`` of the tracker should stay off: the mean is made
    here.

    Args:
        max_per_video: Number of pairs.
        max_per_frame: Slots whose masks leave in each frame, by best class score x quality; None: all.
        score_thr: Pairs with a lower class score are no tracks, and slots below it do not leave; for pictures, the
            average precision wants them all.
        mask_thr: Pixels with a larger probability belong to the mask.
        resize: What of the masks is interpolated to full size, ``'logits'`` as published or ``'probs'``.
        compat: As in the original frames where the mask is empty count with score 0 in the mean, if they are among the
            ``max_per_frame`` best, and pairs whose mask is always empty are tracks, too.

    Raises:
        ValueError: If a limit is less than 1, or for an unknown ``resize``.
    """

    only_things = needs_query_ids = True

    def __init__(
        self,
        max_per_video: int = 100,
        max_per_frame: int | None = 30,
        score_thr: float = 0.0,
        mask_thr: float = 0.5,
        resize: str = 'logits',
        compat: bool = False,
    ) -> None:
        super().__init__()
        for name, limit in (('max_per_video', max_per_video), ('max_per_frame', max_per_frame)):
            if limit is not None and limit < 1:
                raise ValueError(f'VideoInstancePostprocessor: {name} must be at least 1, got {limit}')
        self._check_choice('resize', resize, RESIZES)
        self.max_per_video = max_per_video
        self.max_per_frame = max_per_frame
        self.score_thr = score_thr
        self.mask_thr = mask_thr
        self.resize = resize
        self.compat = compat

    def segment(self, prediction: ClipPrediction, meta: FrameMeta) -> ClipSegments:
        """One segment a free query, under its best class in this window, with ``masks``, ``quality`` and ``boxes``."""
        slots = (prediction.fixed_labels < 0).nonzero()[:, 0]
        scores, labels = prediction.class_scores()[0, slots, : prediction.num_things].float().max(1)
        logits = enlarge(prediction.mask_logits[0, slots], prediction.mask_upsample)
        masks, quality = binary_masks(logits, meta, self.mask_thr, self.resize)
        return ClipSegments(
            labels=labels,
            scores=scores,
            is_thing=torch.ones_like(labels, dtype=torch.bool),
            query_index=slots,
            masks=masks,
            boxes=boxes_of_masks(masks[:, -1]),
            quality=quality,
        )

    def update_table(
        self, table: StateDict, prediction: ClipPrediction, segments: ClipSegments, frame_ids: Sequence[int]
    ) -> StateDict:
        """Enter a window.

        Args:
            table: What the window before left, or empty.
            prediction: The aligned prediction that the segments were made from.
            segments: Its slots with ``track_ids``; labels and scores become those of the mean logits so far, masks that
                do not leave become empty.
            frame_ids: Numbers of the window's new frames, the last ones of the window.

        Returns:
            A new table; its size does not depend on the length of the video.

        Raises:
            ValueError: If the tracker gave ids that are not those of the slots, or the number of slots changed.
        """
        slot_ids = segments.query_index + 1
        if not torch.equal(segments.track_ids, slot_ids):
            raise ValueError(
                'VideoInstancePostprocessor needs a tracker that keeps an object in its query and names it so: '
                'QueryMatchingTracker or KernelIndexTracker, with per_class=False; others go with InstancePostprocessor'
            )
        logits = prediction.class_logits[0, segments.query_index].float().cpu()
        table = {name: column.cpu() for name, column in table.items()} or self._fresh(
            prediction, slot_ids.cpu(), logits
        )
        if table['logit_sum'].shape != logits.shape:
            raise ValueError(
                f'class logits of shape {tuple(logits.shape)} follow {tuple(table["logit_sum"].shape)}: there must '
                'be the same queries in all windows of a video'
            )
        table['logit_sum'] = table['logit_sum'] + logits
        table['num_windows'] = table['num_windows'] + 1
        scores, labels = self._class_scores(table).max(1)
        segments.scores, segments.labels = scores.to(segments.scores), labels.to(segments.labels)
        quality = segments.quality[:, -len(frame_ids) :].cpu()
        leaves = self._leaves(scores[:, None] * quality) & (scores >= self.score_thr)[:, None]
        segments.masks[:, -len(frame_ids) :] &= leaves[..., None, None].to(segments.masks.device)
        seen = leaves & (quality > 0)
        counted = leaves if self.compat else seen
        table['quality_sum'] = table['quality_sum'] + (quality * counted).sum(1)
        table['num_frames'] = table['num_frames'] + counted.sum(1)
        frames = torch.as_tensor(frame_ids).expand_as(quality)
        first = torch.where(table['last_frame'] == _NEVER, frame_ids[-1] + 1, table['first_frame'])
        table['first_frame'] = torch.minimum(first, torch.where(seen, frames, frame_ids[-1] + 1).amin(1))
        table['last_frame'] = torch.maximum(table['last_frame'], torch.where(seen, frames, _NEVER).amax(1))
        return table

    @staticmethod
    def _fresh(prediction: ClipPrediction, slot_ids: Tensor, logits: Tensor) -> StateDict:
        return dict(
            slot_ids=slot_ids,
            logit_sum=torch.zeros_like(logits),
            num_windows=torch.zeros((), dtype=torch.long),
            is_softmax=torch.tensor(prediction.activation == 'softmax'),
            num_things=torch.tensor(prediction.num_things),
            quality_sum=torch.zeros(len(slot_ids)),
            num_frames=torch.zeros_like(slot_ids),
            first_frame=torch.full_like(slot_ids, _NEVER),
            last_frame=torch.full_like(slot_ids, _NEVER),
        )

    @staticmethod
    def _class_scores(table: StateDict) -> Tensor:
        """Scores (S, K) of the thing classes by the mean logits."""
        logits = table['logit_sum'] / table['num_windows']
        scores = logits.softmax(1) if table['is_softmax'] else logits.sigmoid()
        return scores[:, : int(table['num_things'])]

    def _leaves(self, frame_scores: Tensor) -> Tensor:
        """Which slots (S, T) leave in each frame."""
        leaves = torch.zeros_like(frame_scores, dtype=torch.bool)
        order = frame_scores.argsort(dim=0, descending=True, stable=True)
        return leaves.scatter(0, order[: self.max_per_frame], True)

    def finish_table(self, table: StateDict) -> dict[str, Tensor]:
        """The tracks of a finished video.

        Args:
            table: What the last window left.

        Returns:
            ``ids, labels, scores, num_frames, first_frame, last_frame, mask_ids`` by descending class score; ``ids``
            count the pairs from 1, ``mask_ids`` is the id under which the masks left.
        """
        columns = ('num_frames', 'first_frame', 'last_frame')
        if not table:
            empty = torch.zeros(0, dtype=torch.long)
            return {**dict.fromkeys(('ids', 'labels', *columns, 'mask_ids'), empty), 'scores': torch.zeros(0)}
        rows, labels, scores = top_pairs(self._class_scores(table), self.max_per_video)
        ids = torch.arange(1, len(rows) + 1)
        keep = scores >= self.score_thr
        if not self.compat:
            keep &= table['last_frame'][rows] != _NEVER
        rows, labels, scores, ids = rows[keep], labels[keep], scores[keep], ids[keep]
        quality = table['quality_sum'] / table['num_frames'].clamp(min=1)
        return dict(
            ids=ids,
            labels=labels,
            scores=scores * quality[rows],
            **{name: table[name][rows] for name in columns},
            mask_ids=table['slot_ids'][rows],
        )
