"""The tube decoder equals the original's heads, and keeps the contract of decoders."""

import copy
import math
from unittest import mock

import pytest
import torch
from mmdet.structures import TrackDataSample
from mmengine.structures import InstanceData
from torch.nn import functional as F

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close
from tests.test_models.tiny_models import TINY_TUBE, batch, tiny_tube_model, video
from tests.test_models.tube_parity import (
    assert_losses_close,
    clip_sample,
    load,
    our_names,
    recorded_head,
    recorded_matches,
    recorded_model,
    replayed_rand,
)
from videoseg.models.decoders import TubeLinkDecoder
from videoseg.structures import FrameMeta, VideoState

HEADS = parity_names('tube_link', ['head_vps.pt', 'head_vis.pt', 'head_vss.pt'])


def features_of(record):
    neck, decoder = recorded_head(record)
    return neck, decoder, neck(record['feats'], num_frames=record['nf'])


@pytest.mark.parametrize('name', HEADS)
def test_layers_parity(name):
    record = load(name)
    _, decoder, feats = features_of(record)
    encoding = decoder.encode_positions(record['nf'], feats.multi_scale[1].shape[-2:], 'cpu')
    assert_close(encoding.expand(record['bs'], -1, -1, -1, -1), record['pos3d_stride16'])
    outputs = decoder.run_layers(feats, keep_all=True)
    recorded = record['layers']
    assert len(outputs) == len(recorded['cls']) == len(recorded['masks'])
    for output, classes, masks in zip(outputs, recorded['cls'], recorded['masks'], strict=True):
        assert_close(output.class_logits, classes)
        assert_close(output.mask_logits, masks.transpose(1, 2))


