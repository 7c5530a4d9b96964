"""VIPSeg, converted and raw."""

import dataclasses
import json

import numpy as np
import pytest

from tests.test_datasets.test_synthetic.test_layouts import truth
from videoseg.datasets.label_map import LabelMap
from videoseg.datasets.map_decoders import decode_vipseg_raw
from videoseg.datasets.synthetic import synthetic_metainfo
from videoseg.datasets.synthetic.layouts import get_layout
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.evaluation.formats.vipseg import read_vipseg


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('vipseg')
    truth.write(folder, 'vipseg')
    return folder


@pytest.mark.parametrize('split', ['train', 'val'])
def test_files_hold_the_truth_without_crowds(root, split):
    content = json.loads((root / f'panoptic_gt_VIPSeg_{split}.json').read_text())
    name = f'{truth.FIRST[split]:04d}'
    assert [(c['id'], c['name'], c['isthing']) for c in content['categories']] == [
        (0, 'grass', 0), (1, 'water', 0), (2, 'wall', 0), (3, 'disc', 1), (4, 'crate', 1), (5, 'star', 1)
    ]  # fmt: skip
    (video,), (annotation,) = content['videos'], content['annotations']
    assert video['video_id'] == annotation['video_id'] == name
    meanings = []
    for image, entry, frame in zip(video['images'], annotation['annotations'], truth.frames(split), strict=True):
        assert (image['width'], image['height'], image['id']) == (96, 48, entry['image_id'])
        truth.assert_same_picture(root / 'imgs' / name / image['file_name'], frame.image)
        ids = truth.color_ids(root / 'panomasksRGB' / name / entry['file_name'])
        meanings.append(truth.check_panoptic(ids, entry['segments_info'], frame, has_crowd=False))
    truth.check_constant(meanings)


def test_the_reader_of_the_format_reads_it(root):
    videos = read_vipseg(root / 'panoptic_gt_VIPSeg_val.json')
    assert list(videos) == ['5000']
    assert [frame.name for frame in videos['5000']] == [f'{time:08d}' for time in range(6)]
    for read, frame in zip(videos['5000'], truth.frames('val'), strict=True):
        np.testing.assert_array_equal(read.read_ids() == 0, (frame.raw_map == 255) | truth.crowd(frame))


@pytest.mark.parametrize('split', ['train', 'val'])
def test_raw_files_hold_the_truth(tmp_path, split):
    truth.write(tmp_path, 'vipseg_raw')
    name = f'{truth.FIRST[split]:04d}'
    assert (tmp_path / f'{split}.txt').read_text() == f'{name}\n'
    assert [c['id'] for c in json.loads((tmp_path / 'panoVIPSeg_categories.json').read_text())] == list(range(6))
    for time, frame in enumerate(truth.frames(split)):
        truth.assert_same_picture(tmp_path / f'imgs/{name}/{time:08d}.jpg', frame.image)
        values = truth.pixels(tmp_path / f'panomasks/{name}/{time:08d}.png', 'I;16')
        things = values >= 125
        raw = np.where(things, values // 100, values) - 1
        void = (frame.raw_map == 255) | truth.crowd(frame)
        np.testing.assert_array_equal(raw, np.where(void, -1, frame.raw_map.astype(int)))
        np.testing.assert_array_equal(np.where(things, values % 100 + 1, 0), frame.instance_map)


def test_raw_files_are_read_as_the_converted_ones(tmp_path):
    truth.write(tmp_path, 'vipseg_raw')
    label_map = LabelMap.from_metainfo(synthetic_metainfo('vipseg_raw'))
    for time, frame in enumerate(truth.frames('val')):
        path = str(tmp_path / f'panomasks/5000/{time:08d}.png')
        ids = decode_vipseg_raw(path, (48, 96), label_map, None)['gt_seg_map']
        raw_map = np.where(truth.crowd(frame), 255, frame.raw_map)
        np.testing.assert_array_equal(ids // 65536, label_map.to_labels(raw_map))
        np.testing.assert_array_equal(ids % 65536, frame.instance_map)


def test_raw_files_cannot_hold_more_than_100_objects():
    truth_frame = truth.frames('val')[0]
    numbers = np.where(truth_frame.instance_map > 0, 101, 0).astype(np.uint16)
    frame = dataclasses.replace(truth_frame, instance_map=numbers)
    with pytest.raises(ValueError, match='panomasks/5000/00000000.png: object 101 does not fit'):
        get_layout('vipseg_raw').encode_frame(SequenceInfo('val', 0, 6, (48, 96)), 0, frame)
