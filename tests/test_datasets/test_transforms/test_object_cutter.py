"""Objects are cut along their masks, from panoptic and from instance data sets."""

import json

import numpy as np
import pytest

from tests.test_datasets import vis_files
from tests.test_datasets.still_images import still_args, write_stills
from videoseg.datasets.transforms.object_cutter import CutObject, ObjectCutter


def cutter(root, min_area=100, max_tries=10, **kwargs):
    return ObjectCutter(dict(type='BaseVideoPanopticDataset', **still_args(root, **kwargs)), min_area, max_tries)


def test_objects_are_what_the_map_says(tmp_path):
    source = cutter(write_stills(tmp_path))
    seen = set()
    for _ in range(80):
        found = source.draw(set())
        assert found.mask.all()  # the objects are rectangles
        ((*colour,),) = np.unique(found.image[found.mask], axis=0)[:, ::-1].tolist()
        assert found.mask.shape == ((16, 24) if found.label else (16, 8))
        seen.add((found.label, *colour))
    assert seen == {(0, 11, 0, 7)} | {(1, 13, 0, 200 + number) for number in range(4)}


def test_small_objects_are_left_out(tmp_path):
    root = write_stills(tmp_path)
    assert {cutter(root, min_area=200).draw(set()).label for _ in range(20)} == {1}
    assert cutter(root, min_area=16 * 24 + 1).draw(set()) is None


def test_images_that_must_not_be_used(tmp_path):
    source = cutter(write_stills(tmp_path), min_area=200, max_tries=100)
    own = {video['img_paths'][0] for video in map(source.dataset.get_video, (0, 1, 3))}
    assert {tuple(source.draw(own).image[0, 0, ::-1].tolist()) for _ in range(10)} == {(13, 0, 202)}
    assert source.draw(own | {source.dataset.get_video(2)['img_paths'][0]}) is None


def test_crowds_and_stuff_are_no_objects(tmp_path):
    assert cutter(write_stills(tmp_path, with_things=False), min_area=1).draw(set()) is None


def test_instance_data_sets(tmp_path):
    root = vis_files.write(tmp_path, vis_files.content())
    cfg = dict(type='BaseVideoInstanceDataset', **vis_files.dataset_args(root))
    source = ObjectCutter(cfg, min_area=16)
    found = [source.draw(set()) for _ in range(60)]
    assert {(x.label, x.mask.shape) for x in found if x is not None} == {(0, (4, 4)), (1, (9, 9))}
    assert any(x is not None and not x.mask.all() for x in found)  # the dog stands before the panda


def test_resizing():
    mask = np.zeros((10, 20), bool)
    mask[:, 10:] = True
    image = np.where(mask[..., None], np.uint8([200, 100, 50]), np.uint8(0))
    for side in (7, 40, 1):
        small = CutObject(image, mask, 3).resized(side)
        assert max(small.mask.shape) == side and small.image.shape[:2] == small.mask.shape
        assert small.mask.dtype == bool and small.image.dtype == np.uint8 and small.label == 3
    doubled = CutObject(image, mask, 3).resized(40)
    assert np.array_equal(doubled.mask, mask.repeat(2, 0).repeat(2, 1))


def test_lazy_start(tmp_path):
    source = cutter(tmp_path, lazy_init=True)
    with pytest.raises(FileNotFoundError, match='images: no such folder'):
        source.draw(set())
    write_stills(tmp_path)
    assert source.draw(set()).label in (0, 1) and source.label_map.classes[1] == 'car'


def test_bad_data_sets(tmp_path):
    root = write_stills(tmp_path)
    with pytest.raises(ValueError, match='test_mode=True'):
        cutter(root, test_mode=True)
    with pytest.raises(ValueError, match='min_area and max_tries'):
        cutter(root, min_area=0)
    with pytest.raises(FileNotFoundError):
        cutter(tmp_path / 'elsewhere')
    (tmp_path / 'coco.json').write_text(json.dumps(dict(images=[], annotations=[], categories=[])))
    with pytest.raises(TypeError, match='CocoDataset is no data set of videos'):
        ObjectCutter(dict(type='CocoDataset', ann_file=str(tmp_path / 'coco.json'), lazy_init=True))
