import re

import pytest

from videoseg.datasets.image_index import ImageIndex


@pytest.fixture
def index(tmp_path):
    for name in ('a/2.jpg', 'a/10.PNG', 'b/x/1.jpg', '7_1_u.jpg', '7_0_u.jpg', '8_3_u.jpg', 'note.txt', '.h/1.jpg'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return ImageIndex(str(tmp_path), ('.jpg', '.png'))


def names(paths):
    return [path.rsplit('/', 1)[1] for path in paths]


def test_look_up(index):
    assert index.find('a/10', 'v').endswith('a/10.PNG') and index.find('b/x/1', 'v').endswith('b/x/1.jpg')
    assert names(index.folder('a').values()) == ['2.jpg', '10.PNG'] and index.folder('none') == {}
    assert index.subfolders() == ['a', 'b']
    assert names(index.unused({index.find('a/2', 'v')})) == ['10.PNG', '1.jpg']


def test_groups(index):
    groups = index.groups(re.compile(r'(\d+)_'))
    assert {key: names(paths) for key, paths in groups.items()} == {
        '7': ['7_0_u.jpg', '7_1_u.jpg'],
        '8': ['8_3_u.jpg'],
    }


def test_missing(index, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'video 3: image missing: .*a/3 with \.jpg or \.png'):
        index.find('a/3', 'video 3')
    with pytest.raises(ValueError, match='refused'):
        index.find('../a/2', 'video 3')
    (tmp_path / 'a/2.png').touch()
    with pytest.raises(ValueError, match='two files for one frame'):
        ImageIndex(str(tmp_path), ('.jpg', '.png')).find('a/2', 'v')
    with pytest.raises(FileNotFoundError, match='gone: no such folder'):
        ImageIndex(str(tmp_path / 'gone'), ('.jpg',))
