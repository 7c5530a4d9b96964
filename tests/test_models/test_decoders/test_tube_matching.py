"""Weights that were trained frame by frame decode tubes: K-Net, Video K-Net, and Mask2Former per frame (MinVIS)."""

import copy
from pathlib import Path

import pytest
import torch

from tests.test_end_to_end.test_swap_grid import documented_options, record
from tests.test_models.test_segmentors.test_video_segmentor import maps_of, window_of
from tests.test_models.tiny_models import TINY, TINY_TUBE, batch, tiny_model, tiny_tube_model, video
from videoseg.models.decoders import ClipKernelUpdateHead
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, VideoState
from videoseg.structures.windows import cut_windows
from videoseg.utils import load_config

ROOT = Path(__file__).parents[3]
KNET = {k: v for k, v in TINY['decoder'].items() if k not in ('embedding_head', 'linking', 'fusion')}
DECODERS = {'K-Net': dict(KNET, type='KNetDecoder'), 'Video K-Net': TINY['decoder']}
TRACKERS = {
    'query': dict(type='QueryMatchingTracker'),
    'embedding': dict(type='QuasiDenseEmbeddingTracker', init_score_thr=0.0, obj_score_thr=0.0),
}


def model_of(decoder, tube=True, tracker='embedding', window=2, overlap=0, **options):
    return tiny_model(
        decoder=dict(copy.deepcopy(DECODERS[decoder]), tube=tube, _replace=True, **options),
        tracker=dict(TRACKERS[tracker], _replace=True),
        test_cfg=dict(window=window, overlap=overlap),
    )


@pytest.fixture(scope='module')
def feats():
    """Features of two windows of three frames."""
    model = tiny_model()
    with torch.no_grad():
        return model.extract_feat(batch(model, video(0, frames=3), video(1, frames=3))['inputs'])


def assert_same(one, other):
    for name, value in vars(one).items():
        same = torch.equal(value, vars(other)[name]) if isinstance(value, torch.Tensor) else value == vars(other)[name]
        assert same, name


# ---------------------------------------------------------------- the decoder


@pytest.mark.parametrize('decoder', DECODERS)
@torch.no_grad()
def test_a_tube_of_one_frame_is_a_frame(decoder, feats):
    plain, tube = (model_of(decoder, tube=switch).decoder for switch in (False, True))
    assert (plain.clip_length, tube.clip_length) == (1, None)
    states = [{}, {}]
    for t in range(2):
        frame = feats.select_frames([t])
        (one, states[0]), (other, states[1]) = (
            d.decode(frame, s, []) for d, s in zip((plain, tube), states, strict=True)
        )
        assert_same(one, other)
        assert states[0].keys() == states[1].keys() == ({'kernels'} if decoder == 'Video K-Net' else set())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize('decoder', DECODERS)
def test_nothing_is_added_and_training_is_the_same(decoder):
    plain, tube = (model_of(decoder, tube=switch).train() for switch in (False, True))
    assert {k: v.shape for k, v in plain.state_dict().items()} == {k: v.shape for k, v in tube.state_dict().items()}
    data = batch(plain, video(0, frames=2), training=True)
    with torch.no_grad():
        losses = [x.decoder.loss(x.extract_feat(data['inputs']), data['data_samples']) for x in (plain, tube)]
    assert losses[0] == losses[1] and len(losses[0]) > 4


@pytest.mark.parametrize('decoder', DECODERS)
@torch.no_grad()
def test_stages_are_the_gather_stages_of_the_clip_model(decoder, feats):
    """With the same weights; the clip model equals its recordings."""
    model = model_of(decoder, linking=None, fusion=None) if decoder == 'Video K-Net' else model_of(decoder)
    tube = model.decoder
    frames = tube.proposal_head(feats)
    features, masks, kernels = (x.unflatten(0, (2, 3)) for x in (frames.features, frames.mask_logits, frames.kernels))
    kernels = kernels.mean(1)
    for stage in tube.stages:
        clip = ClipKernelUpdateHead(4, in_channels=32, feedforward_channels=64)
        clip.load_state_dict(stage.state_dict())
        output = clip(features, kernels, masks)
        kernels, masks = output.kernels, output.mask_logits
    prediction, _ = tube.decode(feats, {}, [])
    assert torch.equal(prediction.class_logits, output.class_logits)
    assert torch.equal(prediction.mask_logits, masks.transpose(1, 2))
    assert torch.equal(prediction.queries, kernels.flatten(2))
    semantic = frames.semantic_logits.unflatten(0, (2, 3)).transpose(1, 2)
    assert torch.equal(prediction.semantic_logits, semantic)


