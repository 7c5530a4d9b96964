"""What rows of an ablation cost: which frames are timed, which rows, with which options."""

import json
from types import SimpleNamespace

import pytest
import torch

from tests.test_end_to_end.project import ROOT, write_dataset
from tests.tool_module import load_tool
from videoseg.apis import init_model

PLAN = """
work_dir = {work!r}
seeds = (0, 1)
metrics = ('stq/STQ',)
costs = dict(frames={frames})
common = {{
    'model.backbone.init_cfg': None,
    'model.decoder.steps_first': 2,
    'test_dataloader.dataset.data_root': {data!r},
}}
tables = [
    dict(
        name='one',
        config={config!r},
        rows=[
            dict(name='many', options={{**common, 'model.decoder.steps_later': 8}}),
            dict(name='few', options={{**common, 'model.decoder.steps_later': 1}}, weights_of='many'),
            dict(name='later', options=common),
        ],
    ),
]
"""


@pytest.fixture(scope='module')
def tool():
    return load_tool('analysis_tools/ablation_costs.py')


def make_plan(tool, folder, frames=3):
    """A plan whose first two rows look as if seed 1 had been run."""
    path = folder / 'plan.py'
    config = str(ROOT / 'configs/diffusion/effnet-lite0_synthetic_quickstart.py')
    data = str(write_dataset(folder / 'data'))
    path.write_text(PLAN.format(work=str(folder / 'work'), frames=frames, data=data, config=config))
    table = tool.read_plan(str(path))[0][0]
    trained = table.rows[0].runs[1]
    model = init_model(trained.config, cfg_options=trained.options)
    for run in (trained, table.rows[1].runs[1]):
        run.folder.mkdir(parents=True)
        run.results.write_text('{}')
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, trained.folder / 'iter_1.pth')
    (trained.folder / 'last_checkpoint').write_text(str(trained.folder / 'iter_1.pth'))
    trained.finished.touch()
    return str(path), table, model


def test_rows_that_were_run_are_measured_with_their_options(tool, tmp_path, capsys):
    plan, table, model = make_plan(tool, tmp_path)
    assert tool.main([plan, '--table', 'one']) == 0
    content = json.loads(table.costs.read_text())
    rows = content['rows']
    assert list(rows) == ['many', 'few'] and 'first test video' in content['how']
    marks = [row.runs[1].settings_sha256() for row in table.rows[:2]]
    assert [row['settings_sha256'] for row in rows.values()] == marks and marks[0] != marks[1]
    for row in rows.values():
        assert row['parameters'] == sum(x.numel() for x in model.parameters())
        assert row['decoder'] == sum(x.numel() for x in model.decoder.parameters())
        assert (row['windows'], row['seed']) == (3 * 3, 1) and row['first_ms'] > 0
    assert rows['many']['frame_ms'] > 2 * rows['few']['frame_ms'] > 0  # 8 steps and 1
    assert 'round 3 of 3' in capsys.readouterr().out


def test_only_whole_windows_are_timed_a_new_frame(tool):
    """Windows of 3 that share 1, in 8 of 9 frames; the model uses a second for each frame that it is given."""
    now, seen = [0.0], []

    class Model:
        window, overlap = 3, 1

        def data_preprocessor(self, batch, training):
            return batch

        def init_state(self, meta):
            return 'state'

        def step(self, inputs, sample, state):
            seen.append([frame.frame_id for frame in sample.video_data_samples])
            now[0] += len(inputs)
            return [], state

    class Video(load_tool('analysis_tools/stand_ins.py').Footage):
        length = 9

        def clip(self, *frames):
            now[0] += 100  # reading is not timed
            return super().clip(*frames)

    clock = SimpleNamespace(start=lambda: now[0], stop=lambda started: now[0] - started)
    times = tool.window_times(Model(), Video((32, 32), None, 0), 8, clock)
    assert seen == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert times == [1, 1.5, 1.5]


def test_what_cannot_be_measured(tool, tmp_path, capsys):
    plan, _, _ = make_plan(tool, tmp_path)
    assert tool.main([plan, '--table', 'two']) == 1
    assert "--table two: there are ['one']" in capsys.readouterr().err
    text = (tmp_path / 'plan.py').read_text()
    (tmp_path / 'plan.py').write_text(text.replace('costs = dict(frames=3)', ''))
    assert tool.main([plan, '--table', 'one']) == 1
    assert 'has no costs=dict(frames=...)' in capsys.readouterr().err


def test_too_short_a_video(tool):
    model, video = SimpleNamespace(window=4, overlap=0), SimpleNamespace(length=7)
    with pytest.raises(ValueError, match='7 frames hold fewer than two windows of 4'):
        tool.window_times(model, video, 20, None)
