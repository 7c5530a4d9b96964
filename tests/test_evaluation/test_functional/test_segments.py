"""Json segments: numbering and tables."""

import numpy as np
import pytest

from videoseg.evaluation.functional import SegmentNumbering, SegmentTable
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
    with pytest.raises(ValueError, match=r'ids \[4\] are in the map'):
        SegmentNumbering().encode(np.array([[4]]), [])


def table(infos, ids, areas):
    return SegmentTable.from_infos(infos, np.array(ids), np.array(areas), 'here')


def test_table_takes_json_area_before_counted():
    infos = [{'id': 9, 'category_id': 1, 'area': 100}, {'id': 4, 'category_id': 0, 'iscrowd': 1}]
    result = table(infos, [0, 4, 9], [5, 6, 7])
    assert result.areas.tolist() == [100, 6] and result.is_crowd.tolist() == [False, True]
    assert result.labels.tolist() == [1, 0]


def test_tubes_take_class_of_first_frame_and_sum_areas():
    a = table([{'id': 9, 'category_id': 1}], [9], [10])
    b = table([{'id': 4, 'category_id': 0}, {'id': 9, 'category_id': 2, 'iscrowd': 1}], [4, 9], [3, 5])
    tubes = SegmentTable.over_time([a, b])
    assert tubes.ids.tolist() == [9, 4] and tubes.labels.tolist() == [1, 0]
    assert tubes.areas.tolist() == [15, 3] and not tubes.is_crowd.any()


@pytest.mark.parametrize(
    ('infos', 'message'),
    [
        ([], r'here: ids \[4\] are in the map'),
        ([{'id': 4, 'category_id': 0}, {'id': 5, 'category_id': 0}], r'ids \[5\] are in segments_info but not'),
        ([{'id': 4, 'category_id': 0}] * 2, 'twice'),
    ],
)
def test_table_refuses_disagreement(infos, message):
    with pytest.raises(ValueError, match=message):
        table(infos, [0, 4], [5, 6])
