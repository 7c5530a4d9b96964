"""The code of docs/add_a_decoder.md: it trains and tests as printed, and the decoders keep the contract."""

import copy
import importlib.util
import json
import re

import pytest
import torch

from tests.test_end_to_end.project import ROOT, run, write_dataset
from tests.test_models.test_segmentors.test_learns import score
from tests.test_models.test_segmentors.test_video_segmentor import maps_of, run_frames, window_of
from tests.test_models.tiny_models import TINY, batch, tiny_model, video
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures import VideoState
from videoseg.utils.checkpoint_report import load_checkpoint_report
from videoseg.utils.errors import CheckpointMismatchError

pytestmark = pytest.mark.slow

FILES = ('fixed_kernel_decoder.py', 'fixed_kernels_synthetic.py', 'tempered_update_head.py', 'tempered_synthetic.py')
DECODERS = ('FixedKernelDecoder', 'SmoothedKernelDecoder')
TRACKERS = ('MaskIoUTracker', 'QuasiDenseEmbeddingTracker')


def python_blocks() -> list[str]:
    text = (ROOT / 'docs' / 'add_a_decoder.md').read_text(encoding='utf-8')
    return re.findall(r'^```python\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """The files that the page tells to write, at the place it names, beside the configs of the checkout."""
    root = tmp_path_factory.mktemp('checkout')
    folder = root / 'projects' / 'fixed_kernels'
    folder.mkdir(parents=True)
    (root / 'configs').symlink_to(ROOT / 'configs', target_is_directory=True)
    write_dataset(root / 'data' / 'synthetic_quickstart')
    decoder, config, state, head, head_config = python_blocks()
    page = (ROOT / 'docs' / 'add_a_decoder.md').read_text(encoding='utf-8')
    for name, text in zip(FILES, (f'{decoder}\n\n{state}', config, head, head_config), strict=True):
        assert f'`projects/fixed_kernels/{name}`' in page
        (folder / name).write_text(text, encoding='utf-8')
    return folder


@pytest.fixture(scope='module', autouse=True)
def registered(project):
    """The page's classes, registered in this process too."""
    for name in ('fixed_kernel_decoder', 'tempered_update_head'):
        spec = importlib.util.spec_from_file_location(f'page_{name}', project / f'{name}.py')
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def train(project, config: str, work_dir) -> None:
    """Two iterations as a user runs them from the checkout, without pretrained weights."""
    options = ['model.backbone.init_cfg=None', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    config = f'projects/fixed_kernels/{config}'
    run('train.py', config, '--work-dir', work_dir, '--cfg-options', *options, cwd=project.parents[1])


def test_the_decoder_trains_and_tests(project, tmp_path):
    train(project, 'fixed_kernels_synthetic.py', tmp_path)
    weights = torch.load(tmp_path / 'iter_2.pth', weights_only=True)
    assert weights['meta']['decoder'] == 'FixedKernelDecoder'
    assert weights['state_dict']['decoder.kernels.weight'].shape == (27, 64, 1, 1)
    out = tmp_path / 'metrics.json'
    args = ['projects/fixed_kernels/fixed_kernels_synthetic.py', tmp_path / 'iter_2.pth', '--work-dir', tmp_path]
    run('test.py', *args, '--out', out, cwd=project.parents[1])
    metrics = json.loads(out.read_text())['metrics']
    for name in ('stq/STQ', 'stq/AQ', 'stq/SQ', 'vpq/VPQ'):
        assert 0 <= metrics[name] <= 1


def test_the_head_trains(project, tmp_path):
    train(project, 'tempered_synthetic.py', tmp_path)
    weights = torch.load(tmp_path / 'iter_2.pth', weights_only=True)['state_dict']
    assert {name for name in weights if 'temperature' in name} == {
        f'decoder.stages.{stage}.temperature.scale' for stage in range(3)
    }


def test_new_parameters_must_be_allowed():
    model = tiny_model(decoder=dict(update_head=dict(type='TemperedUpdateHead', feedforward_channels=64)))
    weights = dict(state_dict=tiny_model().state_dict())
    with pytest.raises(CheckpointMismatchError, match=r'decoder\.stages\.1\.temperature'):
        load_checkpoint_report(model, weights, source='weights')
    report = load_checkpoint_report(model, weights, source='weights', allow_reinit=['decoder.stages.*.temperature'])
    assert report.missing == [f'decoder.stages.{stage}.temperature.scale' for stage in range(2)]


def build(decoder: str, tracker: str = 'MaskIoUTracker', **postprocessor):
    """A small model with one of the page's decoders and random weights."""
    cfg = copy.deepcopy(TINY)
    cfg['decoder'] = dict(type=decoder, num_things=2, num_stuff=2, num_queries=8, in_channels=32)
    cfg['postprocessor'] = dict(type='PanopticPostprocessor', **postprocessor)
    cfg['tracker'] = dict(type=tracker)
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model.eval()


def untrained(decoder: str, tracker: str):
    """A model whose random masks differ and whose things win some pixels."""
    model = build(decoder, tracker, overlap_thr=0.0)
    model.decoder.kernels.weight.data *= 20
    model.decoder.classifier.bias.data = torch.tensor([1.0, 1.0, -1.0, -1.0])
    return model


def test_every_new_parameter_is_trained():
    head = dict(update_head=dict(type='TemperedUpdateHead', feedforward_channels=64))
    for model in (build('FixedKernelDecoder'), tiny_model(decoder=head)):
        clip = video(0, frames=2)
        total, losses = model.train().parse_losses(model(**batch(model, clip, training=True), mode='loss'))
        total.backward()
        assert torch.isfinite(total) and len(losses) >= 4
        names = ('kernels', 'classifier', 'temperature')
        new = {k: p for k, p in model.decoder.named_parameters() if k.split('.')[-2] in names}
        assert len(new) in (2, 4)
        assert all(p.grad is not None and p.grad.any() for p in new.values())


def run_together(model, data):
    """Both videos of a batch in lockstep; a list of frame results for each."""
    results, states = ([], []), None
    for t in range(5):
        samples = [window_of(data, row, t, t + 1)[1] for row in range(2)]
        states = states or [model.init_state(window_meta(sample, range(1))) for sample in samples]
        new, states = model.step_batch(data['inputs'][:, t : t + 1], samples, states)
        for frames, fresh in zip(results, new, strict=True):
            frames += fresh
    return results


@pytest.mark.parametrize('tracker', TRACKERS)
@pytest.mark.parametrize('decoder', DECODERS)
def test_frame_by_frame_saved_and_batched(decoder, tracker, tmp_path):
    model = untrained(decoder, tracker)
    data = batch(model, video(0), video(1))
    together = run_together(model, data)
    for row, whole in enumerate(model.predict(**copy.deepcopy(data))):
        frames, state = run_frames(model, data, row)
        assert len(model.finish(state)['ids']) > 0
        assert torch.equal(maps_of(whole.video_data_samples), maps_of(frames))
        # a batched convolution rounds differently, which may move a pixel on the border of two segments
        assert (maps_of(together[row]) != maps_of(frames)).float().mean() < 1e-3
        _, state = run_frames(model, data, row, frames=range(2))
        assert set(state.decoder) == ({'class_logits'} if decoder == 'SmoothedKernelDecoder' else set())
        torch.save(state.state_dict(), tmp_path / 'state.pt')
        restored = VideoState.from_state_dict(torch.load(tmp_path / 'state.pt', weights_only=True))
        rest, _ = run_frames(model, data, row, restored, range(2, 5))
        assert torch.equal(maps_of(frames[2:]), maps_of(rest))


def test_the_state_is_a_running_mean():
    plain, smooth = build('FixedKernelDecoder'), build('SmoothedKernelDecoder')
    data = batch(plain, video(0, frames=3))
    feats = plain.extract_feat(data['inputs'])
    state, mean = {}, None
    for t in range(3):
        frame = feats.select_frames([t])
        current = plain.decoder.decode(frame, {}, [])[0].class_logits
        mean = current if mean is None else (current + mean) / 2
        prediction, state = smooth.decoder.decode(frame, state, [])
        torch.testing.assert_close(prediction.class_logits, mean)
    assert state['class_logits'].shape == (1, 10, 4)


@pytest.mark.learns
def test_the_decoder_overfits_one_clip():
    clip = video(3, frames=4)
    model = build('FixedKernelDecoder', void_fill='kept')
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    before = score(model, clip, 'before')['STQ']
    model.train()
    for _ in range(200):
        total, _ = model.parse_losses(model(**batch(model, clip, training=True), mode='loss'))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    after = score(model, clip, 'after')
    assert before < 0.2
    assert after['STQ'] > 0.7, after
