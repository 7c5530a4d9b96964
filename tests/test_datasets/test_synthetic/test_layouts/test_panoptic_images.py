"""Panoptic images in the layouts of COCO and of Cityscapes."""

import json

import pytest

from tests.test_datasets.test_synthetic.test_layouts import truth
from videoseg.datasets.synthetic.layouts import get_layout
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.evaluation.formats.coco_panoptic import read_coco_panoptic


def check(content, image_path, mask_folder):
    """Two sequences of the validation split, frame after frame."""
    frames = [frame for index in (0, 1) for frame in truth.frames('val', index, truth.tiny(0, 2))]
    assert len(content['images']) == 12
    for image, entry, frame in zip(content['images'], content['annotations'], frames, strict=True):
        assert (image['id'], image['height'], image['width']) == (entry['image_id'], 48, 96)
        truth.assert_same_picture(image_path(image), frame.image)
        truth.check_panoptic(truth.color_ids(mask_folder / entry['file_name']), entry['segments_info'], frame)
    assert any(segment['iscrowd'] for entry in content['annotations'] for segment in entry['segments_info'])


def test_coco(tmp_path):
    truth.write(tmp_path, 'coco_panoptic', truth.tiny(0, 2))
    path = tmp_path / 'annotations/panoptic_val2017.json'
    content = json.loads(path.read_text())
    check(content, lambda image: tmp_path / 'val2017' / image['file_name'], path.with_suffix(''))
    assert [image['id'] for image in content['images'][:7]] == [*range(500000001, 500000007), 500100001]
    assert content['images'][0]['file_name'] == '000500000001.jpg'
    assert list(read_coco_panoptic(path)) == [str(image['id']) for image in content['images']]


def test_coco_numbers_end():
    with pytest.raises(ValueError, match='100000 frames'):
        get_layout('coco_panoptic').image_id(SequenceInfo('train', 0, 100001, (48, 96)), 100000)


def test_cityscapes(tmp_path):
    truth.write(tmp_path, 'cityscapes_panoptic', truth.tiny(0, 2))
    path = tmp_path / 'gtFine/cityscapes_panoptic_val.json'
    content = json.loads(path.read_text())
    folder = tmp_path / 'leftImg8bit/val/synthetic'
    check(content, lambda image: folder / f'{image["id"]}_leftImg8bit.png', path.with_suffix(''))
    first = content['images'][0]
    assert (first['id'], first['file_name']) == (
        'synthetic_005000_000000',
        'synthetic_005000_000000_gtFine_leftImg8bit.png',
    )
    assert content['annotations'][0]['file_name'] == 'synthetic_005000_000000_gtFine_panoptic.png'