@pytest.mark.parametrize('decoder', DECODERS)
@torch.no_grad()
def test_frames_are_averaged(decoder, feats):
    """A still tube is its frame; the order of the frames only orders the masks; each frame has its say."""
    tube = model_of(decoder).decoder
    single, _ = tube.decode(feats.select_frames([1]), {}, [])
    still, _ = tube.decode(feats.select_frames([1, 1, 1]), {}, [])
    for name in ('class_logits', 'queries'):
        torch.testing.assert_close(getattr(still, name), getattr(single, name), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(still.mask_logits, single.mask_logits.expand_as(still.mask_logits), rtol=1e-4, atol=1e-3)
    moving, _ = tube.decode(feats, {}, [])
    turned, _ = tube.decode(feats.select_frames([2, 0, 1]), {}, [])
    torch.testing.assert_close(turned.class_logits, moving.class_logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(turned.mask_logits, moving.mask_logits[:, :, [2, 0, 1]], rtol=1e-4, atol=1e-3)
    assert (moving.queries - single.queries).abs().max() > 1e-3


@torch.no_grad()
def test_previous_kernels_are_those_of_the_previous_tube(feats):
    tube = model_of('Video K-Net').decoder
    first, state = tube.decode(feats.select_frames([0, 1]), {}, [])
    assert state['kernels'].shape == (2, 10, 32, 1, 1)
    assert torch.equal(state['kernels'].flatten(2), first.queries)
    fused, after = tube.decode(feats.select_frames([2]), state, [])
    fresh, _ = tube.decode(feats.select_frames([2]), {}, [])
    assert not torch.equal(fused.class_logits, fresh.class_logits)
    assert not torch.equal(fused.embeddings, fused.queries) and torch.equal(after['kernels'].flatten(2), fused.queries)


@pytest.mark.parametrize('source', ['mask', 'roi_align', 'both'])
@torch.no_grad()
def test_pixels_of_all_frames_with_the_object_are_embedded(source, feats):
    linking = TINY['decoder']['linking'] if source == 'both' else None
    tube = model_of('Video K-Net', embedding_head=dict(source=source), linking=linking).decoder
    ones = torch.ones(3)
    segments = ClipSegments(ones.long(), ones, ones.bool(), torch.tensor([2, 0, 5]))
    window = feats.select_clip(0)
    prediction, _ = tube.decode(window, {}, [])
    prediction.mask_logits = prediction.mask_logits.clone()
    prediction.mask_logits[0, [2, 0, 5]] = -1.0
    prediction.mask_logits[0, 2, :, 1:4, 2:6] = 1.0  # in every frame
    prediction.mask_logits[0, 0, :2, 3:6, 1:4] = 1.0  # gone in the last frame; the third one is never seen

    def alone(t):
        own = copy.copy(prediction)
        own.mask_logits = prediction.mask_logits[:, :, [t]]
        return tube.embed(window.select_frames([t]), own, segments)

    found, frames = tube.embed(window, prediction, segments), torch.stack([alone(t) for t in range(3)])
    torch.testing.assert_close(found[0], frames[:, 0].mean(0))
    torch.testing.assert_close(found[1], frames[:2, 1].mean(0))
    torch.testing.assert_close(found[2], frames[:, 2].mean(0))
    assert not torch.allclose(found[1], frames[:, 1].mean(0))


def test_the_clip_model_has_no_such_argument():
    with pytest.raises(TypeError, match='ClipKNetDecoder has no argument tube: .* use KNetDecoder'):
        MODELS.build(dict(type='ClipKNetDecoder', num_things=2, in_channels=32, tube=True))


# ---------------------------------------------------------------- whole models


def run_windows(model, data, row=0, state=None, first=0):
    results, length = [], len(data['data_samples'][row])
    for start, stop, overlap in list(cut_windows(length, model.window, model.overlap))[first:]:
        inputs, sample = window_of(data, row, start, stop, overlap)
        state = state or model.init_state(window_meta(sample, range(stop - start)))
        new, state = model.step(inputs, sample, state)
        results += new
    return results, state


@pytest.mark.parametrize('tracker', TRACKERS)
@pytest.mark.parametrize('decoder', DECODERS)
def test_windows_step_by_step_saved_and_in_a_batch(decoder, tracker, tmp_path):
    model = model_of(decoder, tracker=tracker, window=2)
    data = batch(model, video(0, frames=5), video(1, frames=5))  # the last window has one frame
    together = [maps_of(x.video_data_samples) for x in model.predict(**copy.deepcopy(data))]
    assert all(len(maps) == 5 for maps in together) and not torch.equal(*together)
    for row in range(2):
        frames, state = run_windows(model, data, row)
        assert torch.equal(maps_of(frames), together[row])
        assert any(int(f.pred_track_instances.instances_id.max()) > 0 for f in frames)
    inputs, sample = window_of(data, 1, 0, 2)
    _, state = model.step(inputs, sample, model.init_state(window_meta(sample, range(2))))
    torch.save(state.state_dict(), tmp_path / 'state.pt')
    restored = VideoState.from_state_dict(torch.load(tmp_path / 'state.pt', weights_only=True))
    resumed, _ = run_windows(model, data, 1, restored, first=1)
    assert torch.equal(maps_of(resumed), together[1][2:])


@pytest.mark.parametrize('decoder', DECODERS)
def test_window_and_overlap_are_options_of_the_test(decoder, monkeypatch):
    """The same weights: as many passes as windows, a class and an id a segment for all frames of a window."""
    counts, maps = {}, {}
    for tube, window, overlap in ((False, 2, 0), (True, 1, 0), (True, 2, 0), (True, 3, 1), (True, 4, 0), (True, 5, 0)):
        model = model_of(decoder, tube=tube, tracker='query', window=window, overlap=overlap)
        calls = record(model.decoder, 'decode', monkeypatch)
        (result,) = model.predict(**batch(model, video(0)))
        counts[tube, window] = [prediction.mask_logits.shape[2] for prediction, _ in calls]
        maps[tube, window] = maps_of(result.video_data_samples)
        assert len(result) == 5
    assert counts == {
        (False, 2): [1] * 5,
        (True, 1): [1] * 5,
        (True, 2): [2, 2, 1],
        (True, 3): [3, 3],
        (True, 4): [4, 1],
        (True, 5): [5],
    }
    assert torch.equal(maps[True, 1], maps[False, 2])
    assert not torch.equal(maps[True, 4], maps[True, 1])


# ---------------------------------------------------------------- MinVIS


def test_mask2former_trained_on_frames_takes_tubes():
    options = dict(num_stuff=0, stuff_slots=False, link=None, association=None, mask_loss='per_frame')
    assert set(options) <= {*TINY_TUBE, 'mask_loss'}
    trained = tiny_tube_model(window=1, **options).train()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-3)
    losses = trained(**batch(trained, video(0, frames=1), video(1, frames=1), training=True), mode='loss')
    total, _ = trained.parse_losses(losses)
    total.backward()
    optimizer.step()
    quality = {}
    for window in (1, 4):
        model = tiny_tube_model(window=window, **options)
        model.load_state_dict(trained.state_dict())
        model.postprocessor = MODELS.build(dict(type='VideoInstancePostprocessor', max_per_video=5))
        model.tracker = MODELS.build(dict(type='QueryMatchingTracker'))
        frames, state = run_windows(model, batch(model, video(2, frames=6)))
        assert len(frames) == 6 and state.tracker['query_memory'].shape == (10, 32)
        assert int(state.track_table['num_windows']) == {1: 6, 4: 2}[window]
        table = model.finish(state)
        assert 0 < len(table['ids']) <= 5 and set(table['mask_ids'].tolist()) <= set(range(1, 11))
        quality[window] = state.track_table['quality_sum']
    assert not torch.allclose(quality[1], quality[4])


# ---------------------------------------------------------------- from the command line


def test_documented_command_decodes_tubes():
    ((tool, words),) = documented_options('## Matching tubes instead of frames, without re-training')
    assert tool == 'test'
    options = dict(word.split('=', 1) for word in words[words.index('--cfg-options') + 1 :])
    assert options['model.decoder.tube'] == 'True' and options['model.tracker.type'] == 'QueryMatchingTracker'
    values = {k: int(v) if v.isdigit() else v == 'True' if v in ('True', 'False') else v for k, v in options.items()}
    cfg = load_config(ROOT / words[0], values)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert model.decoder.clip_length is None
    assert model.window == cfg.test_dataloader.sampler.window == 4
