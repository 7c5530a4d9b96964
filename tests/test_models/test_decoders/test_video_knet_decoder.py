"""Linked stages, association samples and embedded pixels of Video K-Net; what the original gets wrong on clips."""

import copy

import pytest
import torch
from mmengine.structures import InstanceData
from torch.nn import functional as F

from tests.test_models.tiny_models import TINY, batch, tiny_model, video
from videoseg.models.task_modules import Match
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments

SOURCES = ('kernel', 'mask', 'roi_align', 'both')


def decoder_overrides(source):
    linking = TINY['decoder']['linking'] if source in ('kernel', 'both') else None
    return dict(embedding_head=dict(source=source), linking=linking)


def tiny_decoder(**overrides):
    torch.manual_seed(0)
    decoder = MODELS.build(copy.deepcopy({**TINY['decoder'], 'num_stages': 3, **overrides}))
    decoder.init_weights()
    return decoder


@pytest.fixture(scope='module')
def clips():
    """Features and samples of two clips of two frames."""
    model = tiny_model()
    data = batch(model, video(0, frames=2), video(1, frames=2), training=True)
    with torch.no_grad():
        return model.extract_feat(data['inputs']), data['data_samples']


def without_objects(sample):
    sample = copy.deepcopy(sample)
    for frame in sample.video_data_samples:
        none = torch.zeros(0, dtype=torch.long)
        frame.gt_instances = InstanceData(labels=none, masks=frame.gt_instances.masks[:0], instances_ids=none)
    return sample


# ---------------------------------------------------------------- linked stages


def stage_links(decoder, proposals, previous):
    """Linked kernels of every stage, stage after stage."""
    kernels, masks, links = proposals.kernels, proposals.mask_logits, []
    for stage in decoder.stages:
        out = stage(proposals.features, kernels, masks, previous)
        kernels, masks = out.kernels, out.mask_logits
        links.append(out.track_kernels)
    return links


@pytest.mark.parametrize('stages', [(-1,), (0,), (1,), (0, 2), (0, 1, 2)])
@torch.no_grad()
def test_linked_kernels_of_the_chosen_stages_are_tracked(stages, clips):
    decoder = tiny_decoder(link_stages=stages, fusion_stages=stages).eval()
    feats = clips[0].select_frames([0])
    previous = torch.randn(2, 10, 32, 1, 1)
    links = stage_links(decoder, decoder.proposal_head(feats), previous)
    assert [i for i, link in enumerate(links) if link is not None] == sorted(s % 3 for s in stages)
    prediction, state = decoder.decode(feats, dict(kernels=previous), [])
    expected = torch.stack([link for link in links if link is not None]).mean(0)
    torch.testing.assert_close(prediction.embeddings, expected.flatten(2))
    assert not torch.equal(state['kernels'].flatten(2), prediction.embeddings)
    first, state = decoder.decode(feats, {}, [])  # nothing to link to: the kernels themselves
    assert torch.equal(first.embeddings, state['kernels'].flatten(2))


def test_stages_before_the_fused_one_see_no_previous_frame(clips):
    decoder = tiny_decoder(fusion_stages=(1,)).eval()
    proposals = decoder.proposal_head(clips[0].select_frames([0]))
    previous = torch.randn(2, 10, 32, 1, 1)
    alone, fused = (decoder.run_stages(proposals, p, keep_all=True) for p in (None, previous))
    same = [torch.equal(a.mask_logits, f.mask_logits) for a, f in zip(alone, fused, strict=True)]
    assert same == [True, False, False]


@pytest.mark.parametrize('block', ['linking', 'fusion', 'both'])
def test_detached_blocks_send_no_gradient_into_the_previous_frame(block, clips):
    """Defect 7: the original crashes with this switch where there are no previous kernels."""
    blocks = ('linking', 'fusion') if block == 'both' else (block,)
    decoder = tiny_decoder(**{name: dict(detach=True, feedforward_channels=64) for name in blocks})
    feats = clips[0].select_frames([0])
    previous = torch.randn(2, 10, 32, 1, 1, requires_grad=True)
    proposals = decoder.proposal_head(feats)
    assert all(torch.isfinite(out.mask_logits).all() for out in decoder.run_stages(proposals, keep_all=True))
    last = decoder.run_stages(proposals, previous)[-1]
    grads = torch.autograd.grad(last.mask_logits.sum() + last.track_kernels.square().sum(), previous, allow_unused=True)
    assert (grads[0] is None) == (block == 'both')


# ---------------------------------------------------------------- association samples


def test_dense_sampling_compares_all_thing_kernels(clips, monkeypatch):
    feats, samples = clips
    calls = {}
    for sampling in ('matched', 'dense'):
        decoder = tiny_decoder(association_sampling=sampling)
        monkeypatch.setattr(decoder.embedding_head, 'loss', lambda *args: dict(loss_track=args))
        with torch.no_grad():
            calls[sampling] = decoder.loss(feats, samples)['loss_track']
    for i in range(2):
        keys, references, same = (column[i] for column in calls['matched'])
        assert same.shape == (2, 2) and (same.sum(0) == 1).all() and (same.sum(1) == 1).all()
        all_keys, all_references, all_same = (column[i] for column in calls['dense'])
        assert all_same.shape == (8, 8) and all_same.sum() == 2
        rows, columns = all_same.nonzero().unbind(1)
        by_row = same.long().argmax(1)
        torch.testing.assert_close(all_keys[rows], keys)
        torch.testing.assert_close(all_references[columns], references[by_row])


