"""Small real models and inputs for tests that do not need trained weights."""

import copy

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.structures import InstanceData, PixelData

from videoseg.registry import MODELS

TINY = dict(
    type='VideoSegmentor',
    data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(type='EfficientNetLite'),
    neck=[
        dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=32, num_outs=4),
        dict(type='SemanticFPN', in_channels=32, feat_channels=32, out_channels=32),
    ],
    decoder=dict(
        type='VideoKNetDecoder',
        num_things=2,
        num_stuff=2,
        num_proposals=8,
        in_channels=32,
        num_stages=2,
        mask_assign_stride=4,
        update_head=dict(feedforward_channels=64),
        embedding_head=dict(),
        linking=dict(update='none', feedforward_channels=64),
        fusion=dict(update='group_features', feedforward_channels=64),
    ),
    postprocessor=dict(
        type='PanopticPostprocessor',
        instance_score_thr=0.0,
        overlap_thr=0.1,
        max_per_img=6,
        box_source='mask_and_semantic',
    ),
    tracker=dict(type='QuasiDenseEmbeddingTracker', init_score_thr=0.0, obj_score_thr=0.0),
)


def tiny_model(**overrides):
    """A model with random but fixed weights, biased so that things win some pixels."""
    cfg = copy.deepcopy(TINY)
    for key, value in overrides.items():
        if isinstance(value, dict) and value.pop('_replace', False):
            cfg[key] = value
            continue
        cfg[key] = {**cfg[key], **value} if isinstance(value, dict) and isinstance(cfg.get(key), dict) else value
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    for stage in model.decoder.stages:
        stage.fc_cls.bias.data = torch.tensor([1.0, 1.0, -1.0, -1.0])
    return model.eval()


TINY_TUBE = dict(
    num_things=2,
    num_stuff=2,
    num_queries=10,
    stuff_slots=True,
    link=dict(num_heads=4, feedforward_channels=64),
    association=dict(),
    embed_dims=32,
    num_layers=3,
    num_heads=4,
    feedforward_channels=64,
    num_points=256,
)


def tiny_tube_config(window=2, **decoder):
    """Config of a small Tube-Link, all queries of which may be painted."""
    return dict(
        copy.deepcopy(TINY),
        neck=dict(
            type='DeformablePixelDecoder',
            in_channels=[24, 40, 112, 320],
            feat_channels=32,
            out_channels=32,
            num_layers=1,
            num_heads=4,
            feedforward_channels=64,
            num_groups=8,
            semantic_head=False,
        ),
        decoder={**copy.deepcopy(TINY_TUBE), 'type': 'TubeLinkDecoder', **decoder},
        postprocessor=dict(type='QueryPanopticPostprocessor', object_mask_thr=0.0, overlap_thr=0.1),
        tracker=dict(type='KernelIndexTracker'),
        test_cfg=dict(window=window),
    )


def tiny_tube_model(window=2, **decoder):
    """A small Tube-Link with random but fixed weights."""
    torch.manual_seed(0)
    model = MODELS.build(tiny_tube_config(window, **decoder))
    model.init_weights()
    return model.eval()


def video(seed, frames=5, size=(64, 96), name=None):
    """Smoothly moving blobs as a packed item of T frames, with ground truth for training."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing='ij')
    centres = torch.rand(2, 2, generator=generator) * torch.tensor(size) * 0.5 + torch.tensor(size) * 0.2
    motion = torch.randn(2, 2, generator=generator)
    images, samples = [], []
    for t in range(frames):
        image = torch.rand(3, *size, generator=generator) * 40 + 60
        sem = torch.where(y < size[0] // 2, 2, 3)
        masks = []
        for i in range(2):
            centre = centres[i] + motion[i] * t
            mask = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < (8 + 3 * i) ** 2
            image[:, mask] = 200.0 - 60 * i
            sem[mask] = i
            masks.append(mask)
        masks[0] &= ~masks[1]
        frame = DetDataSample(
            metainfo=dict(
                video_id=name or f'video{seed}', frame_id=t, video_length=frames, img_shape=size, ori_shape=size
            )
        )
        frame.gt_instances = InstanceData(
            labels=torch.tensor([0, 1]), masks=torch.stack(masks).to(torch.uint8), instances_ids=torch.tensor([1, 2])
        )
        frame.gt_sem_seg = PixelData(sem_seg=sem[None].to(torch.uint8))
        images.append(image.to(torch.uint8))
        samples.append(frame)
    sample = TrackDataSample(metainfo=dict(video_id=name or f'video{seed}', video_length=frames))
    sample.video_data_samples = samples
    return dict(inputs=torch.stack(images), data_samples=sample)


def batch(model, *items, training=False):
    """Run the data preprocessor on packed items."""
    return model.data_preprocessor(
        dict(inputs=[i['inputs'] for i in items], data_samples=[copy.deepcopy(i['data_samples']) for i in items]),
        training,
    )
