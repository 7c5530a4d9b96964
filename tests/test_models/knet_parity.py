"""Shared helpers of the K-Net parity tests."""

import torch

from tests.parity_data import parity_file
from tests.tool_module import load_tool
from videoseg.models.task_modules import FrameTargets
from videoseg.structures import PixelFeatures

converter = load_tool('model_converters/convert_weights.py')

RANK = dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.1)
FOCAL = dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25)
CLAMPED = dict(
    type='KernelAssigner',
    mask_costs=[
        dict(type='KernelDiceCost', weight=4.0, clamp_min=0.001),
        dict(type='KernelMaskCost', weight=1.0, clamp_min=0.01),
    ],
)


def load(name):
    """One recorded file of the knet group."""
    return torch.load(parity_file('knet', name), weights_only=True)


def assert_close(actual, expected):
    """Floats equal to 1e-5, relative and absolute."""
    torch.testing.assert_close(actual.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)


def load_module(module, state_dict):
    """Strictly load parameters and switch to evaluation."""
    module.load_state_dict(state_dict, strict=True)
    return module.eval()


def stage_state(state_dict):
    """Released names of one update head to ours."""
    return converter.convert_stage(state_dict)


def sub_state(state_dict, prefix):
    """The parameters below a prefix, without it."""
    return {k[len(prefix) :]: v for k, v in state_dict.items() if k.startswith(prefix)}


def targets_of(gt, with_stuff=True):
    """Recorded ground truth as :class:`FrameTargets`."""
    out = []
    for i, masks in enumerate(gt['masks']):
        stuff = (gt['sem_cls'][i], gt['sem_seg'][i]) if with_stuff else (gt['labels'][i][:0], masks[:0])
        out.append(FrameTargets(gt['labels'][i], masks, torch.arange(len(masks)) + 1, *stuff))
    return out


def features_of(loc, seg, stride=8):
    """Pixel features from the two maps of the neck."""
    return PixelFeatures(mask_features=loc, semantic_features=seg, stride=stride)
