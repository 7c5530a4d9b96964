import numpy as np
import pytest

from videoseg.structures.ids import DIVISOR, MAX_INSTANCE, VOID_ID, VOID_LABEL, decode_ids, encode_ids


def test_codec_of_kitti_step():
    assert DIVISOR == 65536 and MAX_INSTANCE == 65535
    assert encode_ids(11, 258) == (11 << 16) + 258
    assert decode_ids(VOID_ID) == (VOID_LABEL, 0) == (255, 0)


@pytest.mark.parametrize('kind', [np.int32, np.int64])
def test_arrays_there_and_back(kind):
    labels, instances = np.array([[0, 3], [VOID_LABEL, 123]], kind), np.array([[1, 0], [0, MAX_INSTANCE]], kind)
    ids = encode_ids(labels, instances)
    assert ids.dtype == kind and ids.max() == VOID_ID  # int32 holds every id
    back = decode_ids(ids)
    np.testing.assert_array_equal(back[0], labels)
    np.testing.assert_array_equal(back[1], instances)
