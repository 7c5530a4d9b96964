import numpy as np
import pytest
from PIL import Image

from videoseg.evaluation.formats.id_png import MAX_ID, distinct_ids, read_id_png, segments_info, write_id_png


def test_bytes_of_the_file(tmp_path):
    ids = np.array([[0, 1, 256], [65536, MAX_ID, 1 + 2 * 256 + 3 * 65536]])
    write_id_png(tmp_path / 'a.png', ids)
    with Image.open(tmp_path / 'a.png') as image:
        assert image.mode == 'RGB'
        rgb = np.array(image).tolist()
    assert rgb == [[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 0, 1], [255, 255, 255], [1, 2, 3]]]
    back = read_id_png(tmp_path / 'a.png', (2, 3))
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, ids)


@pytest.mark.parametrize('bad', [-1, MAX_ID + 1])
def test_ids_beyond_the_codec_are_refused(tmp_path, bad):
    with pytest.raises(ValueError, match='a.png: segment ids .* do not fit'):
        write_id_png(tmp_path / 'a.png', np.array([[bad, 0]]))
    assert not (tmp_path / 'a.png').exists()


def test_segments_info_against_pixel_loops():
    rng = np.random.default_rng(3)
    ids = np.kron(rng.integers(0, 5, (6, 7)), np.ones((3, 2), int))
    infos = segments_info(ids, {i: 10 * i for i in range(5)}, frozenset([2]))
    assert [x['id'] for x in infos] == [1, 2, 3, 4]
    for info in infos:
        rows, columns = np.nonzero(ids == info['id'])
        assert info['category_id'] == 10 * info['id']
        assert info['area'] == len(rows)
        assert info['iscrowd'] == (info['id'] == 2)
        size = [np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert info['bbox'] == [columns.min(), rows.min(), *size]
        assert all(type(x) is int for x in [info['id'], info['area'], info['iscrowd'], *info['bbox']])


def test_segments_info_of_void_and_of_an_unknown_id():
    assert segments_info(np.zeros((2, 3), int), {}) == []
    with pytest.raises(KeyError):
        segments_info(np.ones((2, 3), int), {})


def test_distinct_ids():
    assert distinct_ids(np.array([[3, 3, 1], [1, 1, 9]])).tolist() == [1, 3, 9]
    assert distinct_ids(np.zeros((0, 4), int)).tolist() == []
