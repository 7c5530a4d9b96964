import numpy as np
import pytest

from tests.test_datasets.listed_files import SIZE, save, write_davis
from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/prepare_davis.py')


@pytest.fixture
def root(tmp_path):
    write_davis(tmp_path, {'dog': 3, 'bear': 2})
    return write_davis(tmp_path, {'cow': 2}, 'val')


def test_report(tool, root, capsys):
    arguments = [str(root), '--pixels', '--any-number']
    assert tool.main(arguments) == 0
    first = capsys.readouterr().out
    rows = [line.split() for line in first.splitlines()]
    assert ['6', 'objects', 'in', '3', 'videos'] in rows
    assert any(row[:4] == ['train', '2', '5', '5'] for row in rows)
    assert tool.main(arguments) == 0 and capsys.readouterr().out == first


def test_problems(tool, root, capsys):
    for t in range(2):
        save(root / f'Annotations/480p/cow/0000{t}.png', np.full(SIZE, 3, np.uint8), palette=True)
    (root / 'Annotations/480p/dog/00001.png').unlink()
    assert tool.main([str(root), '--pixels']) == 1
    errors = capsys.readouterr().err
    assert 'cow: object ids are [3], expected 1 ... 1' in errors
    assert 'train/dog: 3 images, 2 maps; first map missing: 00001' in errors
    assert 'train: 2 videos, expected 60' in errors and 'val: 1 videos, expected 30' in errors


def test_missing_list(tool, tmp_path, capsys):
    assert tool.main([str(tmp_path)]) == 1
    assert 'train.txt' in capsys.readouterr().err
