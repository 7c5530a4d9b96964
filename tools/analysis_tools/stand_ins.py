"""Stand-ins for data and for trained weights (used by ``benchmark.py``)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn

from videoseg.structures import ClipPrediction
from videoseg.structures.ids import VOID_LABEL


def owners(height: int, width: int, num_things: int, num_stuff: int) -> Tensor:
    """A scene: (height, width) of segment numbers, stuff bands first (-1 without stuff), then discs on a grid."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    scene = y * num_stuff // height if num_stuff else torch.full_like(y, -1)
    columns = max(1, min(num_things, round((num_things * width / height) ** 0.5)))
    rows = -(-num_things // columns)
    for i in range(num_things):
        row, column = divmod(i, columns)
        centre_y, centre_x = (row + 0.5) * height / rows, (column + 0.5) * width / columns
        radius = max(0.4 * min(height / rows, width / columns), 0.75)
        scene[(y - centre_y) ** 2 + (x - centre_x) ** 2 < radius**2] = num_stuff + i
    return scene


class FixedScene:
    """Puts a scene in the place of the prediction of an untrained decoder; embeddings and kernels stay.

    Args:
        decoder: Its ``decode`` is changed in place.
        num_things: Things in every frame.
    """

    def __init__(self, decoder: nn.Module, num_things: int) -> None:
        self._decode, self._num_things, self._fields = decoder.decode, num_things, None
        decoder.decode = self.decode

    @property
    def used(self) -> bool:
        """False where the decoder predicts maps, which are left as they are."""
        return self._fields is not None

    def decode(self, feats: Any, state: dict, metas: list, prompts: Any = None) -> tuple[Any, dict]:
        prediction, state = self._decode(feats, state, metas, prompts)
        if isinstance(prediction, ClipPrediction):
            if self._fields is None:  # made once, so that it takes no time later
                self._fields = self._make(prediction)
            prediction = replace(prediction, **self._fields)
        return prediction, state

    def _make(self, prediction: ClipPrediction) -> dict[str, Tensor]:
        softmax = prediction.activation == 'softmax'
        num_classes = prediction.class_logits.shape[-1] - softmax
        stuff = range(prediction.num_things, num_classes)
        fixed = prediction.fixed_labels.tolist()
        free = iter([query for query, label in enumerate(fixed) if label < 0])
        labels = [*stuff, *(i % max(prediction.num_things, 1) for i in range(self._num_things))]
        queries = [fixed.index(label) if label in fixed else next(free, None) for label in labels]
        if None in queries or (self._num_things and not prediction.num_things):
            raise SystemExit(
                f'--num-things {self._num_things}: the decoder has {fixed.count(-1)} free queries and '
                f'{prediction.num_things} thing classes'
            )
        height, width = prediction.mask_logits.shape[-2:]
        scene = owners(height, width, self._num_things, len(stuff)).to(prediction.mask_logits.device)
        segments = torch.arange(len(labels), device=scene.device)
        masks = torch.full_like(prediction.mask_logits, -6)
        masks[0, queries] = 12.0 * (scene == segments[:, None, None])[:, None].to(masks) - 6
        classes = torch.full_like(prediction.class_logits, -10)
        if softmax:
            classes[..., -1] = 10
            classes[0, queries, -1] = -10
        classes[0, queries, labels] = torch.linspace(3, 2, len(labels)).to(classes)
        fields = dict(mask_logits=masks, class_logits=classes)
        if prediction.semantic_logits is not None:
            semantic = torch.full_like(prediction.semantic_logits, -6)
            for segment, label in enumerate(labels):
                semantic[0, label, :, scene == segment] = 6
            fields['semantic_logits'] = semantic
        return fields


class Footage:
    """An endless video: noise that moves sideways.

    Args:
        shape: (H, W).
        decoder: Tells the classes of the ground truth.
        num_things: Things in the ground truth.
    """

    def __init__(self, shape: Sequence[int], decoder: nn.Module, num_things: int) -> None:
        self._shape, self._decoder, self._num_things = tuple(shape), decoder, num_things
        coarse = torch.rand(1, 3, *(-(-side // 8) for side in shape))
        smooth = nn.functional.interpolate(coarse, shape, mode='bilinear', align_corners=False)[0]
        self._texture = (smooth * 220 + torch.rand(3, *shape) * 35).to(torch.uint8)

    def clip(self, start: int, stop: int, overlap: int = 0, truth: bool = False) -> dict[str, list]:
        """Frames [start, stop) as a collated batch of one."""
        info = dict(video_id='footage', video_length=stop, img_shape=self._shape, ori_shape=self._shape)
        sample = TrackDataSample(metainfo=dict(video_id='footage', num_overlap=overlap))
        sample.video_data_samples = [DetDataSample(metainfo=dict(frame_id=t, **info)) for t in range(start, stop)]
        if truth:
            for t, frame in enumerate(sample.video_data_samples, start):
                self._add_truth(frame, t)
        images = torch.stack([self._texture.roll(3 * t, -1) for t in range(start, stop)])
        return dict(inputs=[images], data_samples=[sample])

    def _add_truth(self, frame: DetDataSample, shift: int) -> None:
        num_things, num_stuff = self._decoder.num_things, self._decoder.num_stuff
        scene = owners(*self._shape, self._num_things, num_stuff).roll(3 * shift, -1)
        things = torch.arange(self._num_things)
        labels = things % max(num_things, 1)
        masks = scene == num_stuff + things[:, None, None]
        classes = torch.cat([torch.arange(num_stuff) + num_things, labels, torch.tensor([VOID_LABEL])])  # [-1] is void
        frame.gt_instances = InstanceData(labels=labels, masks=masks.to(torch.uint8), instances_ids=things + 1)
        frame.gt_sem_seg = PixelData(sem_seg=classes[scene][None].to(torch.uint8))
