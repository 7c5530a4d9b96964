"""A small scene to draw and a data sample of it."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData

from videoseg.structures.ids import VOID_ID, encode_ids

METAINFO = dict(
    classes=('car', 'person', 'road', 'sky'),
    num_things=2,
    palette=[(0, 0, 142), (220, 20, 60), (128, 64, 128), (70, 130, 180)],
)
SIZE = (60, 80)


def image(value: int = 90) -> np.ndarray:
    """A grey ramp, BGR."""
    ramp = np.linspace(value, value + 60, SIZE[1]).astype(np.uint8)
    return np.repeat(np.broadcast_to(ramp, SIZE)[..., None], 3, -1).copy()


def scene(shift: int = 0) -> np.ndarray:
    """Sky over road, car 1 moving to the right, person 2, and a void corner."""
    ids = np.full(SIZE, encode_ids(3, 0), np.int32)
    ids[30:] = encode_ids(2, 0)
    ids[32:50, 5 + shift : 35 + shift] = encode_ids(0, 1)
    ids[25:55, 60:68] = encode_ids(1, 2)
    ids[:10, :12] = VOID_ID
    return ids


def result(folder: Path, frame: int = 0, length: int = 3, video: str = 'drive') -> DetDataSample:
    """A frame result whose image lies in ``folder``."""
    path = folder / video / f'{frame:04d}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image())
    sample = DetDataSample(
        metainfo=dict(video_id=video, frame_id=frame, video_length=length, img_path=str(path), ori_shape=SIZE)
    )
    sample.pred_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(scene(frame))[None])
    sample.gt_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(scene())[None])
    sample.pred_track_instances = InstanceData(
        labels=torch.tensor([0, 1, 2, 3]),
        scores=torch.tensor([0.9, 0.8, 0.7, 0.6]),
        instances_id=torch.tensor([1, 2, 0, 0]),
        is_thing=torch.tensor([True, True, False, False]),
    )
    return sample


def frames_of(path: Path) -> list[np.ndarray]:
    """All frames of a video file."""
    reader, frames = cv2.VideoCapture(str(path)), []
    while True:
        found, frame = reader.read()
        if not found:
            reader.release()
            return frames
        frames.append(frame)
