"""Boxes with motion: against mmdet's filter frame by frame, windows, loss and return, bounds."""

import torch
from mmdet.models.task_modules.tracking import KalmanFilter

from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

SIZE = (40, 120)


def build(**kwargs):
    return MODELS.build(dict(type='SORTBoxTracker', **kwargs))


def window(frames, labels=None, scores=None, order=None, as_map=False):
    """Segments from boxes: ``frames[t][s] = (x0, y0, x1, y1)``, maxima exclusive, or None."""
    num = len(frames[0])
    masks = torch.zeros(num, len(frames), *SIZE, dtype=torch.bool)
    for t, boxes in enumerate(frames):
        for s, box in enumerate(boxes):
            if box is not None:
                masks[s, t, box[1] : box[3], box[0] : box[2]] = True
    order = torch.arange(num) if order is None else torch.tensor(order)
    labels = torch.zeros(num, dtype=torch.long) if labels is None else torch.tensor(labels)
    scores = torch.full((num,), 0.9) if scores is None else torch.tensor(scores)
    segments = ClipSegments(labels[order], scores[order], torch.ones(num, dtype=torch.bool), order)
    if as_map:
        rows = torch.arange(1, num + 1)[:, None, None, None]
        segments.segment_map = (masks[order] * rows).amax(0).int()
    else:
        segments.masks = masks[order]
    return segments


def observe(tracker, numbers, segments, state):
    return tracker.associate(segments, None, FrameMeta('video', list(numbers), SIZE, SIZE, SIZE), state)


def moving(t, speed=6, start=4, y=5):
    return (start + speed * t, y, start + speed * t + 12, y + 14)


def test_state_is_that_of_the_filter_frame_by_frame():
    motion, tracker, state = KalmanFilter(), build(), {}
    mean = covariance = None
    for t in range(6):
        x0, y0, x1, y1 = moving(t, speed=3)
        box = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / (y1 - y0), y1 - y0], dtype=torch.double).numpy()
        if mean is None:
            mean, covariance = motion.initiate(box)
        else:
            mean, covariance = motion.update(*motion.predict(mean, covariance), box)
        ids, state = observe(tracker, [t], window([[moving(t, speed=3)]]), state)
        assert ids.tolist() == [1]
        torch.testing.assert_close(state['track_means'][0], torch.from_numpy(mean))
        torch.testing.assert_close(state['track_covariances'][0], torch.from_numpy(covariance))


def test_motion_finds_what_boxes_alone_lose():
    """Once its speed is known, a thing is followed through steps as long as itself and through frames without it."""
    tracker, state, ids = build(), {}, []
    positions = [0, 4, 8, 12, 16, None, None, 28]
    for t, x in enumerate(positions):
        boxes = [] if x is None else [(x, 5, x + 8, 15)]
        new, state = observe(tracker, [t], window([boxes]), state)
        ids += new.tolist()
    assert ids == [1] * 6  # from 16 to 28 nothing overlaps


def test_crossing_things_pass_through_each_other():
    tracker, state, first, last = build(), {}, None, None
    for t in range(14):
        boxes = [moving(t, 6, 4, 5), moving(t, -6, 90, 8)]
        ids, state = observe(tracker, [t], window([boxes], order=[t % 2, 1 - t % 2]), state)
        by_object = [ids.tolist()[i] for i in (t % 2, 1 - t % 2)]
        first, last = first or by_object, by_object
    assert first == last == [1, 2] or first == last == [2, 1]


def test_windows_give_the_ids_of_single_frames():
    """Where things enter, leave and are covered inside a window; overlapping windows look at a frame again."""
    frames = [[moving(t, 5), moving(t, -5, 100, 22) if t != 4 else None, (60, 2, 70, 12) if t > 3 else None]
              for t in range(9)]  # fmt: skip
    single, state = [], {}
    for t, boxes in enumerate(frames):
        rows = [s for s, box in enumerate(boxes) if box is not None]
        ids, state = observe(build(), [t], window([[boxes[s] for s in rows]]), state)
        single.append(dict(zip(rows, ids.tolist(), strict=True)))
    for spans in ([(0, 3), (3, 6), (6, 9)], [(0, 4), (3, 7), (6, 9)], [(0, 9)]):
        for as_map in (False, True):
            got = {}
            for ids in follow(frames, spans, as_map):
                got |= {s: i for s, i in enumerate(ids) if i}
            assert got == {0: 1, 1: 2, 2: 3}, spans
    assert single[0] == {0: 1, 1: 2} and single[-1] == {0: 1, 1: 2, 2: 3}


