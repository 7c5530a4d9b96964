import logging

import numpy as np
import pytest
from mmengine.logging import MMLogger
from PIL import Image

from tests.test_datasets.vis_files import SIZE, TEST, TRAIN, box, content, dataset_args, rle, track, write
from videoseg.datasets import BaseVideoInstanceDataset, OVISDataset
from videoseg.datasets.samplers import DrawIndex, WindowIndex
from videoseg.structures.ids import VOID_ID, encode_ids
from videoseg.structures.rle import decode_masks


def open_set(root, data=None, **kwargs):
    return BaseVideoInstanceDataset(**dataset_args(write(root, content() if data is None else data), **kwargs))


def test_frames_are_those_of_the_json(tmp_path):
    dataset = open_set(tmp_path, test_mode=True)
    assert [dataset.get_video(v)['video_id'] for v in range(dataset.num_videos)] == ['9', '7']
    assert [dataset.video_length(v) for v in range(2)] == [2, 3] and len(dataset) == 5
    assert [p.split('/')[-2:] for p in dataset.get_video(0)['img_paths']] == [['b', '00000.jpg'], ['b', '00001.jpg']]


@pytest.mark.parametrize('serialize', [True, False])
def test_exact_truth_of_tests(tmp_path, serialize):
    dataset = open_set(tmp_path, test_mode=True, pipeline=TEST, serialize_data=serialize)
    packed = dataset[WindowIndex(1, 0, 3, 0)]
    assert packed['inputs'].shape == (3, 3, *SIZE)
    frames = packed['data_samples'].video_data_samples
    truth = frames[0].gt_instances
    assert truth.instances_ids.tolist() == [1, 2, 3] and truth.labels.tolist() == [0, 1, 1]
    assert truth.is_crowd.tolist() == [False, False, True] and truth.areas.tolist() == [16.0, 81.0, 192.0]
    assert np.array_equal(
        decode_masks(truth.masks, SIZE).astype(bool), [box(2, 1, 4, 4), box(1, 0, 9, 9), box(0, 0, 12, 16)]
    )  # overlapping, as in the json
    assert all(isinstance(m['counts'], bytes) and m['size'] == list(SIZE) for m in truth.masks)
    assert 'occlusion' not in truth
    assert [f.gt_instances.instances_ids.tolist() for f in frames[1:]] == [[1, 3], [1, 2]]
    assert all('gt_panoptic_seg' not in f and 'gt_sem_seg' not in f for f in frames)
    assert [f.video_id for f in frames] == ['7'] * 3 and frames[2].ori_shape == SIZE


def test_frame_without_instances_is_labelled(tmp_path):
    dataset = open_set(tmp_path, test_mode=True, pipeline=TEST)
    truth = dataset[WindowIndex(0, 0, 1, 0)]['data_samples'][0].gt_instances
    assert len(truth) == 0 and truth.labels.shape == (0,) and truth.masks == []


def test_training_maps(tmp_path):
    dataset = open_set(tmp_path, pipeline=[*TRAIN[:2]])
    clip = dataset[DrawIndex(2, 0)]
    assert clip['frame_id'][0] == 0 and clip['video_id'] == ['7', '7']
    wanted = np.full(SIZE, encode_ids(1, 0))
    wanted[box(1, 0, 9, 9)] = encode_ids(1, 2)
    wanted[box(2, 1, 4, 4)] = encode_ids(0, 1)
    assert clip['gt_seg_map'][0].dtype == np.int32 and np.array_equal(clip['gt_seg_map'][0], wanted)
    empty = dataset[DrawIndex(0, 0)]['gt_seg_map'][0]
    assert (empty == VOID_ID).all()


def test_training_targets(tmp_path):
    dataset = open_set(tmp_path, pipeline=TRAIN)
    ids = set()
    for seed in range(8):
        for frame in dataset[DrawIndex(3, seed)]['data_samples'].video_data_samples:
            targets = frame.gt_instances
            assert targets.labels.tolist() == [i // 65536 for i in targets.instances_ids.tolist()]
            ids |= set(targets.instances_ids.tolist())
            assert set(frame.gt_sem_seg.sem_seg.unique().tolist()) <= {0, 1, 255}
    assert ids == {encode_ids(0, 1), encode_ids(1, 2)}  # constant over the video; the crowd is none


def test_classes_of_the_json(tmp_path):
    dataset = open_set(tmp_path)
    assert dataset.metainfo['classes'] == ('Dog', 'Giant_panda')
    assert (dataset.metainfo['num_things'], dataset.metainfo['raw_ids']) == (2, (2, 5))
    assert dataset.label_map.num_things == 2


def test_classes_by_name(tmp_path):
    dataset = open_set(tmp_path, metainfo=dict(classes=('giant panda', 'dog')), test_mode=True, pipeline=TEST)
    assert dataset.metainfo['raw_ids'] == (5, 2)
    assert dataset[WindowIndex(1, 0, 1, 0)]['data_samples'][0].gt_instances.labels.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ('metainfo', 'message'),
    [
        (dict(classes=('dog', 'cat')), "class 'cat' is not in it"),
        (dict(classes=('dog', 'cat'), raw_ids=(2, 5)), "category 5 is 'Giant_panda' there but class 'cat' here"),
        (dict(classes=('dog',)), r'video 7, annotation 41: category 5 is not one of the classes \(\[2\]\)'),
        (dict(classes=('dog',), raw_ids=(2, 5)), '1 classes but 2 raw_ids'),
        (dict(classes=('dog', 'panda'), num_things=1), 'every class is a thing'),
        (dict(raw_ids=(2, 4)), 'category 4 is not in it'),
    ],
)
def test_classes_that_do_not_fit(tmp_path, metainfo, message):
    with pytest.raises(ValueError, match=message):
        open_set(tmp_path, metainfo=metainfo)


