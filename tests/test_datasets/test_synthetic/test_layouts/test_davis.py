"""DAVIS."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.test_datasets.test_synthetic.test_layouts import truth
from videoseg.datasets.synthetic.layouts import get_layout
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo


@pytest.mark.parametrize('split', ['train', 'val'])
def test_files_hold_the_truth(tmp_path, split):
    truth.write(tmp_path, 'davis')
    name = f'{truth.FIRST[split]:04d}'
    assert (tmp_path / f'ImageSets/2017/{split}.txt').read_text() == f'{name}\n'
    for time, frame in enumerate(truth.frames(split)):
        truth.assert_same_picture(tmp_path / f'JPEGImages/480p/{name}/{time:05d}.jpg', frame.image)
        objects = truth.pixels(tmp_path / f'Annotations/480p/{name}/{time:05d}.png', 'P')
        np.testing.assert_array_equal(objects, np.where(frame.raw_map == 255, 255, frame.instance_map))


def test_palette_is_the_usual_one(tmp_path):
    truth.write(tmp_path, 'davis', truth.tiny(0, 1, 1))
    with Image.open(tmp_path / 'Annotations/480p/5000/00000.png') as image:
        palette = np.array(image.getpalette()).reshape(-1, 3)
    expected = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128), 8: (64, 0, 0)}
    assert {index: tuple(palette[index].tolist()) for index in expected} == expected
    assert palette[255].tolist() == [224, 224, 192]


def test_more_objects_than_the_format_holds_are_refused():
    truth_frame = truth.frames('val')[0]
    numbers = np.where(truth_frame.instance_map > 0, 255, 0).astype(np.uint16)
    frame = dataclasses.replace(truth_frame, instance_map=numbers)
    with pytest.raises(ValueError, match='480p/5000/00000.png: object 255 does not fit'):
        get_layout('davis').encode_frame(SequenceInfo('val', 0, 6, (48, 96)), 0, frame)
