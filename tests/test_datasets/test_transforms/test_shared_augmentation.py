"""One random draw a clip, labels only by nearest neighbour: mmcv's and mmdet's transforms in the broadcaster."""

import numpy as np
import pytest
import torch

from tests.test_datasets.step_files import LOAD, build, dataset_args, scene, write_dataset, write_frame
from videoseg.datasets import BaseVideoPanopticDataset
from videoseg.datasets.samplers import DrawIndex
from videoseg.datasets.transforms import ClipSample, PackClipInputs
from videoseg.structures.ids import decode_ids

RESIZE = dict(type='RandomResize', scale=(80, 48), ratio_range=(0.4, 2.0), keep_ratio=True)
FLIP = dict(type='RandomFlip', prob=0.5)


def clips(tmp_path, transforms, count=12, sequences=None, num_refs=2):
    """Results before packing."""
    root = sequences or write_dataset(tmp_path, {'0000': 6})
    pipeline = [
        dict(type='ClipSample', num_refs=num_refs),
        dict(type='TransformBroadcaster', share_random_params=True, transforms=[*LOAD, *transforms]),
    ]
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=pipeline))
    return [dataset[DrawIndex(3, seed)] for seed in range(count)]


def test_flip_and_scale_agree_over_the_frames(tmp_path):
    drawn = set()
    for clip in clips(tmp_path, [RESIZE, FLIP], 20):
        assert len(set(clip['flip'])) == len(set(clip['scale_factor'])) == len(set(clip['img_shape'])) == 1
        assert {m.shape for m in clip['gt_seg_map']} == {i.shape[:2] for i in clip['img']} == set(clip['img_shape'])
        drawn.add((clip['flip'][0], clip['img_shape'][0]))
    assert {flip for flip, _ in drawn} == {True, False} and len({shape for _, shape in drawn}) > 8


def test_pixels_of_a_still_scene_agree_over_the_frames(tmp_path):
    for t in range(6):
        write_frame(tmp_path, 'train', '0000', str(t), scene(0), np.random.default_rng(0).integers(
            0, 256, (24, 40, 3)).astype(np.uint8))  # fmt: skip
    for clip in clips(tmp_path, [RESIZE, FLIP, dict(type='PhotoMetricDistortion')], 8, sequences=tmp_path):
        assert all(np.array_equal(clip['img'][0], image) for image in clip['img'][1:])
        assert all(np.array_equal(clip['gt_seg_map'][0], ids) for ids in clip['gt_seg_map'][1:])


def test_photometric_distortion_is_drawn_anew_for_every_clip(tmp_path):
    means = {round(float(c['img'][0].mean()), 3) for c in clips(tmp_path, [dict(type='PhotoMetricDistortion')], 10)}
    assert len(means) > 5


@pytest.mark.parametrize('transforms', [
    [RESIZE, FLIP],
    [dict(type='Resize', scale=(97, 51), keep_ratio=False)],
    [dict(type='RandomChoiceResize', scales=[(40, 24), (61, 37)], keep_ratio=True)],
    [dict(type='RandomFlip', prob=1.0, direction='vertical')],
])  # fmt: skip
def test_labels_are_never_mixed(tmp_path, transforms):
    for clip in clips(tmp_path, transforms, 8):
        for t, ids in zip(clip['frame_id'], clip['gt_seg_map'], strict=True):
            rgb = scene(t).astype(int)
            known = np.unique(rgb[..., 0] * 65536 + rgb[..., 1] * 256 + rgb[..., 2])
            labels, instances = decode_ids(ids)
            raw = np.array([11, 13, 0, 10] + [255] * 252)[labels]
            assert ids.dtype == np.int32 and set(np.unique(raw * 65536 + instances)) <= set(known)


def test_maps_follow_their_images(tmp_path):
    """Images painted with the colours of their maps: scaled by whole numbers and flipped, both still agree."""
    double = dict(type='Resize', scale=(80, 48), keep_ratio=True, interpolation='nearest')
    flipped = 0
    for clip in clips(tmp_path, [double, FLIP], 8):
        for image, ids in zip(clip['img'], clip['gt_seg_map'], strict=True):
            labels, instances = decode_ids(ids)
            raw = np.array([11, 13, 0, 10] + [255] * 252)[labels]
            assert np.array_equal(image[..., ::-1], np.stack([raw, instances // 256, instances % 256], -1))
        flipped += clip['flip'][0]
    assert 0 < flipped < 8


def test_packed_instances_keep_their_ids_over_time(tmp_path):
    root = write_dataset(tmp_path, {'0000': 6})
    [broadcaster] = build([dict(type='TransformBroadcaster', share_random_params=True, transforms=[*LOAD, FLIP])])
    dataset = BaseVideoPanopticDataset(**dataset_args(root, pipeline=[ClipSample(), broadcaster, PackClipInputs()]))
    for seed in range(4):
        key, ref = dataset[DrawIndex(2, seed)]['data_samples'].video_data_samples
        assert key.gt_instances.instances_ids.tolist() == ref.gt_instances.instances_ids.tolist() == [7, 65536 + 300]
        # The objects move by one pixel a frame, and nothing else about them changes.
        moved = (ref.frame_id - key.frame_id) * (-1 if key.flip else 1)
        assert torch.equal(key.gt_instances.masks.roll(moved, -1), ref.gt_instances.masks)
