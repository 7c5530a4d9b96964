import pytest

from videoseg.datasets.class_map import map_categories, mapped_classes

CATEGORIES = {3: 'car', 7: 'bus', 9: 'dog', 300: 'cup'}


def test_classes_are_in_the_order_of_the_map():
    class_map = dict(bus='vehicle', dog='animal', car='vehicle')
    classes = mapped_classes(class_map, {}, 'X')
    assert classes == ('vehicle', 'animal')
    assert map_categories(CATEGORIES, class_map, classes, 'a.json') == ((3, 9), {3: 0, 7: 0, 9: 1, 300: None})


def test_one_class():
    classes = mapped_classes('object', dict(name='x'), 'X')
    assert map_categories(CATEGORIES, 'object', classes, 'a.json') == ((3,), dict.fromkeys(CATEGORIES, 0))


def test_classes_without_a_category_have_a_raw_id_of_their_own():
    classes = mapped_classes(dict(dog='animal'), dict(classes=('rider', 'animal', 'bird')), 'X')
    ids, labels = map_categories(CATEGORIES, dict(dog='animal'), classes, 'a.json')
    assert ids[1] == 9 and len(set(ids)) == 3 and min(ids[0], ids[2]) > max(CATEGORIES)
    assert labels == {3: None, 7: None, 9: 1, 300: None}


@pytest.mark.parametrize(
    ('class_map', 'metainfo', 'message'),
    [
        ({}, {}, 'X: class_map names no category'),
        (dict(car='vehicle'), dict(classes=('dog',)), "X: class_map leads to 'vehicle', which is not one of"),
        ('object', dict(raw_ids=(3,)), 'X: raw_ids follow from class_map'),
    ],
)
def test_maps_that_do_not_fit(class_map, metainfo, message):
    with pytest.raises(ValueError, match=message):
        mapped_classes(class_map, metainfo, 'X')


def test_unknown_category():
    with pytest.raises(ValueError, match=r"a.json: class_map names 'cat'; the categories are \['car', 'bus'"):
        map_categories(CATEGORIES, dict(cat='animal'), ('animal',), 'a.json')
