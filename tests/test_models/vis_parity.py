"""Shared helpers of the parity tests of clip K-Net (the VIS model of Video K-Net)."""

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.structures import InstanceData
from torch import nn

from tests.test_models.knet_parity import converter
from videoseg.models.task_modules import FrameTargets
from videoseg.registry import MODELS

SIZE = dict(img_shape=(60, 96), ori_shape=(70, 104), batch_input_shape=(64, 96), pad_shape=(64, 96))
SMALL = dict(
    type='ClipKNetDecoder', num_things=4, num_proposals=12, in_channels=64, update_head=dict(feedforward_channels=128)
)


def rows_of(pairs, frame):
    """The values of one frame in recorded (frame, value) rows."""
    return pairs[pairs[:, 0] == frame, 1].long()


def frame_targets_of(masks, labels, ids):
    """Recorded ground truth of a clip as T frame targets without stuff."""
    none = torch.zeros(0, dtype=torch.long)
    return [FrameTargets(rows_of(labels, t), frame, rows_of(ids, t), none, frame[:0]) for t, frame in enumerate(masks)]


def recorded_samples(gt):
    """Recorded ground truth of all clips as data samples."""
    samples = []
    for clip, masks in enumerate(gt['masks_full']):
        sample = TrackDataSample(metainfo=dict(video_id=f'clip{clip}'))
        frames = []
        for t, frame_masks in enumerate(masks):
            frame = DetDataSample(metainfo=dict(video_id=f'clip{clip}', frame_id=t, **SIZE))
            frame.gt_instances = InstanceData(
                labels=rows_of(gt['labels'][clip], t),
                masks=frame_masks,
                instances_ids=rows_of(gt['ids'][clip], t),
            )
            frames.append(frame)
        sample.video_data_samples = frames
        samples.append(sample)
    return samples


class FeatureBank(nn.Module):
    """Stands in for backbone and FPN: the value of an image is the number of its recorded pyramid."""

    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward(self, images):
        numbers = [int(image.flatten()[0]) for image in images]
        return tuple(level[numbers] for level in self.features)


def recorded_detector(record):
    """The recorded VIS detector with its weights."""
    model = MODELS.build(
        dict(
            type='VideoSegmentor',
            backbone=dict(type='mmdet.ResNet', depth=18),
            neck=dict(type='SemanticFPN', in_channels=64, feat_channels=64, out_channels=64),
            decoder=SMALL,
            postprocessor=dict(
                type='InstancePostprocessor', max_per_img=record['cfg']['test_cfg']['tracker']['max_per_img']
            ),
            tracker=dict(type='KernelIndexTracker', per_class=True),
            test_cfg=dict(window=5),
        )
    )
    model.backbone = FeatureBank(record['features'])
    state = {
        key.replace('neck.1.', 'neck.0.'): v for key, v in converter.convert_state_dict(record['state_dict']).items()
    }
    model.load_state_dict(state, strict=True)
    return model.eval()


def recorded_inputs():
    """Two clips of five frames for :class:`FeatureBank`."""
    return torch.arange(10.0).view(2, 5, 1, 1, 1).expand(2, 5, 3, 64, 96).clone()
