"""Clip K-Net equals the original, and keeps the contract of decoders."""

import copy
import json
import math
import re

import pytest
import torch
from mmengine.structures import InstanceData

from tests.parity_data import parity_file, parity_names
from tests.test_models.knet_parity import assert_close, converter, load, load_module, sub_state
from tests.test_models.tiny_models import TINY, batch, video
from tests.test_models.vis_parity import SIZE, SMALL, frame_targets_of
from videoseg.models.decoders import ClipKNetDecoder
from videoseg.models.task_modules import make_tube_targets
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, FrameMeta

FUSIONS = ['mean', 'attention', 'attention_pos']


@pytest.mark.parametrize('name', parity_names('knet', ['vis_clip_head_mean.pt']))
def test_clip_stages_parity(name):
    record = load(name)
    inputs, outputs, gt = record['inputs'], record['outputs'], record['gt']
    decoder = MODELS.build(SMALL)
    state = converter.convert_state_dict({f'tracker.{key}': value for key, value in record['state_dict'].items()})
    load_module(decoder.clip_stages, sub_state(state, 'decoder.clip_stages.'))
    stages = list(decoder.run_clip_stages(inputs['x'], inputs['obj_feats'], inputs['masks']))
    assert_close(stages[1].class_logits.sigmoid(), outputs['features']['cls_scores'])
    assert_close(stages[2].mask_logits, outputs['features']['masks'])
    assert_close(stages[2].kernels, outputs['features']['obj_feats'])
    clips = [frame_targets_of(*parts) for parts in zip(gt['masks'], gt['labels'], gt['ids'], strict=True)]
    losses = decoder.clip_losses(stages, [make_tube_targets(clip) for clip in clips], scale=2)
    recorded = {k: v for k, v in outputs['losses'].items() if 'pos_acc' not in k}
    assert set(losses) == set(recorded)
    for key, value in recorded.items():
        assert_close(losses[key], value)
    check_read_out(stages, outputs)


def check_read_out(stages, expected):
    postprocessor = MODELS.build(dict(type='InstancePostprocessor', max_per_img=6))
    meta = FrameMeta('v', list(range(5)), SIZE['img_shape'], SIZE['ori_shape'], SIZE['batch_input_shape'])
    for clip in range(2):
        prediction = ClipPrediction(
            class_logits=stages[1].class_logits,
            mask_logits=stages[2].mask_logits.transpose(1, 2),
            queries=stages[1].kernels.flatten(2),
            activation='sigmoid',
            fixed_labels=torch.full((12,), -1),
            num_things=4,
            mask_upsample=2,
        ).select_clip(clip)
        segments = postprocessor(prediction, meta)
        for t in range(5):
            for label in range(4):
                rows, masks = expected['boxes'][clip][t][label], expected['masks'][clip][t][label]
                own = segments.labels == label
                assert own.nonzero()[:, 0].tolist() == rows[:, 0].long().tolist()
                assert_close(segments.scores[own], rows[:, 5].float())
                assert torch.equal(segments.masks[own, t], torch.stack(masks) if masks else segments.masks[:0, t])


@pytest.mark.parametrize('name', parity_names('knet', ['schema_knet_track_r50_1x_youtubevis.json']))
def test_released_parameters(name):
    released = json.loads(parity_file('knet', name).read_text())
    converted = converter.convert_state_dict({key: tuple(shape) for key, shape in released.items()})
    with torch.device('meta'):
        decoder = ClipKNetDecoder(num_things=40)
    own = {f'decoder.{key}': tuple(value.shape) for key, value in decoder.state_dict().items()}
    assert own == {key: shape for key, shape in converted.items() if re.match('decoder', key)}


