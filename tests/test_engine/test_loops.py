import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope

from tests.test_engine import tiny_parts  # noqa: F401  (registers)
from tests.test_engine.distributed import run_ranks
from videoseg.datasets.samplers import WindowIndex
from videoseg.engine import VideoSegRunner, WindowStepper
from videoseg.registry import DATASETS, MODELS

VIDEOS = (('a', 5, 4), ('b', 3, 4), ('c', 4, 6))


class _Outputs(Hook):
    """Collects what hooks get."""

    def __init__(self):
        self.frames = []

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.frames += [(f.metainfo['video_id'], f.metainfo['frame_id']) for f in outputs]


def _runner(tmp_path, videos=VIDEOS, window=2, overlap=0, batch_size=1, launcher='none', **loop):
    init_default_scope('videoseg')
    cfg = Config(
        {
            'model': {'type': 'TinySegmentor', 'decoder': {'type': 'TinyDecoder'}},
            'work_dir': str(tmp_path),
            'default_scope': 'videoseg',
            'launcher': launcher,
            'test_cfg': {'type': 'VideoTestLoop', **loop},
            'test_evaluator': {'type': 'TinyMetric'},
            'test_dataloader': {
                'batch_size': batch_size,
                'num_workers': 0,
                'dataset': {'type': 'TinyVideos', 'videos': videos},
                'sampler': {'type': 'VideoWindowSampler', 'window': window, 'overlap': overlap},
            },
        }
    )
    return VideoSegRunner.from_cfg(cfg)


def _expected(videos):
    """Running mean of the pixels of every frame."""
    rows = []
    for number, (name, length, _) in enumerate(videos):
        data = DATASETS.build({'type': 'TinyVideos', 'videos': videos})
        pixels = data[WindowIndex(number, 0, length, 0)]['inputs'].float().mean((1, 2, 3)) / 255
        rows += [(name, t, float(pixels[: t + 1].mean())) for t in range(length)]
    return rows


@pytest.mark.parametrize(('window', 'batch_size'), [(1, 1), (2, 1), (2, 4), (9, 3)])
def test_one_state_a_video(tmp_path, window, batch_size):
    runner = _runner(tmp_path, window=window, batch_size=batch_size)
    hook = _Outputs()
    runner.register_hook(hook)
    metrics = runner.test()
    metric = runner.test_evaluator.metrics[0]
    assert metrics['stq/frames'] == 12 and metrics['stq/videos'] == 3
    frames, tables = metric.last
    assert tables == {'a': 5, 'b': 3, 'c': 4}
    for got, wanted in zip(frames, _expected(VIDEOS), strict=True):
        assert got[:2] == wanted[:2] and got[2] == pytest.approx(wanted[2], abs=1e-6)
    assert sorted(hook.frames) == [row[:2] for row in frames]
    calls = runner.model.calls
    assert sorted(v for kind, v, *_ in calls if kind == 'finish') == ['a', 'b', 'c']
    assert sorted(v for kind, v, *_ in calls if kind == 'init') == ['a', 'b', 'c']


def test_batch_of_videos_steps_together():
    """Windows alike in size and age form one call; every video's windows keep their order."""
    init_default_scope('videoseg')
    model = MODELS.build({'type': 'TinySegmentor', 'decoder': {'type': 'TinyDecoder'}}).eval()
    data = DATASETS.build({'type': 'TinyVideos', 'videos': VIDEOS})
    windows = [WindowIndex(0, 0, 2, 0), WindowIndex(1, 0, 2, 0), WindowIndex(2, 0, 2, 0), WindowIndex(0, 2, 4, 0)]
    items = [data[w] for w in windows]
    stepper = WindowStepper(model)
    results = list(stepper.step({key: [item[key] for item in items] for key in items[0]}))
    assert [call[1:] for call in model.calls if call[0] == 'step'] == [
        (['a', 'b'], (2, 2, 3, 4, 4)),
        (['c'], (1, 2, 3, 6, 4)),
        (['a'], (1, 2, 3, 4, 4)),
    ]
    assert [len(frames) for frames, _ in results] == [4, 2, 2]
    assert stepper.unfinished() == ['a', 'b', 'c']


def test_windows_out_of_order_and_lost_windows(tmp_path):
    runner = _runner(tmp_path)
    loop = runner.build_test_loop(runner._test_loop)
    runner._test_loop = loop
    batches = list(loop.dataloader)
    loop.dataloader = _Batches(batches[1:], loop.dataloader.dataset)
    with pytest.raises(ValueError, match='video a starts with frame 2'):
        loop.run()
    loop.dataloader = _Batches(batches[:-1], loop.dataloader.dataset)
    with pytest.raises(RuntimeError, match='never came: c'):
        loop.run()


class _Batches(list):
    def __init__(self, batches, dataset):
        super().__init__(batches)
        self.dataset = dataset


def test_amp_reaches_the_model(tmp_path):
    runner = _runner(tmp_path, amp='bfloat16')
    seen = []
    step = runner.model.step_batch

    def spy(*args):
        seen.append(torch.is_autocast_enabled('cpu'))
        return step(*args)

    runner.model.step_batch = spy
    runner.test()
    assert seen and all(seen)
    with pytest.raises(ValueError, match="amp must be .* not 'fp8'"):
        WindowStepper(runner.model, 'fp8')


def _rank(rank, folder, videos):
    runner = _runner(folder, videos=videos, launcher='pytorch')
    metrics = runner.test()
    metric = runner.test_evaluator.metrics[0]
    torch.save(
        {
            'metrics': metrics,
            'last': metric.last,
            'calls': runner.model.module.calls if hasattr(runner.model, 'module') else runner.model.calls,
        },
        folder / f'rank{rank}.pt',
    )


@pytest.mark.slow
@pytest.mark.parametrize('videos', [VIDEOS, VIDEOS[:1]], ids=['three-videos', 'one-rank-without-video'])
def test_two_processes_equal_one(tmp_path, videos):
    alone = _runner(tmp_path / 'alone', videos=videos)
    metrics = alone.test()
    (tmp_path / 'both').mkdir()
    run_ranks(_rank, 2, tmp_path / 'both', videos)
    ranks = [torch.load(tmp_path / 'both' / f'rank{r}.pt', weights_only=False) for r in range(2)]
    for rank in ranks:
        assert rank['metrics'] == metrics
        assert rank['last'] == alone.test_evaluator.metrics[0].last
    videos_of = [{c[1] for c in rank['calls'] if c[0] == 'init'} for rank in ranks]
    assert not videos_of[0] & videos_of[1] and videos_of[0] | videos_of[1] == {v[0] for v in videos}
