"""Readers of the three layouts of json and PNG."""

import copy
import json

import numpy as np
import pytest

from tests.test_evaluation.layouts import (
    clip_segments,
    write_cityscapes_vps,
    write_coco_panoptic,
    write_jsons,
    write_vipseg,
)
from videoseg.evaluation.formats import (
    read_cityscapes_vps_gt,
    read_cityscapes_vps_pred,
    read_coco_panoptic,
    read_vipseg,
)

LABELS = {20: 0, 40: 1, 10: 2, 30: 3}


def rewrite(root, content, edit):
    """Write the jsons once more, after an edit."""
    content = copy.deepcopy(content)
    edit(content)
    write_jsons(root, content)


def first_segments(content, kind='pred'):
    entry = content[kind]['annotations'][0]
    return entry['annotations'][0]['segments_info'] if 'annotations' in entry else entry['segments_info']


def test_vipseg(tmp_path):
    videos = clip_segments()
    write_vipseg(tmp_path, videos)
    gt, pred = read_vipseg(tmp_path / 'gt.json', labels=LABELS), read_vipseg(tmp_path / 'pred.json', labels=LABELS)
    assert list(gt) == list(pred) == ['a', 'b']
    for name, pair in videos.items():
        for found, (ids, infos) in zip((gt[name], pred[name]), pair, strict=True):
            assert [x.name for x in found] == [f'{t:08d}' for t in range(6)]
            for frame, expected, info in zip(found, ids, infos, strict=True):
                np.testing.assert_array_equal(frame.read_ids(), expected)
                assert [(x['id'], x['category_id']) for x in frame.segments] == [
                    (x['id'], LABELS[x['category_id']]) for x in info
                ]
    assert gt['a'][0].size == (24, 32) and pred['a'][0].size is None
    assert any(x['iscrowd'] for x in gt['a'][0].segments) and 'area' not in pred['a'][0].segments[0]


def test_vipseg_pngs_elsewhere(tmp_path):
    write_vipseg(tmp_path, clip_segments())
    (tmp_path / 'panomasksRGB').rename(tmp_path / 'elsewhere')
    with pytest.raises(FileNotFoundError, match='panomasksRGB: folder with the PNGs of'):
        read_vipseg(tmp_path / 'gt.json')
    found = read_vipseg(tmp_path / 'gt.json', tmp_path / 'elsewhere')
    assert found['a'][0].path == tmp_path / 'elsewhere' / 'a' / '00000000.png'


def test_cityscapes_vps(tmp_path):
    write_cityscapes_vps(tmp_path, clip_segments())
    (tmp_path / 'gt.json').rename(tmp_path / 'panoptic_gt_val_city_vps.json')
    gt = read_cityscapes_vps_gt(tmp_path / 'panoptic_gt_val_city_vps.json', labels=LABELS)
    assert {video: len(frames) for video, frames in gt.items()} == {'0001': 6, '0002': 6}
    assert gt['0001'][0].name == '0001_0005_city_000000_000001'
    assert gt['0001'][0].path.name == '0001_0005_city_000000_000001_final_mask.png'
    names = {video: [x.name for x in frames] for video, frames in gt.items()}
    pred = read_cityscapes_vps_pred(tmp_path / 'pred.json', names, labels=LABELS)
    np.testing.assert_array_equal(pred['0002'][5].read_ids(), clip_segments()['b'][1][0][5])


def test_cityscapes_vps_predictions_are_paired_by_name(tmp_path):
    content = write_cityscapes_vps(tmp_path, clip_segments())
    gt = read_cityscapes_vps_gt(tmp_path / 'gt.json')
    names = {video: [x.name for x in frames] for video, frames in gt.items()}
    expected = read_cityscapes_vps_pred(tmp_path / 'pred.json', names)
    rewrite(tmp_path, content, lambda x: x['pred']['annotations'].reverse())
    assert read_cityscapes_vps_pred(tmp_path / 'pred.json', names) == expected
    rewrite(tmp_path, content, lambda x: [entry.pop('image_id') for entry in x['pred']['annotations']])
    assert read_cityscapes_vps_pred(tmp_path / 'pred.json', names) == expected  # in order, for want of names
    rewrite(tmp_path, content, lambda x: x['pred']['annotations'].pop(2))
    with pytest.raises(ValueError, match="video '0001', frame '0001_0015_city_000000_000001' is missing"):
        read_cityscapes_vps_pred(tmp_path / 'pred.json', names)
    rewrite(
        tmp_path, content, lambda x: x['pred']['annotations'].append({'image_id': '0001_0001_x', 'segments_info': []})
    )
    with pytest.raises(ValueError, match="frame '0001_0001_x' of the prediction is not in the ground truth"):
        read_cityscapes_vps_pred(tmp_path / 'pred.json', names)


