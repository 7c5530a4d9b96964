"""From label and identity maps to segments."""

from dataclasses import dataclass

import torch
from torch import Tensor

from videoseg.registry import TASK_UTILS
from videoseg.structures.ids import VOID_LABEL

_CODES = VOID_LABEL + 1


@dataclass
class DecodedSegments:
    """S segments of T frames, ascending by label, then identity; stuff has identity 0.

    Attributes:
        segment_map: (T, H, W) int32, row of the segment + 1, 0 = void.
        labels: (S,) int64 model labels.
        ids: (S,) int64 identities.
        scores: (S,) float32 mean confidence in [0, 1].
    """

    segment_map: Tensor
    labels: Tensor
    ids: Tensor
    scores: Tensor

    def label_map(self) -> Tensor:
        """(T, H, W) int64 labels, 255 = void."""
        return torch.cat([self.labels.new_tensor([VOID_LABEL]), self.labels])[self.segment_map.long()]

    def id_map(self) -> Tensor:
        """(T, H, W) int64 identities, 0 = none."""
        return torch.cat([self.ids.new_zeros(1), self.ids])[self.segment_map.long()]


@TASK_UTILS.register_module()
class SegmentDecoder:
    """Clean maps: no tiny segments, no identity without a thing, with ``majority_vote`` one class an identity.

    In a vote the class of most pixels of an identity counts (void is a class, the lower label wins a tie); without it
    every class of an identity is a segment of its own. Segments with an identity of fewer than ``min_pixels`` pixels
    become void. Both are counted over all frames of the window. Afterwards stuff and void lose their identity, so that
    all stuff of a class is one segment. Pixels without identity keep their class. Source: ``specs/pix2seq_d.md``
    section 6.

    Args:
        min_pixels: Least pixels of a segment with an identity; 0: no filter.
        majority_vote: One class an identity. None: as published, with ``'segments'`` only. Where two objects of
            different classes were given the same identity, a vote takes the class from one of them.
        identities: Who has an identity: ``'things'`` (video convention: vote and filter concern thing pixels only), or
            ``'segments'`` (image convention: all of them, stuff too).

    Raises:
        ValueError: For an unknown convention or a negative number of pixels.
    """

    def __init__(self, min_pixels: int = 40, majority_vote: bool | None = None, identities: str = 'things') -> None:
        if identities not in ('things', 'segments'):
            raise ValueError(f"SegmentDecoder: identities must be 'things' or 'segments', got {identities!r}")
        if min_pixels < 0:
            raise ValueError(f'SegmentDecoder: min_pixels must not be negative, got {min_pixels}')
        self.min_pixels = min_pixels
        self.majority_vote = identities == 'segments' if majority_vote is None else majority_vote
        self.identities = identities

    def __call__(
        self, labels: Tensor, ids: Tensor, num_things: int, confidence: Tensor | None = None
    ) -> DecodedSegments:
        """Segments of a clip.

        Args:
            labels: (T, H, W) model labels, 255 = void.
            ids: (T, H, W) identities, 0 = none.
            num_things: Labels below are things.
            confidence: (T, H, W) how sure a pixel is of its label and identity; None: entirely.
        """
        codes = (labels.long() + 1) % _CODES  # void is 0
        if self.identities == 'things':
            ids = ids * ((codes > 0) & (codes <= num_things))
        values, rows = ids.long().unique(return_inverse=True)
        codes = self._clean(codes, values, rows)
        keeps = (codes > 0) & (codes <= num_things) & (values > 0)[rows]
        keys = codes * (len(values) + 1) + (rows + 1) * keeps
        keys, rows = keys.unique(return_inverse=True)
        first = int((keys == 0).any())  # key 0 is void
        count = torch.bincount(rows.flatten(), minlength=len(keys))
        weights = torch.ones_like(rows, dtype=torch.float) if confidence is None else confidence.float()
        scores = torch.bincount(rows.flatten(), weights.flatten(), minlength=len(keys)) / count
        keys = keys[first:]
        return DecodedSegments(
            segment_map=(rows + 1 - first).int(),
            labels=keys // (len(values) + 1) - 1,
            ids=torch.cat([values.new_zeros(1), values])[keys % (len(values) + 1)],
            scores=scores[first:].float().clamp(max=1),
        )

    def _clean(self, codes: Tensor, values: Tensor, rows: Tensor) -> Tensor:
        """Class codes after vote and filter.

        Args:
            codes: (T, H, W) class codes, 0 = void.
            values: (V,) identities present.
            rows: (T, H, W) index of each pixel's identity.
        """
        if self.majority_vote:
            codes = torch.where((values > 0)[rows], self._histogram(codes, values, rows).argmax(1)[rows], codes)
        small = self._histogram(codes, values, rows) < self.min_pixels
        return codes.masked_fill(small[rows, codes] & (values > 0)[rows], 0)

    @staticmethod
    def _histogram(codes: Tensor, values: Tensor, rows: Tensor) -> Tensor:
        """Pixels of every identity and class code (V, codes)."""
        pixels = torch.bincount((rows * _CODES + codes).flatten(), minlength=len(values) * _CODES)
        return pixels.view(-1, _CODES)
