"""Json segments: numbering and tables."""

import numpy as np
import pytest

from videoseg.evaluation.functional import JointHistogram, SegmentNumbering, SegmentTable, joint_histogram
from videoseg.structures.ids import DIVISOR, VOID_ID


def test_numbers_in_order_of_appearance_kept_over_time():
    numbering = SegmentNumbering()
    first = numbering.encode(np.array([[0, 90, 50]]), [{'id': 90, 'category_id': 3}, {'id': 50, 'category_id': 1}])
    second = numbering.encode(np.array([[50, 70, 70]]), [{'id': 70, 'category_id': 1}, {'id': 50, 'category_id': 1}])
    assert first.tolist() == [[VOID_ID, 3 * DIVISOR + 1, DIVISOR + 2]] and first.dtype == np.int32
    assert second.tolist() == [[DIVISOR + 2, DIVISOR + 3, DIVISOR + 3]]
    from_zero = SegmentNumbering(0).encode(np.array([[90]]), [{'id': 90, 'category_id': 3}])
    assert from_zero.tolist() == [[3 * DIVISOR]]


def test_numbering_refuses():
    with pytest.raises(ValueError, match='instance_base'):
        SegmentNumbering(2)
    with pytest.raises(ValueError, match=r'video a: ids \[4\] are in the map'):
        SegmentNumbering().encode(np.array([[4]]), [], 'video a')
    for label in (-1, 255, 1 << 20):
        with pytest.raises(ValueError, match=f'video a: id 4 has class {label}'):
            SegmentNumbering().encode(np.array([[4]]), [{'id': 4, 'category_id': label}], 'video a')
    with pytest.raises(ValueError, match='more than 65535 segments'):
        SegmentNumbering().encode(np.array([[4]]), [{'id': x, 'category_id': 0} for x in range(1, 65537)])


def test_numbering_of_a_histogram_equals_that_of_the_maps():
    maps = np.random.default_rng(0).integers(0, 6, (2, 30, 40)) * 1000
    infos = [{'id': 1000 * x, 'category_id': x} for x in (3, 5, 1, 2, 4)]
    by_pixels = joint_histogram(*(SegmentNumbering().encode(x, infos) for x in maps))
    histogram = joint_histogram(*maps)
    by_ids = histogram.relabel(*(SegmentNumbering().encode(x, infos) for x in (histogram.gt_ids, histogram.pred_ids)))
    for name in ('gt_ids', 'pred_ids', 'counts'):
        a, b = (getattr(JointHistogram.sum([x]), name) for x in (by_pixels, by_ids))
        np.testing.assert_array_equal(a, b)
        assert getattr(by_ids, name).dtype == np.int64
    assert SegmentNumbering().encode(np.zeros((0, 3), int), infos).shape == (0, 3)


def table(infos, ids, areas, **options):
    return SegmentTable.from_infos(infos, np.array(ids), np.array(areas), 'here', **options)


def test_table_takes_json_area_before_counted():
    infos = [{'id': 9, 'category_id': 1, 'area': 100}, {'id': 4, 'category_id': 0, 'iscrowd': 1}]
    result = table(infos, [0, 4, 9], [5, 6, 7])
    assert result.ids.tolist() == [4, 9] and result.areas.tolist() == [6, 100]
    assert result.is_crowd.tolist() == [True, False] and result.labels.tolist() == [0, 1]
    assert result.ranks.tolist() == [1, 0] and len(result) == 2
    assert table(infos, [0, 4, 9], [5, 6, 7], use_json_areas=False).areas.tolist() == [6, 7]
    assert len(table([], [0], [5])) == 0


@pytest.mark.parametrize(
    ('infos', 'message'),
    [
        ([], r'here: ids \[4\] are in the map'),
        ([{'id': 4, 'category_id': 0}, {'id': 5, 'category_id': 0}], r'ids \[5\] are in segments_info but not'),
        ([{'id': 4, 'category_id': 0}, {'id': 0, 'category_id': 0}], r'ids \[0\] are in segments_info but not'),
        ([{'id': 4, 'category_id': 0}] * 2, r'here: segments_info lists ids \[4\] twice'),
        ([{'id': 4}], "here: an entry of segments_info has no 'category_id'"),
        ([{'id': 4, 'category_id': 0, 'area': 0}], r'here: segments_info gives ids \[4\] an area that is not above 0'),
    ],
)
def test_table_refuses_disagreement(infos, message):
    with pytest.raises(ValueError, match=message):
        table(infos, [0, 4], [5, 6])