def test_attention_has_the_parameters_that_the_specification_names():
    names = [
        'tracker.init_query.weight',
        'tracker.query_pos.weight',
        'tracker.query_merge_attn.attn.in_proj_weight',
        'tracker.query_merge_norm.bias',
        'tracker.query_merge_ffn.layers.0.0.weight',
        'tracker.query_merge_ffn_norm.weight',
        'tracker.mask_head.1.query_merge_attn.attn.out_proj.bias',
        'tracker.mask_head.1.query_merge_ffn.layers.1.weight',
    ]
    decoder = MODELS.build(dict(SMALL, query_fusion='attention_pos'))
    own = {f'decoder.{key}' for key in decoder.state_dict()}
    assert set(converter.convert_state_dict(dict.fromkeys(names))) <= own
    assert not any('clip_stages.2.query_fusion' in key for key in own)
    assert not any('query_pos' in key for key in MODELS.build(dict(SMALL, query_fusion='attention')).state_dict())


def tiny_clip_model(window=5, stuff=0, **decoder):
    """A small model with random but fixed weights."""
    postprocessor = (
        dict(type='PanopticPostprocessor', instance_score_thr=0.0, overlap_thr=0.1, max_per_img=6)
        if stuff
        else dict(type='InstancePostprocessor', max_per_img=6)
    )
    small = dict(num_things=2, num_stuff=stuff, num_proposals=8, in_channels=32, num_stages=2)
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            copy.deepcopy(TINY),
            decoder=dict(type='ClipKNetDecoder', update_head=dict(feedforward_channels=64), **small, **decoder),
            postprocessor=postprocessor,
            tracker=dict(type='KernelIndexTracker', per_class=True),
            test_cfg=dict(window=window),
        )
    )
    model.init_weights()
    return model.eval()


def masks_of(result):
    """Instance masks of a video by track id, absent ones left out, frame by frame."""
    frames = [frame.pred_track_instances for frame in result.video_data_samples]
    return [dict(zip(f.instances_id.tolist(), f.masks, strict=True)) for f in frames]


def assert_same_masks(first, second):
    assert len(first) == len(second) and any(first)
    for one, two in zip(first, second, strict=True):
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize('fusion', FUSIONS)
def test_batch_equals_single_runs(fusion):
    model = tiny_clip_model(query_fusion=fusion)
    data = batch(model, video(0), video(1))
    feats = model.extract_feat(data['inputs'])
    both, state = model.decoder.decode(feats, {}, [])
    assert state == {} and both.mask_logits.shape == (2, 8, 5, 8, 12) and both.semantic_logits.shape == (2, 2, 5, 8, 12)
    for i in range(2):
        alone, _ = model.decoder.decode(model.extract_feat(data['inputs'][i : i + 1]), {}, [])
        assert_close(both.select_clip(i).class_logits, alone.class_logits)
        assert_close(both.select_clip(i).mask_logits, alone.mask_logits)
        assert_close(both.select_clip(i).queries, alone.queries)
    results = model.predict(**data)
    for i in range(2):
        (single,) = model.predict(data['inputs'][i : i + 1], data['data_samples'][i : i + 1])
        assert_same_masks(masks_of(single), masks_of(results[i]))


@pytest.mark.parametrize('fusion', FUSIONS)
def test_step_over_one_window_equals_the_whole_clip(fusion):
    model = tiny_clip_model(window=8, query_fusion=fusion)
    data = batch(model, video(0))
    (whole,) = model.predict(**data)
    state = model.init_state(FrameMeta.of_window(data['data_samples'][0]))
    frames, state = model.step(data['inputs'][0], data['data_samples'][0], state)
    for one, two in zip(frames, whole.video_data_samples, strict=True):
        assert torch.equal(one.pred_track_instances.masks, two.pred_track_instances.masks)
    for key, column in model.finish(state).items():
        assert torch.equal(column, whole.metainfo['tracks'][key])


@pytest.mark.parametrize('fusion', FUSIONS)
@pytest.mark.parametrize('window', [1, 2, 3])
def test_windows_of_a_still_video_do_not_matter(fusion, window):
    """With the same frame over and over, fusion over any number of frames gives the same kernel."""
    item = video(0, frames=6)
    item['inputs'] = item['inputs'][:1].repeat(6, 1, 1, 1)
    models = [tiny_clip_model(window=w, query_fusion=fusion) for w in (6, window)]
    (whole,), (cut,) = (model.predict(**batch(model, item)) for model in models)
    tables = [result.metainfo['tracks'] for result in (whole, cut)]
    assert torch.equal(tables[0]['ids'], tables[1]['ids']) and torch.equal(tables[0]['labels'], tables[1]['labels'])
    assert_close(tables[0]['scores'], tables[1]['scores'])
    assert_same_masks(masks_of(whole), masks_of(cut))


