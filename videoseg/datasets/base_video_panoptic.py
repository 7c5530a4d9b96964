"""Videos as frame lists."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from mmengine.dataset import BaseDataset

from videoseg.datasets.frame_folders import check_pairs, list_sequences
from videoseg.datasets.frame_lists import select_frames
from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.map_decoders import MAP_DECODERS
from videoseg.datasets.random_state import derive_seed, seeded
from videoseg.datasets.sample_rejected import SampleRejected
from videoseg.datasets.samplers.index import DrawIndex, WindowIndex
from videoseg.registry import DATASETS

_LAYOUTS = ('sequences', 'images')


@DATASETS.register_module()
class BaseVideoPanopticDataset(BaseDataset):
    """Videos with panoptic maps, on disk as one file a frame (KITTI-STEP layout).

    ``<img prefix>/<sequence>/<frame>.png`` and ``<seg prefix>/<sequence>/<frame>.png``. Training asks for key frames,
    ``dataset[DrawIndex]``, around which the pipeline's ``ClipSample`` draws a clip; testing asks for windows of whole
    videos, ``dataset[WindowIndex]``. A bare integer is a key frame, or at test time the window of that one frame.

    With ``layout='images'`` the prefixes hold the images themselves and each is a video of one frame, for image-level
    pre-training. ``ClipSample(num_refs=0)`` then gives single images. Asked for a reference frame it repeats the image;
    with ``TransformBroadcaster(share_random_params=False)`` and ``ClipCrop(share_offset=False)`` the two are different
    augmentations of one image, hence a pseudo pair for the association losses.

    Metainfo (class attribute ``METAINFO`` or argument): ``classes`` (model-label order: things first), ``num_things``,
    ``raw_ids`` (raw class id of every label), ``palette`` (RGB of every label), ``name``, and if need be
    ``ignore_raw_id`` (255). Another data set in this layout needs other metainfo only.

    Other layouts are subclasses with their own :meth:`load_data_list`. Labels may be sparse: frames that the entry's
    ``labelled`` leaves out are neither key nor reference frames in training; in tests they are predicted, not scored.

    Args:
        data_root: Joined with relative prefixes.
        data_prefix: ``img`` and ``seg`` folders; ``seg`` may be left out at test time.
        layout: ``'sequences'`` (a folder a video) or ``'images'``.
        img_suffixes: File name endings of frames.
        seg_suffix: File name ending of panoptic maps.
        seg_encoding: How maps are decoded, a key of ``videoseg.datasets.map_decoders.MAP_DECODERS``. Default: that of
            the class, ``'step'`` here.
        metainfo: Changes to the class's metainfo.
        indices: Use only the first (last, if negative) videos, or those named.
        serialize_data: Keep the lists pickled, so that loader workers share the memory.
        pipeline: Transforms, as configs or callables.
        test_mode: Give windows instead of clips.
        lazy_init: Look at the disk later, on ``full_init``.
        max_refetch: Other samples to try when the pipeline rejects one, before giving up.

    Raises:
        FileNotFoundError: If a folder, an image or a label file is missing, or a sequence has no frames.
        ValueError: If metainfo or arguments do not fit together.
    """

    SEG_ENCODING: ClassVar[str] = 'step'

    def __init__(
        self,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        layout: str = 'sequences',
        img_suffixes: Sequence[str] = ('.png', '.jpg', '.jpeg'),
        seg_suffix: str = '.png',
        seg_encoding: str | None = None,
        metainfo: Mapping | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 50,
    ) -> None:
        prefix = dict(data_prefix or {})
        if layout not in _LAYOUTS:
            raise ValueError(f'{type(self).__name__}: layout must be one of {_LAYOUTS}, got {layout!r}')
        self.seg_encoding = seg_encoding or self.SEG_ENCODING
        if self.seg_encoding not in MAP_DECODERS:
            raise ValueError(
                f'{type(self).__name__}: seg_encoding must be one of {tuple(MAP_DECODERS)}, got {self.seg_encoding!r}'
            )
        if unknown := set(prefix) - {'img', 'seg'}:
            raise ValueError(
                f'{type(self).__name__}: data_prefix has unknown keys {sorted(unknown)}; it takes img, seg'
            )
        if 'img' not in prefix or ('seg' not in prefix and not test_mode):
            raise ValueError(
                f'{type(self).__name__}: data_prefix={prefix} must name the img folder, and the seg folder of panoptic '
                'maps unless test_mode=True'
            )
        self.layout = layout
        self.img_suffixes = tuple(img_suffixes)
        self.seg_suffix = seg_suffix
        info = dict(metainfo or {})
        name = info.pop('name', self.METAINFO.get('name'))  # mmengine would look for a file of that name
        super().__init__(
            metainfo=info,
            data_root=data_root,
            data_prefix=prefix,
            indices=indices,
            serialize_data=serialize_data,
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=True,
            max_refetch=max_refetch,
        )
        if name is not None:
            self._metainfo['name'] = name
        self.label_map = LabelMap.from_metainfo(self._metainfo)
        if not lazy_init:
            self.full_init()

    # ------------------------------------------------------------------ videos

    def full_init(self) -> None:
        """Look at the disk, unless that was done already."""
        if not self._fully_initialized:
            super().full_init()
            self._count_frames()

    def load_data_list(self) -> list[dict]:
        """One entry a video: ``video_id``, ``video_length``, ``img_paths``, ``seg_map_paths`` (None without labels).

        Subclasses may add lists with an entry a frame: ``labelled`` (bool; sparse labels, ``seg_map_paths`` is None
        where False), ``segments`` (segment id -> panoptic id), ``instances``, ``image_ids`` (ids in the json).

        Raises:
            FileNotFoundError: If a folder, an image or a label file is missing, or a sequence has no frames.
        """
        img_root, seg_root = self.data_prefix['img'], self.data_prefix.get('seg')
        images = list_sequences(img_root, self.layout, self.img_suffixes)
        labels: dict[str, dict[str, str]] = {}
        if seg_root is not None:
            labels = list_sequences(seg_root, self.layout, (self.seg_suffix,))
            check_pairs(images, labels, img_root, seg_root)
        return [
            dict(
                video_id=name,
                video_length=len(frames),
                img_paths=list(frames.values()),
                seg_map_paths=[labels[name][frame] for frame in frames] if seg_root is not None else None,
            )
            for name, frames in images.items()
        ]

    @property
    def num_videos(self) -> int:
        """Number of videos."""
        self.full_init()
        return len(self._lengths)

    def video_length(self, video: int) -> int:
        """Number of frames of the ``video``-th video."""
        self.full_init()
        return int(self._lengths[video])

    def get_video(self, video: int) -> dict[str, Any]:
        """The ``video``-th entry of :meth:`load_data_list`, with the ``label_map`` of the data set."""
        info = super().get_data_info(video)
        info.pop('sample_idx')
        return dict(info, label_map=self.label_map, seg_encoding=self.seg_encoding)

    def get_subset(self, indices: int | Sequence[int]) -> 'BaseVideoPanopticDataset':
        """A data set of some of the videos (not frames)."""
        subset = super().get_subset(indices)
        # Not the deep copy: mmcv's cached draws hold on to the transforms they were first used with.
        subset.pipeline = self.pipeline
        subset._count_frames()
        return subset

    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep only some of the videos (not frames)."""
        super().get_subset_(indices)
        self._count_frames()

    def _count_frames(self) -> None:
        count = len(self.data_address) if self.serialize_data else len(self.data_list)
        lengths, key_counts = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._sparse: dict[int, np.ndarray] = {}
        for v in range(count):
            video = self.get_video(v)
            lengths[v] = key_counts[v] = video['video_length']
            labelled = None if self.test_mode else video.get('labelled')
            if labelled is not None and not all(labelled):
                self._sparse[v] = np.flatnonzero(labelled)
                key_counts[v] = len(self._sparse[v])
        self._lengths = lengths
        self._starts = np.concatenate([[0], np.cumsum(key_counts)])

    # ----------------------------------------------------------------- samples

    def __len__(self) -> int:
        """Number of frames of all videos that can be a key frame: in training, those with labels."""
        self.full_init()
        return int(self._starts[-1])

    def __getitem__(self, index: int | DrawIndex | WindowIndex) -> dict[str, Any]:
        """Load one clip or window.

        Args:
            index: A :class:`DrawIndex` or integer in training; a :class:`WindowIndex` or integer at test time.

        Returns:
            What the pipeline makes of it. With a ``DrawIndex`` all random draws are seeded from it, including those
            that replace a rejected sample, and the global generators are left as they were.

        Raises:
            IndexError: If there is no such frame, video or window.
            TypeError: If the kind of index does not fit ``test_mode``.
            RuntimeError: If ``max_refetch`` samples were rejected in a row, naming frames and reasons.
        """
        self.full_init()
        if self.test_mode:
            data = self.prepare_data(index)
            if data is None:
                raise RuntimeError(
                    f'{self._describe(index)}: the test pipeline returned None; it must not reject frames'
                )
            return data
        seed = index.seed if isinstance(index, DrawIndex) else None
        rejected: list[str] = []
        current = index
        while len(rejected) <= self.max_refetch:
            with seeded(current.seed if isinstance(current, DrawIndex) else None):
                reason = 'the pipeline returned None'
                try:
                    data = self.prepare_data(current)
                except SampleRejected as rejection:
                    data, reason = None, str(rejection)
            if data is not None:
                return data
            rejected.append(f'{self._describe(current)}: {reason}')
            current = self._draw_another(seed, len(rejected))
        raise RuntimeError(
            f'{len(rejected)} samples rejected in a row: {"; ".join(rejected[:3])} ... Loosen the transform that '
            'rejects them, or check the labels.'
        )

    def get_data_info(self, index: int | DrawIndex | WindowIndex) -> dict[str, Any]:
        """What goes into the pipeline.

        Returns:
            In training the video (see :meth:`get_video`) with ``key_frame``, the number of the frame in it; at test
            time a dict of lists, see :func:`videoseg.datasets.frame_lists.select_frames`.

        Raises:
            IndexError, TypeError: As :meth:`__getitem__`.
        """
        self.full_init()
        if not self.test_mode:
            if isinstance(index, WindowIndex):
                raise TypeError(f'{type(self).__name__}: got {index} in training; use ClipSampler, or test_mode=True')
            video, frame = self._locate(index.index if isinstance(index, DrawIndex) else index)
            return dict(self.get_video(video), key_frame=frame)
        if isinstance(index, DrawIndex):
            raise TypeError(f'{type(self).__name__}: got {index} with test_mode=True; use VideoWindowSampler')
        if not isinstance(index, WindowIndex):
            video, frame = self._locate(index)
            index = WindowIndex(video, frame, frame + 1, 0)
        length = self.video_length(index.video) if 0 <= index.video < self.num_videos else 0
        if not 0 <= index.start < index.stop <= length:
            raise IndexError(f'{type(self).__name__}: there is no {index}')
        return select_frames(
            self.get_video(index.video),
            range(index.start, index.stop),
            window_start=index.start,
            num_overlap=index.overlap,
            is_last_window=index.stop == length,
        )

    def _locate(self, index: int) -> tuple[int, int]:
        number = operator.index(index)
        number += len(self) if number < 0 else 0
        if not 0 <= number < len(self):
            raise IndexError(f'{type(self).__name__}: frame {index} of {len(self)}')
        video = int(np.searchsorted(self._starts, number, side='right')) - 1
        frame = number - int(self._starts[video])
        return video, int(self._sparse[video][frame]) if video in self._sparse else frame

    def _draw_another(self, seed: int | None, attempt: int) -> int | DrawIndex:
        if seed is None:
            return int(np.random.randint(len(self)))
        return DrawIndex(derive_seed(seed, attempt, 0) % len(self), derive_seed(seed, attempt, 1))

    def _describe(self, index: int | DrawIndex | WindowIndex) -> str:
        if isinstance(index, WindowIndex):
            return f'video {self.get_video(index.video)["video_id"]}, frames {index.start} to {index.stop - 1}'
        video, frame = self._locate(index.index if isinstance(index, DrawIndex) else index)
        info = self.get_video(video)
        return f'video {info["video_id"]}, frame {frame} ({info["img_paths"][frame]})'
