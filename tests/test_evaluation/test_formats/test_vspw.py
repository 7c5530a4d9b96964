import numpy as np
import pytest
from PIL import Image

from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.vspw import VSPWWriter, read_vspw_gt, read_vspw_pred, read_vspw_split, vspw_labels


def save(path, values, dtype=np.uint8):
    Image.fromarray(np.array(values, dtype)).save(path)
    return path


def test_ground_truth_is_shifted_by_one(tmp_path):
    raw = read_vspw_gt(save(tmp_path / 'a.png', [[0, 1, 2], [123, 124, 255]]), size=(2, 3))
    assert raw.dtype == np.uint8 and raw.tolist() == [[0, 1, 2], [123, 124, 255]]
    labels = vspw_labels(raw)
    assert labels.tolist() == [[255, 0, 1], [122, 123, 255]]
    assert vspw_labels(np.array([0, 255, 7])).tolist() == [255, 255, 6]


def test_predictions_are_class_indices(tmp_path):
    assert read_vspw_pred(save(tmp_path / 'a.png', [[0, 123]]), (1, 2)).tolist() == [[0, 123]]


def test_palette_files_are_read_as_indices(tmp_path):
    image = Image.fromarray(np.array([[3, 1], [0, 2]], np.uint8))
    image.putpalette([7, 8, 9, 0, 0, 0, 255, 255, 255, 1, 2, 3])
    image.save(tmp_path / 'a.png')
    assert read_vspw_pred(tmp_path / 'a.png').tolist() == [[3, 1], [0, 2]]
    assert read_vspw_gt(tmp_path / 'a.png').tolist() == [[3, 1], [0, 2]]


def test_unknown_classes_are_named(tmp_path):
    path = save(tmp_path / 'a.png', [[0, 125], [200, 255]])
    with pytest.raises(ValueError, match=r'a.png: values \[125, 200\] are neither void \(0, 255\) nor one of 124'):
        read_vspw_gt(path)
    with pytest.raises(ValueError, match=r'a.png: class indices \[125, 200, 255\] are not among the 124 classes 0'):
        read_vspw_pred(path)
    with pytest.raises(ValueError, match=r'class indices \[125, 200\] are'):
        read_vspw_pred(path, allow_void=True)
    path = save(tmp_path / 'a.png', [[3, 4], [0, 255]])
    assert read_vspw_pred(path, num_classes=5, allow_void=True).max() == 255
    assert read_vspw_gt(path, num_classes=4).max() == 255
    with pytest.raises(ValueError, match=r'class indices \[4, 255\] are not among the 4'):
        read_vspw_pred(path, num_classes=4)
    with pytest.raises(ValueError, match=r'values \[4\] are neither'):
        read_vspw_gt(path, num_classes=3)


@pytest.mark.parametrize('read', [read_vspw_gt, read_vspw_pred])
def test_other_broken_files_are_named(tmp_path, read):
    with pytest.raises(FileNotFoundError, match='gone.png: (mask|prediction) missing'):
        read(tmp_path / 'gone.png')
    with pytest.raises(ValueError, match=r'a.png: image mode is I;16, expected L'):
        read(save(tmp_path / 'a.png', [[1, 2]], np.uint16))
    with pytest.raises(ValueError, match=r'b.png: image mode is RGB'):
        read(save(tmp_path / 'b.png', np.zeros((2, 2, 3))))
    path = save(tmp_path / 'c.png', np.arange(100).reshape(10, 10))
    with pytest.raises(ValueError, match=r'c.png: size \(H, W\) is \(10, 10\), expected \(10, 9\)'):
        read(path, (10, 9))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match='c.png: cannot be read, perhaps truncated'):
        read(path)


@pytest.mark.parametrize('text', ['v1\nv2', 'v1\nv2\n', 'v1\r\nv2\r\n', '\ufeffv1\n\n v2 \n'])
def test_the_last_line_of_a_list_keeps_its_last_character(tmp_path, text):
    path = tmp_path / 'val.txt'
    path.write_bytes(text.encode())
    assert read_vspw_split(path) == ['v1', 'v2']


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('\n', 'names no video'),
        ('a\nb\na', "video 'a' is there twice"),
        ('../a', 'not a plain relative path'),
        ('/etc', 'not a plain relative path'),
    ],
)
def test_wrong_lists_are_named(tmp_path, text, message):
    (tmp_path / 'val.txt').write_text(text)
    with pytest.raises(ValueError, match=f'val.txt.*{message}'):
        read_vspw_split(tmp_path / 'val.txt')
    with pytest.raises(FileNotFoundError, match='test.txt: list of videos missing'):
        read_vspw_split(tmp_path / 'test.txt')


def test_writer_writes_what_the_reader_reads(tmp_path):
    writer = VSPWWriter(tmp_path / 'new')
    labels = np.array([[0, 5], [123, 7]], np.int64)
    path = writer.write_frame('v', FrameName(0, 'origin/00000012.jpg'), labels)
    assert path == tmp_path / 'new' / 'v' / '00000012.png'
    with Image.open(path) as image:
        assert image.mode == 'L'
    assert read_vspw_pred(path).tolist() == labels.tolist()
    assert writer.records() == {} and writer.finish({}) == []
    assert sorted(x.name for x in (tmp_path / 'new').rglob('*.*')) == ['00000012.png']


def test_writer_translates_model_labels(tmp_path):
    writer = VSPWWriter(tmp_path, [11, 0, 123])
    path = writer.write_frame('v', FrameName(0, 'a.jpg'), np.array([[0, 1], [2, 2]]))
    assert read_vspw_pred(path).tolist() == [[11, 0], [123, 123]]


def test_void_is_written_only_on_demand(tmp_path):
    labels = np.array([[0, 255], [255, 2]], np.uint8)
    with pytest.raises(ValueError, match="video 'v', frame 'a': 2 pixels have no class"):
        VSPWWriter(tmp_path).write_frame('v', FrameName(0, 'a.jpg'), labels)
    path = VSPWWriter(tmp_path, range(3), allow_void=True).write_frame('v', FrameName(0, 'a.jpg'), labels)
    assert read_vspw_pred(path, allow_void=True).tolist() == labels.tolist()


def test_unwritable_maps_and_tables_are_refused(tmp_path):
    writer, frame = VSPWWriter(tmp_path / 'new', range(3)), FrameName(0, 'a.jpg')
    with pytest.raises(ValueError, match=r"video 'v', frame 'a': model labels \[-1, 3, 300\] are not among the 3"):
        writer.write_frame('v', frame, np.array([[-1, 3, 300]]))
    for labels in (np.zeros((1, 2, 2), int), np.zeros((2, 2))):
        with pytest.raises(ValueError, match='expected .H, W. integer labels'):
            writer.write_frame('v', frame, labels)
    with pytest.raises(ValueError, match='not a plain relative path'):
        writer.write_frame('../v', frame, np.zeros((2, 2), int))
    assert not (tmp_path / 'new').exists()
    for ids in ((1, 1), (254,), (-1,)):
        with pytest.raises(ValueError, match='category_ids'):
            VSPWWriter(tmp_path, ids)
