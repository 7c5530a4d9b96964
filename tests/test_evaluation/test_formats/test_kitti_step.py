import numpy as np
import pytest
from PIL import Image

from videoseg.evaluation.formats import KittiStep
from videoseg.structures.ids import DIVISOR, VOID_ID

RAW_IDS = (11, 13, 0, 1)  # things first


@pytest.fixture
def step():
    return KittiStep(RAW_IDS)


@pytest.fixture
def ids():
    labels = np.array([[0, 1, 2], [3, 0, 255]], np.int32)
    instances = np.array([[1, 65535, 0], [0, 256, 0]], np.int32)
    return labels * DIVISOR + instances


def test_bytes_of_the_file(step, ids, tmp_path):
    path = tmp_path / 'new' / '0002' / '000000.png'
    step.write(path, ids)
    with Image.open(path) as image:
        assert image.mode == 'RGB'
        rgb = np.array(image)
    assert rgb.tolist() == [[[11, 0, 1], [13, 255, 255], [0, 0, 0]], [[1, 0, 0], [11, 1, 0], [255, 0, 0]]]


def test_there_and_back(step, ids, tmp_path):
    step.write(tmp_path / 'a.png', ids)
    back = step.read(tmp_path / 'a.png', size=(2, 3))
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, ids)
    step.write_pair(tmp_path / '0_cat.png', tmp_path / '0_ins.png', ids)
    np.testing.assert_array_equal(step.read_pair(tmp_path / '0_cat.png', tmp_path / '0_ins.png', (2, 3)), ids)


def test_pair_has_8_and_16_bits(step, ids, tmp_path):
    step.write_pair(tmp_path / '0_cat.png', tmp_path / '0_ins.png', ids)
    with Image.open(tmp_path / '0_cat.png') as classes, Image.open(tmp_path / '0_ins.png') as instances:
        assert classes.mode == 'L' and instances.mode in ('I;16', 'I')
        assert np.array(classes).tolist() == [[11, 13, 0], [1, 11, 255]]
        assert np.array(instances).tolist() == [[1, 65535, 0], [0, 256, 0]]


def test_another_table(ids, tmp_path):
    KittiStep(RAW_IDS).write(tmp_path / 'a.png', ids)
    back = KittiStep((0, 1, 11, 13)).read(tmp_path / 'a.png')
    assert (back // DIVISOR).tolist() == [[2, 3, 0], [1, 2, 255]]
    np.testing.assert_array_equal(back % DIVISOR, ids % DIVISOR)


def test_instances_of_void_are_dropped(step, tmp_path):
    step.write_labels(tmp_path / 'a.png', np.array([[255]]), np.array([[7]]))
    assert step.read(tmp_path / 'a.png').tolist() == [[VOID_ID]]
    Image.fromarray(np.array([[[255, 1, 2]]], np.uint8)).save(tmp_path / 'b.png')
    assert step.read(tmp_path / 'b.png').tolist() == [[VOID_ID]]


def test_missing_file_is_named(step, tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.png: panoptic map missing'):
        step.read(tmp_path / 'gone.png')


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA'])
def test_wrong_mode_is_named(step, tmp_path, mode):
    Image.new(mode, (3, 2)).save(tmp_path / 'a.png')
    with pytest.raises(ValueError, match=f'a.png: image mode is {mode}, expected RGB'):
        step.read(tmp_path / 'a.png')


def test_other_broken_files_are_named(step, ids, tmp_path):
    step.write(tmp_path / 'a.png', ids)
    with pytest.raises(ValueError, match=r'a.png: size \(H, W\) is \(2, 3\), expected \(3, 2\)'):
        step.read(tmp_path / 'a.png', size=(3, 2))
    (tmp_path / 'text.png').write_text('no image')
    with pytest.raises(ValueError, match='text.png: not an image'):
        step.read(tmp_path / 'text.png')
    with pytest.raises(ValueError, match=r'a.png: raw class ids \[1, 13\] are not in the table \[0, 11\]'):
        KittiStep((0, 11)).read(tmp_path / 'a.png')


def test_unwritable_maps_are_refused(step, tmp_path):
    path = tmp_path / 'a.png'
    with pytest.raises(ValueError, match=r'a.png: model labels \[4\] have no raw id'):
        step.write(path, np.array([[4 * DIVISOR]]))
    with pytest.raises(ValueError, match='a.png: instance numbers 0 ... 65536 do not fit'):
        step.write_labels(path, np.array([[0, 0]]), np.array([[0, 65536]]))
    with pytest.raises(ValueError, match='a.png: panoptic ids must be'):
        step.write(path, np.array([[-1]]))
    with pytest.raises(ValueError, match='a.png: panoptic ids must be'):
        step.write(path, np.array([[256 * DIVISOR]]))
    with pytest.raises(ValueError, match='2-d map of integer ids'):
        step.write(path, np.zeros((1, 2, 3), int))
    with pytest.raises(ValueError, match='2-d map of integer ids'):
        step.write(path, np.zeros((2, 3)))
    assert not path.exists()


@pytest.mark.parametrize('raw_ids', [(1, 1), (0, 255), (256,), (-1,)])
def test_wrong_tables_are_refused(raw_ids):
    with pytest.raises(ValueError, match='raw_ids'):
        KittiStep(raw_ids)
