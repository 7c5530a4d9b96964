"""Shared helpers of the Tube-Link parity tests: recorded models, clips and random numbers."""

import contextlib
from unittest import mock

import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.structures import InstanceData, PixelData

from tests.parity_data import parity_file
from tests.tool_module import load_tool
from videoseg.models.decoders import TubeLinkDecoder
from videoseg.models.necks import DeformablePixelDecoder
from videoseg.registry import MODELS
from videoseg.structures.ids import VOID_LABEL
from videoseg.utils.key_table import convert

TUBE_LINK = load_tool('model_converters/tube_link_tables.py').TUBE_LINK


def load(name):
    """One recorded file of the tube_link group."""
    return torch.load(parity_file('tube_link', name), weights_only=True)


def our_names(values, prefix=''):
    """Recorded values by parameter, under our names; ``prefix`` is what the recording left out."""
    return convert({prefix + name: value for name, value in values.items()}, TUBE_LINK).state_dict


def our_state(state_dict, prefix=''):
    """Recorded weights under our names, as float32 (they lie on the bfloat16 grid)."""
    return {k: v.float() if v.is_floating_point() else v for k, v in our_names(state_dict, prefix).items()}


def neck_cfg(head):
    """Our pixel decoder for the arguments of a recorded head."""
    encoder = head['pixel_decoder']['encoder']
    attention = encoder['transformerlayers']['attn_cfgs']
    return dict(
        type='DeformablePixelDecoder',
        in_channels=head['in_channels'],
        feat_channels=head['feat_channels'],
        out_channels=head['out_channels'],
        num_layers=encoder['num_layers'],
        num_groups=head['pixel_decoder']['norm_cfg']['num_groups'],
        num_heads=attention['num_heads'],
        num_points=attention['num_points'],
        feedforward_channels=encoder['transformerlayers']['ffn_cfgs']['feedforward_channels'],
        semantic_head=False,
    )


def decoder_cfg(head, **kwargs):
    """Our decoder for the arguments of a recorded head."""
    transformer = head['transformer_decoder']
    layer = transformer['transformerlayers']
    return dict(
        type='TubeLinkDecoder',
        num_things=head['num_things_classes'],
        num_stuff=head['num_stuff_classes'],
        num_queries=head['num_queries'],
        stuff_slots=head.get('loss_split_thing_stuff', False),
        embed_dims=head['feat_channels'],
        num_layers=transformer['num_layers'],
        num_heads=layer['attn_cfgs']['num_heads'],
        feedforward_channels=layer['feedforward_channels'],
        num_points=64,
        **kwargs,
    )


def recorded_head(record):
    """Neck and decoder of a recorded head, with its weights."""
    state = our_state(record['state_dict'], 'panoptic_head.')
    parts = []
    for cls, cfg, prefix in (
        (DeformablePixelDecoder, neck_cfg(record['cfg']), 'neck.0.'),
        (TubeLinkDecoder, decoder_cfg(record['cfg']), 'decoder.'),
    ):
        cfg.pop('type')
        parts.append(cls(**cfg))
        own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        parts[-1].load_state_dict(own, strict=True)
    assert len(state) == sum(len(part.state_dict()) for part in parts)
    return parts


def clip_sample(clip, num_things, name='clip'):
    """A recorded clip, per frame a list of (label, key, mask), as a data sample."""
    frames = []
    for t, objects in enumerate(clip):
        size = objects[0][2].shape
        frame = DetDataSample(metainfo=dict(video_id=name, frame_id=t, img_shape=size, ori_shape=size))
        semantic = torch.full((1, *size), VOID_LABEL, dtype=torch.uint8)
        for label, _, mask in objects:
            semantic[0, mask.bool()] = label
        things = [x for x in objects if x[0] < num_things]
        frame.gt_instances = InstanceData(
            labels=torch.tensor([label for label, _, _ in things], dtype=torch.long),
            instances_ids=torch.tensor([key for _, key, _ in things], dtype=torch.long),
            masks=torch.stack([mask for _, _, mask in things]) if things else torch.zeros(0, *size, dtype=torch.uint8),
        )
        frame.gt_sem_seg = PixelData(sem_seg=semantic)
        frames.append(frame)
    sample = TrackDataSample(metainfo=dict(video_id=name))
    sample.video_data_samples = frames
    return sample


@contextlib.contextmanager
def replayed_rand(recorded):
    """``torch.rand`` gives the recorded numbers in call order, and every one of them has to be asked for."""
    left = list(recorded)

    def rand(shape, **kwargs):
        numbers = left.pop(0)
        assert tuple(numbers.shape) == tuple(shape), f'{len(recorded) - len(left)}. draw'
        return numbers

    with mock.patch('torch.rand', rand):
        yield
    assert not left, f'{len(left)} recorded random tensors were not asked for'


def recorded_matches(assigner):
    """Let an assigner append ``assigned_gt_inds`` of every clip (0 = none, else row + 1) to the list returned."""
    found, assign = [], assigner.assign

    def wrapped(mask_logits, class_logits, targets):
        matches = assign(mask_logits, class_logits, targets)
        for match in matches:
            rows = torch.zeros(mask_logits.shape[1], dtype=torch.long)
            rows[match.kernels] = match.targets + 1
            found.append(rows)
        return matches

    assigner.assign = wrapped
    return found


def assert_losses_close(losses, recorded):
    """The same names, and values equal to 1e-4."""
    assert set(losses) == set(recorded)
    for name, value in recorded.items():
        torch.testing.assert_close(losses[name].reshape(()), value.reshape(()), rtol=1e-4, atol=1e-5, msg=name)


def recorded_model(windows, **decoder):
    """The recorded full VPS model with its weights, without postprocessor and tracker.

    Args:
        windows: The recording with cfg and weights, ``vps_windows.pt``.
        decoder: Further arguments of the decoder.
    """
    cfg = windows['cfg']
    points = dict(association=dict(), link=dict()) if cfg['track_link'] else dict(association=dict())
    model = MODELS.build(
        dict(
            type='VideoSegmentor',
            backbone=dict(cfg['backbone'], type='mmdet.ResNet'),
            neck=neck_cfg(cfg['panoptic_head']),
            decoder=decoder_cfg(cfg['panoptic_head'], **points, **decoder),
        )
    )
    model.load_state_dict(our_state(windows['state_dict']), strict=True)
    return model
