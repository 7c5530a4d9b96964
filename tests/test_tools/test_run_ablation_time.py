"""The processes of the ablation runner: their ends, and their time when they fail or are interrupted."""

import json
import signal

import pytest

from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def tool():
    return load_tool('analysis_tools/run_ablation.py')


def test_a_script_that_fails_shows_the_end_of_its_log(tool, tmp_path):
    script = tmp_path / 'train.py'
    script.write_text("raise SystemExit('no such data')\n")
    with pytest.raises(RuntimeError, match='no such data'):
        tool.call([str(script)], tmp_path / 'log')


BUSY = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
while time.process_time() < 0.3:
    pass
pathlib.Path({busy!r}).touch()
{end}
"""


@pytest.mark.parametrize('end', ['raise SystemExit("no such data")', 'time.sleep(600)'], ids=['failed', 'interrupted'])
def test_time_of_what_did_not_finish_counts(tool, monkeypatch, tmp_path, end):
    script, busy = tmp_path / 'train.py', tmp_path / 'busy'
    script.write_text(BUSY.format(busy=str(busy), end=end))
    config = tmp_path / 'config.py'
    config.write_text('max_iters = 5\n')
    planned = tool.Run(tmp_path / 'run', str(config))
    planned.folder.mkdir(parents=True)
    (planned.folder / 'cost.json').write_text(json.dumps({'train': {'cpu_s': 100.0, 'wall_s': 200.0}}))
    monkeypatch.setattr(tool, 'commands', lambda run: [[str(script)]])

    def interrupt(*_):
        if busy.exists():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        if 'sleep' in end:
            signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        with pytest.raises(KeyboardInterrupt if 'sleep' in end else RuntimeError):
            tool.execute(planned)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    cost = json.loads((planned.folder / 'cost.json').read_text())
    assert 100.3 <= cost['train']['cpu_s'] < 110 and 200.3 <= cost['train']['wall_s'] < 260
    assert not planned.finished.exists()
