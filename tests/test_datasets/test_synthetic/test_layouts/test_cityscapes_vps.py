"""Cityscapes-VPS: every fifth frame is labelled."""

import json

import numpy as np
import pytest

from tests.test_datasets.test_synthetic.test_layouts import truth
from videoseg.evaluation.formats.cityscapes_vps import read_cityscapes_vps_gt

FRAMES = 30


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('cityscapes_vps')
    truth.write(folder, 'cityscapes_vps', truth.tiny(1, 1, FRAMES))
    return folder


@pytest.mark.parametrize('split', ['train', 'val'])
def test_files_hold_the_truth(root, split):
    video = truth.FIRST[split]
    preset = truth.tiny(1, 1, FRAMES)
    everything = json.loads((root / f'im_all_info_{split}_city_vps.json').read_text())['images']
    assert [image['id'] for image in everything] == [
        f'{video:04d}_{time:04d}_synthetic_{video:06d}_{time:06d}' for time in range(FRAMES)
    ]
    content = json.loads((root / f'panoptic_gt_{split}_city_vps.json').read_text())
    labelled = [everything[time] for time in (4, 9, 14, 19, 24, 29)]
    assert content['images'] == labelled
    frames = truth.frames(split, 0, preset)
    for image, frame in zip(everything, frames, strict=True):
        truth.assert_same_picture(root / split / 'img_all' / image['file_name'], frame.image)
    meanings = []
    for image, entry, frame in zip(labelled, content['annotations'], frames[4::5], strict=True):
        assert entry['image_id'] == image['id']
        ids = truth.color_ids(root / split / 'panoptic_video' / entry['file_name'])
        meanings.append(truth.check_panoptic(ids, entry['segments_info'], frame))
    truth.check_constant(meanings)


def test_names_of_the_20th_frame_are_those_of_cityscapes(root):
    names = [image.name for image in sorted((root / 'val/img_all').iterdir())]
    assert [time for time, name in enumerate(names) if name.endswith('_leftImg8bit.png')] == [19]
    assert sum(name.endswith('_newImg8bit.png') for name in names) == 29
    masks = sorted(path.name for path in (root / 'val/panoptic_video').iterdir())
    assert [name.split('_', 5)[-1] for name in masks] == ['final_mask.png'] * 3 + ['gtFine_color.png'] + [
        'final_mask.png'
    ] * 2


def test_the_reader_of_the_format_reads_it(root):
    videos = read_cityscapes_vps_gt(root / 'panoptic_gt_val_city_vps.json')
    assert [(name, len(frames)) for name, frames in videos.items()] == [('5000', 6)]
    for read, frame in zip(videos['5000'], truth.frames('val', 0, truth.tiny(1, 1, FRAMES))[4::5], strict=True):
        np.testing.assert_array_equal(read.read_ids() == 0, frame.raw_map == 255)
