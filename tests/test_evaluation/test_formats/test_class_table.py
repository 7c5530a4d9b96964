import json
from pathlib import Path

import pytest

from videoseg.evaluation.formats import ClassTable


def entry(number, name, isthing):
    return {'id': number, 'name': name, 'isthing': isthing}


def test_things_come_first(tmp_path):
    path = tmp_path / 'classes.json'
    path.write_text(
        json.dumps([entry(7, 'road', 0), entry(3, 'dog', 1), entry(5, 'sky', False), entry(9, 'cat', True)])
    )
    table = ClassTable.from_file(path)
    assert table.ids == (3, 9, 7, 5)
    assert table.names == ('dog', 'cat', 'road', 'sky')
    assert table.things == (0, 1) and len(table) == 4
    assert table.labels == {3: 0, 9: 1, 7: 2, 5: 3}


def test_cityscapes():
    table = ClassTable.cityscapes((11, 13))
    assert table.names[:3] == ('person', 'car', 'road') and table.names[-1] == 'bicycle'
    assert table.ids == (11, 13, *range(11), 12, *range(14, 19))
    assert ClassTable.cityscapes(range(11, 19)).num_things == 8


def test_the_kitti_step_data_set_has_the_same_table():
    """The labels of the in-process metric and of the files mean the same classes."""
    source = (Path(__file__).parents[3] / 'videoseg' / 'datasets' / 'kitti_step.py').read_text()
    table = ClassTable.cityscapes((11, 13))
    assert f'raw_ids={table.ids}' in source
    positions = [source.index(f"'{name}',") for name in table.names]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    ('entries', 'message'),
    [
        ([], 'expected a list'),
        ({'id': 1}, 'expected a list'),
        ([{'id': 1}], 'needs an integer id, and isthing'),
        ([entry('1', 'a', 1)], 'needs an integer id'),
        ([entry(True, 'a', 1)], 'needs an integer id'),
        ([entry(1, 'a', 'false')], 'isthing must be true, false, 1 or 0'),
        ([entry(i, str(i), 0) for i in range(256)], '256 classes, at most 255 are possible'),
        ([entry(1, 'a', 1), entry(1, 'b', 0)], 'class id 1 is there twice'),
        ([entry(1, 'a', 1), entry(2, 'a', 0)], "class name 'a' is there twice"),
    ],
)
def test_wrong_tables_are_refused(entries, message):
    with pytest.raises(ValueError, match=f'file: .*{message}'):
        ClassTable.from_entries(entries, 'file')
