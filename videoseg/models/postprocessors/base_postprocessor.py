"""What every postprocessor offers."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta, MapPrediction
from videoseg.structures.track_table import finish_tracks, update_track_table
from videoseg.structures.video_state import StateDict

Prediction = ClipPrediction | MapPrediction

_READERS = {
    ClipPrediction: 'PanopticPostprocessor, InstancePostprocessor or SemanticPostprocessor',
    MapPrediction: 'MapPostprocessor',
}


class BasePostprocessor(nn.Module, metaclass=ABCMeta):
    """Turns the prediction of one window of one video into segments at the original size.

    ``postprocessor(prediction, meta)`` checks the prediction and calls :meth:`segment`, which subclasses define. What
    is left of a video when it ends is the track table; :meth:`update_table` and :meth:`finish_table` keep it, and are
    overridden by postprocessors that select tracks at the end. A postprocessor has no weights and no memory: it is a
    module so that it can be measured like the other parts of a model.

    Attributes:
        reads: Type of the prediction.
        only_things: Stuff is no segment, so that a decoder without things would give nothing.
        repeats_queries: One query may be several segments, so that its number is no identity.
        needs_query_ids: The id of a segment has to be the number of its query + 1.
    """

    reads: type = ClipPrediction
    only_things = False
    repeats_queries = False
    needs_query_ids = False

    def forward(self, prediction: Prediction, meta: FrameMeta) -> ClipSegments:
        """Segments of one clip.

        Args:
            prediction: One clip (B = 1), aligned by the tracker.
            meta: Frame numbers and sizes.

        Raises:
            TypeError: If the decoder gives another type of prediction.
            ValueError: If the prediction holds more than one clip.
        """
        if not isinstance(prediction, self.reads):
            found = type(prediction)
            raise TypeError(
                f'{type(self).__name__} needs a decoder that gives a {self.reads.__name__}, got a {found.__name__}: '
                f'use {_READERS.get(found, "a postprocessor that reads it")}'
            )
        if prediction.num_clips != 1:
            raise ValueError(
                f'post-processing handles one clip at a time, got a batch of {prediction.num_clips}: '
                f'use {self.reads.__name__}.select_clip(i) first'
            )
        return self.segment(prediction, meta)

    @abstractmethod
    def segment(self, prediction: Prediction, meta: FrameMeta) -> ClipSegments:
        """Segments of a checked prediction at ``meta.ori_shape``, all tensors on its device.

        Args:
            prediction: One clip (B = 1) of type :attr:`reads`.
            meta: Frame numbers and sizes.
        """

    def update_table(
        self,
        table: StateDict,
        prediction: Prediction,
        segments: ClipSegments,
        frame_ids: Sequence[int],
    ) -> StateDict:
        """Enter a window. By default its tracked segments, see :func:`update_track_table`.

        Args:
            table: What the window before left, or empty; it is not changed.
            prediction: The prediction that the segments were made from.
            segments: The segments with ``track_ids``.
            frame_ids: Numbers of the window's new frames, the last ones of the window.

        Returns:
            A new table, flat and on the CPU; its size must not depend on the number of frames.
        """
        return update_track_table(table, segments, frame_ids)

    def finish_table(self, table: StateDict) -> dict[str, Tensor]:
        """The tracks of a finished video. By default one a track id, see :func:`finish_tracks`.

        Args:
            table: What the last window left.

        Returns:
            ``ids, labels, scores, num_frames, first_frame, last_frame``; and ``mask_ids`` where several tracks share
            the masks of one id in the frame results.
        """
        return finish_tracks(table)

    def _check_choice(self, name: str, value: str, choices: tuple[str, ...]) -> None:
        """Refuse an argument that is none of its choices."""
        if value not in choices:
            raise ValueError(f'{type(self).__name__}: {name} must be one of {choices}, got {value!r}')