def test_association_losses_are_the_mean_over_the_clips(clips):
    """Defect 5: the original mixes the clips of a GPU."""
    feats, samples = clips
    decoder = tiny_decoder()
    decoder.embedding_head.fc_embed.weight.data *= 300  # untrained, all vectors are nearly zero
    with torch.no_grad():
        both = decoder.loss(feats, samples)
        alone = [decoder.loss(feats.select_clip(i), samples[i : i + 1]) for i in range(2)]
    for name in ('loss_track', 'loss_track_aux'):
        torch.testing.assert_close(both[name], (alone[0][name] + alone[1][name]) / 2)
    assert (alone[0]['loss_track'] - alone[1]['loss_track']).abs() > 1e-3


@pytest.mark.parametrize('sampling', ['matched', 'dense'])
@pytest.mark.parametrize('source', SOURCES)
def test_frames_without_a_common_object(source, sampling, clips):
    """Defect 10: NaN in the original without a common object, an assertion without any object."""
    feats, samples = clips
    strangers = [copy.deepcopy(sample) for sample in samples]
    for sample in strangers:
        sample[1].gt_instances.instances_ids = sample[1].gt_instances.instances_ids + 10
    for data in (strangers, [without_objects(sample) for sample in samples]):
        decoder = tiny_decoder(association_sampling=sampling, **decoder_overrides(source))
        losses = decoder.loss(feats, data)
        assert all(torch.isfinite(value) for value in losses.values())
        assert losses['loss_track'] == 0
        sum(losses.values()).backward()
        assert [name for name, p in decoder.named_parameters() if p.grad is None] == []


def test_the_same_losses_whatever_is_in_the_frames(clips):
    """Defect 9: the original names one loss otherwise where nothing is matched, so the keys differ between GPUs."""
    feats, samples = clips
    decoder = tiny_decoder(proposal_criterion=None)
    full, empty = decoder.loss(feats, samples), decoder.loss(feats, [without_objects(sample) for sample in samples])
    assert list(full) == list(empty) and 'loss_rpn_rank' in full


def test_clips_of_unequal_length_are_refused(clips):
    feats, samples = clips
    short = copy.deepcopy(samples[1])
    short.video_data_samples = short.video_data_samples[:1]
    with pytest.raises(ValueError, match=r'VideoKNetDecoder: the clips of a batch have \[2, 1\] frames'):
        tiny_decoder().loss(feats, [samples[0], short])


# ---------------------------------------------------------------- embedded pixels


def test_true_masks_in_training_predicted_ones_where_nothing_matches(clips, monkeypatch):
    feats, samples = clips
    decoder = tiny_decoder(association_sampling='dense', **decoder_overrides('mask'))
    seen = []
    describe = decoder.embedding_head.region.forward
    monkeypatch.setattr(decoder.embedding_head.region, 'forward', lambda *args: seen.append(args) or describe(*args))
    matches = [Match(torch.tensor([1, 6]), torch.tensor([1, 0]))] * 2
    monkeypatch.setattr(decoder, 'match', lambda *args: matches)
    with torch.no_grad():
        reference = decoder.run_stages(decoder.proposal_head(feats.select_frames([1])))[-1]
        decoder.loss(feats, samples)
    for i, (features, masks) in enumerate(seen[2:]):  # after the key frames
        assert torch.equal(features, feats.select_clip(i).mask_features[1])
        (truth,) = decoder.targets_of([samples[i][1]])  # at stride 4, the features at stride 8
        torch.testing.assert_close(masks[[1, 6]], F.avg_pool2d(truth.masks[None], 2)[0, [1, 0]])
        assert masks[1].sum() > 1 and masks[6].sum() > 1
        others = [0, 2, 3, 4, 5, 7]
        assert torch.equal(masks[others], (reference.mask_logits[i, others] > 0).float())


@pytest.mark.parametrize('source', SOURCES[1:])
def test_pixels_of_the_own_clip_and_mask_are_embedded(source):
    """Segment by segment, in a batch of two as alone."""
    model = tiny_model(decoder=decoder_overrides(source))
    data = batch(model, video(0, frames=1), video(1, frames=1))
    with torch.no_grad():
        feats = model.extract_feat(data['inputs'])
        prediction, _ = model.decoder.decode(feats, {}, [])
    index = torch.tensor([5, 0, 5, -1])
    ones = torch.ones(4)
    segments = ClipSegments(labels=ones.long(), scores=ones, is_thing=ones.bool(), query_index=index)
    for b in range(2):
        own = prediction.select_clip(b)
        with torch.no_grad():
            vectors = model.decoder.embed(feats.select_clip(b), own, segments)
            masks = (own.mask_logits[0, [5, 0, 5, 0], 0] > 0).float()
            expected = model.decoder.embedding_head(own.embeddings[0, [5, 0, 5, 0]], feats.mask_features[b], masks)
        torch.testing.assert_close(vectors, expected)
    together = model.predict(**copy.deepcopy(data))
    for seed, result in enumerate(together):
        (alone,) = model.predict(**batch(model, video(seed, frames=1)))
        pair = [r[0].pred_panoptic_seg.panoptic_seg for r in (alone, result)]
        assert torch.equal(*pair)


def test_refused_switches():
    with pytest.raises(ValueError, match="association_sampling must be 'matched' or 'dense', not 'all'"):
        tiny_decoder(association_sampling='all')
    with pytest.raises(ValueError, match="set linking=None, or embedding_head.source to 'kernel' or 'both'"):
        tiny_decoder(embedding_head=dict(source='mask'))
    with pytest.raises(ValueError, match=r'association_target would be ignored.*: use AssociationEmbeddingHead'):
        tiny_decoder(embedding_head=dict(type='TubeContrastiveHead', association_target='gt_mask'))
    with pytest.raises(ValueError, match=r'linking names stages \(3,\), but there are 3'):
        tiny_decoder(link_stages=(3,))
