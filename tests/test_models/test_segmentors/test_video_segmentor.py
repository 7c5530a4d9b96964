"""Whole video = frame by frame = interrupted and resumed; a batch = single runs."""

import copy
import math

import pytest
import torch
from mmdet.structures import TrackDataSample
from mmengine.model import BaseModule

from tests.test_models.tiny_models import TINY, batch, tiny_model, video
from videoseg.models.segmentors import video_segmentor
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures import VideoState
from videoseg.structures.ids import DIVISOR, VOID_LABEL


@pytest.fixture(scope='module')
def model():
    return tiny_model()


def maps_of(frames):
    return torch.cat([frame.pred_panoptic_seg.panoptic_seg for frame in frames])


def window_of(data, row, start, stop, overlap=0):
    sample = TrackDataSample(metainfo={**data['data_samples'][row].metainfo, 'num_overlap': overlap})
    sample.video_data_samples = data['data_samples'][row].video_data_samples[start:stop]
    return data['inputs'][row, start:stop], sample


def run_frames(model, data, row, state=None, frames=None):
    results = []
    for t in frames or range(len(data['data_samples'][row].video_data_samples)):
        inputs, sample = window_of(data, row, t, t + 1)
        state = state or model.init_state(window_meta(sample, range(1)))
        new, state = model.step(inputs, sample, state)
        results += new
    return results, state


def test_predict_gives_objects_with_ids(model):
    data = batch(model, video(0))
    (result,) = model.predict(**data)
    maps = maps_of(result.video_data_samples)
    assert maps.shape == (5, 64, 96) and maps.dtype == torch.int32
    instances = result[0].pred_track_instances
    assert (instances.instances_id[instances.is_thing] > 0).any()
    assert (instances.instances_id[~instances.is_thing] == 0).all()
    assert len(result.metainfo['tracks']['ids']) >= 2


@pytest.mark.parametrize(('pixels', 'expected'), [(1, [1] * 5), (2 * 64 * 96, [2, 2, 1]), (1 << 20, [5])])
def test_backbone_takes_large_frames_a_few_at_a_time(model, monkeypatch, pixels, expected):
    """On a CPU, to predict only; the features are the same, but for rounding that depends on the batch."""
    model = copy.deepcopy(model).double()
    inputs = batch(model, video(0))['inputs'].double()
    with torch.no_grad():
        whole = model.extract_feat(inputs)
    monkeypatch.setattr(video_segmentor, 'CPU_PIXELS', pixels)
    sizes = []
    model.backbone.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    with torch.no_grad():
        feats = model.extract_feat(inputs)
    model.extract_feat(inputs)
    assert sizes == [*expected, 5]  # with gradients all at once
    torch.testing.assert_close(feats.mask_features, whole.mask_features)
    assert feats.num_frames == 5 and feats.images.shape == (5, 3, 64, 96)


def test_frame_by_frame_equals_whole_video(model):
    data = batch(model, video(0))
    (whole,) = model.predict(**copy.deepcopy(data))
    frames, state = run_frames(model, data, 0)
    assert torch.equal(maps_of(whole.video_data_samples), maps_of(frames))
    for name, column in model.finish(state).items():
        assert torch.equal(column, whole.metainfo['tracks'][name]), name


@pytest.mark.parametrize('window,overlap', [(2, 0), (3, 1), (8, 0)])
def test_windows_do_not_matter_to_a_frame_by_frame_decoder(model, window, overlap):
    data = batch(model, video(0))
    (whole,) = model.predict(**copy.deepcopy(data))
    other = tiny_model(test_cfg=dict(window=window, overlap=overlap))
    (windows,) = other.predict(**data)
    assert torch.equal(maps_of(whole.video_data_samples), maps_of(windows.video_data_samples))


@pytest.mark.parametrize('stop', [1, 3])
def test_interrupted_saved_and_reloaded(model, stop, tmp_path):
    data = batch(model, video(1))
    expected, _ = run_frames(model, data, 0)
    first, state = run_frames(model, data, 0, frames=range(stop))
    torch.save(state.state_dict(), tmp_path / 'state.pt')
    restored = VideoState.from_state_dict(torch.load(tmp_path / 'state.pt', weights_only=True))
    second, _ = run_frames(model, data, 0, restored, range(stop, 5))
    assert torch.equal(maps_of(expected), maps_of(first + second))


