import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from videoseg.structures.rle import (
    areas,
    decode_masks,
    encode_masks,
    intersections,
    sums_of_runs,
    to_rle,
    to_rles,
)

SIZE = (7, 9)
PIXELS = SIZE[0] * SIZE[1]


def random_masks(seed, num, size=SIZE, density=0.4):
    return np.random.default_rng(seed).random((num, *size)) < density


def read_runs(counts):
    """A plain reading of compressed runs, number by number."""
    runs, values, position = [], list(counts), 0
    while position < len(values):
        value, shift, more = 0, 0, True
        while more:
            code = values[position] - 48
            value |= (code & 0x1F) << shift
            shift, position, more = shift + 5, position + 1, bool(code & 0x20)
            if not more and code & 0x10:
                value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs


def write_runs(runs):
    """Compressed runs, the reverse of :func:`read_runs`."""
    codes = []
    for index, run in enumerate(runs):
        value, more = run - (runs[index - 2] if index > 2 else 0), True
        while more:
            code, value = value & 0x1F, value >> 5
            more = value != (-1 if code & 0x10 else 0)
            codes.append(code + (0x20 if more else 0) + 48)
    return bytes(codes)


def test_encoding_and_decoding_are_inverse():
    masks = random_masks(0, 5)
    rles = encode_masks(masks)
    assert [x['size'] for x in rles] == [list(SIZE)] * 5 and all(type(x['counts']) is bytes for x in rles)
    decoded = decode_masks(rles, SIZE)
    assert decoded.dtype == np.uint8 and (decoded == masks).all()


def test_any_number_but_zero_is_inside():
    masks = np.array([[[0, 3], [-1, 0]]])
    assert decode_masks(encode_masks(masks), (2, 2)).tolist() == [[[0, 1], [1, 0]]]


def test_no_masks():
    assert encode_masks(np.zeros((0, 4, 5))) == []
    assert decode_masks([], (4, 5)).shape == (0, 4, 5)
    assert areas([]).shape == (0,)
    rles, inside = to_rles([], SIZE, str)
    assert rles == [] and inside.shape == (0,)


def test_areas_of_many_masks():
    """pycocotools alone fails for 256 masks."""
    masks = random_masks(1, 600)
    assert areas(encode_masks(masks)).tolist() == masks.sum((1, 2)).tolist()


def test_intersections():
    first, second = random_masks(2, 3), random_masks(3, 4)
    first[1] = False
    expected = (first[:, None] & second).sum((2, 3))
    found = intersections(encode_masks(first), first.sum((1, 2)), encode_masks(second))
    assert found.dtype == np.int64 and found.tolist() == expected.tolist()


def test_intersections_of_large_masks_are_exact():
    size = (1500, 2000)
    first, second = random_masks(4, 2, size, 0.97), random_masks(5, 2, size, 0.9)
    expected = (first[:, None] & second).sum((2, 3))
    assert intersections(encode_masks(first), first.sum((1, 2)), encode_masks(second)).tolist() == expected.tolist()


def test_intersections_with_nothing():
    rles = encode_masks(random_masks(6, 2))
    assert intersections(rles, areas(rles), []).shape == (2, 0)
    assert intersections([], np.zeros(0), rles).shape == (0, 2)


def test_intersections_need_one_size():
    first, second = encode_masks(random_masks(7, 1)), encode_masks(random_masks(7, 1, (9, 7)))
    with pytest.raises(ValueError, match=r'different sizes.*\(7, 9\), \(9, 7\)'):
        intersections(first, areas(first), second)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 2**32 - 1)),
        min_size=1,
        max_size=6,
    )
)
def test_runs_of_real_masks_are_summed_up(shapes):
    masks = [np.random.default_rng(seed).random((h, w)) < density for h, w, density, seed in shapes]
    counts = [encode_masks(x[None])[0]['counts'] for x in masks]
    total, inside = sums_of_runs(counts)
    assert total.tolist() == [x.size for x in masks]
    assert inside.tolist() == [int(x.sum()) for x in masks]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.lists(st.one_of(st.integers(0, 40), st.integers(0, 10**8)), max_size=9), min_size=1, max_size=5))
def test_any_runs_are_summed_up(runs):
    counts = [write_runs(x) for x in runs]
    assert [read_runs(x) for x in counts] == runs  # the two helpers agree
    total, inside = sums_of_runs(counts)
    assert total.tolist() == [sum(x) if x else -1 for x in runs]
    assert inside.tolist() == [sum(x[1::2]) if x else -1 for x in runs]


@example([b'\x10' * 7])
@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=8), min_size=1, max_size=5))
def test_broken_strings_do_not_disturb_their_neighbours(strings):
    good = encode_masks(random_masks(8, 1))[0]['counts']
    total, _ = sums_of_runs([good, *(y for x in strings for y in (x, good))])
    assert total[::2].tolist() == [PIXELS] * (len(strings) + 1)
    assert total[1::2].tolist() == [int(sums_of_runs([x])[0][0]) for x in strings]


@pytest.mark.parametrize(
    'counts',
    [
        b'',
        b'P',  # says that more follows
        b'0P',
        b'0\x00',
        b'0 1',
        b'0p',
        b'0\xff1',
        b'o' * 8 + b'0',  # a run of more than 32 bits
        write_runs([-1, 3]),
        write_runs([3, -1]),
        write_runs([10, 20, 5, -15, 3]),
        write_runs([1, 10, 20, 5, -3]),
    ],
)
def test_broken_strings(counts):
    assert sums_of_runs([counts])[0][0] == -1
    with pytest.raises(ValueError, match='video 1, frame 2: the runs of the RLE do not add up to 7 x 9 pixels'):
        to_rle(
            {'size': list(SIZE), 'counts': counts.decode('latin1') if counts.isascii() else counts},
            SIZE,
            'video 1, frame 2',
        )


