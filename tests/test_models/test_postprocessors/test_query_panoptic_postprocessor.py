"""Mask2Former's fusion equals the original in all recorded modes, and its rules one by one."""

import pytest
import torch
from torch.nn import functional as F

from tests.parity_data import parity_names
from tests.test_models.test_postprocessors.small_predictions import columns, meta_of, prediction_of, row_of
from tests.test_models.tube_parity import load
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, FrameMeta

FUSION = parity_names('tube_link', ['fusion.pt'])
VOID = 5


def build(**kwargs):
    return MODELS.build(dict(type='QueryPanopticPostprocessor', **kwargs))


def recorded(record, num_things=3, frames=1):
    """The recorded queries as a prediction, and its sizes."""
    num, height, width = record['masks'].shape
    prediction = ClipPrediction(
        class_logits=record['cls'][None],
        mask_logits=record['masks'][None, :, None].expand(1, num, frames, height, width),
        queries=torch.zeros(1, num, 4),
        activation='softmax',
        fixed_labels=torch.full((num,), -1),
        num_things=num_things,
    )
    return prediction, meta_of(height, width, frames)


def segment_values(segments, instances):
    """The original's values class + 1000 instance of the map, void last."""
    values = segments.labels + 1000 * torch.where(segments.is_thing, instances, 0)
    return torch.cat([values.new_tensor([VOID]), values])[segments.segment_map.long()]


@pytest.mark.parametrize('name', FUSION)
@pytest.mark.parametrize('compat', [True, False])
@pytest.mark.parametrize('mode', ['with_query', 'default', 'sort_with_query', 'sort'])
def test_recorded_maps_and_lists(name, mode, compat):
    record = load(name)
    cfg, expected = record['test_cfg'], record['out'][mode]
    prediction, meta = recorded(record)
    if mode.startswith('sort'):
        options = dict(competitors='all', overlap_thr=cfg['overlap_thr'], filter_low_score=False)
    else:
        options = dict(overlap_thr=cfg['iou_thr'], filter_low_score=cfg['filter_low_score'])
    segments = build(object_mask_thr=cfg['object_mask_thr'], compat=compat, **options)(prediction, meta)
    if mode.endswith('with_query'):
        numbers = segments.query_index + 1
        things = segments.is_thing
        values = (segments.labels + 1000 * numbers)[things].tolist()
        assert list(zip(segments.query_index[things].tolist(), values, strict=True)) == expected['query_list'][0]
    elif mode == 'default':
        numbers = segments.is_thing.cumsum(0)
    else:  # the counter of the original runs over stuff, too
        numbers = torch.arange(len(segments)) + 1
    assert torch.equal(segment_values(segments, numbers)[0].int(), expected['pan'])


@pytest.mark.parametrize('name', FUSION)
def test_recorded_semantic_map_and_instances(name):
    record = load(name)
    expected = record['out']['sem_seg_only_with_query']
    for resize in ('probs', 'logits'):
        segments = MODELS.build(dict(type='SemanticPostprocessor', resize=resize))(*recorded(record))
        assert torch.equal(segments.labels[segments.segment_map[0].long() - 1], expected['sem'])
    prediction, meta = recorded(record, num_things=VOID)  # the limit counts pairs with stuff, too
    limit = record['test_cfg']['max_per_image']
    segments = MODELS.build(dict(type='InstancePostprocessor', max_per_img=limit, resize='logits'))(prediction, meta)
    expected = expected['ins']
    assert sorted(segments.query_index.tolist()) == sorted(expected['query'].tolist())
    keep = segments.labels < 3
    quality = (record['masks'].sigmoid() * (record['masks'] > 0)).flatten(1).sum(1)
    quality = quality / (record['masks'] > 0).flatten(1).sum(1)
    scores = segments.scores[keep] * quality[segments.query_index[keep]]
    ours, theirs = scores.argsort(), expected['boxes'][:, 4].argsort()
    torch.testing.assert_close(scores[ours], expected['boxes'][theirs, 4])
    assert torch.equal(segments.labels[keep][ours], expected['labels'][theirs])
    assert torch.equal(segments.masks[keep, 0][ours], expected['masks'][theirs])