def follow(frames, spans, as_map=False):
    tracker, state = build(), {}
    for start, stop in spans:
        ids, state = observe(tracker, range(start, stop), window(frames[start:stop], as_map=as_map), state)
        yield ids.tolist()


def test_a_shared_frame_corrects_a_track_once():
    frames = [[moving(t, 3)] for t in range(5)]
    tracker, apart, shared = build(), {}, {}
    for t in range(5):
        _, apart = observe(tracker, [t], window(frames[t : t + 1]), apart)
    for start in range(4):
        _, shared = observe(tracker, [start, start + 1], window(frames[start : start + 2]), shared)
    for name, value in apart.items():
        torch.testing.assert_close(shared[name], value)


def test_windows_meet_in_the_shared_frame():
    """A thing that jumps further than it is wide is only found again where two windows show the same frame."""
    frames = [[(20 * t, 5, 20 * t + 10, 15)] for t in range(4)]
    assert list(follow(frames, [(0, 2), (1, 4)])) == [[1], [1]]
    assert list(follow(frames, [(0, 2), (2, 4)])) == [[1], [2]]


def test_a_track_is_taken_once_in_a_window():
    """What appears beside a tracked thing does not get its id, however much their boxes overlap."""
    first, second = [(10, 5, 30, 20), None], [(11, 5, 31, 20), (10, 6, 30, 21)]
    _, state = observe(build(), [0], window([first[:1]]), {})
    ids, _ = observe(build(), [1, 2], window([first, second]), state)
    assert ids.tolist() == [1, 2]


def test_classes_thresholds_stuff_and_memory():
    box = (10, 5, 30, 20)
    for with_cats, expected in ((True, 2), (False, 1)):
        tracker = build(with_cats=with_cats)
        _, state = observe(tracker, [0], window([[box]], labels=[0]), {})
        ids, _ = observe(tracker, [1], window([[box]], labels=[1]), state)
        assert ids.tolist() == [expected]
    tracker = build(init_score_thr=0.5, memo_frames=2)
    ids, state = observe(tracker, [0], window([[box, (50, 5, 70, 20)]], scores=[0.9, 0.4]), {})
    assert ids.tolist() == [1, 0]
    weak, _ = observe(tracker, [1], window([[box]], scores=[0.1]), state)
    assert weak.tolist() == [1]  # a weak thing continues a track
    for gap, expected in ((2, 1), (3, 2)):
        later = state
        for t in range(1, gap + 1):
            _, later = observe(tracker, [t], window([[]]), later)
        ids, _ = observe(tracker, [gap + 1], window([[box]]), later)
        assert ids.tolist() == [expected]
    stuff = window([[box]])
    stuff.is_thing[:] = False
    ids, after = observe(tracker, [1], stuff, state)
    assert ids.tolist() == [0] and after['track_ids'].tolist() == [1]


def test_pure_and_bounded():
    tracker, state, sizes = build(memo_frames=2), {}, set()
    for t in range(40):
        segments = window([[((17 * t) % 100, 5, (17 * t) % 100 + 6, 12)]])
        before = {name: value.clone() for name, value in state.items()}
        ids, new = observe(tracker, [t], segments, state)
        again, same = observe(tracker, [t], segments, state)
        assert torch.equal(ids, again) and all(torch.equal(new[k], same[k]) for k in new)
        assert all(torch.equal(state[k], before[k]) for k in before)
        assert all(isinstance(value, torch.Tensor) for value in new.values())
        state = new
        sizes.add(sum(value.numel() for value in state.values()))
    assert max(sizes) <= 2 + 3 * (8 + 64 + 3)  # two numbers; tracks of the last three frames
    assert int(state['num_tracks']) > 20