def test_runs_that_add_up_only_in_32_bits():
    runs = [2**28] * 16 + [PIXELS]
    assert sum(runs) % 2**32 == PIXELS
    assert sums_of_runs([write_runs(runs)])[0][0] == sum(runs)
    with pytest.raises(ValueError, match='do not add up'):
        to_rle({'size': list(SIZE), 'counts': write_runs(runs)}, SIZE, 'x')


@pytest.mark.parametrize('text', [False, True])
def test_compressed(text):
    (rle,) = encode_masks(random_masks(9, 1))
    given_rle = json.loads(json.dumps({**rle, 'counts': rle['counts'].decode()})) if text else rle
    assert to_rle(given_rle, SIZE, 'x') == rle
    assert to_rle({**given_rle, 'size': SIZE}, SIZE, 'x') == rle


def test_uncompressed():
    mask = random_masks(10, 1)
    flat = mask[0].T.ravel()
    runs = np.diff(np.r_[0, np.flatnonzero(np.diff(flat)) + 1, flat.size]).tolist()
    runs = [0, *runs] if flat[0] else runs
    assert to_rle({'size': list(SIZE), 'counts': runs}, SIZE, 'x') == encode_masks(mask)[0]


def test_polygons_are_united():
    squares = [[1, 1, 4, 1, 4, 3, 1, 3], [6, 4, 9, 4, 9, 7, 6, 7]]
    expected = np.zeros(SIZE, bool)
    expected[1:3, 1:4] = expected[4:7, 6:9] = True
    assert (decode_masks([to_rle(squares, SIZE, 'x')], SIZE)[0] == expected).all()


def test_inside_counts_are_areas():
    masks = random_masks(11, 4)
    rles, inside = to_rles(encode_masks(masks), SIZE, str)
    assert inside.tolist() == areas(rles).tolist() == masks.sum((1, 2)).tolist()


@pytest.mark.parametrize('runs', [[PIXELS - 1], [PIXELS + 1], [60, 4], [-1, 64], [True] * PIXELS, [63.0], ['63']])
def test_uncompressed_runs_that_lie(runs):
    with pytest.raises(ValueError, match='x: the runs of the RLE do not add up to 7 x 9 pixels'):
        to_rle({'size': list(SIZE), 'counts': runs}, SIZE, 'x')


@pytest.mark.parametrize(
    ('size', 'named'),
    [([9, 7], r'\[9, 7\]'), (7, '7'), ([7, 9, 1], r'\[7, 9, 1\]'), (None, 'None'), (['7', '9'], "'7'")],
)
def test_size_that_lies(size, named):
    (rle,) = encode_masks(random_masks(12, 1))
    with pytest.raises(ValueError, match=rf'video 3: RLE says size .*{named}.*, expected \[7, 9\]'):
        to_rle({**rle, 'size': size}, SIZE, 'video 3')


def test_mask_of_another_resolution():
    (small,) = encode_masks(random_masks(13, 1, (5, 5)))
    with pytest.raises(ValueError, match='do not add up to 7 x 9'):
        to_rle({**small, 'size': list(SIZE)}, SIZE, 'x')


def test_the_first_wrong_one_is_named():
    good = encode_masks(random_masks(14, 1))[0]
    bad = {**good, 'counts': good['counts'] + b'1'}
    with pytest.raises(ValueError, match='^mask 2: '):
        to_rles([good, good, bad, good, bad], SIZE, lambda i: f'mask {i}')


@pytest.mark.parametrize(
    ('segmentation', 'message'),
    [
        (None, 'neither an RLE'),
        ('0P1', 'neither an RLE'),
        (5, 'neither an RLE'),
        ({'counts': [PIXELS]}, 'neither an RLE'),
        ({'size': list(SIZE)}, 'neither an RLE'),
        ({'size': list(SIZE), 'counts': 10**12}, 'of type int'),
        ({'size': list(SIZE), 'counts': None}, 'of type NoneType'),
        ({'size': list(SIZE), 'counts': 'é'}, 'no compressed runs'),
        ([], 'list is empty'),
        ([[1, 1, 4, 4]], 'at least three points'),  # pycocotools would take it for a box
        ([[1, 1, 4, 4, 2]], 'at least three points'),
        ([1, 1, 4, 4, 2, 2], 'at least three points'),
        ([['a'] * 6], 'cannot be read'),
        ([{'size': list(SIZE), 'counts': [PIXELS]}], 'cannot be read'),
        ([[0, 0, 1e9, 0, 1e9, 1]], r'outside \[-9, 18\]'),
        ([[0, 0, float('nan'), 0, 3, 1]], 'outside'),
    ],
)
def test_no_segmentation_at_all(segmentation, message):
    with pytest.raises(ValueError, match=rf'frame 4: .*{message}'):
        to_rle(segmentation, SIZE, 'frame 4')


def test_inputs_are_not_changed():
    segmentation = {'size': [2, 2], 'counts': [1, 3]}
    to_rle(segmentation, (2, 2), 'x')
    assert segmentation == {'size': [2, 2], 'counts': [1, 3]}


def test_checked_masks_decode_to_themselves():
    """What passes the check is what pycocotools sees."""
    masks = random_masks(15, 20, (13, 1))
    for rle, mask in zip(encode_masks(masks), masks, strict=True):
        assert (coco_mask.decode(to_rle(rle, (13, 1), 'x')) == mask).all()
