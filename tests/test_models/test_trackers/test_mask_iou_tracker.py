"""Association by mask overlap, and by kernel index."""

import pytest
import torch

from videoseg.models.trackers import KernelIndexTracker, MaskIoUTracker
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

SIZE = (12, 60)


def meta_of(*frames):
    return FrameMeta('video', list(frames), SIZE, SIZE, SIZE)


def window(frames, labels, things=None, as_masks=False, order=None):
    """Segments from columns: ``frames[t][s] = (x0, x1)`` or None; row order can be permuted."""
    num = len(labels)
    masks = torch.zeros(num, len(frames), *SIZE, dtype=torch.bool)
    for t, columns in enumerate(frames):
        for s, span in enumerate(columns):
            if span is not None:
                masks[s, t, :, span[0] : span[1]] = True
    order = torch.arange(num) if order is None else torch.as_tensor(order)
    masks, labels = masks[order], torch.tensor(labels)[order]
    is_thing = torch.ones(num, dtype=torch.bool) if things is None else torch.tensor(things)[order]
    scores = 0.9 - 0.1 * torch.arange(num)[order].float()
    segments = ClipSegments(labels, scores, is_thing, order.clone())
    if as_masks:
        segments.masks = masks
    else:
        rows = torch.arange(1, num + 1, dtype=torch.int32)[:, None, None, None]
        segments.segment_map = (masks * rows).amax(0) if num else torch.zeros(len(frames), *SIZE, dtype=torch.int32)
    return segments


def follow(tracker, windows, state=None):
    state, ids = state or {}, []
    for numbers, segments in windows:
        new, state = tracker.associate(segments, None, meta_of(*numbers), state)
        ids.append(new.tolist())
    return ids, state


@pytest.mark.parametrize('as_masks', [False, True])
@pytest.mark.parametrize('matching', ['hungarian', 'greedy'])
def test_moving_objects_keep_their_ids_under_permutation(as_masks, matching):
    tracker = MODELS.build(dict(type='MaskIoUTracker', matching=matching))
    windows = []
    orders = ([0, 1, 2], [2, 0, 1], [1, 2, 0])
    for t, order in enumerate(orders):
        spans = [(2 * t, 10 + 2 * t), (20 - t, 30 - t), (40, 50)]
        windows.append(([t], window([spans], [0, 0, 3], [True, True, False], as_masks, order)))
    ids, state = follow(tracker, windows)
    assert ids == [[1, 2, 0], [0, 1, 2], [2, 0, 1]]
    assert int(state['num_tracks']) == 2


def test_class_and_overlap_are_needed():
    first = window([[(0, 10)]], [0])
    for spans, label, expected in ([(0, 10)], 1, 2), ([(8, 18)], 0, 2), ([(4, 14)], 0, 1):
        ids, _ = follow(MaskIoUTracker(), [([0], first), ([1], window([spans], [label]))])
        assert ids == [[1], [expected]]
    ids, _ = follow(MaskIoUTracker(with_cats=False), [([0], first), ([1], window([[(0, 10)]], [1]))])
    assert ids == [[1], [1]]


def test_hungarian_beats_greedy_where_one_match_blocks_two():
    before = window([[(0, 12), (12, 24)]], [0, 0])
    after = window([[(2, 18), (18, 30)]], [0, 0])
    ids, _ = follow(MaskIoUTracker(match_iou_thr=0.1), [([0], before), ([1], after)])
    assert ids == [[1, 2], [1, 2]]


def test_lost_tracks_come_back_within_memo_frames():
    there, away = window([[(0, 10)]], [0]), window([[(0, 60)]], [5], [False])
    for gap, expected in (3, 1), (4, 2):
        tracker = MaskIoUTracker(memo_frames=3)
        windows = [([0], there)] + [([t], away) for t in range(1, gap + 1)] + [([gap + 1], there)]
        assert follow(tracker, windows)[0][-1] == [expected]
    nothing = window([[]], [])
    assert follow(MaskIoUTracker(), [([0], there), ([1], nothing), ([2], there)])[0] == [[1], [], [1]]


def test_overlapping_windows_are_compared_on_the_shared_frame():
    first = window([[(0, 10)], [(20, 30)]], [0])
    second = window([[(20, 30)], [(40, 50)]], [0])
    assert follow(MaskIoUTracker(), [([0, 1], first), ([1, 2], second)])[0] == [[1], [1]]
    late = window([[(0, 10)], [(20, 30)]], [0])
    assert follow(MaskIoUTracker(), [([0, 1], first), ([0, 1], late)])[0] == [[1], [1]]
    assert follow(MaskIoUTracker(), [([0, 1], first), ([2, 3], late)])[0] == [[1], [2]]


def test_weak_segments_are_untracked():
    segments = window([[(0, 10), (20, 30)]], [0, 0])
    ids, _ = follow(MaskIoUTracker(init_score_thr=0.85), [([0], segments)])
    assert ids == [[1, 0]]


def test_state_saved_and_reloaded_and_bounded(tmp_path):
    tracker = MaskIoUTracker(memo_frames=2)
    windows = [([t], window([[(t % 7 * 7, t % 7 * 7 + 6), (50, 60)]], [t % 2, 0])) for t in range(500)]
    whole, final = follow(tracker, windows[:40])
    first, state = follow(tracker, windows[:17])
    torch.save(state, tmp_path / 'state.pt')
    second, _ = follow(tracker, windows[17:40], torch.load(tmp_path / 'state.pt', weights_only=True))
    assert first + second == whole
    _, longer = follow(tracker, windows[40:], final)
    assert sum(v.numel() for v in longer.values()) <= sum(v.numel() for v in final.values())
    assert int(longer['num_tracks']) > 100


def test_changed_frame_size_is_named():
    _, state = follow(MaskIoUTracker(), [([0], window([[(0, 10)]], [0]))])
    meta = FrameMeta('street', [1], (6, 6), (6, 6), (6, 6))
    with pytest.raises(ValueError, match='video street: frames of size'):
        MaskIoUTracker().associate(window([[(0, 10)]], [0]), None, meta, state)
    with pytest.raises(ValueError, match='matching'):
        MaskIoUTracker(matching='best')


def test_kernel_index_is_the_id_of_things_only():
    segments = window([[(0, 10), (20, 30), (40, 50)]], [0, 0, 3], [True, True, False], order=[2, 1, 0])
    segments.query_index = torch.tensor([7, 4, 0])
    ids, state = MODELS.build(dict(type='KernelIndexTracker')).associate(segments, None, meta_of(0), {})
    assert ids.tolist() == [0, 5, 1]
    assert state == {}
    prediction = object()
    assert KernelIndexTracker().align(prediction, state) == (prediction, state)
