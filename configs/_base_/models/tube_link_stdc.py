"""STDC backbones as Tube-Link uses them, and the channels of their levels; the ImageNet weights are mmseg's."""

_stdc_weights = 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/stdc/'

_stdc1 = dict(
    type='STDCPyramid',
    stdc_type='STDCNet1',
    init_cfg=dict(type='Pretrained', checkpoint=_stdc_weights + 'stdc1_20220308-5368626c.pth'),
)
_stdc2 = dict(
    type='STDCPyramid',
    stdc_type='STDCNet2',
    init_cfg=dict(type='Pretrained', checkpoint=_stdc_weights + 'stdc2_20220308-7dbd9127.pth'),
)
_stdc_channels = [64, 256, 512, 1024]