def test_cityscapes_vps_videos_that_do_not_divide(tmp_path):
    write_cityscapes_vps(tmp_path, clip_segments())
    with pytest.raises(ValueError, match='12 images do not divide into videos of 5'):
        read_cityscapes_vps_gt(tmp_path / 'gt.json', frames_per_video=5)
    with pytest.raises(ValueError, match=r"video numbers \['0001', '0002'\]"):
        read_cityscapes_vps_gt(tmp_path / 'gt.json', frames_per_video=12)
    with pytest.raises(ValueError, match="video '0001' is there twice"):
        read_cityscapes_vps_gt(tmp_path / 'gt.json', frames_per_video=3)


def test_cityscapes_vps_names_and_numbers(tmp_path):
    """Without file names in the annotations, and without video numbers in the images."""
    content = write_cityscapes_vps(tmp_path, clip_segments())
    rewrite(tmp_path, content, lambda x: [entry.pop('file_name') for entry in x['gt']['annotations']])
    assert list(read_cityscapes_vps_gt(tmp_path / 'gt.json')) == ['0001', '0002']

    def without_numbers(x):
        for image, entry in zip(x['gt']['images'], x['gt']['annotations'], strict=True):
            entry['file_name'] = entry['file_name'].replace('newImg8bit', 'final_mask')
            image['file_name'] = 'some.png'

    rewrite(tmp_path, content, without_numbers)
    assert list(read_cityscapes_vps_gt(tmp_path / 'gt.json')) == ['0000', '0001']
    name = '0001_0005_city_000000_000001_final_mask.png'
    (tmp_path / 'val' / 'panoptic_video' / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"video '0000', frame '0001_0005_.*{name}: PNG missing"):
        read_cityscapes_vps_gt(tmp_path / 'gt.json')


def test_coco(tmp_path):
    content = write_coco_panoptic(tmp_path, clip_segments(2))
    gt, pred = (read_coco_panoptic(tmp_path / f'{kind}.json', labels=LABELS) for kind in ('gt', 'pred'))
    assert list(gt) == list(pred) == ['1', '2', '3', '4']
    assert gt['3'][0].path == tmp_path / 'gt' / '000000000003.png' and gt['3'][0].name == '3'
    rewrite(tmp_path, content, lambda x: x['gt']['annotations'].reverse())
    assert list(read_coco_panoptic(tmp_path / 'gt.json')) == ['1', '2', '3', '4']
    rewrite(tmp_path, content, lambda x: x['gt']['annotations'].pop())
    with pytest.raises(ValueError, match="gt.json: image '4' has no annotation"):
        read_coco_panoptic(tmp_path / 'gt.json')
    rewrite(tmp_path, content, lambda x: x['gt']['images'].pop())
    with pytest.raises(ValueError, match="gt.json: image '4' has an annotation but is not in images"):
        read_coco_panoptic(tmp_path / 'gt.json')


