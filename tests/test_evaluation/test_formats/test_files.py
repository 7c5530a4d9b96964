import pytest

from videoseg.evaluation.formats.files import list_folders, list_pngs, natural_key, safe_join


@pytest.mark.parametrize('name', ['', '/a', '../a', 'a/../../b', '..', 'a\\b', 'C:/a', 'c:a', 'C:\\a', 'a\0b', 7, None])
def test_names_that_leave_a_folder_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match='gt.json, frame 3: file name .* is not a plain relative path; refused'):
        safe_join(tmp_path, name, 'gt.json, frame 3')


def test_plain_names_are_joined(tmp_path):
    assert safe_join(tmp_path, 'my video/frame 1..2.png', 'x') == tmp_path / 'my video' / 'frame 1..2.png'


def test_natural_order(tmp_path):
    names = ['10', '2', 'a 10', 'a 9', '007']
    assert sorted(names, key=natural_key) == ['2', '007', '10', 'a 9', 'a 10']
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / f'{name}.png').touch()
    for hidden in ('.x.png', 'x.jpg'):
        (tmp_path / hidden).touch()
    (tmp_path / '.hidden').mkdir()
    assert list_folders(tmp_path) == list_pngs(tmp_path) == ['2', '007', '10', 'a 9', 'a 10']