def test_batch_equals_single_runs(model):
    data = batch(model, video(0), video(1))
    together = model.predict(**copy.deepcopy(data))
    for seed, result in enumerate(together):
        (alone,) = model.predict(**batch(model, video(seed)))
        assert torch.equal(maps_of(alone.video_data_samples), maps_of(result.video_data_samples))


def test_lockstep_batch_of_fresh_and_running_videos(model):
    data = batch(model, video(0), video(1), video(2))
    expected = [run_frames(model, data, row)[0] for row in range(3)]
    results, states = [[], [], []], [None] * 3
    _, states[0] = run_frames(model, data, 0, frames=range(1))
    results[0].append(expected[0][0])
    for t in range(4):
        starts = [t + 1, t, t]  # video 0 is one frame ahead
        windows = [window_of(data, row, s, s + 1) for row, s in enumerate(starts)]
        states = [s or model.init_state(window_meta(w[1], range(1))) for s, w in zip(states, windows, strict=True)]
        new, states = model.step_batch(torch.stack([w[0] for w in windows]), [w[1] for w in windows], states)
        results = [old + n for old, n in zip(results, new, strict=True)]
    for row in range(3):
        assert torch.equal(maps_of(results[row]), maps_of(expected[row][: len(results[row])]))


def test_videos_of_unequal_size_and_length(model):
    data = batch(model, video(0, frames=4), video(1, frames=2))
    together = model.predict(**data)
    assert [len(r.video_data_samples) for r in together] == [4, 2]
    (alone,) = model.predict(**batch(model, video(1, frames=2)))
    assert torch.equal(maps_of(alone.video_data_samples), maps_of(together[1].video_data_samples))


def test_state_does_not_grow(model):
    data = batch(model, video(0, frames=2))
    state, sizes = None, []
    for t in range(24):
        inputs, sample = window_of(data, 0, t % 2, t % 2 + 1)
        sample.video_data_samples[0].set_metainfo(dict(frame_id=t))
        state = state or model.init_state(window_meta(sample, range(1)))
        _, state = model.step(inputs, sample, state)
        sizes.append(sum(x.numel() for part in (state.decoder, state.tracker) for x in part.values()))
    assert max(sizes[12:]) <= max(sizes[:12])


def test_wrong_windows_are_refused(model):
    data = batch(model, video(0))
    _, state = run_frames(model, data, 0, frames=range(1))
    with pytest.raises(ValueError, match='brings frame 3, but frame 1 is next'):
        model.step(*window_of(data, 0, 3, 4), state)
    other = batch(model, video(1))
    with pytest.raises(ValueError, match="of video 'video1', its state of 'video0'"):
        model.step(*window_of(other, 0, 1, 2), state)
    with pytest.raises(ValueError, match='overlap'):
        tiny_model(test_cfg=dict(window=2, overlap=2))
    with pytest.raises(TypeError, match='stride'):
        tiny_model(test_cfg=dict(stride=2))


def test_a_tracker_of_mmdet_is_refused():
    with pytest.raises(TypeError, match='model.tracker is a QuasiDenseTracker'):
        tiny_model(tracker=dict(type='QuasiDenseTracker', _replace=True))


def test_a_postprocessor_of_mmdet_is_refused():
    reason = 'model.postprocessor is a MaskFormerFusionHead, which has no update_table, .*: use a postprocessor of .*'
    with pytest.raises(TypeError, match=reason + 'subclass of its BasePostprocessor'):
        tiny_model(postprocessor=dict(type='MaskFormerFusionHead', _replace=True))


def test_tracks_of_a_model_that_only_trains():
    cfg = copy.deepcopy(TINY)
    del cfg['postprocessor']
    with pytest.raises(RuntimeError, match='no postprocessor or no tracker'):
        MODELS.build(cfg).finish(VideoState('video', 0))


def test_video_may_start_anywhere(model):
    """Defect 4: the original forgets at frame 0 only, and crashes where the first video starts elsewhere."""
    data = batch(model, video(0))
    late, state = run_frames(model, data, 0, frames=range(2, 5))
    for t, frame in enumerate(data['data_samples'][0].video_data_samples[2:]):
        frame.set_metainfo(dict(frame_id=t))
    renumbered, again = run_frames(model, data, 0, frames=range(2, 5))
    assert torch.equal(maps_of(late), maps_of(renumbered))
    assert torch.equal(state.decoder['kernels'], again.decoder['kernels'])
    assert torch.equal(state.tracker['track_ids'], again.tracker['track_ids'])


