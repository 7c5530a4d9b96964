"""The code of docs/evaluation.md: every block runs as it stands, alone, and prints what its comments say."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from videoseg.evaluation import functional
from videoseg.evaluation.benchmarks import FORMATS, get_benchmark

PAGE = (Path(__file__).resolve().parents[2] / 'docs' / 'evaluation.md').read_text(encoding='utf-8')
BLOCKS = re.findall(r'^```python\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
METRICS = ('STQ', 'PQ', 'VPQ', 'DVPQ', 'DepthQuality', 'DepthErrors', 'VideoAP', 'SemanticIoU', 'VideoConsistency')
METRICS += ('TemporalConsistency', 'JAndF')


def title(block: str) -> str:
    return next((name for name in reversed(METRICS) if re.search(rf'\b{name}\(', block)), 'config')


@pytest.mark.parametrize('block', BLOCKS, ids=title)
def test_block_prints_what_it_says(block: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, 'docs/evaluation.md', 'exec'), {'__name__': '__main__'})
    expected = re.findall(r'^ *print\(.*\)  # (.*)$', block, re.MULTILINE)
    assert printed.getvalue().splitlines() == expected
    assert bool(expected) == ('import' in block)


def test_every_metric_has_an_example() -> None:
    for name in METRICS:
        assert hasattr(functional, name)
        assert any(re.search(rf'\b{name}\(', block) for block in BLOCKS), name


def test_links_lead_somewhere() -> None:
    headings = re.findall(r'^#+ (.*)$', PAGE, re.MULTILINE)
    anchors = {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}
    for target in re.findall(r'\]\(#([^)]*)\)', PAGE):
        assert target in anchors
    for target in re.findall(r'\]\(((?!#|http)[^)]*)\)', PAGE):
        assert (Path(__file__).resolve().parents[2] / 'docs' / target).exists(), target


def test_table_of_formats_is_that_of_the_code() -> None:
    rows = dict(re.findall(r'^\| (`\w+`(?:, `\w+`)*) \|.*\| ([^|]*) \|$', PAGE, re.MULTILINE))
    listed = {name: cell for names, cell in rows.items() for name in re.findall(r'`(\w+)`', names) if name in FORMATS}
    assert listed.keys() == FORMATS.keys()
    for name, cell in listed.items():
        benchmark = get_benchmark(name)
        default, others = re.fullmatch(r'\*\*(.*)\*\*(.*)', cell).groups()
        assert tuple(default.split()) == tuple(benchmark.default_metrics)
        assert set((default + others).split()) == set(benchmark.available)


def test_options_that_are_named_exist() -> None:
    known = {option for name in FORMATS for option in get_benchmark(name).default_options}
    for name in known - {'void_raw_id', 'min_overlap', 'frames_per_video', 'depth_thresholds', 'matching', 'extra_ids'}:
        assert f'`{name}' in PAGE or f'{name}=' in PAGE, name
