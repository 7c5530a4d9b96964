import numpy as np
import pytest

from tests.test_datasets.listed_files import photo, save, vspw_mask, write_vspw
from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/prepare_vspw.py')


@pytest.fixture
def root(tmp_path):
    write_vspw(tmp_path, {'a': 3, 'b': 2})
    return write_vspw(tmp_path, {'c': 2}, 'val')


def run(tool, root, *extra):
    return tool.main([str(root), '--height', '10', '--any-number', *extra])


def test_report(tool, root, capsys):
    assert run(tool, root, '--pixels') == 0
    first = capsys.readouterr().out
    rows = [line.split() for line in first.splitlines()]
    assert rows[1][:4] == ['train', '2', '5', '5'] and rows[2][:4] == ['val', '1', '2', '2']
    assert len(rows[1][4]) == 64 and rows[1][4] != rows[2][4] and first.endswith(': complete\n')
    assert run(tool, root, '--pixels', '--check') == 0
    assert capsys.readouterr().out == first


def test_official_counts_and_height(tool, root, capsys):
    assert tool.main([str(root)]) == 1
    errors = capsys.readouterr().err
    assert 'train: 2 videos, expected 2806' in errors and 'val: 1 videos, expected 343' in errors
    assert 'height is 10, expected 480; is it the full-size version?' in errors


@pytest.mark.parametrize(
    ('name', 'pixels', 'message'),
    [
        (
            'mask/00000001.png',
            np.full((10, 14), 130, np.uint8),
            r'00000001.png: values [130], expected 0 ... 124 or 255',
        ),
        ('mask/00000001.png', np.zeros((9, 14), np.uint8), '00000001.png: size (H, W) is (9, 14)'),
        ('mask/00000001.png', np.zeros((10, 14), np.uint16), '00000001.png: image mode is I;16'),
        ('origin/00000001.jpg', photo(0, (8, 14)), 'origin/00000001.jpg: size (H, W) is (8, 14), but its video begins'),
    ],
)
def test_wrong_pictures(tool, root, name, pixels, message, capsys):
    save(root / 'data/a' / name, pixels)
    assert run(tool, root, '--pixels') == 1
    assert message in capsys.readouterr().err


def test_headers_are_enough_for_sizes(tool, root, capsys):
    save(root / 'data/a/mask/00000001.png', np.zeros((9, 14), np.uint8))
    assert run(tool, root) == 1
    assert 'mask/00000001.png: L (9, 14), expected L or P (10, 14)' in capsys.readouterr().err


def test_missing_files(tool, root, capsys):
    (root / 'data/a/mask/00000002.png').unlink()
    save(root / 'data/b/mask/00000007.png', vspw_mask(0))
    (root / 'val.txt').write_text('c\nd\n')
    assert run(tool, root) == 1
    errors = capsys.readouterr().err
    assert 'train/a: 3 images, 2 maps; first map missing: 00000002' in errors
    assert 'train/b: 2 images, 3 maps; first image missing: 00000007' in errors
    assert f'val/d: no images in {root}/data/d/origin' in errors


def test_test_split_may_be_without_masks(tool, tmp_path, capsys):
    write_vspw(tmp_path, {'t': 2}, 'test', masks=False)
    assert run(tool, tmp_path, '--splits', 'test') == 0
    assert run(tool, tmp_path, '--splits', 'train') == 1
    assert 'train.txt' in capsys.readouterr().err


def test_path_out_of_the_folder(tool, root, capsys):
    (root / 'val.txt').write_text('../c\n')
    assert run(tool, root) == 1
    assert "'../c' is not a plain relative path; refused" in capsys.readouterr().err
