"""The code of docs/streaming.md runs as printed, block after block, and its tables are those of the code."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from videoseg.models import trackers
from videoseg.structures.windows import WINDOW_POLICIES, cut_windows

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'streaming.md').read_text(encoding='utf-8')


@pytest.mark.slow
def test_blocks_print_what_they_say(tmp_path, monkeypatch):
    (tmp_path / 'configs').symlink_to(ROOT / 'configs', target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r'^```python\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    names, printed = {'__name__': '__main__'}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in blocks:
            exec(compile(block, 'docs/streaming.md', 'exec'), names)
    expected = re.findall(r'^print\(.*\)  # (.*)$', '\n'.join(blocks), re.MULTILINE)
    assert [line for line in printed.getvalue().splitlines() if line in expected] == expected
    assert len(expected) == 5
    assert len(names['tracks_of_this_hour']['ids']) == len(names['tracks_of_this_hour']['scores'])
    assert (tmp_path / 'camera.pt').exists()


def test_every_tracker_and_policy_is_explained():
    for name in set(trackers.__all__) - {'BaseTracker'}:
        assert f'`{name}`' in PAGE
    for policy, frames in re.findall(r"`'(\w+)'` [^(]*\(([^)]*)\)", PAGE):
        lengths = [stop - start for start, stop, _ in cut_windows(10, 4, policy=policy)]
        assert policy in WINDOW_POLICIES and frames.endswith(', '.join(map(str, lengths)))
    assert all(f"`'{policy}'`" in PAGE for policy in WINDOW_POLICIES)


def test_links_lead_somewhere():
    for target, anchor in re.findall(r'\]\(((?!http)[^)#]*)(#[^)]*)?\)', PAGE):
        page = ROOT / 'docs' / target if target else ROOT / 'docs' / 'streaming.md'
        assert page.exists(), target
        if anchor:
            headings = re.findall(r'^#+ (.*)$', page.read_text(encoding='utf-8'), re.MULTILINE)
            assert anchor[1:] in {re.sub(r'[^\w\- ]', '', x.lower()).replace(' ', '-') for x in headings}
