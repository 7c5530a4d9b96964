"""Classes and presets of the synthetic videos."""

import pytest

from videoseg.datasets.synthetic import CLASSES, PRESETS, SYNTHETIC_METAINFO, get_preset


def test_metainfo_puts_things_first_and_raw_ids_do_not():
    assert [info.raw_id for info in CLASSES] == list(range(6))
    assert [info.is_thing for info in CLASSES] == [False] * 3 + [True] * 3
    assert SYNTHETIC_METAINFO['num_things'] == 3
    assert SYNTHETIC_METAINFO['classes'] == ('disc', 'crate', 'star', 'grass', 'water', 'wall')
    assert SYNTHETIC_METAINFO['raw_ids'] == (3, 4, 5, 0, 1, 2)
    by_raw = {info.raw_id: info for info in CLASSES}
    rows = zip(*(SYNTHETIC_METAINFO[key] for key in ('classes', 'raw_ids', 'palette')), strict=True)
    for name, raw_id, color in rows:
        assert (by_raw[raw_id].name, by_raw[raw_id].color) == (name, color)


def test_presets_promise_what_the_benchmarks_need():
    assert set(PRESETS) == {'quickstart', 'vis', 'occlusion'}
    assert PRESETS['occlusion'].min_things == 4
    assert PRESETS['occlusion'].min_hidden_share == 0.3
    assert PRESETS['occlusion'].num_train >= 200


def test_digest_ignores_counts_only():
    base = get_preset('quickstart')
    assert get_preset('quickstart', num_train=99, num_val=1).digest() == base.digest()
    assert get_preset('quickstart', train_frames=5).digest() != base.digest()
    assert get_preset('quickstart', size=(96, 96)).digest() != base.digest()


def test_unknown_names_are_refused():
    with pytest.raises(KeyError, match='quickstrat.*occlusion, quickstart'):
        get_preset('quickstrat')
    with pytest.raises(TypeError, match='colour'):
        get_preset('quickstart', colour=1)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('size', (16, 256)),
        ('size', (128, 5000)),
        ('num_train', -1),
        ('num_val', 5001),
        ('train_frames', 0),
        ('slots', (4, 2)),
        ('radius', (-0.1, 0.2)),
        ('meet_prob', 1.5),
        ('min_hidden_share', -0.1),
    ],
)
def test_values_out_of_range_name_the_field(field, value):
    with pytest.raises(ValueError, match=field):
        get_preset('quickstart', **{field: value})
