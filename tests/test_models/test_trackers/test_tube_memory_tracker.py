"""The tube tracker against recordings, and the defects of the original that it fixes."""

import pytest
import torch

from tests.parity_data import parity_file, parity_names
from videoseg.models.trackers import TubeMemoryTracker
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

UNUSED = ('obj_score_thr', 'nms_thr_post', 'memo_backdrop_frames', 'nms_conf_thr', 'nms_backdrop_iou_thr')


def build(recorded=None, **kwargs):
    """A tracker from the original's arguments; those that never had an effect there do not exist here."""
    config = {name: value for name, value in (recorded or {}).items() if name not in UNUSED}
    if config:
        config['nms_thr'] = config.pop('nms_thr_pre')
    return MODELS.build({**config, 'type': 'TubeMemoryTracker', **kwargs})


def meta_of(*frames, size=(24, 32)):
    return FrameMeta('video', list(frames), size, size, size)


def segments_of(scores, labels, masks):
    """Things in query order; ``masks`` (S, T, H, W)."""
    things = torch.ones(len(labels), dtype=torch.bool)
    return ClipSegments(labels, scores, things, torch.arange(len(labels)), masks=masks.bool())


def by_position(numbers, total):
    """Recorded 0-based numbers, which lack the suppressed rows, as our ids under ``compat``."""
    return (numbers + 1).clamp(min=0).tolist() + [0] * (total - len(numbers))


@pytest.mark.parametrize('name', parity_names('tube_link', ['idol_tracker.pt']))
def test_recorded_ids_and_memory(name):
    record = torch.load(parity_file('tube_link', name), weights_only=True)
    tracker, state, suppressed = build(record['cfg'], compat=True), {}, 0
    for step in record['steps']:
        segments = segments_of(step['bboxes'][:, 4], step['labels'], step['masks'])
        frame, total = meta_of(step['frame_id']), len(step['labels'])
        ids, state = tracker.associate(segments, step['embeds'], frame, state)
        assert ids.tolist() == by_position(step['out_ids'], total)
        assert sorted(state['track_ids'].tolist()) == sorted(step['memo'])
        for row, number in enumerate(state['track_ids'].tolist()):
            memo = step['memo'][number]
            torch.testing.assert_close(state['track_embeddings'][row], memo['embed'], rtol=1e-5, atol=1e-5)
            assert int(state['track_last_frames'][row]) == memo['last_frame']
        suppressed += total - len(step['out_ids'])
    assert suppressed  # the recording reaches the defect


@pytest.mark.parametrize('name', parity_names('tube_link', ['idol_tracker.pt']))
def test_recorded_objects_keep_their_ids_by_default(name):
    """In the second window two things are absent from the probed frame; the original drops one and shifts the rest."""
    record = torch.load(parity_file('tube_link', name), weights_only=True)
    tracker, state, ids = build(record['cfg']), {}, []
    for step in record['steps'][:2]:
        segments = segments_of(step['bboxes'][:, 4], step['labels'], step['masks'])
        new, state = tracker.associate(segments, step['embeds'], meta_of(step['frame_id']), state)
        ids.append(dict(zip(step['objects'], new.tolist(), strict=True)))
    assert ids[0] == {0: 1, 1: 2, 2: 3}
    assert ids[1][1] == 2 and ids[1][2] == 3


@pytest.mark.parametrize('name', parity_names('tube_link', ['vps_windows.pt']))
def test_recorded_windows_of_the_whole_model(name):
    """Tracker inputs to ids, and the ids that the original painted in the last frame of each window."""
    record = torch.load(parity_file('tube_link', name), weights_only=True)
    tracker, state, shifted = build(record['cfg']['tracker'], compat=True), {}, 0
    for step in record['steps']:
        given = step['match_in']
        segments = segments_of(given['bboxes'][:, 4], given['labels'], given['masks'])
        frames = meta_of(*range(step['first'], step['first'] + record['window']), size=record['ori_shape'])
        ids, state = tracker.associate(segments, given['track_feats'], frames, state)
        total = len(given['labels'])
        assert ids.tolist() == by_position(step['match_ids'], total)
        assert given['frame_id'] == step['first']
        for mask, label, identity in zip(given['masks'][:, 0].bool(), given['labels'], ids, strict=True):
            assert (step['pan'][-1][mask] == label + 1000 * identity).all()
        shifted += total - len(step['match_ids'])
    assert shifted


def one_window(rows, num_frames=2):
    """Things at columns ``rows[i] = (object, spans)``; a span (x0, x1) a frame or None."""
    masks = torch.zeros(len(rows), num_frames, 24, 32, dtype=torch.bool)
    for i, (_, spans) in enumerate(rows):
        for t, span in enumerate(spans):
            if span:
                masks[i, t, :, span[0] : span[1]] = True
    segments = segments_of(torch.full((len(rows),), 0.9), torch.zeros(len(rows), dtype=torch.long), masks)
    return segments, 12 * torch.eye(8)[[identity for identity, _ in rows]]


def follow(tracker, windows, start=0, state=None):
    state, ids = state or {}, []
    for i, rows in enumerate(windows, start):
        new, state = tracker.associate(*one_window(rows), meta_of(2 * i, 2 * i + 1), state)
        ids.append(new.tolist())
    return ids, state


STAY = [(i, [(8 * i, 8 * i + 8)] * 2) for i in range(4)]
TWICE = [STAY[0], (5, [(0, 7)] * 2), *STAY[1:]]  # the second covers the first
LEAVING = [STAY[0], *((i, [(8 * i, 8 * i + 8), None]) for i in (1, 2)), STAY[3]]


