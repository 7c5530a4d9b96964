"""The data set class of every layout reads the synthetic videos, and what it reads is the scene's truth."""

import numpy as np
import pytest

from tests.test_datasets.test_synthetic.test_layouts import truth
from videoseg.datasets.samplers.index import WindowIndex
from videoseg.datasets.synthetic import LAYOUTS, synthetic_metainfo
from videoseg.evaluation.formats.davis import DAVIS_VOID_ID
from videoseg.registry import DATASETS
from videoseg.structures.ids import VOID_ID, VOID_LABEL
from videoseg.structures.rle import decode_masks

LABEL_OF = np.full(256, 255)
LABEL_OF[[3, 4, 5, 0, 1, 2]] = np.arange(6)

INSTANCES = {
    'youtube_vis': dict(type='YouTubeVIS2019Dataset', ann_file='valid.json', data_prefix=dict(img='valid/JPEGImages')),
    'ovis': dict(type='OVISDataset', ann_file='annotations_valid.json', data_prefix=dict(img='valid')),
}

IMAGES = ('val2017', 'leftImg8bit/val')
PANOPTIC = {
    'kitti_step': dict(type='SyntheticSTEPDataset', data_prefix=dict(img='images/val', seg='panoptic_maps/val')),
    'vipseg': dict(
        type='VIPSegDataset',
        ann_file='panoptic_gt_VIPSeg_val.json',
        data_prefix=dict(img='imgs', seg='panomasksRGB'),
    ),
    'vipseg_raw': dict(
        type='VIPSegDataset',
        seg_encoding='vipseg_raw',
        ann_file='val.txt',
        data_prefix=dict(img='imgs', seg='panomasks'),
    ),
    'video_folder': dict(
        type='VideoFolderDataset',
        ann_file='val/annotations.json',
        data_prefix=dict(img='val/frames', seg='val/panoptic'),
    ),
    'cityscapes_vps': dict(
        type='CityscapesVPSDataset',
        ann_file='panoptic_gt_val_city_vps.json',
        data_prefix=dict(img='val/img_all', seg='val/panoptic_video'),
    ),
    'cityscapes_panoptic': dict(
        type='CityscapesPanopticImageDataset',
        ann_file='gtFine/cityscapes_panoptic_val.json',
        data_prefix=dict(img='leftImg8bit/val', seg='gtFine/cityscapes_panoptic_val'),
    ),
    'coco_panoptic': dict(
        type='COCOPanopticImageDataset',
        ann_file='annotations/panoptic_val2017.json',
        data_prefix=dict(img='val2017', seg='annotations/panoptic_val2017'),
    ),
}


def load(root, layout, arguments, loader, frames=6):
    """Frames of the validation sequence as the test pipeline packs them."""
    truth.write(root, layout, truth.tiny(frames=frames))
    pipeline = [
        dict(type='TransformBroadcaster', transforms=[dict(type='LoadImageFromFile'), loader]),
        dict(type='PackClipInputs', test_mode=True),
    ]
    metainfo = synthetic_metainfo(layout)
    dataset = DATASETS.build(dict(arguments, data_root=str(root), metainfo=metainfo, pipeline=pipeline, test_mode=True))
    lengths = [dataset.video_length(video) for video in range(dataset.num_videos)]
    assert lengths == ([1] * frames if arguments.get('data_prefix', {}).get('img') in IMAGES else [frames])
    assert dataset.metainfo['classes'] == metainfo['classes']
    windows = [dataset[WindowIndex(video, 0, length, 0)] for video, length in enumerate(lengths)]
    return [sample for window in windows for sample in window['data_samples'].video_data_samples]


def test_every_layout_is_read():
    assert {*INSTANCES, *PANOPTIC, *LISTED} == set(LAYOUTS)