@pytest.mark.parametrize('name', HEADS)
def test_decode_parity(name):
    record = load(name)
    _, decoder, feats = features_of(record)
    with torch.no_grad():
        prediction, state = decoder.eval().decode(feats, {}, [])
    recorded = record['test']
    assert state == {} and prediction.activation == 'softmax' and (prediction.fixed_labels == -1).all()
    assert_close(prediction.class_logits, recorded['cls'])
    batch_first = record['cfg']['type'] == 'Mask2FormerVideoHeadTube'
    assert_close(prediction.queries, recorded['query'] if batch_first else recorded['query'].transpose(0, 1))
    masks = F.interpolate(prediction.mask_logits.flatten(0, 1), record['size'], mode='bilinear', align_corners=False)
    expected = recorded['masks'].float().transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(masks, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('name', HEADS)
def test_loss_parity(name):
    record = load(name)
    neck, decoder, feats = features_of(record)
    train = record['train']
    found = recorded_matches(decoder.assigner)
    samples = [clip_sample(clip, decoder.num_things) for clip in train['clips']]
    with replayed_rand(train['rand']):
        losses = decoder.loss(feats, samples)
    assert_losses_close(losses, train['losses'])
    assert len(found) == len(train['assigned_gt_inds'])
    for ours, recorded in zip(found, train['assigned_gt_inds'], strict=True):
        assert torch.equal(ours, recorded)
    total = sum(losses.values())
    torch.testing.assert_close(total.reshape(()), train['total'].reshape(()), rtol=1e-5, atol=1e-5)
    total.backward()
    norms = our_names(train['grad_norms'], 'panoptic_head.')
    own = {f'neck.0.{k}': p for k, p in neck.named_parameters()}
    own.update({f'decoder.{k}': p for k, p in decoder.named_parameters()})
    assert set(own) == set(norms)
    for key, norm in norms.items():
        torch.testing.assert_close(own[key].grad.norm(), norm, rtol=1e-4, atol=1e-5, msg=key)


@pytest.mark.parametrize('name', parity_names('tube_link', ['vps_windows.pt']))
def test_windows_parity(name):
    """Linked queries and embeddings over four windows, with the original's link (Q1)."""
    record = load(name)
    model = recorded_model(record, compat=True).eval()
    state = {}
    for step in record['steps']:
        frames = record['video'][:, step['first'] : step['first'] + record['window']]
        with torch.no_grad():
            prediction, state = model.decoder.decode(model.extract_feat(frames), state, [])
            embeddings = model.decoder.association.embed(prediction.queries[0])
        assert_close(state['queries'], step['pre_query'].transpose(0, 1))
        distance, rows = torch.cdist(step['track_emb'], embeddings).min(1)
        assert (distance < 1e-4).all() and rows.tolist() == sorted(set(rows.tolist()))


BASELINE = dict(link=None, association=None)


def without(item, things=True, stuff=True):
    """The same clip with all things, all stuff, or both turned into void."""
    item = dict(item, data_samples=copy.deepcopy(item['data_samples']))
    for frame in item['data_samples'].video_data_samples:
        semantic = frame.gt_sem_seg.sem_seg
        if things:
            semantic[semantic < 2] = 255
            gone = frame.gt_instances.masks[:0]
            empty = torch.zeros(0, dtype=torch.long)
            frame.gt_instances = InstanceData(labels=empty, masks=gone, instances_ids=empty)
        if stuff:
            semantic[(semantic >= 2)] = 255
    return item


def fixed_points():
    """Every draw gives the same points for every row, so that losses of different batches can be compared."""
    points = torch.rand(4096, 2, generator=torch.Generator().manual_seed(0))
    return mock.patch('torch.rand', lambda shape, **kwargs: points[None, : shape[1]].repeat(shape[0], 1, 1))


def losses_of(model, *items):
    model.train()
    return model.loss(**batch(model, *items, training=True))


def finite_and_trained(model, losses):
    assert all(torch.isfinite(value) for value in losses.values())
    model.zero_grad()
    sum(losses.values()).backward()
    return all(p.grad is not None for p in model.decoder.parameters())


@pytest.mark.parametrize('running', [False, True])
def test_batch_equals_single_runs(running):
    model = tiny_tube_model()
    data = batch(model, video(0, 4), video(1, 4))
    state = dict(queries=torch.randn(2, 10, 32)) if running else {}
    with torch.no_grad():
        feats = model.extract_feat(data['inputs'])
        both, new = model.decoder.decode(feats, state, [])
        assert both.mask_logits.shape == (2, 10, 4, 16, 24) and new['queries'].shape == (2, 10, 32)
        for i in range(2):
            own = {k: v[i : i + 1] for k, v in state.items()}
            alone, own = model.decoder.decode(model.extract_feat(data['inputs'][i : i + 1]), own, [])
            assert_close(both.select_clip(i).class_logits, alone.class_logits)
            assert_close(both.select_clip(i).mask_logits, alone.mask_logits)
            assert_close(new['queries'][i], own['queries'])


def test_a_batch_of_equal_clips_has_the_loss_of_one():
    model, item = tiny_tube_model(), video(0, 4)
    with fixed_points():
        one, two = losses_of(model, item), losses_of(model, item, item)
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize('frames', [1, 2, 3, 4])
def test_any_number_of_frames(frames):
    model = tiny_tube_model(window=frames, **BASELINE)
    (result,) = model.predict(**batch(model, video(0, 5)))
    assert [f.pred_panoptic_seg.panoptic_seg.shape for f in result.video_data_samples] == [(1, 64, 96)] * 5
    losses = losses_of(model, video(0, frames), video(1, frames))
    assert len(losses) == 3 + 6 * 3 and finite_and_trained(model, losses)


def test_only_the_last_output_is_made_to_predict():
    model = tiny_tube_model()
    feats = model.extract_feat(batch(model, video(0, 2))['inputs'])
    (last,) = model.decoder.run_layers(feats)
    every = model.decoder.run_layers(feats, keep_all=True)
    assert len(every) == 4
    for one, other in zip(last, every[-1], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ('decoder', 'number', 'group'),
    [
        ({}, 2 * (3 + 6 * 3) + 2, {'stuff_', 'thing_'}),
        (BASELINE, 3 + 6 * 3, {'stuff_', 'thing_'}),
        (dict(BASELINE, stuff_slots=False), 3 + 3 * 3, {''}),
        (dict(stuff_slots=False), 2 * (3 + 3 * 3) + 2, {''}),
    ],
)
@pytest.mark.parametrize('mask_loss', ['long_image', 'per_frame'])
def test_losses_train_every_parameter(decoder, number, group, mask_loss):
    model = tiny_tube_model(mask_loss=mask_loss, **decoder)
    losses = losses_of(model, video(0, 4), video(1, 4))
    assert len(losses) == number
    assert {name.split('.')[1].split('loss')[0] for name in losses if '.' in name} == group
    assert ('loss_track' in losses) == ('loss_cls_ref' in losses) == (decoder.get('association', 0) is not None)
    assert finite_and_trained(model, losses)


@pytest.mark.parametrize('gone', [dict(stuff=False), dict(things=False), {}], ids=['no things', 'no stuff', 'nothing'])
@pytest.mark.parametrize('slots', [True, False])
def test_tubes_without_things_or_stuff(gone, slots):
    """The original raises without any ground truth, and mixes things into stuff without stuff (Q5)."""
    model = tiny_tube_model(stuff_slots=slots)
    losses = losses_of(model, without(video(0, 4), **gone))
    assert finite_and_trained(model, losses)
    if slots:
        for group, present in (('stuff', 'stuff' in gone), ('thing', 'things' in gone)):
            assert (losses[f'd0.{group}_loss_mask'] > 0) == (losses[f'd0.{group}_loss_dice'] > 0) == present
            assert losses[f'd0.{group}_loss_cls'] > 0
    if 'things' not in gone:
        assert losses['loss_track'] == losses['loss_track_aux'] == 0
    mixed = losses_of(model, without(video(0, 4), **gone), video(1, 4))
    assert finite_and_trained(model, mixed) and mixed['loss_mask'] > 0


@pytest.mark.parametrize('compat', [False, True])
def test_without_stuff_no_stuff_slot_gets_a_mask(compat):
    """Q5: the original then trains stuff slots with the things."""
    model = tiny_tube_model(compat=compat, **BASELINE)
    losses = losses_of(model, without(video(0, 2), things=False))
    assert (losses['d0.stuff_loss_mask'] > 0) == compat


def test_losses_are_repeatable_and_random():
    model = tiny_tube_model()
    values = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        values.append(sum(losses_of(model, video(0, 4)).values()))
    assert values[0] == values[1] != values[2]


def test_stuff_slots_are_supervised_in_class_order():
    decoder = tiny_tube_model(**BASELINE).decoder
    targets = decoder.targets_of(video(0, 2)['data_samples'], 2)[0]
    kept = targets._replace(stuff_labels=targets.stuff_labels[1:], stuff_masks=targets.stuff_masks[1:])
    with mock.patch.object(decoder.criterion, 'forward', wraps=decoder.criterion.forward) as criterion:
        feats = torch.zeros(1, 10, 5), torch.zeros(1, 10, 2, 16, 24)
        decoder.tube_losses([type('Output', (), dict(class_logits=feats[0], mask_logits=feats[1]))], [kept])
    classes, masks, (match,), (labels,), (tubes,) = criterion.call_args_list[0].args
    assert classes.shape[1] == masks.shape[1] == 2
    assert match.kernels.tolist() == [1] and labels.tolist() == [3] and torch.equal(tubes[0], targets.stuff_masks[1])


def test_state_is_the_linked_queries_of_the_last_tube():
    model = tiny_tube_model()
    data = batch(model, video(0, 4))
    with torch.no_grad():
        first, second = (model.extract_feat(data['inputs'][:, i : i + 2]) for i in (0, 2))
        fresh, state = model.decoder.decode(first, {}, [])
        assert torch.equal(fresh.queries, state['queries'])
        raw, _ = model.decoder.decode(second, {}, [])
        running, new = model.decoder.decode(second, state, [])
        things = model.decoder.link(raw.queries[:, :8], state['queries'][:, :8])
    assert torch.equal(running.queries[:, :8], things) and torch.equal(running.queries[:, 8:], raw.queries[:, 8:])
    assert torch.equal(running.mask_logits, raw.mask_logits) and torch.equal(new['queries'], running.queries)
    assert tiny_tube_model(**BASELINE).decoder.decode(first, {}, [])[1] == {}


@pytest.mark.parametrize('compat', [False, True])
def test_linking_mixes_slots_but_for_the_original(compat):
    """Q1: at test time the original links every slot, stuff too, with its predecessor only."""
    model = tiny_tube_model(compat=compat)
    feats = model.extract_feat(batch(model, video(0, 2))['inputs'])
    previous = torch.randn(1, 10, 32)
    changed = previous.clone()
    changed[:, [0, 9]] += 1
    with torch.no_grad():
        before, after = (model.decoder.decode(feats, dict(queries=x), [])[0].queries for x in (previous, changed))
    moved = ((before - after).abs() > 1e-6).any(-1)[0].nonzero()[:, 0].tolist()
    assert moved == ([0, 9] if compat else list(range(8)))


def test_a_saved_state_resumed_gives_the_same_frames():
    model = tiny_tube_model()
    data = batch(model, video(0, 5))
    (whole,) = model.predict(**data)
    state, frames = None, []
    for start in (0, 2, 4):
        window = TrackDataSample(metainfo=dict(video_id='video0'))
        window.video_data_samples = data['data_samples'][0].video_data_samples[start : start + 2]
        state = model.init_state(FrameMeta.of_window(window)) if state is None else VideoState.from_state_dict(state)
        results, state = model.step(data['inputs'][0, start : start + 2], window, state)
        frames += [x.pred_panoptic_seg.panoptic_seg for x in results]
        assert state.decoder['queries'].shape == (10, 32)
        state = state.state_dict()
    expected = [x.pred_panoptic_seg.panoptic_seg for x in whole.video_data_samples]
    assert torch.equal(torch.cat(frames), torch.cat(expected)) and len(frames) == 5


def test_half_precision():
    model, item = tiny_tube_model(), video(0, 4)
    with torch.no_grad():
        full, _ = model.decoder.decode(model.extract_feat(batch(model, item)['inputs']), {}, [])
    with torch.autocast('cpu', torch.bfloat16):
        with torch.no_grad():
            half, _ = model.decoder.decode(model.extract_feat(batch(model, item)['inputs']), {}, [])
        losses = losses_of(model, item)
    assert half.mask_logits.dtype == torch.bfloat16
    assert F.cosine_similarity(half.class_logits.float().flatten(), full.class_logits.flatten(), dim=0) > 0.98
    assert all(value.dtype == torch.float32 for name, value in losses.items() if 'track' not in name)
    assert finite_and_trained(model, losses)


@pytest.mark.parametrize('association', [None, {}])
def test_survivors_are_embedded(association):
    model = tiny_tube_model(link=None, association=association)
    meta = FrameMeta('v', [0, 1], (64, 96), (64, 96), (64, 96))
    feats = model.extract_feat(batch(model, video(0, 2))['inputs'])
    prediction, _ = model.decoder.decode(feats, {}, [meta])
    segments = model.postprocessor(prediction, meta)
    assert len(segments.query_index)
    queries = prediction.queries[0, segments.query_index]
    expected = queries if association is None else model.decoder.association.embed(queries)
    assert_close(model.decoder.embed(feats, prediction, segments), expected)


@pytest.mark.parametrize('target', ['tube_mask', 'gt_mask', 'all_masks'])
def test_association_targets(target):
    """An object that leaves before the end of the key tube counts for all of them, one that comes later not for one."""
    model = tiny_tube_model(association=dict(association_target=target))
    item = video(0, 4)
    first = item['data_samples'].video_data_samples[0]
    first.gt_instances.masks[1] = 0
    with mock.patch.object(model.decoder.association, 'sample', wraps=model.decoder.association.sample) as sample:
        losses = losses_of(model, item)
    ((key, reference),) = (call.args for call in sample.call_args_list)
    assert sorted(key[key > 0].tolist()) == ([1] if target == 'gt_mask' else [1, 2])
    assert sorted(reference[reference > 0].tolist()) == [1, 2] and len(key) == 8
    assert all(torch.isfinite(value) for value in losses.values())


def test_bad_arguments():
    for wrong, message in [
        (dict(association=None), r'link needs association=dict'),
        (dict(num_queries=2), r'2 stuff slots and at least 1 query for things do not fit num_queries=2'),
        (dict(mask_loss='frames'), "mask_loss must be one of .* not 'frames'"),
        (dict(query_tap='last'), "query_tap must be one of .* not 'last'"),
        (dict(association=dict(source='both')), "embeds queries alone .* set association.source='kernel'"),
        (dict(association=dict(type='AssociationEmbeddingHead')), 'does not choose queries of tubes'),
    ]:
        with pytest.raises(ValueError, match=message):
            TubeLinkDecoder(**{**TINY_TUBE, **wrong})
    with pytest.raises(TypeError, match='num_thing_queries'):
        TubeLinkDecoder(**TINY_TUBE, num_thing_queries=3)
    assert TubeLinkDecoder(**{**TINY_TUBE, 'num_things': 0, 'num_queries': 2, **BASELINE}).num_matched == 0


def test_bad_clips():
    model = tiny_tube_model().train()
    with pytest.raises(ValueError, match='a key and a reference tube of equal length, the clips have 3 frames'):
        losses_of(model, video(0, 3))
    with pytest.raises(ValueError, match=r'TubeLinkDecoder: the clips of a batch have \[4, 2\] frames'):
        losses_of(model, video(0, 4), video(1, 2))
    item = video(0, 4)
    item['data_samples'][1].gt_instances.labels = torch.tensor([1, 1])
    with pytest.raises(ValueError, match=r"video 'video0': instance ids \[1\] change their class"):
        losses_of(model, item)


def test_semantic_decoder_without_things():
    model = tiny_tube_model(num_things=0, num_stuff=4, stuff_slots=False, **BASELINE)
    losses = losses_of(model, video(0, 2))
    assert finite_and_trained(model, losses) and len(losses) == 12
    targets = model.decoder.targets_of(video(0, 2)['data_samples'], 2)[0]
    assert targets.stuff_labels.tolist() == [0, 1, 2, 3] and len(targets.labels) == 0


def test_initial_matrices_are_xavier():
    decoder = tiny_tube_model().decoder
    for name, value in decoder.transformer_decoder.named_parameters():
        if value.dim() > 1:
            expected = math.sqrt(2 / sum(value.shape))
            assert 0.85 < value.std().item() / expected < 1.15, name
