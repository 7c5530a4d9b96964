"""Association by embeddings with a short memory."""

import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

from .association import embedding_similarity, fresh_tracks, match_greedily, no_rows
from .base_tracker import TrackerState
from .embedding_memory_tracker import UNTRACKED, EmbeddingMemoryTracker

LOW_SCORE = -2


@MODELS.register_module()
class QuasiDenseEmbeddingTracker(EmbeddingMemoryTracker):
    """The quasi-dense embedding tracker of Video K-Net (``specs/video_knet.md`` 2.5).

    A memory of recent tracks (running mean of the embedding, class, box, last frame) and of *backdrops*: segments
    that were too weak to start a track, and that keep later ones from being mistaken for a track. All arithmetic is
    done on the CPU after a single copy of the window's boxes, scores and embeddings; the state lives there too.

    A window is one observation: its number is that of its last frame. So with windows longer than
    ``memo_tracklet_frames`` a track is remembered for one window. A window without things leaves the memory untouched.

    Args:
        init_score_thr: Unmatched segments with a larger score start a track.
        obj_score_thr: Segments with a larger score may continue a track; below, the stricter box suppression applies.
        match_score_thr: Least similarity of a match.
        memo_tracklet_frames: A track is dropped when it was last seen that many frames ago.
        memo_backdrop_frames: Number of past windows whose backdrops are kept.
        memo_momentum: Weight of the new embedding in the running mean.
        nms_conf_thr: A segment of low score with a similarity above, to a track, is not used as a backdrop.
        nms_backdrop_iou_thr: Largest box IoU of a segment of low score, or of a backdrop, with any stronger segment.
        nms_class_iou_thr: Largest box IoU of any other segment with any stronger one.
        with_cats: Segments only match tracks of their class.
        match_metric: ``'bisoftmax'`` (mean of soft-max over tracks and soft-max over segments), ``'softmax'`` or
            ``'cosine'``.
        compat: Original pairing of ids (defect 1 of ``specs/video_knet.md``): the ids of the segments that survived
            suppression, by descending score, are handed to the thing segments by position, and the last ones get
            none. By default every segment gets its own id, and a suppressed one 0.

    Raises:
        ValueError: If ``match_metric`` is unknown.
    """

    def __init__(
        self,
        init_score_thr: float = 0.35,
        obj_score_thr: float = 0.3,
        match_score_thr: float = 0.5,
        memo_tracklet_frames: int = 5,
        memo_backdrop_frames: int = 1,
        memo_momentum: float = 0.8,
        nms_conf_thr: float = 0.5,
        nms_backdrop_iou_thr: float = 0.3,
        nms_class_iou_thr: float = 0.7,
        with_cats: bool = True,
        match_metric: str = 'bisoftmax',
        compat: bool = False,
    ) -> None:
        super().__init__(init_score_thr, match_score_thr, memo_tracklet_frames, memo_momentum, match_metric, compat)
        self.obj_score_thr = obj_score_thr
        self.memo_backdrop_frames = memo_backdrop_frames
        self.nms_conf_thr = nms_conf_thr
        self.nms_backdrop_iou_thr = nms_backdrop_iou_thr
        self.nms_class_iou_thr = nms_class_iou_thr
        self.with_cats = with_cats

    def associate(
        self, segments: ClipSegments, embeddings: Tensor | None, meta: FrameMeta, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """See :meth:`BaseTracker.associate`.

        Raises:
            ValueError: If there are segments but no boxes or no embeddings, or not one a segment.
        """
        device = segments.labels.device
        ids = torch.zeros(len(segments), dtype=torch.long)
        if not len(segments):
            return ids.to(device), state
        self._check_embeddings(segments, embeddings)
        if segments.boxes is None:
            raise ValueError('QuasiDenseEmbeddingTracker needs segments with boxes')
        columns = [segments.boxes, segments.scores[:, None], segments.labels[:, None], segments.is_thing[:, None]]
        packed = torch.cat([x.float() for x in [*columns, embeddings]], 1).detach().cpu()
        things = packed[:, 6].bool().nonzero()[:, 0]
        if not len(things):
            return ids.to(device), state
        packed = packed[things]
        state = {k: v.cpu() for k, v in state.items()} or self._fresh(embeddings.shape[1])
        order, numbers, state = self.match(packed[:, :5], packed[:, 5].long(), packed[:, 7:], meta.frame_ids[-1], state)
        rows = torch.arange(len(order)) if self.compat else order
        ids[things[rows]] = (numbers + 1).clamp(min=0)
        return ids.to(device), state

    @staticmethod
    def _fresh(width: int) -> TrackerState:
        columns = dict(embeddings=torch.zeros(0, width), labels=no_rows(), boxes=torch.zeros(0, 5))
        backdrops = {f'backdrop_{name}': column for name, column in dict(columns, ages=no_rows()).items()}
        return fresh_tracks(**columns) | backdrops

    def match(
        self, boxes: Tensor, labels: Tensor, embeddings: Tensor, frame: int, state: TrackerState
    ) -> tuple[Tensor, Tensor, TrackerState]:
        """One observation of n things, all on the CPU.

        Args:
            boxes: (n, 5) x0, y0, x1, y1, score.
            labels: (n,) classes.
            embeddings: (n, D).
            frame: Number of the frame.
            state: A complete state.

        Returns:
            Input rows that survived suppression, by descending score (m,); their numbers (m,), counted from 0, -1
            untracked, -2 low score; the new state.
        """
        order = boxes[:, 4].argsort(descending=True, stable=True)
        sorted_boxes = boxes[order]
        limit = torch.where(sorted_boxes[:, 4] < self.obj_score_thr, self.nms_backdrop_iou_thr, self.nms_class_iou_thr)
        order = order[(self._overlap_with_stronger(sorted_boxes) <= limit)]
        boxes, labels, embeddings = boxes[order], labels[order], embeddings[order]
        numbers = torch.full_like(order, UNTRACKED)
        if len(state['track_ids']):
            numbers = self._match_memory(boxes[:, 4], self._similarity(labels, embeddings, state), state['track_ids'])
        born = (numbers == UNTRACKED) & (boxes[:, 4] > self.init_score_thr)
        columns = dict(embeddings=embeddings, labels=labels, boxes=boxes)
        numbers, new = self._remember(numbers, born, columns, frame, state)
        weak = (numbers == UNTRACKED) & (self._overlap_with_stronger(boxes) <= self.nms_backdrop_iou_thr)
        return order, numbers, new | self._backdrops({name: x[weak] for name, x in columns.items()}, state)

    @staticmethod
    def _overlap_with_stronger(boxes: Tensor) -> Tensor:
        """Largest IoU (n,) of each box with any box before it; 0 for the first."""
        iou = bbox_overlaps(boxes[:, :4], boxes[:, :4])
        return iou.tril(-1).amax(1)

    def _similarity(self, labels: Tensor, embeddings: Tensor, state: TrackerState) -> Tensor:
        """(m, tracks + backdrops)."""
        memory = torch.cat([state['track_embeddings'], state['backdrop_embeddings']])
        memory_labels = torch.cat([state['track_labels'], state['backdrop_labels']])
        similarity = embedding_similarity(embeddings, memory, self.match_metric)
        if self.with_cats:
            similarity = similarity * (labels[:, None] == memory_labels[None])
        return similarity

    def _match_memory(self, scores: Tensor, similarity: Tensor, track_ids: Tensor) -> Tensor:
        """Greedy in row order: numbers (m,) of matched rows, -1 or -2 for the others."""
        strong = scores > self.obj_score_thr
        columns, values = match_greedily(similarity, self.match_score_thr, strong, len(track_ids))
        low = torch.where(values > self.nms_conf_thr, LOW_SCORE, UNTRACKED)
        numbers = torch.where(strong, track_ids[columns.clamp(min=0)], low)
        return torch.where(columns >= 0, numbers, UNTRACKED)

    def _backdrops(self, columns: dict[str, Tensor], state: TrackerState) -> TrackerState:
        """The backdrops of this window, ``columns`` (w, ...) by name, before those that are young enough."""
        ages = state['backdrop_ages'] + 1
        kept = ages < self.memo_backdrop_frames
        previous = {name: state[f'backdrop_{name}'] for name in columns} | dict(ages=ages)
        columns = dict(columns, ages=torch.zeros_like(columns['labels']))
        limit = None if self.memo_backdrop_frames else 0
        return {f'backdrop_{name}': torch.cat([x, previous[name][kept]])[:limit] for name, x in columns.items()}
