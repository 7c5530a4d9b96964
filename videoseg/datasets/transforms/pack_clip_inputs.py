"""From a dict of lists to tensors and data samples."""

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.structures import InstanceData, PixelData

from videoseg.registry import TRANSFORMS
from videoseg.structures.ids import DIVISOR, VOID_LABEL, decode_ids

_FRAME_KEYS = (
    'video_id',
    'frame_id',
    'video_length',
    'img_path',
    'image_id',
    'labelled',
    'seg_map_path',
    'img_shape',
    'ori_shape',
    'scale_factor',
    'flip',
    'flip_direction',
)
_LOADED_KEYS = ('img', 'gt_seg_map', 'gt_raw_seg', 'gt_tracks', 'label_map', 'img_path')


@TRANSFORMS.register_module()
class PackClipInputs(BaseTransform):
    """Pack a clip or window: ``dict(inputs, data_samples)``.

    ``inputs`` is (T, 3, H, W) uint8 BGR; ``data_samples`` a ``TrackDataSample`` with ``video_id, video_length,
    key_frames_inds=[0], ref_frames_inds, window_start, num_overlap, is_last_window`` and T ``DetDataSample``:

    * training: ``gt_instances`` with ``labels`` (n,) int64, ``masks`` (n, H, W) uint8 and ``instances_ids`` (n,) int64
      (panoptic ids, unique over classes and constant over the video), one row per instance with at least ``min_area``
      pixels, so no mask is empty (the reference keeps instances whose box survives the crop but whose mask does not,
      ``specs/video_knet.md`` defect 13); ``gt_sem_seg.sem_seg`` (1, H, W) uint8 labels of all classes, 255 = void;
    * ``test_mode``: the ground truth that was loaded, at the original size: ``gt_panoptic_seg.panoptic_seg`` (1, H, W)
      int32; of semantic data sets (``gt_raw_seg`` was loaded) instead ``gt_sem_seg`` with ``sem_seg`` (1, H, W) uint8
      labels, 255 = void, and ``raw_seg`` (1, H, W) uint8 as in the file; of instance data sets (``gt_tracks``)
      ``gt_instances`` with ``labels``, ``instances_ids`` (n,) int64, ``is_crowd`` (n,) bool, ``areas`` (n,) float64,
      ``masks``, a list of n RLEs, and ``occlusion`` (n,) float64 if it is known. Frames without labels carry none.

    Frames of different size (pseudo pairs) are padded at the bottom right: images and masks with 0, labels with void.

    Args:
        test_mode: Pack ground truth for evaluation rather than targets for the losses.
        crowd: Thing pixels without an instance number are ``'ignore'``: no instance, and void in ``gt_sem_seg``.
            ``'instance'`` makes them one ordinary instance per class, as the reference does (defect 12).
        min_area: Smaller instances are treated as crowd to be ignored.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, test_mode: bool = False, crowd: str = 'ignore', min_area: int = 1) -> None:
        if crowd not in ('ignore', 'instance'):
            raise ValueError(f"PackClipInputs: crowd must be 'ignore' or 'instance', got {crowd!r}")
        if min_area < 1:
            raise ValueError(f'PackClipInputs: min_area must be at least 1 pixel, got {min_area}')
        self.test_mode = test_mode
        self.crowd = crowd
        self.min_area = min_area

    def transform(self, results: dict[str, list]) -> dict[str, Any]:
        """Pack the clip.

        Raises:
            KeyError: If a training clip has no panoptic maps.
            ValueError: If a map does not have the size of its image (training) or of the file (test), or a frame of a
                training clip has no labels.
        """
        count = len(results['img'])
        canvas = tuple(np.max([img.shape[:2] for img in results['img']], axis=0).tolist())
        if not self.test_mode and 'gt_seg_map' not in results:
            raise KeyError(
                'PackClipInputs: no gt_seg_map; training pipelines need LoadPanopticMap or LoadInstanceTracks'
            )
        frames = []
        for t in range(count):
            frame = DetDataSample(metainfo={key: results[key][t] for key in _FRAME_KEYS if key in results})
            pack = self._pack_test_truth if self.test_mode else self._pack_targets
            pack(frame, {key: results[key][t] for key in _LOADED_KEYS if key in results}, canvas)
            frames.append(frame)
        clip = TrackDataSample(
            metainfo=dict(
                key_frames_inds=[0],
                ref_frames_inds=list(range(1, count)),
                **{
                    key: results[key][0]
                    for key in ('video_id', 'video_length', 'window_start', 'num_overlap', 'is_last_window')
                },
            )
        )
        clip.video_data_samples = frames
        return dict(inputs=_stack_images(results['img'], canvas), data_samples=clip)

    def _pack_targets(self, sample: DetDataSample, frame: dict[str, Any], canvas: tuple[int, int]) -> None:
        panoptic = frame['gt_seg_map']
        if panoptic is None:
            raise ValueError(f'PackClipInputs: {frame["img_path"]}: this frame has no labels to train on')
        _check_size(frame, frame['img'].shape[:2], 'in training LoadPanopticMap stands before Resize')
        labels, instances = decode_ids(panoptic)
        is_thing = labels < frame['label_map'].num_things
        counted = panoptic[is_thing & (instances > 0)] if self.crowd == 'ignore' else panoptic[is_thing]
        ids, areas = np.unique(counted, return_counts=True)
        ids = ids[areas >= self.min_area]
        semantic = labels.astype(np.uint8)
        semantic[is_thing] = np.where(np.isin(panoptic[is_thing], ids), semantic[is_thing], VOID_LABEL)
        masks = np.zeros((len(ids), *canvas), dtype=np.uint8)
        masks[:, : panoptic.shape[0], : panoptic.shape[1]] = panoptic[None] == ids[:, None, None]
        sample.gt_instances = InstanceData(
            labels=torch.from_numpy(ids.astype(np.int64) // DIVISOR),
            masks=torch.from_numpy(masks),
            instances_ids=torch.from_numpy(ids.astype(np.int64)),
        )
        padded = np.full((1, *canvas), VOID_LABEL, dtype=np.uint8)
        padded[0, : panoptic.shape[0], : panoptic.shape[1]] = semantic
        sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(padded))

    def _pack_test_truth(self, sample: DetDataSample, frame: dict[str, Any], _canvas: tuple[int, int]) -> None:
        if frame.get('gt_tracks') is not None:
            sample.gt_instances = _exact_instances(frame['gt_tracks'])
        if frame.get('gt_seg_map') is None:
            return
        _check_size(frame, sample.ori_shape, 'in test pipelines LoadPanopticMap stands after Resize')
        panoptic = np.ascontiguousarray(frame['gt_seg_map'], dtype=np.int32)
        if frame.get('gt_raw_seg') is None:
            sample.gt_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(panoptic)[None])
            return
        sample.gt_sem_seg = PixelData(
            sem_seg=torch.from_numpy(decode_ids(panoptic)[0].astype(np.uint8))[None],
            raw_seg=torch.from_numpy(np.array(frame['gt_raw_seg'], dtype=np.uint8))[None],
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__}(test_mode={self.test_mode}, crowd={self.crowd!r}, min_area={self.min_area})'


def _exact_instances(tracks: dict[str, Any]) -> InstanceData:
    """``gt_tracks`` of ``LoadInstanceTracks`` as data of a sample; masks stay RLEs."""
    known = {} if tracks['occlusion'] is None else dict(occlusion=torch.from_numpy(tracks['occlusion']))
    return InstanceData(
        labels=torch.from_numpy(tracks['labels']),
        instances_ids=torch.from_numpy(tracks['ids']),
        masks=list(tracks['masks']),
        is_crowd=torch.from_numpy(tracks['is_crowd']),
        areas=torch.from_numpy(tracks['areas']),
        **known,
    )


def _check_size(frame: dict[str, Any], size: tuple[int, int], hint: str) -> None:
    if tuple(frame['gt_seg_map'].shape) != tuple(size):
        raise ValueError(
            f'PackClipInputs: {frame["img_path"]}: panoptic map {tuple(frame["gt_seg_map"].shape)}, expected '
            f'{tuple(size)}; {hint}'
        )


def _stack_images(images: list[np.ndarray], canvas: tuple[int, int]) -> torch.Tensor:
    """(T, 3, H, W) uint8; photometric transforms leave floats beyond [0, 255], which are rounded and cut."""
    stacked = np.zeros((len(images), *canvas, 3), dtype=np.uint8)
    for out, image in zip(stacked, images, strict=True):
        if image.dtype != np.uint8:
            image = np.clip(np.rint(image), 0, 255)
        out[: image.shape[0], : image.shape[1]] = image
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()
