"""Panoptic segments: the rules one by one."""

import pytest
import torch

from tests.test_models.test_postprocessors.small_predictions import columns, meta_of, prediction_of, row_of
from videoseg.models.postprocessors import resize
from videoseg.registry import MODELS


def build(**kwargs):
    return MODELS.build(dict(type='PanopticPostprocessor', **kwargs))


def test_low_score_things_leave_void_only_with_compat():
    masks = columns((0, 6), (4, 12), (6, 12), value=0.8)
    masks[1] *= 1.2  # the weak query is surer of its pixels
    prediction = prediction_of(masks, [[0.9, 0.1, 0.1], [0.24, 0.2, 0.1], [0.1, 0.1, 0.15]], num_stuff=1)
    compat = build(overlap_thr=0.3, compat=True)(prediction, meta_of())
    assert row_of(compat) == [1] * 6 + [0] * 6
    fixed = build(overlap_thr=0.3)(prediction, meta_of())
    assert row_of(fixed) == [1] * 6 + [2] * 6
    assert fixed.labels.tolist() == [0, 2]
    assert fixed.query_index.tolist() == [0, 2]
    assert fixed.is_thing.tolist() == [True, False]


def test_rejected_segments_leave_void_or_are_filled():
    masks = columns((0, 10), (8, 12), value=0.9)
    prediction = prediction_of(masks, [[0.9, 0.1], [0.5, 0.3]])
    # the second keeps 2 of its 4 columns: below an overlap threshold of 0.6
    assert row_of(build(overlap_thr=0.6)(prediction, meta_of())) == [1] * 10 + [0] * 2
    assert row_of(build(overlap_thr=0.5)(prediction, meta_of())) == [1] * 10 + [2] * 2
    filled = build(overlap_thr=0.6, void_fill='kept')(prediction, meta_of())
    assert row_of(filled) == [1] * 12
    assert len(filled) == 1


def test_pairs_name_each_query_once_and_are_limited():
    masks = columns((0, 4), (4, 8), (8, 12))
    scores = [[0.9, 0.8], [0.7, 0.1], [0.6, 0.65]]
    segments = build(max_per_img=3)(prediction_of(masks, scores), meta_of())
    assert segments.query_index.tolist() == [0, 1]  # the third pair is the first query again
    segments = build(max_per_img=4)(prediction_of(masks, scores), meta_of())
    assert segments.query_index.tolist() == [0, 1, 2]
    assert segments.labels.tolist() == [0, 0, 1]
    segments = build(candidates='best_class', max_per_img=1)(prediction_of(masks, scores), meta_of())
    assert segments.labels.tolist() == [0, 0, 1]


def test_sequential_merge():
    masks = columns((0, 8), (5, 11), (6, 8), (0, 12))
    scores = [[0.9, 0.1, 0.1], [0.8, 0.1, 0.1], [0.7, 0.1, 0.1], [0.1, 0.1, 0.2]]
    prediction = prediction_of(masks, scores, num_stuff=1)
    merge = dict(merge='sequential', stuff_max_area=8)
    assert row_of(build(**merge)(prediction, meta_of())) == [1] * 8 + [2] * 3 + [3]
    # the second has 3 of 6 columns taken, the third all
    assert row_of(build(**merge, iou_thr=0.4)(prediction, meta_of())) == [1] * 8 + [2] * 4
    assert row_of(build(merge='sequential', stuff_max_area=9)(prediction, meta_of())) == [1] * 8 + [2] * 3 + [0]
    assert row_of(build(**merge, instance_score_thr=0.85)(prediction, meta_of())) == [1] * 8 + [2] * 4
    filled = build(merge='sequential', stuff_max_area=9, void_fill='kept')(prediction, meta_of())
    assert row_of(filled) == [1] * 8 + [2] * 3 + [1]


@pytest.mark.parametrize('merge', ['joint', 'sequential'])
def test_areas_count_over_the_whole_tube(merge):
    first, second = columns((0, 12), (0, 4)), columns((0, 4), (4, 12))
    masks = torch.cat([first, second], 1)
    # in frame 0 the second query owns nothing, over the tube 2/3 of its mask
    prediction = prediction_of(masks, [[0.9, 0.1], [0.8, 0.1]])
    segments = build(merge=merge, overlap_thr=0.6, iou_thr=0.4)(prediction, meta_of(frames=2))
    assert row_of(segments, 0) == [1] * 12
    assert row_of(segments, 1) == [1] * 4 + [2] * 8
    assert segments.boxes.tolist() == [[0, 0, 3, 7], [4, 0, 11, 7]]  # of the last frame


