"""Small diffusion models for tests."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from tests.test_models.tiny_models import TINY
from videoseg.registry import MODELS


@MODELS.register_module(force=True)
class PooledImages(nn.Module):
    """A backbone that costs nothing: images at strides 4 and 8, one convolution each."""

    def __init__(self, channels=12):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, channels, 3, padding=1) for _ in range(2))

    def forward(self, images):
        return [conv(F.avg_pool2d(images, 4 * 2**i)) for i, conv in enumerate(self.convs)]


TINY_DIFFUSION = dict(
    type='DiffusionDecoder',
    num_things=2,
    num_stuff=2,
    in_channels=16,
    token_channels=16,
    codec=dict(num_class_bits=3, num_id_bits=3, scale=0.3),
    num_past=2,
    steps_first=3,
    steps_later=2,
    denoiser=dict(
        type='TransUNetDenoiser',
        base_channels=16,
        multipliers=(1, 2),
        bottom_channels=32,
        num_layers=1,
        num_heads=4,
        time_channels=32,
    ),
)


def tiny_diffusion_config(denoiser=None, mask_stride=4, postprocessor=None, **decoder):
    """Config of a small model.

    Args:
        denoiser: Arguments of the denoiser to change.
        mask_stride: Stride of the masks.
        postprocessor: Arguments of the postprocessor.
        decoder: Arguments of the decoder to change.
    """
    cfg = copy.deepcopy(TINY)
    cfg['backbone'] = dict(type='PooledImages')
    cfg['neck'] = dict(
        type='PyramidMerge',
        in_channels=[12, 12],
        strides=(4, 8),
        out_channels=16,
        token_channels=16,
        mask_stride=mask_stride,
    )
    cfg['decoder'] = {**copy.deepcopy(TINY_DIFFUSION), **decoder}
    cfg['decoder']['denoiser'] = {**cfg['decoder']['denoiser'], **(denoiser or {})}
    cfg['postprocessor'] = dict(type='MapPostprocessor', **(postprocessor or {}))
    cfg['tracker'] = dict(type='DecoderIdTracker')
    return cfg


def tiny_diffusion_model(**changes):
    """A model with random but fixed weights, whose untrained logits differ from pixel to pixel.

    Args:
        changes: Arguments of :func:`tiny_diffusion_config`.
    """
    torch.manual_seed(0)
    model = MODELS.build(tiny_diffusion_config(**changes))
    model.init_weights()
    for name, parameter in model.decoder.denoiser.named_parameters():
        if name.endswith(('conv_out.weight', 'conv2.weight')):
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()