@pytest.mark.parametrize('annotations', [None, []])
def test_hidden_ground_truth(tmp_path, annotations):
    data = content() | dict(annotations=annotations)
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        dataset = open_set(tmp_path, data, test_mode=True, pipeline=TEST)
    finally:
        logger.removeHandler(handler)
    wanted = f'{tmp_path}/train.json has no annotations: predictions only, no scores'
    assert [line.split(': ', 1)[1] for line in lines if 'annotations' in line] == [wanted]
    assert 'gt_instances' not in dataset[0]['data_samples'][0]
    with pytest.raises(ValueError, match='no annotations in it; it can be tested on'):
        open_set(tmp_path, data)


def test_missing_files(tmp_path):
    write(tmp_path, content())
    (tmp_path / 'images/a/00001.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'video 7: image missing: .*images/a/00001.jpg; check data_prefix'):
        BaseVideoInstanceDataset(**dataset_args(tmp_path))
    with pytest.raises(FileNotFoundError, match='val.json: json file missing'):
        BaseVideoInstanceDataset(**dataset_args(tmp_path, ann_file='val.json'))


def test_image_of_another_size(tmp_path):
    dataset = open_set(tmp_path, test_mode=True, pipeline=TEST)
    Image.fromarray(np.zeros((10, 16, 3), np.uint8)).save(tmp_path / 'images/a/00000.jpg')
    with pytest.raises(ValueError, match=r'a/00000.jpg: the image has size \(10, 16\) \(H, W\), but the json tells'):
        dataset[2]


def test_nothing_is_read_before_it_is_needed(tmp_path):
    dataset = BaseVideoInstanceDataset(**dataset_args(tmp_path, lazy_init=True))
    with pytest.raises(FileNotFoundError, match='train.json: json file missing'):
        dataset.full_init()


def test_a_track_that_no_frame_shows_is_known_to_the_evaluator(tmp_path):
    data = content()
    data['annotations'].append(track(44, 9, 5, [None, None]))
    dataset = open_set(tmp_path, data, test_mode=True, pipeline=TEST)
    truth = dataset[WindowIndex(0, 0, 1, 0)]['data_samples'][0].gt_instances
    assert truth.instances_ids.tolist() == [2] and truth.areas.tolist() == [0.0]
    assert decode_masks(truth.masks, SIZE).sum() == 0


def test_occlusion_goes_with_the_truth(tmp_path):
    data = content()
    data['annotations'][0]['occlusion'] = ['no_occlusion', 'slight_occlusion', 'severe_occlusion']
    dataset = open_set(tmp_path, data, test_mode=True, pipeline=TEST)
    frames = dataset[WindowIndex(1, 0, 3, 0)]['data_samples'].video_data_samples
    assert [f.gt_instances.occlusion[0].item() for f in frames] == [0.0, 0.25, 0.75]
    assert frames[0].gt_instances.occlusion[1:].isnan().all()


def test_uncompressed_masks_and_polygons(tmp_path):
    data = content()
    data['annotations'][3]['segmentations'] = [
        rle(box(3, 2, 5, 6), compressed=False),
        [[2.0, 3.0, 8.0, 3.0, 8.0, 8.0, 2.0, 8.0]],
    ]
    data['annotations'][3]['areas'] = None
    dataset = open_set(tmp_path, data, test_mode=True, pipeline=TEST)
    for t in range(2):
        truth = dataset[WindowIndex(0, t, t + 1, 0)]['data_samples'][0].gt_instances
        assert np.array_equal(decode_masks(truth.masks, SIZE)[0].astype(bool), box(3, 2, 5, 6))
        assert truth.areas.tolist() == [30.0]


def test_names_are_not_taken_for_files(tmp_path, monkeypatch):
    """mmengine reads every text in the metainfo that is a path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'ovis').mkdir()
    dataset = OVISDataset(**dataset_args(write(tmp_path, content()), lazy_init=True))
    assert dataset.metainfo['name'] == 'ovis' and len(dataset.metainfo['classes']) == 25


def test_unknown_arguments(tmp_path):
    with pytest.raises(TypeError, match='layout'):
        open_set(tmp_path, layout='images')
    with pytest.raises(ValueError, match=r"unknown keys \['depth'\]"):
        open_set(tmp_path, data_prefix=dict(img='images', depth='x'))