@pytest.mark.parametrize('name', FUSION)
def test_frames_of_a_window_are_fused_one_by_one(name):
    prediction, meta = recorded(load(name), frames=3)
    logits = prediction.mask_logits.clone()
    logits[:, :, 1] = logits[:, :, 1].flip(-1)
    logits[:, :, 2] = logits[:, :, 2] * 0.5 + 0.3
    prediction.mask_logits = logits
    options = dict(object_mask_thr=0.4, overlap_thr=0.5)
    together = build(**options)(prediction, meta)
    seen = set()
    for t in range(3):
        alone = build(**options)(recorded_frame(prediction, t), meta_of(*meta.ori_shape))
        table = torch.cat([torch.tensor([-1]), together.query_index])
        expected = torch.cat([torch.tensor([-1]), alone.query_index])
        assert torch.equal(table[together.segment_map[t].long()], expected[alone.segment_map[0].long()])
        seen |= set(alone.query_index.tolist())
    assert together.query_index.tolist() == sorted(seen)


def recorded_frame(prediction, frame):
    """One frame of a prediction."""
    fields = {**vars(prediction), 'mask_logits': prediction.mask_logits[:, :, frame : frame + 1]}
    return ClipPrediction(**fields)


SCORES = [[0.9, 0.02, 0.08], [0.6, 0.1, 0.3], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]]


def test_no_object_and_low_scores_do_not_compete():
    masks = columns((0, 6), (4, 9), (9, 12), (0, 12), value=0.9)
    prediction = prediction_of(masks, SCORES, num_things=1, activation='softmax')
    segments = build(object_mask_thr=0.5, overlap_thr=0.5)(prediction, meta_of())
    assert row_of(segments) == [1] * 6 + [2] * 3 + [3] * 3
    assert segments.labels.tolist() == [0, 0, 1] and segments.is_thing.tolist() == [True, True, False]
    assert segments.scores.tolist() == pytest.approx([0.9, 0.6, 0.7])
    # stuff is ruled out by its score, too
    segments = build(object_mask_thr=0.75, overlap_thr=0.5)(prediction, meta_of())
    assert segments.query_index.tolist() == [0]
    assert set(segments.segment_map.flatten().tolist()) == {0, 1}
    # all compete: a weak thing wins pixels and leaves them void, stuff stays
    segments = build(object_mask_thr=0.75, overlap_thr=0.5, competitors='all', filter_low_score=False)
    segments = segments(prediction, meta_of())
    assert segments.query_index.tolist() == [0, 2]
    assert row_of(segments) == [1] * 6 + [0] * 3 + [2] * 3


def test_pixels_outside_the_own_mask_are_filtered():
    masks = columns((0, 6), value=0.9)
    prediction = prediction_of(masks, SCORES[:1], num_things=1, activation='softmax')
    assert row_of(build(filter_low_score=False)(prediction, meta_of())) == [1] * 12
    assert row_of(build()(prediction, meta_of())) == [1] * 6 + [0] * 6


def test_a_thing_without_a_pixel_left_is_a_segment_only_with_compat():
    """The first query wins all of the second's mask; what the second wins lies outside of its mask."""
    masks = torch.full((2, 1, 8, 12), 0.01)
    masks[0, ..., :4] = 0.9
    masks[1, ..., :4] = 0.55
    masks[1, ..., 4:8] = 0.4
    prediction = prediction_of(masks, [[0.9, 0.1], [0.8, 0.2]], activation='softmax', num_things=1)
    options = dict(object_mask_thr=0.5, overlap_thr=0.5)
    assert build(**options)(prediction, meta_of()).query_index.tolist() == [0]
    compat = build(compat=True, **options)(prediction, meta_of())
    assert compat.query_index.tolist() == [0, 1]
    assert set(compat.segment_map.flatten().tolist()) == {0, 1}