BROKEN = {
    'no annotations': (lambda x: x['pred'].pop('annotations'), "there is no 'annotations'"),
    'annotations no list': (lambda x: x['pred'].update(annotations={}), "'annotations' is no list of objects"),
    'no segments': (
        lambda x: x['pred']['annotations'][0]['annotations'][0].pop('segments_info'),
        "video 'a', frame '00000000': there is no 'segments_info'",
    ),
    'no id': (lambda x: first_segments(x)[0].pop('id'), "video 'a', frame '00000000': there is no 'id'"),
    'id 0': (lambda x: first_segments(x)[0].update(id=0), 'segment id 0 is not in'),
    'large id': (lambda x: first_segments(x)[0].update(id=1 << 24), r'segment id 16777216 is not in \[1, 16777215\]'),
    'id of another type': (lambda x: first_segments(x)[0].update(id='7'), "segment id '7' is not in"),
    'id twice': (
        lambda x: first_segments(x).append(dict(first_segments(x)[0])),
        r"video 'a', frame '00000000': segment id 7\d+ is in segments_info twice",
    ),
    'unknown category': (
        lambda x: first_segments(x)[0].update(category_id=50),
        r"video 'a', frame '00000000': segment id 7\d+ has the unknown category 50",
    ),
    'negative area': (lambda x: first_segments(x)[0].update(area=-1), 'area and iscrowd must be numbers'),
    'frame twice': (
        lambda x: x['pred']['annotations'][0]['annotations'].append(x['pred']['annotations'][0]['annotations'][0]),
        "video 'a': image_id '00000000' is there twice",
    ),
    'video twice': (
        lambda x: x['pred']['annotations'].append(x['pred']['annotations'][0]),
        "video_id 'a' is there twice",
    ),
    'out of the folder': (
        lambda x: x['pred']['annotations'][0]['annotations'][0].update(file_name='../../gt.json'),
        "frame '00000000': file name 'a/../../gt.json' is not a plain relative path; refused",
    ),
    'absolute path': (
        lambda x: x['pred']['annotations'][0].update(video_id='/etc'),
        'is not a plain relative path; refused',
    ),
}


@pytest.mark.parametrize('case', BROKEN)
def test_broken_jsons_are_refused(tmp_path, case):
    edit, message = BROKEN[case]
    rewrite(tmp_path, write_vipseg(tmp_path, clip_segments(2)), edit)
    with pytest.raises(ValueError, match=message):
        read_vipseg(tmp_path / 'pred.json', labels=LABELS)


def test_ground_truth_lists_must_agree(tmp_path):
    content = write_vipseg(tmp_path, clip_segments(2))
    rewrite(tmp_path, content, lambda x: x['gt']['videos'].pop())
    with pytest.raises(ValueError, match="video 'b' is in only one of videos and annotations"):
        read_vipseg(tmp_path / 'gt.json')
    rewrite(tmp_path, content, lambda x: x['gt']['videos'][1]['images'].pop())
    with pytest.raises(ValueError, match="video 'b', frame '00000001' is in only one of"):
        read_vipseg(tmp_path / 'gt.json')


def test_files_that_are_no_json(tmp_path):
    write_vipseg(tmp_path, clip_segments(2))
    text = (tmp_path / 'pred.json').read_text()
    (tmp_path / 'pred.json').write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match='pred.json: not a json file, perhaps truncated'):
        read_vipseg(tmp_path / 'pred.json')
    (tmp_path / 'pred.json').write_text(json.dumps([1]))
    with pytest.raises(ValueError, match="pred.json: there is no 'annotations'"):
        read_vipseg(tmp_path / 'pred.json')
    with pytest.raises(ValueError, match='is a folder; give the json file'):
        read_vipseg(tmp_path)
    with pytest.raises(FileNotFoundError, match='gone.json: json file missing'):
        read_vipseg(tmp_path / 'gone.json')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(category_id=[1]), r'segment id \d+ has the unknown category \[1\]'),
        (dict(category_id=None), r'segment id \d+ has the unknown category None'),
        (dict(area=float('nan')), r'segment id \d+: area and iscrowd must be numbers in \[0, '),
        (dict(area=float('inf')), r'segment id \d+: area and iscrowd must be numbers in \[0, '),
        (dict(area=10**400), r'segment id \d+: area and iscrowd must be numbers in \[0, '),
    ],
)
def test_values_of_other_types_name_video_and_frame(tmp_path, changes, message):
    content = write_vipseg(tmp_path, clip_segments())
    rewrite(tmp_path, content, lambda x: first_segments(x)[0].update(changes))
    with pytest.raises(ValueError, match=f"pred.json: video 'a', frame '00000000': {message}"):
        read_vipseg(tmp_path / 'pred.json', labels=LABELS)


@pytest.mark.parametrize('height', [None, '24', 24.0, 0])
def test_wrong_sizes_name_video_and_frame(tmp_path, height):
    content = write_vipseg(tmp_path, clip_segments())
    rewrite(tmp_path, content, lambda x: x['gt']['videos'][0]['images'][0].update(height=height))
    with pytest.raises(ValueError, match=r"video 'a', frame '00000000': height and width are \("):
        read_vipseg(tmp_path / 'gt.json', labels=LABELS)
