import pytest

from videoseg.datasets.panoptic_categories import initial_metainfo, match_panoptic_categories

CATEGORIES = [dict(id=8, name='sky', isthing=0), dict(id=2, name='Cow', isthing=1), dict(id=4, name='dog', isthing=1)]
OWN = dict(name='x', classes=('cow', 'dog', 'sky'), num_things=2, raw_ids=(2, 4, 8), palette=[(0, 0, 0)] * 3)


def match(own, given=None, names_from_json=False, categories=CATEGORIES):
    return match_panoptic_categories(categories, own, given or {}, names_from_json, 'a.json')


def test_nothing_is_fixed():
    assert match({}) == dict(classes=('Cow', 'dog', 'sky'), num_things=2, raw_ids=(2, 4, 8))
    coloured = [dict(x, color=[x['id'], 0, 0]) for x in CATEGORIES]
    assert match({}, categories=coloured)['palette'] == [(2, 0, 0), (4, 0, 0), (8, 0, 0)]


def test_all_is_fixed():
    assert match(OWN) == dict(classes=('cow', 'dog', 'sky'), num_things=2, raw_ids=(2, 4, 8))
    assert match(OWN, names_from_json=True)['classes'] == ('Cow', 'dog', 'sky')


def test_classes_without_ids_are_found_by_name():
    found = match(OWN, dict(classes=('dog', 'sky')))
    assert found == dict(classes=('dog', 'sky'), num_things=1, raw_ids=(4, 8))
    with pytest.raises(ValueError, match=r"a\.json: class 'cat' is not among its categories \(Cow, dog, sky\)"):
        match({}, dict(classes=('cat',)))


def test_things_must_agree_unless_the_user_says_otherwise():
    with pytest.raises(ValueError, match=r'category 8 \(sky\) is stuff there, but a thing in the metainfo'):
        match(OWN | dict(num_things=3))
    with pytest.raises(ValueError, match=r'category 8 \(sky\) is stuff there, but a thing'):
        match({}, dict(classes=('sky', 'dog')))
    assert match(OWN, dict(num_things=1))['num_things'] == 1


def test_names_must_agree():
    with pytest.raises(ValueError, match="category 4 is 'dog' there, but class 'cat' in the metainfo"):
        match(OWN | dict(classes=('cow', 'cat', 'sky')))


@pytest.mark.parametrize('categories', [None, [], [dict(name='a')], [CATEGORIES[0]] * 2])
def test_malformed(categories):
    with pytest.raises(ValueError, match=r'a\.json: '):
        match(OWN, categories=categories)


def test_before_the_json_is_read():
    assert initial_metainfo({}, {}, needs_classes=False) == dict(classes=(), num_things=0, raw_ids=())
    changed = initial_metainfo(OWN, dict(classes=('a', 'b')), needs_classes=False)
    assert changed == dict(name='x', classes=('a', 'b'), num_things=0, raw_ids=(1, 2))
    assert initial_metainfo(OWN, {}, needs_classes=True) == OWN
