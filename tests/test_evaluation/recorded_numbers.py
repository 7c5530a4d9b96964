"""Results in the shape of the recorded groups, so that every recorded entry is compared and none is forgotten."""

import numpy as np
import pytest

GROUP_NAMES = {'all': 'all', 'thing': 'things', 'stuff': 'stuff'}


def assert_all_equal(ours, theirs, tolerance, where=''):
    """Same keys everywhere, and numbers within the tolerance; NaN only equals NaN."""
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs), where
        for key, value in theirs.items():
            assert_all_equal(ours[key], value, tolerance, f'{where}/{key}')
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for index, (mine, value) in enumerate(zip(ours, theirs, strict=True)):
            assert_all_equal(mine, value, tolerance, f'{where}/{index}')
    elif isinstance(theirs, str):
        assert ours == theirs, where
    else:
        assert ours == pytest.approx(theirs, rel=0, abs=tolerance, nan_ok=True), where


def group_numbers(scores):
    """``pq, sq, rq, n`` of all, thing and stuff classes."""
    return {
        name: {
            'pq': scores[key]['PQ'],
            'sq': scores[key]['SQ'],
            'rq': scores[key]['RQ'],
            'n': scores[key]['num_classes'],
        }
        for key, name in GROUP_NAMES.items()
    }


def class_counts(counts, first_label=0):
    """(K, 4) counts as a dict of the classes that occur; raw class id = label + ``first_label``."""
    return {str(label + first_label): counts[label].tolist() for label in np.flatnonzero(counts.any(1))}


def json_window_tree(statistics, result):
    """What the groups of the json protocol hold of VPQ."""
    tree = {}
    for row, (size, scores) in enumerate(result['per_window'].items()):
        counts = np.stack([scores['per_class'][x] for x in ('IoU_sum', 'TP', 'FP', 'FN')], axis=1)
        tree[f'k{size}'] = {
            **group_numbers(scores),
            'counts_iou_tp_fp_fn': class_counts(counts),
            'counts_per_video': {name: class_counts(video.counts[row]) for name, video in statistics.videos.items()},
        }
    return tree


def means(result):
    """The means over window sizes."""
    return {theirs: result['VPQ' if ours == 'all' else f'VPQ_{ours}'] for ours, theirs in GROUP_NAMES.items()}


def divisor_entry(all_classes, present, per_sequence=None):
    """One window size and depth threshold of the label-divisor groups.

    Args:
        all_classes: Scores with ``class_average='all'``.
        present: The same with ``class_average='present'``.
        per_sequence: Mean over all classes of every sequence with a window, if the group has it.
    """
    columns = all_classes['per_class']
    entry = {
        'iou': columns['IoU_sum'].tolist(),
        'tp': columns['TP'].tolist(),
        'fp': columns['FP'].tolist(),
        'fn': columns['FN'].tolist(),
        'pq_per_class': np.nan_to_num(columns['PQ']).tolist(),
    }
    for name, scores in (('mean_all19', all_classes), ('mean_seen', present)):
        entry |= {
            name + suffix: scores[key]['PQ'] for key, suffix in (('all', ''), ('thing', '_things'), ('stuff', '_stuff'))
        }
    if per_sequence is not None:
        entry['mean_all19_per_seq'] = per_sequence
    return entry


def stq_tree(result):
    """What the groups hold of STQ."""
    videos = result['per_video']
    tree = {'ID_per_seq': list(videos), 'Length_per_seq': [x['num_frames'] for x in videos.values()]}
    for ours, theirs in (('STQ', 'STQ'), ('AQ', 'AQ'), ('SQ', 'IoU')):
        tree |= {theirs: result[ours], f'{theirs}_per_seq': [x[ours] for x in videos.values()]}
    return tree
