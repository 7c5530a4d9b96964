"""Association of boxes with a constant-velocity motion model."""

import numpy as np
import torch
from mmdet.structures.bbox import bbox_cxcyah_to_xyxy, bbox_overlaps, bbox_xyxy_to_cxcyah
from torch import Tensor

from videoseg.registry import MODELS, TASK_UTILS
from videoseg.structures import ClipSegments, FrameMeta

from .association import enter_tracks, fresh_tracks, keep_tracks, match_optimally, no_rows
from .base_tracker import BaseTracker, TrackerState


@MODELS.register_module()
class SORTBoxTracker(BaseTracker):
    """SORT: things continue the track whose box, moved on by a Kalman filter, overlaps theirs best.

    The frames of a window are gone through one by one, where windows overlap from the last frame of the previous one. A
    thing is matched in the first of them in which it is visible; its box in every later one corrects its track. Boxes
    are those of the masks. The motion model is mmdet's filter over centre, aspect ratio and height. Unlike in mmdet's
    ``SORTTracker`` a track is reported from its first frame on, and the state is in tensors. All is done on the CPU,
    after a copy of the rows and columns that each mask occupies.

    Source: Bewley et al., Simple online and realtime tracking, ICIP 2016.

    Args:
        match_iou_thr: Least box IoU of a match.
        init_score_thr: Unmatched things of at least this score start a track; weaker ones are untracked.
        memo_frames: A lost track moves on, and is forgotten when it was last seen more than that many frames before
            the last frame of the window.
        with_cats: Things only match tracks of their class.
        motion: Config of the Kalman filter.
    """

    def __init__(
        self,
        match_iou_thr: float = 0.3,
        init_score_thr: float = 0.0,
        memo_frames: int = 5,
        with_cats: bool = True,
        motion: dict | None = None,
    ) -> None:
        self.match_iou_thr = match_iou_thr
        self.init_score_thr = init_score_thr
        self.memo_frames = memo_frames
        self.with_cats = with_cats
        self.motion = TASK_UTILS.build(motion or dict(type='KalmanFilter'))

    def associate(
        self, segments: ClipSegments, embeddings: Tensor | None, meta: FrameMeta, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """See :meth:`BaseTracker.associate`; embeddings are not used."""
        things = segments.is_thing.nonzero()[:, 0]
        ids = torch.zeros_like(segments.labels, dtype=torch.long)
        state = {name: value.cpu() for name, value in state.items()} or self._fresh()
        details = torch.stack([segments.labels[things].double(), segments.scores[things].double()]).cpu()
        own_ids, shared_until = torch.zeros(len(things), dtype=torch.long), int(state['last_frame'])
        for position, frame in enumerate(meta.frame_ids):
            if frame < shared_until:
                continue
            boxes, visible = self._boxes(segments.segment_masks(things, position))
            state = self._advance(state, frame)
            own_ids, state = self._observe(boxes, visible, own_ids, details, frame == shared_until, state)
        ids[things] = own_ids.to(ids.device)
        return ids, keep_tracks(state, state['last_frame'] - state['track_last_frames'] <= self.memo_frames)

    @staticmethod
    def _fresh() -> TrackerState:
        tracks = fresh_tracks(
            labels=no_rows(),
            means=torch.zeros(0, 8, dtype=torch.double),
            covariances=torch.zeros(0, 8, 8, dtype=torch.double),
        )
        return {**tracks, 'last_frame': torch.full((), -1, dtype=torch.long)}

    @staticmethod
    def _boxes(masks: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (n, 4) x0, y0, x1, y1 of masks (n, H, W), maxima exclusive, and which masks have pixels (n,)."""
        corners = []
        for occupied in (masks.any(1).cpu().numpy(), masks.any(2).cpu().numpy()):
            corners += [occupied.argmax(1), occupied.shape[1] - occupied[:, ::-1].argmax(1)]
        boxes = torch.from_numpy(np.stack([corners[i] for i in (0, 2, 1, 3)], 1)).double()
        return boxes, torch.from_numpy(occupied.any(1))

    def _advance(self, state: TrackerState, frame: int) -> TrackerState:
        """Move all tracks on to a frame."""
        means, covariances = list(state['track_means'].numpy()), list(state['track_covariances'].numpy())
        for _ in range(frame - int(state['last_frame']) if means else 0):
            pairs = [self.motion.predict(*pair) for pair in zip(means, covariances, strict=True)]
            means, covariances = map(list, zip(*pairs, strict=True))
        return {**state, **self._motion_columns(means, covariances), 'last_frame': torch.tensor(frame)}

    @staticmethod
    def _motion_columns(means: list[np.ndarray], covariances: list[np.ndarray], prefix: str = 'track_') -> TrackerState:
        return {
            f'{prefix}means': torch.from_numpy(np.array(means, dtype=float).reshape(-1, 8)),
            f'{prefix}covariances': torch.from_numpy(np.array(covariances, dtype=float).reshape(-1, 8, 8)),
        }

    def _observe(
        self, boxes: Tensor, visible: Tensor, ids: Tensor, details: Tensor, seen_before: bool, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """Enter the boxes of one frame: ids (n,), 0 where there is none yet, and the new state."""
        labels, scores = details[0].long(), details[1]
        ids = self._match(boxes, visible, labels, ids, state)
        born = visible & (ids == 0) & (scores >= self.init_score_thr)
        num_born = int(born.sum())
        ids[born] = state['num_tracks'] + torch.arange(1, num_born + 1)
        rows = visible & (born if seen_before else ids > 0)  # a frame corrects a track once
        motions = []
        for identity, box in zip(ids[rows], bbox_xyxy_to_cxcyah(boxes[rows]).numpy(), strict=True):
            track = (state['track_ids'] == identity).nonzero()[:, 0].tolist()
            if track:
                known = (state[f'track_{name}'][track[0]].numpy() for name in ('means', 'covariances'))
                motions.append(self.motion.update(*known, box))
            else:
                motions.append(self.motion.initiate(box))
        columns = self._motion_columns([mean for mean, _ in motions], [x for _, x in motions], prefix='')
        columns |= dict(labels=labels[rows], last_frames=torch.full_like(labels[rows], int(state['last_frame'])))
        state = enter_tracks(state, ids[rows], columns)
        return ids, {**state, 'num_tracks': state['num_tracks'] + num_born}

    def _match(self, boxes: Tensor, visible: Tensor, labels: Tensor, ids: Tensor, state: TrackerState) -> Tensor:
        """Ids (n,) with those of free tracks entered for visible things that had none."""
        rows = (visible & (ids == 0)).nonzero()[:, 0]
        tracks = (~torch.isin(state['track_ids'], ids)).nonzero()[:, 0]
        predicted = bbox_cxcyah_to_xyxy(state['track_means'][tracks, :4])
        iou = bbox_overlaps(predicted, boxes[rows])
        if self.with_cats:
            iou = iou * (state['track_labels'][tracks, None] == labels[rows])
        matched, columns = match_optimally(iou, self.match_iou_thr)
        ids = ids.clone()
        ids[rows[columns]] = state['track_ids'][tracks[matched]]
        return ids