def test_a_suppressed_thing_does_not_shift_the_ids_of_the_others():
    fixed, _ = follow(build(), [STAY, TWICE])
    assert fixed == [[1, 2, 3, 4], [1, 0, 2, 3, 4]]
    compat, _ = follow(build(compat=True), [STAY, TWICE])
    assert compat == [[1, 2, 3, 4], [1, 2, 3, 4, 0]]


def test_two_things_that_leave_within_the_window_keep_their_ids():
    fixed, _ = follow(build(), [STAY, LEAVING])
    assert fixed[1] == [1, 2, 3, 4]
    compat, _ = follow(build(compat=True), [STAY, LEAVING])
    assert compat[1] == [1, 2, 4, 0]  # the third resembles the second: both are empty


def test_masks_that_never_have_a_pixel_suppress_nothing():
    nowhere = [(0, [None, None]), (1, [None, None])]
    assert follow(build(), [nowhere])[0] == [[1, 2]]


@pytest.mark.parametrize(('missed', 'expected'), [(4, 1), (5, 5)])
def test_memory_lasts_that_many_frames(missed, expected):
    """Windows of two frames, memory of 10: after 4 missed windows the track is still known, after 5 it is not."""
    windows = [STAY, *[[STAY[1]]] * missed, [STAY[0]]]
    ids, _ = follow(build(match_metric='cosine'), windows)
    assert ids[-1] == [expected]


def test_thresholds_of_the_first_and_of_later_tracks():
    """An empty memory takes things above 0.2, later ones need more than 0.5."""
    tracker, state = build(match_metric='cosine'), {}
    expected = ([1, 0], [0, 2])  # scores 0.3 and 0.1, then 0.4 and 0.6
    for i, (scores, pair) in enumerate((([0.3, 0.1], STAY[:2]), ([0.4, 0.6], STAY[2:]))):
        segments, embeddings = one_window(pair)
        segments.scores = torch.tensor(scores)
        ids, state = tracker.associate(segments, embeddings, meta_of(2 * i, 2 * i + 1), state)
        assert ids.tolist() == expected[i]
    assert state['track_last_frames'].tolist() == [0, 2]  # the first frames of their windows


def test_of_two_with_the_same_mask_the_lower_query_survives():
    segments, embeddings = one_window([STAY[0], (5, [(0, 7)] * 2)])
    for order, expected in (([3, 8], [1, 0]), ([8, 3], [0, 1])):
        segments.query_index = torch.tensor(order)
        ids, _ = build().associate(segments, embeddings, meta_of(0, 1), {})
        assert ids.tolist() == expected


def test_labels_do_not_matter_and_row_order_neither():
    tracker = build()
    segments, embeddings = one_window(STAY)
    first, state = tracker.associate(segments, embeddings, meta_of(0, 1), {})
    order = torch.tensor([2, 0, 3, 1])
    shuffled = segments_of(segments.scores[order], 1 - segments.labels[order], segments.masks[order])
    shuffled.query_index = order
    ids, _ = tracker.associate(shuffled, embeddings[order], meta_of(2, 3), state)
    assert first.tolist() == [1, 2, 3, 4] and ids.tolist() == (order + 1).tolist()


def test_maps_and_masks_give_the_same():
    segments, embeddings = one_window([*STAY, (6, [None, None])])
    as_map = ClipSegments(segments.labels, segments.scores, segments.is_thing, segments.query_index)
    rows = torch.arange(1, 6)[:, None, None, None]
    as_map.segment_map = (segments.masks * rows).amax(0).int()
    for compat in (False, True):
        by_mask, _ = build(compat=compat).associate(segments, embeddings, meta_of(0, 1), {})
        by_map, _ = build(compat=compat).associate(as_map, embeddings, meta_of(0, 1), {})
        assert by_mask.tolist() == by_map.tolist() == [1, 2, 3, 4, 5]


def test_bounded_pure_and_only_for_things():
    tracker, sizes = build(), set()
    windows = [[(i % 8, [(0, 8)] * 2)] for i in range(40)]
    state = {}
    for i in range(40):
        before = {name: value.clone() for name, value in state.items()}
        ids, new = follow(tracker, windows[i : i + 1], i, state)
        again, same = follow(tracker, windows[i : i + 1], i, state)
        assert ids == again and all(torch.equal(new[k], same[k]) for k in new)
        assert all(torch.equal(state[k], before[k]) for k in before)
        state = new
        sizes.add(sum(value.numel() for value in state.values()))
    assert max(sizes) <= 1 + 5 * 10  # five windows of two frames, ten numbers a track
    segments, embeddings = one_window(STAY)
    segments.is_thing[:] = False
    ids, after = tracker.associate(segments, embeddings, meta_of(80, 81), state)
    assert ids.tolist() == [0] * 4 and after is state


def test_bad_arguments():
    with pytest.raises(ValueError, match='match_metric'):
        TubeMemoryTracker(match_metric='dot')
    segments, embeddings = one_window(STAY)
    with pytest.raises(ValueError, match='TubeMemoryTracker needs association embeddings'):
        build().associate(segments, None, meta_of(0, 1), {})
    with pytest.raises(ValueError, match='2 embeddings for 4 segments: TubeMemoryTracker needs one'):
        build().associate(segments, embeddings[:2], meta_of(0, 1), {})