@pytest.mark.parametrize('layout', INSTANCES)
def test_instances(tmp_path, layout):
    samples = load(tmp_path, layout, INSTANCES[layout], dict(type='LoadInstanceTracks', as_map=False))
    ids_of = {}
    for sample, frame in zip(samples, truth.frames('val'), strict=True):
        found = sample.gt_instances
        instance_map, label_map = np.zeros((48, 96), int), np.full((48, 96), 255)
        masks = decode_masks(found.masks, (48, 96)) > 0
        for row, mask in enumerate(masks):
            (number,) = np.unique(frame.instance_map[mask])
            assert bool(found.is_crowd[row]) == (number == 0)
            assert float(found.areas[row]) == mask.sum()
            ids_of.setdefault(int(found.instances_ids[row]), set()).add(int(number))
            instance_map[mask], label_map[mask] = number, found.labels[row]
        np.testing.assert_array_equal(instance_map, frame.instance_map)
        things = np.isin(frame.raw_map, truth.THING_IDS)
        np.testing.assert_array_equal(label_map, np.where(things, LABEL_OF[frame.raw_map], 255))
        assert ('occlusion' in found) == (layout == 'ovis')
    assert all(len(numbers) == 1 for numbers in ids_of.values())


LISTED = {
    'vspw': dict(type='VSPWDataset', ann_file='val.txt', data_prefix=dict(img='data', seg='data')),
    'davis': dict(
        type='DAVISDataset',
        ann_file='ImageSets/2017/val.txt',
        data_prefix=dict(img='JPEGImages/480p', seg='Annotations/480p'),
    ),
}


def test_semantic_labels(tmp_path):
    samples = load(tmp_path, 'vspw', LISTED['vspw'], dict(type='LoadPanopticMap'))
    for sample, frame in zip(samples, truth.frames('val'), strict=True):
        np.testing.assert_array_equal(sample.gt_sem_seg.sem_seg[0], LABEL_OF[frame.raw_map])
        np.testing.assert_array_equal(
            sample.gt_sem_seg.raw_seg[0], np.where(frame.raw_map == 255, 0, frame.raw_map.astype(int) + 1)
        )


def test_objects_without_classes(tmp_path):
    samples = load(tmp_path, 'davis', LISTED['davis'], dict(type='LoadPanopticMap'))
    for sample, frame in zip(samples, truth.frames('val'), strict=True):
        expected = np.where(frame.instance_map > 0, frame.instance_map.astype(int), VOID_ID)
        expected[frame.raw_map == VOID_LABEL] = DAVIS_VOID_ID
        np.testing.assert_array_equal(sample.gt_panoptic_seg.panoptic_seg[0], expected)


@pytest.mark.parametrize('layout', PANOPTIC)
def test_panoptic_maps(tmp_path, layout):
    length = 30 if layout == 'cityscapes_vps' else 6
    samples = load(tmp_path, layout, PANOPTIC[layout], dict(type='LoadPanopticMap'), length)
    is_image = PANOPTIC[layout]['data_prefix']['img'] in IMAGES
    numbers = {}
    for time, (sample, frame) in enumerate(
        zip(samples, truth.frames('val', 0, truth.tiny(frames=length)), strict=True)
    ):
        if layout == 'cityscapes_vps' and time % 5 != 4:
            assert 'gt_panoptic_seg' not in sample
            continue
        ids = sample.gt_panoptic_seg.panoptic_seg[0].numpy()
        void = truth.crowd(frame) if 'vipseg' in layout else np.zeros_like(ids, bool)
        np.testing.assert_array_equal(ids // 65536, np.where(void, 255, LABEL_OF[frame.raw_map]))
        pairs = np.stack([ids % 65536, frame.instance_map.astype(int)])[:, ~void].T
        for found, number in np.unique(pairs, axis=0).tolist():
            assert (found == 0) == (number == 0)
            numbers.setdefault((time if is_image else 0, found), set()).add(number)
    assert all(len(found) == 1 for found in numbers.values())
    assert len(numbers) > 3
