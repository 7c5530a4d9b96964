"""Association by mask overlap."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

from .association import fresh_tracks, match_optimally, no_rows
from .base_tracker import BaseTracker, TrackerState

MATCHINGS = ('hungarian', 'greedy')


@MODELS.register_module()
class MaskIoUTracker(BaseTracker):
    """Segments continue the track of their class whose last known pixels they cover best.

    The state holds one map (H, W) of track ids: the last frame of the previous window, and under it, where no current
    track lies, the pixels of tracks lost up to ``memo_frames`` ago. It is compared with the same frame of the new
    window where windows overlap, otherwise with its first frame. Apart from the maps, which stay on their device, all
    is done on the CPU after a single copy.

    Args:
        match_iou_thr: Least mask IoU of a match.
        init_score_thr: Unmatched segments of at least this score start a track; weaker ones are untracked.
        memo_frames: A lost track is forgotten when it was last seen more than that many frames before the last frame
            of the window; 0 keeps only the tracks of the last window.
        with_cats: Segments only match tracks of their class.
        matching: ``'hungarian'`` (largest sum of IoU) or ``'greedy'`` (largest IoU first).

    Raises:
        ValueError: If ``matching`` is unknown.
    """

    def __init__(
        self,
        match_iou_thr: float = 0.3,
        init_score_thr: float = 0.0,
        memo_frames: int = 5,
        with_cats: bool = True,
        matching: str = 'hungarian',
    ) -> None:
        if matching not in MATCHINGS:
            raise ValueError(f'matching must be one of {MATCHINGS}, got {matching!r}')
        self.match_iou_thr = match_iou_thr
        self.init_score_thr = init_score_thr
        self.memo_frames = memo_frames
        self.with_cats = with_cats
        self.matching = matching

    def associate(
        self, segments: ClipSegments, embeddings: Tensor | None, meta: FrameMeta, state: TrackerState
    ) -> tuple[Tensor, TrackerState]:
        """See :meth:`BaseTracker.associate`; embeddings are not used.

        Raises:
            ValueError: If the segments have another size than the map in the state.
        """
        id_map = state['id_map'] if state else torch.zeros(meta.ori_shape, dtype=torch.int32)
        id_map = id_map.to(segments.labels.device)
        if tuple(id_map.shape) != tuple(meta.ori_shape):
            raise ValueError(
                f'video {meta.video_id}: frames of size {tuple(meta.ori_shape)} follow frames of size '
                f'{tuple(id_map.shape)}; all frames of a video must have one size'
            )
        table = {k: v.cpu() for k, v in state.items() if k != 'id_map'} or self._fresh_table()
        last = int(table['last_frame'])
        shared = meta.frame_ids.index(last) if last in meta.frame_ids else 0
        row_map = self._rows(id_map, table['track_ids'])
        overlaps = self._overlaps(segments, shared, row_map, len(table['track_ids']))
        details = torch.stack([segments.labels, segments.scores, segments.is_thing]).to(overlaps)
        packed = torch.cat([overlaps, F.pad(details, (1, 0))]).cpu()
        ids, seen, table = self._assign(packed[:-3], *packed[-3:, 1:], meta.frame_ids[-1], table)
        ids = ids.to(segments.labels.device)
        return ids, {**table, 'id_map': self._paint(segments, ids, id_map, row_map, seen)}

    @staticmethod
    def _fresh_table() -> TrackerState:
        return {**fresh_tracks(labels=no_rows()), 'last_frame': torch.full((), -1, dtype=torch.long)}

    @staticmethod
    def _rows(id_map: Tensor, track_ids: Tensor) -> Tensor:
        """Row + 1 in the ascending table of track ids at every pixel, 0 = none of them: (H, W) int64."""
        ids = F.pad(track_ids, (1, 0)).to(id_map)
        rows = torch.searchsorted(ids, id_map).clamp(max=len(ids) - 1)
        return rows * (ids[rows] == id_map)

    @staticmethod
    def _overlaps(segments: ClipSegments, frame: int, row_map: Tensor, num_tracks: int) -> Tensor:
        """Common pixels (P + 1, S + 1) float64 of tracks and segments.

        Row 0 stands for no track; column 0 is the size of each track.
        """
        size = len(segments) + 1
        area = torch.bincount(row_map.flatten(), minlength=num_tracks + 1)
        if segments.segment_map is not None:
            pairs = row_map * size + segments.segment_map[frame]
            counts = torch.bincount(pairs.flatten(), minlength=(num_tracks + 1) * size).view(-1, size)[:, 1:]
        else:
            masks = segments.masks[:, frame].flatten(1).T.float()
            counts = torch.zeros(num_tracks + 1, len(segments), device=row_map.device)
            counts.index_add_(0, row_map.flatten(), masks)
        return torch.cat([area[:, None], counts], 1).double()

    def _assign(
        self, overlaps: Tensor, labels: Tensor, scores: Tensor, is_thing: Tensor, frame: int, table: TrackerState
    ) -> tuple[Tensor, Tensor, TrackerState]:
        """Ids (S,), which tracks were seen (P,) bool, and the new table; all on the CPU."""
        labels, is_thing = labels.long(), is_thing.bool()
        inter = overlaps[1:, 1:]
        iou = inter / (overlaps[1:, :1] + overlaps[:, 1:].sum(0) - inter).clamp(min=1)
        iou = iou * is_thing
        if self.with_cats:
            iou = iou * (table['track_labels'][:, None] == labels)
        tracks, rows = self._pairs(iou)
        ids = torch.zeros_like(labels)
        ids[rows] = table['track_ids'][tracks]
        seen = torch.zeros(len(table['track_ids']), dtype=torch.bool)
        seen[tracks] = True
        born = is_thing & (ids == 0) & (scores >= self.init_score_thr)
        num_born = int(born.sum())
        ids[born] = table['num_tracks'] + torch.arange(1, num_born + 1)
        last_frames = torch.where(seen, frame, table['track_last_frames'])
        track_labels = table['track_labels'].clone()
        track_labels[tracks] = labels[rows]
        alive = frame - last_frames <= self.memo_frames
        new = dict(
            num_tracks=table['num_tracks'] + num_born,
            last_frame=torch.tensor(frame),
            track_ids=torch.cat([table['track_ids'][alive], ids[born]]),
            track_labels=torch.cat([track_labels[alive], labels[born]]),
            track_last_frames=torch.cat([last_frames[alive], torch.full((num_born,), frame)]),
        )
        return ids, seen, new

    def _pairs(self, iou: Tensor) -> tuple[Tensor, Tensor]:
        """Matched rows and columns of an IoU matrix."""
        if self.matching == 'hungarian':
            return match_optimally(iou, self.match_iou_thr)
        values = iou.numpy().copy()
        values[values < self.match_iou_thr] = 0
        rows, columns = self._greedy(values)
        return torch.tensor(rows, dtype=torch.long), torch.tensor(columns, dtype=torch.long)

    @staticmethod
    def _greedy(values: np.ndarray) -> tuple[list[int], list[int]]:
        """Positive entries by descending value, each row and column at most once."""
        rows, columns = [], []
        candidates = np.argwhere(values > 0)
        order = np.argsort(-values[values > 0], kind='stable')
        for row, column in candidates[order].tolist():
            if row not in rows and column not in columns:
                rows.append(row)
                columns.append(column)
        return rows, columns

    @staticmethod
    def _paint(segments: ClipSegments, ids: Tensor, id_map: Tensor, row_map: Tensor, seen: Tensor) -> Tensor:
        """The last frame as a map of ids, lost tracks below: (H, W) int32."""
        lost = F.pad(~seen, (1, 0)).to(id_map.device)
        below = id_map * lost[row_map]
        if segments.segment_map is not None:
            current = F.pad(ids, (1, 0)).int()[segments.segment_map[-1].long()]
        else:
            order = segments.scores.argsort(stable=True)
            above = torch.arange(1, len(order) + 1, device=ids.device, dtype=torch.int32)[:, None, None]
            top = F.pad(segments.masks[order, -1] * above, (0, 0, 0, 0, 1, 0)).amax(0)
            current = F.pad(ids[order], (1, 0)).int()[top.long()]
        return torch.where(current > 0, current, below)
