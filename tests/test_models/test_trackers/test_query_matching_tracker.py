"""Matching of queries between windows: recordings, kernels beside fixed ones, running mean of the classes."""

import pytest
import torch

from tests.parity_data import parity_file, parity_names
from tests.test_models.tiny_models import TINY, batch, tiny_model, tiny_tube_model, video
from tests.test_models.tube_parity import decoder_cfg, load, neck_cfg, our_state
from videoseg.models.trackers import QueryMatchingTracker
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, FrameMeta, MapPrediction

META = FrameMeta('video', [0], (4, 6), (4, 6), (4, 6))
DIRECTIONS = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))


def build(**kwargs):
    return MODELS.build(dict(type='QueryMatchingTracker', **kwargs))


def prediction_of(order, num_fixed=0, noise=0.2, seed=0):
    """Free queries that stand for objects ``order``, before fixed ones; everything of an object tells which it is."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.tensor([*order, *range(len(order), len(order) + num_fixed)])
    queries = DIRECTIONS[rows] * (1 + rows[:, None]) + noise * torch.randn(len(rows), 16, generator=generator)
    return ClipPrediction(
        class_logits=rows[None, :, None].float().expand(1, -1, 3),
        mask_logits=rows[None, :, None, None, None].float().expand(1, -1, 2, 4, 6),
        queries=queries[None],
        activation='sigmoid',
        fixed_labels=torch.tensor([-1] * len(order) + [3 + i for i in range(num_fixed)]),
        num_things=3,
    )


def objects_of(prediction):
    assert torch.equal(prediction.class_logits[0, :, 0], prediction.mask_logits[0, :, 0, 0, 0])
    return prediction.class_logits[0, :, 0].tolist()


@pytest.mark.parametrize('name', parity_names('tube_link', ['minvis_tracker.pt']))
def test_recorded_identities_and_memory(name):
    steps = torch.load(parity_file('tube_link', name), weights_only=True)['steps']
    tracker, memory = build(memory='first'), steps[0]['embeds']
    for step in steps:
        numbers, memory = tracker.match(step['embeds'], memory)
        assert numbers.tolist() == step['ids'].tolist()
        torch.testing.assert_close(memory, step['memory'], rtol=1e-5, atol=1e-5)
    assert len(memory) > len(steps[0]['embeds'])


@pytest.mark.parametrize('memory', ['previous', 'first'])
@pytest.mark.parametrize('num_fixed', [0, 2])
def test_queries_take_the_order_of_the_first_window(num_fixed, memory):
    tracker, state = build(memory=memory), {}
    for seed, order in enumerate(([2, 0, 1, 4, 3], [0, 1, 2, 3, 4], [4, 2, 3, 0, 1], [2, 4, 0, 1, 3])):
        given = prediction_of(order, num_fixed, seed=seed)
        kept = [x.clone() for x in (given.queries, given.class_logits)]
        aligned, state = tracker.align(given, state)
        assert objects_of(aligned) == [2, 0, 1, 4, 3, 5, 6][: 5 + num_fixed]
        assert aligned.fixed_labels.tolist() == [-1] * 5 + [3, 4][:num_fixed]
        assert torch.equal(given.queries, kept[0]) and torch.equal(given.class_logits, kept[1])
        assert state['query_memory'].shape == (5, 16)


def test_free_queries_may_stand_anywhere():
    tracker, state = build(), {}
    shift = torch.tensor([5, 0, 1, 6, 2, 3, 4])  # a fixed query first, another in the middle
    for order in ([0, 1, 2, 3, 4], [3, 1, 4, 0, 2]):
        aligned, state = tracker.align(prediction_of(order, 2).reorder(shift), state)
        assert objects_of(aligned) == [5, 0, 1, 6, 2, 3, 4]
        assert aligned.fixed_labels.tolist() == [3, -1, -1, 4, -1, -1, -1]


def test_previous_follows_a_drift_that_first_loses():
    """Two queries turn slowly into each other's direction."""
    angles = torch.linspace(0, torch.pi / 2, 9)
    for memory, swapped in (('previous', False), ('first', True)):
        tracker = build(memory=memory)
        known = None
        for angle in angles:
            c, s = float(angle.cos()), float(angle.sin())
            queries = torch.tensor([[c, s, 0.0], [s, c, 0.4]])
            numbers, known = tracker.match(queries, queries if known is None else known)
        assert (numbers.tolist() == [1, 0]) == swapped


def test_sum_over_all_queries_decides():
    """The best pair is given up where that makes both pairs better together."""
    memory = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.9, 0.4]]), dim=1)
    queries = torch.nn.functional.normalize(torch.tensor([[1.0, 0.35], [1.0, 2.5]]), dim=1)
    cosines = queries @ memory.T
    assert cosines[0].argmax() == 1 and cosines[1].argmax() == 1
    assert build().match(queries, memory)[0].tolist() == [0, 1]


def test_ids_are_numbers_of_aligned_queries():
    tracker = build()
    _, state = tracker.align(prediction_of([1, 0, 2]), {})
    segments = ClipSegments(
        torch.tensor([0, 1, 2]), torch.ones(3), torch.tensor([True, True, False]), torch.tensor([2, 0, 1])
    )
    ids, after = tracker.associate(segments, None, META, state)
    assert ids.tolist() == [3, 1, 0]
    assert after is state


def test_candidates_of_one_query_are_tracks_of_their_own():
    tracker = build(per_class=True)
    segments = ClipSegments(
        torch.tensor([0, 1, 0]), torch.ones(3), torch.ones(3, dtype=torch.bool), torch.tensor([2, 2, 1])
    )
    _, state = tracker.align(prediction_of([0, 1, 2]), {})
    ids, state = tracker.associate(segments, None, META, state)
    assert ids.tolist() == [1, 2, 3]
    _, state = tracker.align(prediction_of([2, 0, 1]), state)
    again, state = tracker.associate(segments, None, META, state)
    assert again.tolist() == [1, 2, 3]
    assert set(state) == {'query_memory', 'pairs'}


