"""Semantic K-Net equals the recordings of the original and mmseg's own; its video form keeps the state contract."""

import copy
from pathlib import Path

import mmseg
import pytest
import torch
from mmdet.structures import TrackDataSample
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn import functional as F

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load, load_module
from tests.test_models.tiny_models import batch, video
from videoseg.models.decoders import KernelGenerateHead, KernelUpdateHead, SemanticKNetDecoder
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures import FrameMeta, PixelFeatures, VideoState

WIDTHS = (8, 12, 16, 24)
NORM = dict(norm_cfg=dict(type='BN'))
HEADS = {
    'fcn': dict(type='FCNHead', in_channels=24, in_index=3, channels=32, num_convs=2, **NORM),
    'psp': dict(type='PSPHead', in_channels=24, in_index=3, channels=32, pool_scales=(1, 2), **NORM),
    'aspp': dict(type='ASPPHead', in_channels=24, in_index=3, channels=32, dilations=(1, 2), **NORM),
    'uper': dict(type='UPerHead', in_channels=WIDTHS, in_index=(0, 1, 2, 3), channels=32, pool_scales=(1, 2), **NORM),
}
DEEPLAB = dict(
    type='DepthwiseSeparableASPPHead',
    in_channels=24,
    in_index=3,
    channels=32,
    dilations=(1, 2),
    c1_in_channels=8,
    c1_channels=8,
    **NORM,
)
DEEPLAB_TINY = dict(DEEPLAB, in_channels=112, in_index=2, c1_in_channels=24)
AUXILIARY = dict(type='FCNHead', in_channels=16, in_index=2, channels=8, num_convs=1, concat_input=False, **NORM)
UPDATE = dict(num_heads=4, feedforward_channels=48, updator=dict(in_channels=16))


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


def pyramid(seed=0, frames=2):
    generator = torch.Generator().manual_seed(seed)
    sizes = ((16, 24), (8, 12), (8, 12), (8, 12))
    maps = [torch.randn(frames, c, *size, generator=generator) for c, size in zip(WIDTHS, sizes, strict=True)]
    feats = MODELS.build(dict(type='BackbonePyramid'))(maps, 1)
    return maps, feats


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


# ---------------------------------------------------------------- video


def vss_model(head=None, auxiliary=True, fusion=True, neck=None, postprocessor=None, **decoder):
    """A tiny VSS model on EfficientNet-Lite0 with random weights."""
    auxiliary_head = dict(AUXILIARY, in_channels=112) if auxiliary else None
    cfg = dict(
        type='VideoSegmentor',
        data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
        backbone=dict(type='EfficientNetLite'),
        neck=neck or dict(type='BackbonePyramid'),
        decoder=dict(
            type='SemanticKNetDecoder',
            num_things=2,
            num_stuff=2,
            generate_head=head or dict(HEADS['fcn'], in_channels=112, in_index=2, num_convs=1),
            num_stages=2,
            update_head=UPDATE,
            auxiliary_head=auxiliary_head,
            fusion=dict(update='group_features') if fusion else None,
            **decoder,
        ),
        postprocessor=postprocessor or dict(type='SemanticPostprocessor', source='semantic_logits'),
        tracker=dict(type='KernelIndexTracker'),
    )
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model.eval()


def maps_of(frames):
    return torch.cat([frame.pred_sem_seg.sem_seg for frame in frames])


def stream(model, data, state=None, frames=range(5)):
    """Frames of the first video one by one: label maps, and the state after them."""
    results = []
    for t in frames:
        sample = TrackDataSample(metainfo=data['data_samples'][0].metainfo)
        sample.video_data_samples = data['data_samples'][0].video_data_samples[t : t + 1]
        state = state or model.init_state(window_meta(sample, range(1)))
        new, state = model.step(data['inputs'][0, t : t + 1], sample, state)
        results += new
    return maps_of(results), state


@pytest.mark.parametrize('head', [None, DEEPLAB_TINY], ids=['fcn', 'deeplabv3plus'])
def test_streams_like_the_whole_video_and_resumes(head, tmp_path):
    model = vss_model(head=head)
    data = batch(model, video(0))
    (whole,) = model.predict(**copy.deepcopy(data))
    maps, state = stream(model, data)
    assert torch.equal(maps_of(whole.video_data_samples), maps)
    assert len(torch.unique(maps)) > 1
    assert {name: tuple(value.shape) for name, value in state.decoder.items()} == {'kernels': (4, 32, 1, 1)}
    first, state = stream(model, data, frames=range(2))
    torch.save(state.state_dict(), tmp_path / 'state.pt')
    restored = VideoState.from_state_dict(torch.load(tmp_path / 'state.pt', weights_only=True))
    second, _ = stream(model, data, restored, range(2, 5))
    assert torch.equal(torch.cat([first, second]), maps)


@pytest.mark.parametrize('fusion', [True, False])
def test_batch_equals_single_runs(fusion):
    model = vss_model(fusion=fusion)
    together = model.predict(**batch(model, video(0), video(1)))
    for seed, result in enumerate(together):
        (alone,) = model.predict(**batch(model, video(seed)))
        assert torch.equal(maps_of(alone.video_data_samples), maps_of(result.video_data_samples))


SEMANTIC_FPN = [
    dict(type='FPN', in_channels=[24, 40, 112, 320], out_channels=32, num_outs=4),
    dict(type='SemanticFPN', in_channels=32, feat_channels=32, out_channels=32),
]


