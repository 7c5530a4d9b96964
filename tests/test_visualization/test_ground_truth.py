"""Ground truth of packed frames as maps."""

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData

from tests.test_visualization.pictures import SIZE, scene
from videoseg.structures.ids import VOID_ID, decode_ids
from videoseg.structures.rle import encode_masks
from videoseg.visualization import panoptic_from_ground_truth


def training_sample(ids):
    sample = DetDataSample()
    labels, numbers = decode_ids(ids)
    things = np.unique(ids[(labels < 2) & (numbers > 0)])
    sample.gt_instances = InstanceData(
        labels=torch.from_numpy(things // 65536).long(),
        masks=torch.from_numpy((ids[None] == things[:, None, None]).astype(np.uint8)),
        instances_ids=torch.from_numpy(things).long(),
    )
    sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(labels.astype(np.uint8))[None])
    return sample


def test_training_targets_give_back_the_map():
    ids = scene()
    ids[58, 10:20] = 65536  # a crowd of persons
    assert (panoptic_from_ground_truth(training_sample(ids)) == ids).all()


def test_instance_numbers_without_label_are_understood():
    sample = training_sample(scene())
    sample.gt_instances.instances_ids = sample.gt_instances.instances_ids % 65536
    assert (panoptic_from_ground_truth(sample) == scene()).all()


def test_frame_without_objects():
    ids = np.where(scene() >= 2 * 65536, scene(), VOID_ID).astype(np.int32)
    assert (panoptic_from_ground_truth(training_sample(ids)) == ids).all()


def test_test_map_is_taken_as_it_is():
    sample = DetDataSample()
    sample.gt_panoptic_seg = PixelData(panoptic_seg=torch.from_numpy(scene())[None])
    assert (panoptic_from_ground_truth(sample) == scene()).all()


def test_instances_alone_leave_the_rest_void():
    sample = training_sample(scene())
    del sample.gt_sem_seg
    expected = np.where(decode_ids(scene())[0] < 2, scene(), VOID_ID)
    assert (panoptic_from_ground_truth(sample) == expected).all()


def test_run_length_encoded_masks_of_a_test_set():
    sample = training_sample(scene())
    del sample.gt_sem_seg
    expected = panoptic_from_ground_truth(sample)
    sample.set_metainfo(dict(ori_shape=SIZE))
    instances = sample.gt_instances
    sample.gt_instances = InstanceData(labels=instances.labels, instances_ids=instances.instances_ids)
    sample.gt_instances.masks = encode_masks(instances.masks.numpy())
    assert (panoptic_from_ground_truth(sample) == expected).all()
    sample.gt_instances = InstanceData(labels=torch.zeros(0).long(), instances_ids=torch.zeros(0).long(), masks=[])
    assert (panoptic_from_ground_truth(sample) == VOID_ID).all()


def test_no_ground_truth():
    assert panoptic_from_ground_truth(DetDataSample(metainfo=dict(ori_shape=SIZE))) is None
