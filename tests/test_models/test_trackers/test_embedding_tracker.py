"""The quasi-dense embedding tracker against recordings, and its behaviour."""

import pytest
import torch

from tests.parity_data import parity_file, parity_names
from videoseg.models.trackers import QuasiDenseEmbeddingTracker
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta

RECORDINGS = parity_names('knet', [f'video_tracker_{metric}.pt' for metric in ('bisoftmax', 'softmax', 'cosine')])


def meta_of(frame):
    return FrameMeta('video', [frame], (8, 8), (8, 8), (8, 8))


def segments_of(boxes, labels, is_thing=None):
    is_thing = torch.ones_like(labels, dtype=torch.bool) if is_thing is None else is_thing
    return ClipSegments(labels, boxes[:, 4], is_thing, torch.arange(len(labels)), boxes=boxes[:, :4])


def objects(rows, noise=0.0, seed=0):
    """Boxes far apart, descending scores, and one well-separated embedding an object."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.as_tensor(rows)
    boxes = torch.stack([rows * 20, rows * 0, rows * 20 + 9, rows * 0 + 9], 1).float()
    boxes = torch.cat([boxes, 0.95 - 0.01 * (rows[:, None] % 60)], 1)
    embeddings = 12 * torch.eye(64)[rows % 64]
    return boxes, rows % 2, embeddings + noise * torch.randn(embeddings.shape, generator=generator)


def run(tracker, frames, state=None):
    state, ids = state or {}, []
    for frame, (boxes, labels, embeddings) in frames:
        new, state = tracker.associate(segments_of(boxes, labels), embeddings, meta_of(frame), state)
        ids.append(new.tolist())
    return ids, state


def build(config):
    return MODELS.build({**config, 'type': 'QuasiDenseEmbeddingTracker'})


@pytest.mark.parametrize('name', RECORDINGS)
def test_recorded_ids_and_memory(name):
    record = torch.load(parity_file('knet', name), weights_only=True)
    tracker, state = build(record['cfg']), {}
    for t, frame in enumerate(record['frames']):
        state = state or tracker._fresh(64)
        order, numbers, state = tracker.match(frame['boxes'], frame['labels'], frame['embeds'], t, state)
        assert torch.equal(frame['boxes'][order], frame['out_boxes'])
        assert torch.equal(frame['labels'][order], frame['out_labels'])
        assert numbers.tolist() == frame['out_ids'].tolist()
        assert state['track_ids'].tolist() == list(frame['memory'])
        assert int(state['num_tracks']) == frame['num_tracklets']
        expected = torch.stack([m['embed'] for m in frame['memory'].values()])
        torch.testing.assert_close(state['track_embeddings'], expected, rtol=1e-5, atol=1e-5)
        assert state['track_last_frames'].tolist() == [m['last'] for m in frame['memory'].values()]


@pytest.mark.parametrize('name', RECORDINGS)
def test_associate_gives_the_recorded_ids_to_their_own_rows(name):
    record = torch.load(parity_file('knet', name), weights_only=True)
    tracker, state = build(record['cfg']), {}
    for t, frame in enumerate(record['frames']):
        segments = segments_of(frame['boxes'], frame['labels'])
        ids, state = tracker.associate(segments, frame['embeds'], meta_of(t), state)
        by_score = dict(zip(frame['out_boxes'][:, 4].tolist(), frame['out_ids'].tolist(), strict=True))
        expected = [max(by_score.get(score, -1), -1) + 1 for score in frame['boxes'][:, 4].tolist()]
        assert ids.tolist() == expected
        assert ids.shape == (len(frame['boxes']),)


@pytest.mark.parametrize('name', parity_names('knet', ['video_detector_kitti_ffn.pt', 'video_detector_kitti_fuse.pt']))
def test_recorded_track_maps_of_the_detector(name):
    record = torch.load(parity_file('knet', name), weights_only=True)
    tracker, state = build({**record['cfg']['tracker'], 'compat': True}), {}
    for t, frame in enumerate(record['test_frames']):
        match, panoptic = frame['match'], frame['panoptic']
        is_thing = torch.tensor([s['isthing'] for s in frame['segments']])
        boxes, embeds = torch.zeros(len(is_thing), 5), torch.zeros(len(is_thing), 64)
        boxes[is_thing], embeds[is_thing] = match['boxes'], match['embeds']
        labels = torch.full_like(is_thing, 5, dtype=torch.long)
        labels[is_thing] = match['labels']
        ids, state = tracker.associate(segments_of(boxes, labels, is_thing), embeds, meta_of(t), state)
        table = torch.cat([torch.zeros(1), ids])
        assert torch.equal(table[panoptic.long()].double(), frame['track'])
        assert sorted(state['track_ids'].tolist()) == frame['memory_ids']
        assert int(state['num_tracks']) == frame['num_tracklets']


def test_id_pairing_fixed_by_default_and_original_with_compat():
    record = torch.load(parity_file('knet', 'video_id_alignment.pt'), weights_only=True)
    masks, boxes, embeds = (record['inputs'][k] for k in ('masks', 'boxes', 'embeds'))
    segments = segments_of(boxes, torch.zeros(3, dtype=torch.long))
    painted = {}
    for compat in (True, False):
        ids, _ = QuasiDenseEmbeddingTracker(compat=compat).associate(segments, embeds, meta_of(0), {})
        painted[compat] = (masks * ids[:, None, None]).amax(0)
        assert ids.tolist() == ([1, 2, 0] if compat else [1, 0, 2])
    assert torch.equal(painted[True].double(), record['outputs']['track_map'])
    assert not torch.equal(painted[False].double(), record['outputs']['track_map'])


def test_stuff_rows_get_no_id_and_do_not_matter():
    boxes, labels, embeddings = objects([0, 1, 2])
    is_thing = torch.tensor([True, False, True])
    tracker = QuasiDenseEmbeddingTracker()
    ids, state = tracker.associate(segments_of(boxes, labels, is_thing), embeddings, meta_of(0), {})
    assert ids.tolist() == [1, 0, 2]
    things = torch.tensor([0, 2])
    alone, expected = tracker.associate(segments_of(boxes[things], labels[things]), embeddings[things], meta_of(0), {})
    assert alone.tolist() == [1, 2]
    assert all(torch.equal(state[k], expected[k]) for k in expected)


def test_permuted_rows_permute_ids():
    tracker = QuasiDenseEmbeddingTracker()
    frames = [objects([0, 1, 2, 3], noise=0.2, seed=t) for t in range(4)]
    straight, _ = run(tracker, enumerate(frames))
    order = torch.tensor([2, 0, 3, 1])
    permuted, _ = run(tracker, enumerate([tuple(x[order] for x in frame) for frame in frames]))
    assert straight[0] == [1, 2, 3, 4]
    for a, b in zip(straight, permuted, strict=True):
        assert [a[i] for i in order] == b


def test_state_saved_and_reloaded_gives_the_same_ids(tmp_path):
    tracker = QuasiDenseEmbeddingTracker(memo_backdrop_frames=2)
    seen = [[0, 1, 2], [1, 2], [2, 3], [0, 3, 4], [4, 0, 1], [1, 5, 2]]
    frames = [(t, objects(rows, noise=0.3, seed=t)) for t, rows in enumerate(seen)]
    whole, final = run(tracker, frames)
    first, state = run(tracker, frames[:3])
    torch.save(state, tmp_path / 'state.pt')
    second, resumed = run(tracker, frames[3:], torch.load(tmp_path / 'state.pt', weights_only=True))
    assert first + second == whole
    assert all(torch.equal(final[k], resumed[k]) for k in final)


def test_states_are_not_modified():
    tracker = QuasiDenseEmbeddingTracker()
    _, state = run(tracker, [(0, objects([0, 1]))])
    before = {k: v.clone() for k, v in state.items()}
    run(tracker, [(1, objects([0, 2], noise=1.0))], state)
    assert all(torch.equal(before[k], state[k]) for k in before)


def test_empty_windows_keep_the_memory():
    tracker = QuasiDenseEmbeddingTracker()
    ids, state = run(tracker, [(0, objects([0, 1]))])
    empty = segments_of(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long))
    boxes, labels, embeddings = objects([5])
    only_stuff = segments_of(boxes, labels, torch.tensor([False]))
    for t in range(1, 4):
        none, state = tracker.associate(empty, torch.zeros(0, 64), meta_of(2 * t), state)
        stuff, state = tracker.associate(only_stuff, embeddings, meta_of(2 * t + 1), state)
        assert none.tolist() == []
        assert stuff.tolist() == [0]
    again, _ = run(tracker, [(8, objects([1, 0]))], state)
    assert again == [[2, 1]]


def test_forgotten_after_memo_tracklet_frames_and_ids_never_reused():
    tracker = QuasiDenseEmbeddingTracker(memo_tracklet_frames=3)
    ids, state = run(tracker, [(0, objects([0, 1])), (1, objects([0])), (2, objects([0])), (3, objects([0]))])
    assert state['track_ids'].tolist() == [0]
    again, _ = run(tracker, [(4, objects([0, 1]))], state)
    assert again == [[1, 3]]


def test_state_does_not_grow():
    tracker = QuasiDenseEmbeddingTracker()
    state, sizes = {}, []
    for t in range(500):
        frame = objects([t, t + 1, t + 2])
        _, state = run(tracker, [(t, frame)], state)
        sizes.append(sum(v.numel() for v in state.values()))
    assert max(sizes[10:]) == sizes[10]
    assert int(state['num_tracks']) > 300


def test_windows_count_with_their_last_frame():
    tracker = QuasiDenseEmbeddingTracker()
    boxes, labels, embeddings = objects([0])
    meta = FrameMeta('video', [4, 5, 6], (8, 8), (8, 8), (8, 8))
    _, state = tracker.associate(segments_of(boxes, labels), embeddings, meta, {})
    assert state['track_last_frames'].tolist() == [6]


def test_classes_separate_look_alikes_only_with_cats():
    boxes, labels, embeddings = objects([0])
    for with_cats, expected in ((True, [2]), (False, [1])):
        tracker = QuasiDenseEmbeddingTracker(with_cats=with_cats)
        _, state = run(tracker, [(0, (boxes, labels, embeddings))])
        assert run(tracker, [(1, (boxes, labels + 1, embeddings))], state)[0] == [expected]


def test_wrong_input_is_named():
    boxes, labels, embeddings = objects([0, 1])
    tracker = QuasiDenseEmbeddingTracker()
    with pytest.raises(ValueError, match='association embeddings'):
        tracker.associate(segments_of(boxes, labels), None, meta_of(0), {})
    with pytest.raises(ValueError, match='1 embeddings for 2 segments'):
        tracker.associate(segments_of(boxes, labels), embeddings[:1], meta_of(0), {})
    with pytest.raises(ValueError, match='match_metric'):
        QuasiDenseEmbeddingTracker(match_metric='dot')
    with pytest.raises(TypeError):
        build({'memo_frames': 3})


def test_full_precision_inside_autocast():
    frames = [(t, objects([0, 1, 2], noise=0.1, seed=t)) for t in range(3)]
    expected, expected_state = run(build({}), frames)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        ids, state = run(build({}), frames)
    assert ids == expected
    assert torch.equal(state['track_embeddings'], expected_state['track_embeddings'])