def test_on_a_pixel_decoder_and_with_another_read_out():
    head = dict(HEADS['fcn'], in_channels=32, in_index=0)  # the mask features of the neck
    panoptic = dict(type='PanopticPostprocessor', overlap_thr=0.0, stuff_max_area=0)
    semantic, other = (
        vss_model(head=head, auxiliary=False, neck=SEMANTIC_FPN, postprocessor=postprocessor)
        for postprocessor in (dict(type='SemanticPostprocessor'), panoptic)
    )
    maps = []
    for model in (semantic, other):
        model.decoder.stages[-1].fc_mask.weight.data *= 100  # sharp masks: random ones are below 0.5 everywhere
        maps.append(maps_of(model.predict(**batch(model, video(0)))[0].video_data_samples))
    kept = maps[1] != 255
    assert kept.float().mean() > 0.5
    assert torch.equal(maps[0][kept], maps[1][kept])


def test_previous_kernels_change_the_masks_only_with_fusion():
    torch.manual_seed(0)
    for fusion in (None, dict(update='none')):
        decoder = SemanticKNetDecoder(2, 3, HEADS['fcn'], update_head=UPDATE, fusion=fusion).eval()
        feats = pyramid(frames=1)[1]
        meta = FrameMeta('v', [0], (64, 96), (64, 96), (64, 96))
        first, state = decoder.decode(feats, {}, [meta])
        second, _ = decoder.decode(feats, state, [meta])
        assert torch.equal(first.mask_logits, second.mask_logits) == (fusion is None)
        assert bool(state) == (fusion is not None)
        assert first.fixed_labels.tolist() == [0, 1, 2, 3, 4]
        assert_close(first.class_scores()[0], torch.eye(5))


def test_both_read_outs_agree_at_the_size_of_the_masks():
    decoder = SemanticKNetDecoder(2, 3, HEADS['fcn'], update_head=UPDATE).eval()
    meta = FrameMeta('v', [0], (8, 12), (8, 12), (8, 12))
    prediction = decoder.decode(pyramid(frames=1)[1], {}, [meta])[0]
    dense, queries = (
        MODELS.build(dict(type='SemanticPostprocessor', source=source))(prediction, meta)
        for source in ('semantic_logits', 'queries')
    )
    assert torch.equal(dense.segment_map, queries.segment_map)
    assert_close(dense.scores, queries.scores)


def pair(item, t=0):
    """Frames t and t + 1 of a video as a training clip."""
    sample = item['data_samples'].clone()
    sample.video_data_samples = item['data_samples'].video_data_samples[t : t + 2]
    return dict(inputs=item['inputs'][t : t + 2], data_samples=sample)


STAGES = ['s0', 's1', 's2', 'aux']


def test_losses_of_key_and_reference_frame():
    model = vss_model().train()
    losses = model(**batch(model, pair(video(0)), pair(video(1)), training=True), mode='loss')
    assert set(losses) == {f'loss_ce.{stage}{ref}' for stage in STAGES for ref in ('', '_ref')}
    sum(losses.values()).backward()
    assert [name for name, p in model.decoder.named_parameters() if p.grad is None] == []
    model = vss_model(reference_losses=False, auxiliary=False).train()
    losses = model(**batch(model, pair(video(0)), training=True), mode='loss')
    assert set(losses) == {'loss_ce.s0', 'loss_ce.s1', 'loss_ce.s2'}
    with pytest.raises(ValueError, match='trains on pairs, the clips have 3 frame'):
        model(**batch(model, video(0, frames=3), training=True), mode='loss')


def test_image_losses_take_any_number_of_frames():
    model = vss_model(fusion=False).train()
    losses = model(**batch(model, video(0, frames=3), training=True), mode='loss')
    assert set(losses) == {f'loss_ce.{stage}' for stage in STAGES}


def test_void_pixels_teach_nothing_and_count_in_the_mean():
    model = vss_model(auxiliary=False, fusion=False)  # in eval mode: no dropout
    half, void = video(0, frames=1), video(0, frames=1)
    half['data_samples'][0].gt_sem_seg.sem_seg[:, :32] = 255
    void['data_samples'][0].gt_sem_seg.sem_seg[:] = 255
    data = batch(model, half, training=True)
    logits = model.decoder.generate_head(model.extract_feat(data['inputs'])).mask_logits
    losses = model(**data, mode='loss')
    full = F.interpolate(logits, (64, 96), mode='bilinear').log_softmax(1)[0, :, 32:]
    labels = half['data_samples'][0].gt_sem_seg.sem_seg[:, 32:].long()
    assert_close(losses['loss_ce.s0'], -full.gather(0, labels).sum() / (64 * 96))
    losses = model(**batch(model, void, training=True), mode='loss')
    assert [value.item() for value in losses.values()] == [0.0] * 3


@pytest.mark.learns
def test_overfits_one_clip():
    item = video(3, frames=4, name='clip')
    # batch norm of a globally pooled map of two frames is no guide for a test: group norm
    model = vss_model(head=dict(DEEPLAB_TINY, dropout_ratio=0.0, norm_cfg=dict(type='GN', num_groups=8)))
    truth = torch.cat([frame.gt_sem_seg.sem_seg for frame in item['data_samples']])
    before = (maps_of(model.predict(**batch(model, item))[0].video_data_samples) == truth).float().mean()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    totals = []
    for step in range(120):
        total, _ = model.parse_losses(model(**batch(model, pair(item, step % 3), training=True), mode='loss'))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        totals.append(total.item())
    after = maps_of(model.eval().predict(**batch(model, item))[0].video_data_samples) == truth
    assert sum(totals[-5:]) < 0.2 * sum(totals[:5]), totals
    assert before < 0.7 and after.float().mean() > 0.95, (before, after.float().mean())