@pytest.mark.parametrize(
    'seen', [((0, 1), (2,)), ((0,), ()), ((), (1, 2))], ids=['no gap', 'ends empty', 'starts empty']
)
def test_an_empty_frame_clears_what_was_collected_only_with_compat(seen):
    """Things 0, 1 and 2 appear in frames 0 and 2 of three; frame 1 has none (Q4)."""
    masks = torch.full((3, 3, 8, 12), 0.01)
    for frame, things in zip((0, 2), seen, strict=True):
        for thing in things:
            masks[thing, frame, :, 4 * thing : 4 * thing + 4] = 0.9
    prediction = prediction_of(masks, [[0.9, 0.1]] * 3, num_things=1, activation='softmax')
    fixed, compat = (build(compat=compat)(prediction, meta_of(frames=3)) for compat in (False, True))
    visible = sorted(set(seen[0]) | set(seen[1]))
    assert fixed.query_index.tolist() == compat.query_index.tolist() == visible
    assert fixed.is_thing.all() and fixed.track_ids is None
    assert compat.is_thing.tolist() == [query in seen[1] for query in visible]
    assert compat.track_ids.tolist() == [0 if query in seen[1] else query + 1 for query in visible]


@pytest.mark.parametrize('kind', ['QueryPanopticPostprocessor', 'InstancePostprocessor', 'SemanticPostprocessor'])
def test_logits_or_probabilities_are_interpolated(kind):
    """At a larger size the two differ; each equals the plain formula."""
    torch.manual_seed(0)
    logits = torch.randn(1, 4, 1, 8, 12) * 4
    prediction = prediction_of(torch.zeros(4, 1, 8, 12), [[0.9, 0.1]] * 4, num_things=1, activation='softmax')
    prediction.mask_logits = logits
    meta = FrameMeta('v', [0], (30, 40), (35, 50), (32, 48))
    interpolated = {}
    for resize in ('logits', 'probs'):
        x = logits[0, :, 0] if resize == 'logits' else logits[0, :, 0].sigmoid()
        x = F.interpolate(x[None], (32, 48), mode='bilinear')[..., :30, :40]
        x = F.interpolate(x, (35, 50), mode='bilinear')[0]
        interpolated[resize] = x.sigmoid() if resize == 'logits' else x
    found = {}
    for resize, probs in interpolated.items():
        options = dict(overlap_thr=0.1) if kind == 'QueryPanopticPostprocessor' else {}
        segments = MODELS.build(dict(type=kind, resize=resize, **options))(prediction, meta)
        if kind == 'InstancePostprocessor':
            found[resize] = segments.masks[:, 0].float()
            assert torch.equal(found[resize], (probs[segments.query_index] > 0.5).float())
        elif kind == 'SemanticPostprocessor':
            found[resize] = segments.scores
            torch.testing.assert_close(segments.scores, (0.9 * probs.sum(0)).mean()[None].clamp(max=1))
        else:
            found[resize] = segments.segment_map[0].float()
            owner = torch.cat([torch.tensor([-1]), segments.query_index])[segments.segment_map[0].long()]
            best, winner = probs.max(0)
            assert (owner >= 0).any() and torch.equal(owner >= 0, torch.isin(winner, owner) & (best >= 0.5))
    if kind != 'SemanticPostprocessor':
        assert not torch.equal(found['logits'], found['probs'])


def test_nothing_survives_and_bad_arguments():
    prediction = prediction_of(columns((0, 6)), [[0.1, 0.9]], num_things=1, activation='softmax')
    segments = build()(prediction, meta_of(frames=1))
    assert len(segments) == 0 and not segments.segment_map.any() and segments.boxes.shape == (0, 4)
    with pytest.raises(ValueError, match='competitors must be one of'):
        build(competitors='sort')
    with pytest.raises(ValueError, match='resize must be one of'):
        build(resize='nearest')
