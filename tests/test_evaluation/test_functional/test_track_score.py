import math

import pytest

from videoseg.evaluation.functional.track_score import occlusion_score, track_score


@pytest.mark.parametrize(
    ('scores', 'mean', 'upper_half'),
    [([0.5], 0.5, 0.5), ([0, 1], 0.5, 1), ([1, 0, 0.5], 0.5, 0.75), ([0, 0.25, 1, 0.75], 0.5, 0.875)],
)
def test_track_score(scores, mean, upper_half):
    """The upper half of n scores are the ceil(n / 2) largest."""
    assert track_score(scores) == track_score(scores, 'mean') == mean
    assert track_score(scores, 'upper_half') == upper_half


def test_no_frames():
    assert math.isnan(track_score([])) and math.isnan(track_score([], 'upper_half'))
    assert occlusion_score([]) is None and occlusion_score([None, None]) is None


def test_occlusion_score():
    levels = ['no_occlusion', None, 'severe_occlusion', 'slight_occlusion']
    assert occlusion_score(levels) == 0.5
    assert occlusion_score([0, None, 0.75, 0.25]) == 0.5


@pytest.mark.parametrize('level', ['much', 1.5, -0.1, float('nan'), [], {}])
def test_wrong_levels(level):
    with pytest.raises(ValueError, match='is none of no_occlusion, slight_occlusion, severe_occlusion'):
        occlusion_score([level])


def test_unknown_rule():
    with pytest.raises(ValueError, match="rule is 'max'"):
        track_score([1], 'max')
