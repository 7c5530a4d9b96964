import hashlib

import numpy as np
import pytest
from PIL import Image

from tests.test_datasets.panoptic_files import edit_json, scene, write_image, write_video_folder
from tests.tool_module import load_tool
from videoseg.evaluation.formats.id_png import write_id_png


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/validate_video_folder.py')


@pytest.fixture
def root(tmp_path):
    return write_video_folder(tmp_path / 'data', {'farm': 3, 'hill': 2})


def hashes(root):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob('*') if p.is_file()}


def run(tool, root, capsys, *extra):
    before = hashes(root)
    status = tool.main([str(root), *extra])
    assert hashes(root) == before
    out, error = capsys.readouterr()
    return status, out, error


def test_good_folder(tool, root, capsys):
    status, out, error = run(tool, root, capsys)
    assert (status, error) == (0, '') and '2 videos, 5 frames, 5 labelled frames' in out and 'complete' in out


def test_notes_are_no_problems(tool, root, capsys):
    def change(content):
        del content['videos'][1]
        content['categories'].append(dict(id=77, name='hen', isthing=1))

    edit_json(root / 'annotations.json', change)
    for path in (root / 'panoptic/hill').iterdir():
        path.unlink()
    status, out, _ = run(tool, root, capsys)
    assert status == 0 and 'note: 2 frames are not labelled' in out and 'note: classes without a segment: hen' in out


def test_folder_without_labels(tool, root, capsys):
    (root / 'annotations.json').unlink()
    for path in (root / 'panoptic').rglob('*.png'):
        path.unlink()
    status, out, _ = run(tool, root, capsys)
    assert status == 0 and 'there are no labels' in out


def test_everything_wrong_is_listed_at_once(tool, root, capsys):
    def change(content):
        farm, hill = content['videos']
        farm['frames'][0]['segments'][0]['category_id'] = 99
        farm['frames'][1]['segments'].pop()
        farm['frames'][2]['segments'].append(dict(id=1234, category_id=2))
        hill['frames'].append(dict(file_name='../7.jpg', segments=[]))
        hill['frames'].append(dict(file_name='9.jpg', segments=[]))
        content['videos'].append(dict(name='ghost', frames=[]))

    edit_json(root / 'annotations.json', change)
    image = root / 'frames/farm/1.jpg'
    image.write_bytes(image.read_bytes()[:200])
    write_image(root / 'frames/hill/5.jpg', 0)
    write_id_png(root / 'panoptic/hill/5.png', scene(0))
    write_id_png(root / 'panoptic/hill/0.png', scene(0)[1:])
    Image.fromarray(np.zeros((12, 20), np.uint16)).save(root / 'panoptic/hill/1.png')
    Image.fromarray(np.zeros((24, 20, 3), np.uint8)).save(root / 'frames/hill/0.jpg')
    status, out, error = run(tool, root, capsys)
    expected = [
        "video 'farm', frame '0.jpg': segment id 5 has the unknown category 99",
        "video 'farm', frame '1':",
        'id 70001 is in the PNG but not in the json',
        'image cannot be read, perhaps truncated',
        'id 1234 is in the json but not in the PNG',
        "file name '../7.jpg' is not a plain relative path; refused",
        "video 'hill', frame '9': image missing",
        '9.png: label file missing',
        "video 'ghost': no such folder",
        "video 'hill', frame '5': annotations.json does not label",
        'size (H, W) is (11, 20), expected (24, 20)',
        '1.png: image mode is I;16, expected RGB',
        "video 'hill': frames of different size (H, W): (24, 20) from '0', (12, 20) from '1'",
    ]
    assert status == 1 and [x for x in expected if x not in error] == []
    assert error.count('problem: ') == 13 and '13 problems' in out


def test_quick_reads_headers_only(tool, root, capsys):
    image = root / 'frames/farm/1.jpg'
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 20, 3)).astype(np.uint8)).save(image)
    image.write_bytes(image.read_bytes()[:-60])
    assert run(tool, root, capsys)[0] == 1
    assert run(tool, root, capsys, '--quick')[0] == 0


def test_broken_json(tool, root, capsys):
    (root / 'annotations.json').write_text('{"categories": [')
    status, _, error = run(tool, root, capsys)
    assert status == 1 and 'annotations.json: not a json file' in error
    (root / 'annotations.json').write_text('[]')
    _, _, error = run(tool, root, capsys)
    assert 'expected a list of classes' in error and "'videos' is missing" in error


def test_nothing_there(tool, tmp_path, capsys):
    assert tool.main([str(tmp_path / 'none')]) == 1
    assert 'frames: no such folder' in capsys.readouterr().err
