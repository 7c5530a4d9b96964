"""What holds for every layout: completion, integrity, refusals, metainfo."""

import os

import cv2
import numpy as np
import pytest

from tests.test_datasets.test_synthetic.test_layouts.truth import SEED, crowd, files, frames, tiny, write
from videoseg.datasets.synthetic import LAYOUTS, SyntheticWriter, check_dataset, synthetic_metainfo
from videoseg.datasets.synthetic.layouts import get_layout

OTHERS = [name for name in LAYOUTS if name != 'kitti_step']


def test_the_small_scenes_have_what_the_tests_are_about():
    for split in ('train', 'val'):
        truth = frames(split)
        assert any(crowd(frame).any() for frame in truth)
        assert all((frame.raw_map == 255).any() for frame in truth)
        visible, amodal = (np.stack([getattr(f, f'{k}_area') for f in truth]) for k in ('visible', 'amodal'))
        assert (visible == 0).any() and ((visible > 0) & (visible < amodal)).any()


def test_the_issues_layouts_are_there():
    panoptic = ['kitti_step', 'vipseg', 'vipseg_raw', 'cityscapes_vps', 'cityscapes_panoptic', 'coco_panoptic']
    assert list(LAYOUTS) == [*panoptic, 'vspw', 'youtube_vis', 'ovis', 'davis', 'video_folder']
    assert all(layout.name == name for name, layout in LAYOUTS.items())


@pytest.mark.parametrize('layout', LAYOUTS)
def test_interrupted_and_grown_sets_equal_those_of_one_run(tmp_path, layout, monkeypatch):
    assert write(tmp_path / 'whole', layout, tiny(2))['written'] == 3
    whole = files(tmp_path / 'whole')
    part = tmp_path / 'part'
    assert write(part, layout, tiny(1))['written'] == 2
    real, calls = cv2.imencode, []

    def fail_later(*args):
        calls.append(1)
        if len(calls) > 4:
            raise OSError(28, 'No space left on device')
        return real(*args)

    monkeypatch.setattr(cv2, 'imencode', fail_later)
    with pytest.raises(OSError, match='No space left'):
        write(part, layout, tiny(2))
    monkeypatch.setattr(cv2, 'imencode', real)
    assert any('not finished' in problem for problem in check_dataset(part))
    assert not set(get_layout(layout).common_files()) & set(files(part))
    assert write(part, layout, tiny(2))['written'] == 1
    assert files(part) == whole
    assert check_dataset(part, seed=SEED, layout=layout) == []


@pytest.mark.parametrize('layout', ['cityscapes_vps', 'vipseg'])
def test_a_move_cut_off_half_way_is_completed(tmp_path, layout, monkeypatch):
    write(tmp_path / 'whole', layout)
    real, moved = os.replace, []

    def fail_later(source, target):
        if '.incomplete' in str(source):
            moved.append(target)
            if len(moved) == 2:
                raise OSError(5, 'Input/output error')
        return real(source, target)

    monkeypatch.setattr(os, 'replace', fail_later)
    with pytest.raises(OSError, match='Input/output'):
        write(tmp_path / 'part', layout)
    monkeypatch.setattr(os, 'replace', real)
    assert write(tmp_path / 'part', layout)['written'] == 2
    assert files(tmp_path / 'part') == files(tmp_path / 'whole')


def test_a_lost_json_is_made_again_from_what_is_there(tmp_path, monkeypatch):
    write(tmp_path, 'youtube_vis')
    before = files(tmp_path)
    (tmp_path / 'valid.json').unlink()
    assert check_dataset(tmp_path) == [f'{tmp_path / "valid.json"}: missing']
    monkeypatch.setattr(cv2, 'imencode', None)
    assert write(tmp_path, 'youtube_vis')['written'] == 0
    assert files(tmp_path) == before


def test_damage_to_a_json_is_found(tmp_path):
    write(tmp_path, 'vipseg')
    path = tmp_path / 'panoptic_gt_VIPSeg_val.json'
    path.write_text(path.read_text().replace('"iscrowd": 0', '"iscrowd": 1', 1))
    assert check_dataset(tmp_path, layout='vspw') == [
        f"{tmp_path / 'synthetic.json'}: layout is 'vipseg', not 'vspw'",
        f'{path}: content differs from the manifest',
    ]


@pytest.mark.parametrize('layout', OTHERS)
def test_another_layout_in_the_folder_is_refused(tmp_path, layout):
    write(tmp_path, 'kitti_step', tiny(1, 0))
    before = files(tmp_path)
    with pytest.raises(FileExistsError, match='holds another data set .layout kitti_step'):
        write(tmp_path, layout, tiny(1, 0))
    assert files(tmp_path) == before


@pytest.mark.parametrize('layout', LAYOUTS)
def test_a_split_without_sequences_has_no_files(tmp_path, layout):
    write(tmp_path, layout, tiny(0, 1))
    assert not [name for name in files(tmp_path) if 'train' in name]
    assert check_dataset(tmp_path) == []


@pytest.mark.parametrize('layout', LAYOUTS)
def test_metainfo_fits_together(layout):
    metainfo = synthetic_metainfo(layout)
    count = len(metainfo['classes'])
    assert metainfo['name'] == f'synthetic_{layout}'
    assert len(metainfo['raw_ids']) == len(set(metainfo['raw_ids'])) == len(metainfo['palette']) == count
    assert 0 < metainfo['num_things'] <= count
    expected = {'davis': ('object',), 'youtube_vis': ('disc', 'crate', 'star'), 'ovis': ('disc', 'crate', 'star')}
    all_classes = ('disc', 'crate', 'star', 'grass', 'water', 'wall')
    assert metainfo['classes'] == expected.get(layout, all_classes)


def test_too_short_sequences_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match='cityscapes_vps needs sequences of 5 frames, got 4'):
        SyntheticWriter(tmp_path / 'set', tiny(frames=4), layout='cityscapes_vps')