def test_mean_of_the_class_logits_follows_the_queries():
    tracker, state, logits = build(average_logits=True), {}, []
    for seed, order in enumerate(([0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0])):
        given = prediction_of(order, seed=seed)
        given.class_logits = given.class_logits + torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(seed))
        logits.append(given.class_logits[:, torch.tensor(order).argsort()])
        aligned, state = tracker.align(given, state)
        torch.testing.assert_close(aligned.class_logits, torch.stack(logits).mean(0))
    assert int(state['num_windows']) == 3
    plain, _ = build().align(given, {})
    assert torch.equal(plain.class_logits, given.class_logits)


def test_bad_arguments_and_predictions():
    with pytest.raises(ValueError, match='memory'):
        QueryMatchingTracker(memory='mean')
    _, state = build().align(prediction_of([0, 1, 2]), {})
    with pytest.raises(ValueError, match='2 queries follow 3'):
        build().align(prediction_of([0, 1]), state)
    maps = torch.zeros(1, 1, 4, 6, dtype=torch.long)
    with pytest.raises(TypeError, match='MapPrediction'):
        build().align(MapPrediction(maps, maps, num_things=1), {})


@pytest.mark.parametrize('decoder', ['VideoKNetDecoder', 'KNetDecoder', 'ClipKNetDecoder', 'TubeLinkDecoder'])
def test_step_of_a_real_model_with_shuffled_queries(decoder, monkeypatch):
    """Ids do not change when the free queries of the decoder come in another order in each window."""
    model = model_with(decoder)
    item = batch(model, video(3, frames=4))
    plain = frame_ids(model, item)
    decode = model.decoder.decode
    calls = []

    def shuffled(*args, **kwargs):
        prediction, state = decode(*args, **kwargs)
        free = (prediction.fixed_labels < 0).nonzero()[:, 0]
        calls.append(torch.randperm(len(free), generator=torch.Generator().manual_seed(len(calls))))
        order = torch.arange(len(prediction.fixed_labels))
        if len(calls) > 1:
            order[free] = free[calls[-1]]
        return prediction.reorder(order), state

    monkeypatch.setattr(model.decoder, 'decode', shuffled)
    again = frame_ids(model, item)
    assert len(calls) == 4 // model.window
    assert len(plain[0]) > 1 and plain == again
    model.tracker = MODELS.build(dict(type='KernelIndexTracker'))
    calls.clear()
    assert frame_ids(model, item) != plain


def model_with(decoder):
    config = dict(TINY['decoder'], type=decoder, _replace=True)
    for switch in ('embedding_head', 'linking', 'fusion'):
        if decoder != 'VideoKNetDecoder':
            del config[switch]
    if decoder == 'TubeLinkDecoder':
        model = tiny_tube_model()
    elif decoder == 'ClipKNetDecoder':
        torch.manual_seed(0)
        clip = dict(
            TINY,
            decoder=dict(type=decoder, num_things=2, num_proposals=8, in_channels=32),
            postprocessor=dict(type='InstancePostprocessor', max_per_img=4),
            test_cfg=dict(window=2),
        )
        model = MODELS.build(clip).eval()
    else:
        model = tiny_model(decoder=config)
    model.tracker = build()
    return model


def frame_ids(model, item):
    """Per frame the pixels of every identity."""
    frames = model.predict(item['inputs'], item['data_samples'])[0].video_data_samples
    found = []
    for frame in frames:
        rows = frame.pred_track_instances
        if 'masks' in rows:
            counts = [(int(i), mask.nonzero().tolist()) for i, mask in zip(rows.instances_id, rows.masks, strict=True)]
        else:
            ids = frame.pred_panoptic_seg.panoptic_seg
            counts = [(int(i), (ids == i).nonzero().tolist()) for i in ids.unique()]
        found.append(sorted(counts))
    return found


@pytest.mark.parametrize('name', parity_names('tube_link', ['vis_windows.pt']))
def test_recorded_permutations_of_the_whole_model(name):
    """The recording holds no queries: they are those of the decoder with the recorded weights."""
    record = load(name)
    head = record['cfg']['panoptic_head']
    model = MODELS.build(
        dict(
            type='VideoSegmentor',
            backbone=dict(record['cfg']['backbone'], type='mmdet.ResNet'),
            neck=neck_cfg(head),
            decoder=decoder_cfg(head),
        )
    )
    model.load_state_dict(our_state(record['state_dict']), strict=True)
    model.eval()
    for run in record['runs']:
        ends = record['tube_ends'][(10, record['interval'], run['overlap'])]
        tracker, state, start, perms = build(), {}, 0, []
        for end in ends:
            frames = list(range(start, end))
            meta = FrameMeta('video', frames, record['img_shape'], record['ori_shape'], (64, 96))
            with torch.no_grad():
                prediction, _ = model.decoder.decode(model.extract_feat(record['video'][:, start:end]), {}, [meta])
            aligned, state = tracker.align(prediction, state)
            distances = torch.cdist(aligned.queries[0], prediction.queries[0])
            perms.append(distances.argmin(1))
            assert torch.equal(aligned.queries, prediction.queries[:, perms[-1]])
            assert torch.equal(aligned.mask_logits, prediction.mask_logits[:, perms[-1]])
            start = end - run['overlap']
        assert perms[0].tolist() == list(range(head['num_queries']))
        assert [x.tolist() for x in perms[1:]] == [x.tolist() for x in run['perms']]