def test_softmax_queries_may_be_any_class():
    masks = columns((0, 4), (4, 8), (8, 12))
    scores = [[0.8, 0.05, 0.05, 0.1], [0.05, 0.05, 0.7, 0.2], [0.05, 0.1, 0.05, 0.8]]
    prediction = prediction_of(masks, scores, num_things=2, activation='softmax')
    for candidates in ('pairs', 'best_class'):
        segments = build(candidates=candidates)(prediction, meta_of())
        assert segments.labels.tolist() == [0, 2]
        assert segments.is_thing.tolist() == [True, False]
        assert row_of(segments)[:8] == [1] * 4 + [2] * 4


def test_nothing_above_the_threshold_is_all_void():
    prediction = prediction_of(columns((0, 4), (4, 8)), [[0.1, 0.1], [0.1, 0.2]])
    for compat in (False, True):
        segments = build(compat=compat, void_fill='kept')(prediction, meta_of())
        assert len(segments) == 0
        assert segments.segment_map.tolist() == [[[0] * 12] * 8]
        assert segments.boxes.shape == (0, 4)


def test_rejected_queries_are_never_resized(monkeypatch):
    resized = []
    original = resize.full_size_probs
    monkeypatch.setattr(resize, 'full_size_probs', lambda x, *args: resized.append(x.shape[0]) or original(x, *args))
    prediction = prediction_of(columns((0, 6), (4, 12), (2, 8)), [[0.9, 0.1], [0.1, 0.2], [0.2, 0.1]])
    build()(prediction, meta_of())
    assert resized == [1]


def test_chunks_change_nothing(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(9, 2, 8, 12, generator=generator)
    prediction = prediction_of(masks, torch.rand(9, 5, generator=generator), num_things=2, num_stuff=3)
    whole = build(overlap_thr=0.1, compat=True)(prediction, meta_of(frames=2))
    monkeypatch.setattr(resize, 'MAX_CHUNK_PIXELS', 2 * 8 * 12)
    chunked = build(overlap_thr=0.1, compat=True)(prediction, meta_of(frames=2))
    assert len(whole) == 3
    assert torch.equal(whole.segment_map, chunked.segment_map)
    assert torch.equal(whole.query_index, chunked.query_index)


def test_padding_is_cropped_and_boxes_follow_the_semantic_filter():
    meta = meta_of(8, 12, img_shape=(4, 12), ori_shape=(8, 24), batch_input_shape=(8, 16))
    masks = columns((0, 6), (6, 12), height=8, width=16)
    semantic = torch.zeros(1, 3, 1, 8, 16)
    semantic[:, 2] = 0.5
    semantic[:, 0, :, :2, 4:10] = 1  # a thing in the upper half of the valid part
    prediction = prediction_of(masks, [[0.9, 0.1], [0.8, 0.1]], semantic=semantic)
    plain = build()(prediction, meta)
    assert plain.segment_map.shape == (1, 8, 24)
    assert plain.boxes.tolist() == [[0, 0, 11, 7], [12, 0, 23, 7]]
    fixed = build(box_source='mask_and_semantic')(prediction, meta)
    assert fixed.boxes.tolist() == [[8, 0, 11, 3], [12, 0, 19, 3]]
    compat = build(box_source='mask_and_semantic', compat=True)(prediction, meta)
    assert compat.boxes.tolist() == [[6, 0, 11, 1], [12, 0, 14, 1]]
    semantic[:, 0] = 0
    empty = build(box_source='mask_and_semantic')(prediction, meta)
    assert empty.boxes.tolist() == [[-1, -1, 10, 10]] * 2
    assert torch.equal(empty.segment_map, plain.segment_map)


def test_permuted_queries_permute_query_index():
    generator = torch.Generator().manual_seed(1)
    masks, scores = torch.rand(6, 1, 8, 12, generator=generator), torch.rand(6, 3, generator=generator)
    order = torch.randperm(6, generator=generator)
    prediction = prediction_of(masks, scores, num_things=3)
    a = build(overlap_thr=0.0)(prediction, meta_of())
    b = build(overlap_thr=0.0)(prediction.reorder(order), meta_of())
    assert torch.equal(a.segment_map, b.segment_map)
    assert torch.equal(order[b.query_index], a.query_index)


def test_wrong_input_is_named():
    for name in ('candidates', 'merge', 'void_fill', 'box_source'):
        with pytest.raises(ValueError, match=f'{name} must be one of'):
            build(**{name: 'other'})
    with pytest.raises(TypeError):
        build(stuff_score_thr=0.05)
    prediction = prediction_of(columns((0, 4)), [[0.9, 0.1]])
    with pytest.raises(ValueError, match='semantic_logits'):
        build(box_source='mask_and_semantic')(prediction, meta_of())
    prediction.mask_logits = prediction.mask_logits.repeat(2, 1, 1, 1, 1)
    with pytest.raises(ValueError, match='batch of 2'):
        build()(prediction, meta_of())