def test_panoptic_with_stuff():
    model = tiny_clip_model(stuff=2)
    data = batch(model, video(0), video(1))
    for result in model.predict(**data):
        labels = torch.cat([frame.pred_panoptic_seg.panoptic_seg for frame in result.video_data_samples]) >> 16
        assert labels.shape == (5, 64, 96) and (labels >= 2).any()
    data = batch(model, video(0), video(1), training=True)
    losses = model.train().loss(**data)
    assert {f's{i}_loss_rank' for i in range(2)} <= set(losses) and 'tracker_s2_loss_mask' in losses
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.decoder.parameters())


@pytest.mark.parametrize('fusion', FUSIONS)
def test_every_parameter_is_trained(fusion):
    model = tiny_clip_model(query_fusion=fusion).train()
    losses = model.loss(**batch(model, video(0), video(1), training=True))
    assert all(torch.isfinite(value) for value in losses.values())
    sum(losses.values()).backward()
    names = [name for name, p in model.decoder.named_parameters() if p.grad is None]
    assert names == []


def test_more_than_two_clips_and_clips_without_objects():
    """The original's image model takes two images at most (defect 6)."""
    model = tiny_clip_model().train()
    items = [video(seed) for seed in range(3)]
    for frame in items[2]['data_samples'].video_data_samples:
        none = frame.gt_instances.masks[:0]
        empty = torch.zeros(0, dtype=torch.long)
        frame.gt_instances = InstanceData(labels=empty, masks=none, instances_ids=empty)
    losses = model.loss(**batch(model, *items, training=True))
    assert all(torch.isfinite(value) for value in losses.values())
    only = model.loss(**batch(model, items[2], training=True))
    assert all(torch.isfinite(value) for value in only.values())
    assert only['tracker_s2_loss_mask'] == 0 and only['tracker_s0_loss_cls'] > 0


@pytest.mark.parametrize('compat', [False, True])
def test_clip_stages_start_with_the_focal_prior(compat):
    """Defect 18: the original never initialises them."""
    model = tiny_clip_model(compat=compat)
    prior = torch.full((2,), -math.log(99))
    for stage in model.decoder.clip_stages[:2]:
        assert torch.allclose(stage.fc_cls.bias, prior) == (not compat)


def test_all_stages_may_gather():
    model = tiny_clip_model(num_clip_stages=2, num_gather_stages=2)
    prediction, _ = model.decoder.decode(model.extract_feat(batch(model, video(0))['inputs']), {}, [])
    assert prediction.class_logits.shape == (1, 8, 2) and prediction.mask_logits.shape == (1, 8, 5, 8, 12)


def test_bad_arguments_and_input():
    for wrong, message in [
        (dict(query_fusion='max'), "query_fusion must be one of .*'max'"),
        (dict(num_gather_stages=0), 'num_gather_stages 0'),
        (dict(num_gather_stages=4), 'num_gather_stages 4'),
        (dict(clip_loss_weights=(1.0,)), '1 clip_loss_weights for 3'),
        (dict(query_fusion='attention', clip_update_head=dict(kernel_size=3)), 'needs 1x1 kernels'),
    ]:
        with pytest.raises(ValueError, match=message):
            MODELS.build({**SMALL, **wrong})
    model = tiny_clip_model().train()
    with pytest.raises(ValueError, match=r'have \[5, 3\] frames'):
        model.loss(**batch(model, video(0), video(1, frames=3), training=True))
    item = video(0)
    item['data_samples'][2].gt_instances.labels = torch.tensor([1, 1])
    with pytest.raises(ValueError, match=r"video 'video0': instance ids \[1\] change their class"):
        model.loss(**batch(model, item, training=True))
