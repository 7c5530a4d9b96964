import numpy as np
import pytest
from PIL import Image

from tests.test_evaluation.clips import ids
from videoseg.evaluation.formats import DVPS, DVPSWriter, FrameName
from videoseg.structures.ids import VOID_ID

RAW_IDS = (11, 13, 0, 18)
MAP = ids([[(0, 7), (1, 255), (2, 0)], [None, (0, 0), (3, 0)]])


@pytest.fixture
def dvps():
    return DVPS(RAW_IDS)


def test_files(dvps, tmp_path):
    dvps.write_gt(tmp_path / 'gt.png', MAP)
    with Image.open(tmp_path / 'gt.png') as image:
        assert image.mode in ('I;16', 'I')
        assert np.array(image).tolist() == [[11007, 13255, 0], [32000, 11000, 18000]]
    dvps.write_pred(tmp_path / 'pred.png', MAP)
    with Image.open(tmp_path / 'pred.png') as image:
        assert np.array(image).tolist() == [[[11, 7, 0], [13, 255, 0], [0, 0, 0]], [[32, 0, 0], [11, 0, 0], [18, 0, 0]]]
    for read, name in ((dvps.read_gt, 'gt'), (dvps.read_pred, 'pred')):
        back = read(tmp_path / f'{name}.png', (2, 3))
        assert back.dtype == np.int32
        np.testing.assert_array_equal(back, MAP)


def test_void(dvps, tmp_path):
    """The ground truth keeps the instance of void; a prediction may say void as the number of classes."""
    Image.fromarray(np.array([[32005]], np.uint16)).save(tmp_path / 'gt.png')
    assert dvps.read_gt(tmp_path / 'gt.png').tolist() == [[VOID_ID + 5]]
    Image.fromarray(np.array([[[32, 9], [4, 3]]], np.uint8), mode='LA').save(tmp_path / 'pred.png')
    assert dvps.read_pred(tmp_path / 'pred.png').tolist() == [[VOID_ID, VOID_ID]]


def test_depth_does_not_wrap(dvps, tmp_path):
    dvps.write_depth(tmp_path / 'a.png', np.array([[0, 1.5, 255.99]]))
    depth = dvps.read_depth(tmp_path / 'a.png')
    assert depth.tolist() == [[0, 384, 65533]]
    assert (depth - 1000).min() == -1000
    for bad in (-1, 256, np.nan):
        with pytest.raises(ValueError, match='b.png: depth must be finite'):
            dvps.write_depth(tmp_path / 'b.png', np.array([[bad]]))


def test_listing(tmp_path):
    for name in ('000001_000000_x', '000000_000001_y', '000000_000000_y'):
        (tmp_path / f'{name}_gtFine_instanceTrainIds.png').touch()
        (tmp_path / f'{name}_depth.png').touch()
    found = DVPS.list_frames(tmp_path)
    assert {video: list(frames) for video, frames in found.items()} == {
        '000000': ['000000_000000_y', '000000_000001_y'],
        '000001': ['000001_000000_x'],
    }
    (tmp_path / '000000_000001_z_gtFine_instanceTrainIds.png').touch()
    with pytest.raises(ValueError, match="video '000000', frame '000001' is there twice"):
        DVPS.list_frames(tmp_path)
    (tmp_path / 'x_gtFine_instanceTrainIds.png').touch()
    (tmp_path / '000000_000001_z_gtFine_instanceTrainIds.png').unlink()
    with pytest.raises(ValueError, match='file names must begin with'):
        DVPS.list_frames(tmp_path)
    with pytest.raises(FileNotFoundError, match='gone: folder missing'):
        DVPS.list_frames(tmp_path / 'gone')


def test_submission(tmp_path):
    writer = DVPSWriter(tmp_path, RAW_IDS)
    writer.write_frame('000000', FrameName(4, '000000_000004_x_leftImg8bit.png'), MAP, np.full((2, 3), 2.0))
    assert writer.finish(writer.records()) == []
    files = sorted(str(x.relative_to(tmp_path)) for x in tmp_path.rglob('*.png'))
    assert files == ['depth/000000_000004_x_depth.png', 'panoptic/000000_000004_x_gtFine_instanceTrainIds.png']
    assert DVPS.read_depth(tmp_path / files[0]).tolist() == [[512] * 3] * 2


def test_wrong_files_are_named(dvps, tmp_path):
    path = tmp_path / 'a.png'
    Image.fromarray(np.array([[5000]], np.uint16)).save(path)
    with pytest.raises(ValueError, match=r'a.png: classes \[5\] are neither in the table'):
        dvps.read_gt(path)
    Image.fromarray(np.array([[[11, 0, 1]]], np.uint8)).save(path)
    with pytest.raises(ValueError, match='a.png: the third channel is not 0'):
        dvps.read_pred(path)
    with pytest.raises(ValueError, match='a.png: image mode is RGB, expected I;16'):
        dvps.read_gt(path)
    with pytest.raises(FileNotFoundError, match='b.png: depth map missing'):
        dvps.read_depth(tmp_path / 'b.png')


def test_unwritable_maps_are_refused(dvps, tmp_path):
    path = tmp_path / 'a.png'
    with pytest.raises(ValueError, match='instance number 256 is above 255'):
        dvps.write_pred(path, ids([[(0, 256)]]))
    with pytest.raises(ValueError, match='instance number 1000 is above 999'):
        dvps.write_gt(path, ids([[(0, 1000)]]))
    with pytest.raises(ValueError, match=r'model labels \[4\] are not in the table'):
        dvps.write_gt(path, ids([[(4, 0)]]))
    assert not path.exists()
    for table in ((1, 1), (32,), (65,), (-1,)):
        with pytest.raises(ValueError, match='must be distinct'):
            DVPS(table)


@pytest.mark.parametrize('value', [-1, 66, 300])
def test_void_class_beyond_the_codec_is_refused(value):
    with pytest.raises(ValueError, match=rf'void_raw_id is {value}, expected a class id in \[0, 65\]'):
        DVPS((0, 1), void_raw_id=value)
