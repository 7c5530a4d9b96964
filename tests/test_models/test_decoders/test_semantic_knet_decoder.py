"""Semantic K-Net equals the recordings of the original and mmseg's own."""

import copy
from pathlib import Path

import mmseg
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn import functional as F

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load, load_module
from tests.test_models.test_decoders.semantic_models import DEEPLAB, HEADS, NORM, UPDATE, pyramid
from videoseg.models.decoders import KernelGenerateHead, KernelUpdateHead, SemanticKNetDecoder
from videoseg.registry import MODELS
from videoseg.structures import FrameMeta, PixelFeatures


def released_stage(cfg):
    return KernelUpdateHead(
        None,
        in_channels=cfg['in_channels'],
        num_heads=cfg['num_heads'],
        feedforward_channels=cfg['feedforward_channels'],
        with_classes=False,
        group_masks='softmax',
        updator=dict(in_channels=cfg['kernel_updator_cfg']['in_channels']),
    )


@pytest.mark.parametrize('name', parity_names('knet', ['seg_update_head_same.pt', 'seg_update_head_split.pt']))
def test_update_head_parity(name):
    record = load(name)
    head = load_module(released_stage(record['cfg']), record['state_dict'])
    inputs = record['inputs']
    out = head(inputs['x'], inputs['proposal_feat'], inputs['mask_preds'])
    assert_close(out.mask_logits, record['outputs']['seg'])
    assert_close(out.kernels, record['outputs']['kernels'])
    assert out.class_logits is None


@pytest.mark.parametrize('name', parity_names('knet', ['seg_fcn_kernel_head.pt']))
def test_fcn_kernel_head_parity(name):
    record = load(name)
    head = KernelGenerateHead(dict(type='FCNHead', in_channels=24, in_index=0, channels=32, num_convs=1, **NORM), 6)
    load_module(head, {f'head.{key}': value for key, value in record['state_dict'].items()})
    out = head(PixelFeatures(record['inputs'][0], stride=8))
    assert_close(out.features, record['outputs']['feats'])
    assert_close(out.kernels, record['outputs']['kernels'])
    assert_close(out.mask_logits, record['outputs']['seg'])


def ours_of(key):
    """Our name of a parameter of mmseg's K-Net."""
    for theirs, ours in (
        ('decode_head.', 'decoder.'),
        ('auxiliary_head.', 'decoder.auxiliary_head.head.'),
        ('kernel_generate_head.', 'generate_head.head.'),
        ('kernel_update_head.', 'stages.'),
    ):
        key = key.replace(theirs, ours)
    return key


def mmseg_twin(name):
    """mmseg's K-Net, and ours with its weights."""
    updator = dict(type='KernelUpdator', in_channels=16, feat_channels=16, out_channels=16)
    stage = dict(
        type='KernelUpdateHead',
        num_classes=5,
        num_heads=4,
        num_mask_fcs=1,
        feedforward_channels=48,
        in_channels=32,
        out_channels=32,
        feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
        kernel_updator_cfg=updator,
    )
    head = dict(HEADS[name], num_classes=5, dropout_ratio=0.0)
    theirs = MODELS.build(
        dict(
            type='IterativeDecodeHead',
            _scope_='mmseg',
            num_stages=3,
            kernel_update_head=[copy.deepcopy(stage) for _ in range(3)],
            kernel_generate_head=head,
        )
    )
    ours = SemanticKNetDecoder(2, 3, dict(HEADS[name], dropout_ratio=0.0), update_head=UPDATE)
    torch.manual_seed(3)
    for parameter in theirs.parameters():
        parameter.data += torch.randn_like(parameter) * 0.02
    ours.load_state_dict({ours_of(key): value for key, value in theirs.state_dict().items()}, strict=True)
    return theirs, ours


@pytest.mark.parametrize('name', HEADS)
def test_equals_mmseg_at_test_time(name):
    theirs, ours = mmseg_twin(name)
    theirs.eval(), ours.eval()
    maps, feats = pyramid()
    meta = FrameMeta('v', [0], (60, 90), (75, 110), (64, 96))
    with torch.no_grad():
        expected = theirs(maps)
        prediction, state = ours.decode(feats, {}, [meta] * 2)
    assert_close(prediction.semantic_logits[:, :, 0], expected)
    assert_close(prediction.mask_logits.sigmoid()[:, :, 0], expected.softmax(1))
    assert state == {}
    # mmseg's read-out, of our logits: rounding decides where two classes tie
    full = F.interpolate(prediction.semantic_logits[:, :, 0], (64, 96), mode='bilinear')[:, :, :60, :90]
    labels = F.interpolate(full, (75, 110), mode='bilinear').argmax(1)
    postprocessor = MODELS.build(dict(type='SemanticPostprocessor', source='semantic_logits'))
    for row in range(2):
        segments = postprocessor(prediction.select_clip(row), meta)
        table = torch.cat([torch.tensor([255]), segments.labels])
        assert torch.equal(table[segments.segment_map[0].long()], labels[row])