@pytest.mark.parametrize('label', [VOID_LABEL, 2])
def test_void_is_void_unless_a_label_stands_for_it(label):
    """Defect 3: the original paints void as the first class."""
    options = dict(instance_score_thr=0.0, overlap_thr=0.9)  # rejects segments, whose pixels stay void
    model = tiny_model(postprocessor=options, void_label=label)
    (result,) = model.predict(**batch(model, video(0, frames=2)))
    plain = tiny_model(postprocessor=options, void_label=77)
    (marked,) = plain.predict(**batch(plain, video(0, frames=2)))
    maps, void = maps_of(result.video_data_samples), maps_of(marked.video_data_samples) == 77 * DIVISOR
    assert void.any() and not void.all()
    assert (maps[void] == label * DIVISOR).all()
    assert torch.equal(maps[~void], maps_of(marked.video_data_samples)[~void])


SWITCHES = [
    {},
    dict(fusion=None),
    dict(linking=None, fusion=None),
    dict(embedding_head=None, linking=None, fusion=None),
]


@pytest.mark.parametrize('switches', SWITCHES)
def test_every_parameter_is_trained(switches):
    model = tiny_model(decoder=switches).train()
    data = batch(model, video(0, frames=2), video(1, frames=2), training=True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert ('loss_track' in losses) == ('embedding_head' not in switches)


def test_impossible_switches_are_refused():
    with pytest.raises(ValueError, match='linking needs embedding_head'):
        tiny_model(decoder=dict(embedding_head=None))
    with pytest.raises(ValueError, match='there are 2'):
        tiny_model(decoder=dict(link_stages=(2,)))
    with pytest.raises(ValueError, match='trains on pairs'):
        model = tiny_model()
        model.train()(**batch(model, video(0, frames=1), training=True), mode='loss')


def test_identities_given_by_the_postprocessor_stay():
    """Query numbers that the original leaves in the map (Q4 of ``specs/tube_link.md``)."""
    data = video(0, frames=1)
    model = tiny_model()
    (plain,) = model(**batch(model, data), mode='predict')[0]
    segment = model.postprocessor.segment

    def gives_one(prediction, meta):
        segments = segment(prediction, meta)
        segments.track_ids = torch.zeros_like(segments.labels)
        segments.track_ids[0], segments.is_thing[0] = 77, False
        return segments

    model.postprocessor.segment = gives_one
    (given,) = model(**batch(model, data), mode='predict')[0]
    ids, before = given.pred_track_instances.instances_id, plain.pred_track_instances.instances_id
    assert before[0] > 0 and ids[0] == 77
    assert torch.equal(ids[1:] > 0, before[1:] > 0)
    assert 77 in (given.pred_panoptic_seg.panoptic_seg % DIVISOR)


def test_windows_of_a_video_follow_the_policy():
    sizes = {}
    for policy in ('full', 'balanced'):
        model = tiny_model(test_cfg=dict(window=3, policy=policy))
        step, seen = model.step, []
        model.step = lambda x, *args, step=step, seen=seen: (seen.append(len(x)), step(x, *args))[1]
        (result,) = model(**batch(model, video(0, frames=7)), mode='predict')
        assert len(result) == 7 and sum(seen) == 7
        sizes[policy] = seen
    assert sizes == dict(full=[3, 3, 1], balanced=[3, 2, 2])
    with pytest.raises(ValueError, match='test_cfg: policy must be one of'):
        tiny_model(test_cfg=dict(policy='even'))


def test_initialisation_reaches_every_part():
    """Parts in a plain ``nn.ModuleList`` would silently keep PyTorch's defaults."""
    model = MODELS.build(copy.deepcopy(TINY))
    model.init_weights()
    missed = [name for name, part in model.named_modules() if isinstance(part, BaseModule) and not part.is_init]
    assert not missed
    for stage in model.decoder.stages:
        assert stage.fc_cls.bias.allclose(torch.tensor(-math.log(99.0)))
    neck = model.neck[1].convs_all_levels[1].conv0.conv.weight
    assert 0.009 < neck.std() < 0.011
