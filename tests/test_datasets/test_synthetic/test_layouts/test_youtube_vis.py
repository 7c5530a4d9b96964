"""YouTube-VIS and OVIS."""

import json

import numpy as np
import pytest

from tests.test_datasets.test_synthetic.test_layouts import truth
from videoseg.datasets.synthetic.layouts.ovis import occlusion_level
from videoseg.datasets.synthetic.layouts.youtube_vis import count_runs
from videoseg.structures.rle import decode_masks, to_rle

RAW_ID = {1: 3, 2: 4, 3: 5}
PRESET = truth.tiny(0, 2)


def load(root, layout, name):
    truth.write(root, layout, PRESET)
    return json.loads((root / name).read_text())


def check_tracks(content):
    """Categories, masks, areas and boxes of all annotations equal the truth; nothing is missing."""
    assert [(c['id'], c['name']) for c in content['categories']] == [(1, 'disc'), (2, 'crate'), (3, 'star')]
    assert [a['id'] for a in content['annotations']] == list(range(1, len(content['annotations']) + 1))
    assert [video['id'] for video in content['videos']] == [1, 2]
    crowds = 0
    for video in content['videos']:
        frames = truth.frames('val', video['id'] - 1, PRESET)
        assert (video['height'], video['width'], video['length']) == (48, 96, 6)
        left = [frame.instance_map.astype(np.int64) for frame in frames]
        crowd_left = [truth.crowd(frame) for frame in frames]
        for annotation in content['annotations']:
            if annotation['video_id'] != video['id']:
                continue
            assert (annotation['height'], annotation['width'], annotation['length']) == (48, 96, 6)
            instances = set()
            for time, frame in enumerate(frames):
                segmentation, area, box = (annotation[key][time] for key in ('segmentations', 'areas', 'bboxes'))
                assert (segmentation is None) == (area is None) == (box is None)
                if segmentation is None:
                    continue
                mask = decode_masks([to_rle(segmentation, (48, 96), 'test')], (48, 96))[0] > 0
                rows, columns = np.nonzero(mask)
                assert area == mask.sum() > 0
                assert box == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
                assert np.unique(frame.raw_map[mask]).tolist() == [RAW_ID[annotation['category_id']]]
                instances |= set(np.unique(frame.instance_map[mask]).tolist())
                left[time][mask] = 0
                crowd_left[time] &= ~mask
            assert len(instances) == 1
            assert (instances == {0}) == (annotation['iscrowd'] == 1)
            crowds += annotation['iscrowd']
        assert not any(objects.any() for objects in left)
        assert not any(crowd.any() for crowd in crowd_left)
    assert crowds > 0


def test_youtube_vis(tmp_path):
    content = load(tmp_path, 'youtube_vis', 'valid.json')
    check_tracks(content)
    assert content['videos'][1]['file_names'] == [f'5001/{time:05d}.jpg' for time in range(6)]
    for name, frame in zip(content['videos'][1]['file_names'], truth.frames('val', 1, PRESET), strict=True):
        truth.assert_same_picture(tmp_path / 'valid/JPEGImages' / name, frame.image)
    shown = [s for a in content['annotations'] for s in a['segmentations'] if s]
    assert all(isinstance(segmentation['counts'], list) for segmentation in shown)
    assert any(None in a['segmentations'] for a in content['annotations'])


def test_ovis_tells_occlusion_from_the_scene(tmp_path):
    content = load(tmp_path, 'ovis', 'annotations_valid.json')
    check_tracks(content)
    assert content['videos'][0]['file_names'][0] == '5000/img_0000001.jpg'
    truth.assert_same_picture(tmp_path / 'valid/5000/img_0000006.jpg', truth.frames('val', 0, PRESET)[5].image)
    found = set()
    for annotation in content['annotations']:
        frames = truth.frames('val', annotation['video_id'] - 1, PRESET)
        for frame, level, segmentation in zip(
            frames, annotation['occlusion'], annotation['segmentations'], strict=True
        ):
            if segmentation is None:
                assert level is None
                continue
            assert isinstance(segmentation['counts'], str)
            mask = decode_masks([to_rle(segmentation, (48, 96), 'test')], (48, 96))[0] > 0
            instance = int(frame.instance_map[mask][0])
            if annotation['iscrowd']:
                assert level == 'no_occlusion'
                continue
            hidden = 1 - mask.sum() / frame.amodal_area[instance - 1]
            expected = 'no_occlusion' if hidden == 0 else f'{"slight" if hidden <= 0.5 else "severe"}_occlusion'
            assert level == expected
            found.add(level)
    assert found == {'no_occlusion', 'slight_occlusion', 'severe_occlusion'}


@pytest.mark.parametrize(('visible', 'level'), [(10, 'no'), (9, 'slight'), (5, 'slight'), (4, 'severe'), (1, 'severe')])
def test_occlusion_levels(visible, level):
    assert occlusion_level(visible, 10) == f'{level}_occlusion'


def test_runs_start_outside_of_the_mask():
    assert count_runs(np.array([[1, 0], [1, 1]], bool)) == [0, 2, 1, 1]
    assert count_runs(np.array([[0, 0], [1, 0]], bool)) == [1, 1, 2]
    assert count_runs(np.zeros((2, 3), bool)) == [6]
    assert count_runs(np.ones((2, 3), bool)) == [0, 6]