@pytest.mark.parametrize('name', HEADS)
def test_equals_mmseg_in_training(name):
    theirs, ours = mmseg_twin(name)
    theirs.train(), ours.train()
    maps, feats = pyramid()
    labels = torch.randint(0, 5, (2, 64, 96), generator=torch.Generator().manual_seed(1))
    labels[:, :20] = 255
    samples = []
    for item in labels:
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(sem_seg=item[None].to(torch.uint8), data=item[None])
        samples.append(sample)
    expected = theirs.loss(maps, samples, None)
    losses = ours.loss(feats, [[sample] for sample in samples])
    assert len(losses) == 4
    for stage in range(4):
        assert_close(losses[f'loss_ce.s{stage}'], expected[f'loss_ce.s{stage}'])


def test_the_config_has_the_parameters_that_mmseg_publishes():
    published = Path(mmseg.__file__).parent / '.mim/configs/knet/knet-s3_r50-d8_pspnet_8xb2-adamw-80k_ade20k-512x512.py'
    theirs = Config.fromfile(published).model
    ours = Config.fromfile(Path(__file__).parents[3] / 'configs/video_knet/r50_vspw_vss.py').model
    del theirs.pretrained
    ours.decoder.update(fusion=None, num_stuff=150)
    with torch.device('meta'):
        theirs, ours = MODELS.build(dict(theirs, _scope_='mmseg')), MODELS.build(ours)
    renamed = {ours_of(key): value.shape for key, value in theirs.state_dict().items()}
    assert renamed == {key: value.shape for key, value in ours.state_dict().items()}


def test_deeplabv3plus_classifies_the_features_that_it_gives():
    torch.manual_seed(0)
    theirs = MODELS.build(dict(DEEPLAB, num_classes=5, _scope_='mmseg')).eval()
    ours = KernelGenerateHead(DEEPLAB, 5).eval()
    ours.head.load_state_dict(theirs.state_dict())
    maps, feats = pyramid()
    out = ours(feats)
    assert out.features.shape == (2, 32, 16, 24)  # the decoder's stride, that of level 0
    assert_close(out.mask_logits, theirs(maps))
    assert_close(F.conv2d(out.features, out.kernels[0], ours.head.conv_seg.bias), theirs(maps))


def test_a_level_that_the_neck_does_not_give():
    head = KernelGenerateHead(HEADS['fcn'], 5)
    with pytest.raises(ValueError, match='FCNHead reads level 3 .* the neck gives 1 levels'):
        head(PixelFeatures(torch.zeros(1, 24, 8, 8), stride=8))


def test_initial_weights():
    torch.manual_seed(0)
    decoder = SemanticKNetDecoder(2, 3, HEADS['fcn'], update_head=UPDATE, fusion={})
    decoder.init_weights()
    assert decoder.generate_head.head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.2)
    for stage in decoder.stages:  # Xavier-uniform: the largest value is near sqrt(6 / (fan in + fan out))
        assert stage.fc_mask.weight.abs().max().item() == pytest.approx((6 / 64) ** 0.5, rel=0.02)
        assert stage.ffn.layers[1].weight.abs().max().item() == pytest.approx((6 / 80) ** 0.5, rel=0.02)
    out_proj = decoder.stages[-1].fusion.attention.attn.out_proj.weight
    assert out_proj.abs().max().item() == pytest.approx((6 / 64) ** 0.5, rel=0.02)


def test_bad_arguments():
    with pytest.raises(ValueError, match='there are 2 stages'):
        SemanticKNetDecoder(2, 3, HEADS['fcn'], num_stages=2, update_head=UPDATE, fusion={}, fusion_stages=(2,))
    with pytest.raises(ValueError, match='updator of 24 channels cannot update'):
        SemanticKNetDecoder(2, 3, HEADS['fcn'], update_head=dict(updator=dict(in_channels=24)))
    with pytest.raises(ValueError, match="must be 'binary' or 'softmax'"):
        KernelUpdateHead(3, in_channels=16, group_masks='hard')
