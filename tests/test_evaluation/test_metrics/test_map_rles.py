import numpy as np
import pytest

from videoseg.evaluation.metrics.map_rles import encode_ids
from videoseg.structures.rle import encode_masks


@pytest.mark.parametrize('size', [(1, 1), (1, 7), (5, 1), (13, 17), (40, 90)])
@pytest.mark.parametrize('block', [1, 4])
def test_same_as_encoding_masks(size, block):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 4, (-(-size[0] // block), -(-size[1] // block))) * 65536 + 2
    ids = np.kron(small, np.ones((block, block), np.int64))[: size[0], : size[1]]
    wanted = np.array([2, 65538, 131074, 196610, 7])  # the last is nowhere
    assert encode_ids(ids, wanted) == encode_masks(ids[None] == wanted[:, None, None])
