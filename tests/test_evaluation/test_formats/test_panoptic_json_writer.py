import json

import numpy as np
import pytest

from tests.test_evaluation.clips import ids
from tests.test_evaluation.layouts import CATEGORY_OF_LABEL, clips
from videoseg.evaluation.formats import (
    CityscapesVPSWriter,
    CocoPanopticWriter,
    FrameName,
    KittiStep,
    KittiStepWriter,
    VIPSegWriter,
    read_coco_panoptic,
    read_vipseg,
)
from videoseg.evaluation.formats.id_png import read_id_png
from videoseg.structures.ids import DIVISOR

MAP = ids([[(0, 0), (0, 3), (2, 0)], [None, (0, 3), (3, 0)]])


def test_vipseg_submission(tmp_path):
    writer = VIPSegWriter(tmp_path, CATEGORY_OF_LABEL)
    path = writer.write_frame('a', FrameName(1, 'images/a/00000005.jpg'), MAP)
    assert path == tmp_path / 'pan_pred' / 'a' / '00000005.png'
    writer.write_frame('a', FrameName(0, '00000000.jpg', image_id='x'), MAP)
    assert not (tmp_path / 'pred.json').exists()
    assert writer.finish(writer.records()) == [tmp_path / 'pred.json']
    (video,) = json.loads((tmp_path / 'pred.json').read_text())['annotations']
    assert video['video_id'] == 'a'
    assert [x['image_id'] for x in video['annotations']] == ['x', '00000005']  # in time order
    assert [x['file_name'] for x in video['annotations']] == ['00000000.png', '00000005.png']
    segments = {x['id']: x for x in video['annotations'][0]['segments_info']}
    assert {i: x['category_id'] for i, x in segments.items()} == {
        DIVISOR: 20,
        DIVISOR + 3: 20,
        3 * DIVISOR: 10,
        4 * DIVISOR: 30,
    }
    assert segments[DIVISOR + 3] == {
        'id': DIVISOR + 3,
        'category_id': 20,
        'area': 2,
        'iscrowd': 0,
        'bbox': [1, 0, 1, 2],
    }
    assert read_id_png(path).tolist() == [[DIVISOR, DIVISOR + 3, 3 * DIVISOR], [0, DIVISOR + 3, 4 * DIVISOR]]


def test_records_of_several_processes(tmp_path):
    parts = []
    for name in ('b', 'a'):
        writer = VIPSegWriter(tmp_path, CATEGORY_OF_LABEL)
        for t, frame in enumerate(clips()[name][1]):
            writer.write_frame(name, FrameName(t, f'{t:08d}.jpg'), frame)
            writer.write_frame(name, FrameName(t, f'{t:08d}.jpg'), frame)  # samplers repeat frames
        parts.append(writer.records())
    VIPSegWriter(tmp_path, CATEGORY_OF_LABEL).finish(parts[0] | parts[1])
    found = read_vipseg(tmp_path / 'pred.json')
    assert {name: len(frames) for name, frames in found.items()} == {'a': 6, 'b': 6} and list(found) == ['a', 'b']
    for frame, expected in zip(found['a'], clips()['a'][1], strict=True):
        categories = {x['id']: x['category_id'] for x in frame.segments}
        labels = np.vectorize(lambda x, table=categories: table.get(x, -1))(frame.read_ids())
        np.testing.assert_array_equal(labels, np.asarray(CATEGORY_OF_LABEL)[expected // DIVISOR])


def test_flat_submissions(tmp_path):
    city = CityscapesVPSWriter(tmp_path / 'city', CATEGORY_OF_LABEL)
    city.write_frame('0001', FrameName(0, '0001_0005_x_newImg8bit.png', '0001_0005_x'), MAP)
    city.finish(city.records())
    assert (tmp_path / 'city' / 'pan_pred' / '0001_0005_x.png').is_file()
    entries = json.loads((tmp_path / 'city' / 'pred.json').read_text())['annotations']
    assert [x['image_id'] for x in entries] == ['0001_0005_x']
    coco = CocoPanopticWriter(tmp_path / 'coco', CATEGORY_OF_LABEL)
    for number in (7, 4):
        coco.write_frame(str(number), FrameName(0, f'{number:012d}.jpg', number), MAP)
    coco.finish(coco.records())
    found = read_coco_panoptic(tmp_path / 'coco' / 'pred.json')
    assert list(found) == ['4', '7'] and len(found['7'][0].segments) == 4


def test_kitti_step_submission(tmp_path):
    writer = KittiStepWriter(tmp_path, (11, 13, 0, 1))
    path = writer.write_frame('0002', FrameName(3, '000003.png'), MAP)
    assert path == tmp_path / '0002' / '000003.png' and writer.finish(writer.records()) == []
    np.testing.assert_array_equal(KittiStep((11, 13, 0, 1)).read(path), MAP)


@pytest.mark.parametrize('bad', [4 * DIVISOR, -DIVISOR, 256 * DIVISOR])
def test_labels_without_category_are_refused(tmp_path, bad):
    writer = VIPSegWriter(tmp_path, CATEGORY_OF_LABEL)
    with pytest.raises(ValueError, match=f"video 'a', frame '0': panoptic id {bad} has label {bad // DIVISOR}"):
        writer.write_frame('a', FrameName(0, '0.jpg'), np.array([[bad, 0]]))
    assert writer.records() == {} and not (tmp_path / 'pan_pred').exists()


@pytest.mark.parametrize('writer', [VIPSegWriter, KittiStepWriter])
def test_names_do_not_leave_the_folder(tmp_path, writer):
    with pytest.raises(ValueError, match='not a plain relative path; refused'):
        writer(tmp_path / 'out', (11, 13, 0, 1)).write_frame('../b', FrameName(0, '0.jpg'), MAP)
    assert list(tmp_path.iterdir()) == []


def test_unusable_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match='must be distinct'):
        VIPSegWriter(tmp_path, (1, 1))
    with pytest.raises(ValueError, match='expected a 2-d map of integer ids'):
        VIPSegWriter(tmp_path, (1,)).write_frame('a', FrameName(0, '0.jpg'), np.zeros((2, 2)))
