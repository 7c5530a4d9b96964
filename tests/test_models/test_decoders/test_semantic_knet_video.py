"""Semantic K-Net on videos: streaming, fusion with the previous frame, losses of pairs."""

import copy

import pytest
import torch
from mmdet.structures import TrackDataSample
from torch.nn import functional as F

from tests.test_models.knet_parity import assert_close
from tests.test_models.test_decoders.semantic_models import DEEPLAB_TINY, HEADS, UPDATE, pyramid, vss_model
from tests.test_models.tiny_models import batch, video
from videoseg.models.decoders import SemanticKNetDecoder
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures import FrameMeta, VideoState


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
