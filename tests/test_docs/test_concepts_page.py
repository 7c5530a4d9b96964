"""docs/concepts.md names every part that can be named in a config, and only parts that exist."""

import re
from pathlib import Path

from videoseg import registry

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'concepts.md').read_text(encoding='utf-8')
KINDS = ('DATASETS', 'DATA_SAMPLERS', 'TRANSFORMS', 'MODELS', 'TASK_UTILS', 'METRICS', 'LOOPS', 'HOOKS', 'RUNNERS')


def registered():
    """Registry -> names of our own classes in the package."""
    found = {}
    for kind in (*KINDS, 'VISUALIZERS'):
        own = getattr(registry, kind)
        own.import_from_location()
        types = own.module_dict.items()
        found[kind] = {name for name, x in types if x.__module__.startswith('videoseg.') and name == x.__name__}
    return found


def listed():
    """Registry -> text of the rows of the table that name it."""
    rows = {}
    for row in re.findall(r'^\| .* \|$', PAGE.split('## Parts that are there')[1], re.MULTILINE):
        _, registries, names = re.split(r' ?\| ', row.strip('|'), maxsplit=2)
        for kind in re.findall(r'`([A-Z_]+)`', registries):
            rows[kind] = f'{rows.get(kind, "")} {names}'
    return rows


def test_every_part_is_in_the_table():
    rows = listed()
    for kind, names in registered().items():
        assert names, kind
        assert sorted(name for name in names if f'`{name}`' not in rows[kind]) == [], kind


def test_what_the_table_names_is_there():
    there = set().union(*registered().values())
    theirs = {'FPN', 'Mask2FormerVideo'}
    named = set(re.findall(r'`([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*|FPN)`', ' '.join(listed().values())))
    assert named - theirs - there == set()
