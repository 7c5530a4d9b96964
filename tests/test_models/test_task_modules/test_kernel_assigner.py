"""Matching equals the original; targets are what the specification says."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData

from tests.parity_data import parity_names
from tests.test_models.knet_parity import CLAMPED, assert_close, load
from videoseg.models.task_modules import FrameTargets, make_frame_targets
from videoseg.models.task_modules.frame_targets import stuff_masks_of
from videoseg.registry import TASK_UTILS


def gt_inds_of(match, num_kernels):
    inds = torch.zeros(num_kernels, dtype=torch.long)
    inds[match.kernels] = match.targets + 1
    return inds


@pytest.mark.parametrize('name', parity_names('knet', ['knet_assigner.pt', 'video_assigner.pt']))
def test_parity(name):
    record = load(name)
    inputs = record['inputs']
    none = inputs['gt_labels'][:0]
    targets = FrameTargets(inputs['gt_labels'], inputs['gt_masks'], inputs['gt_labels'], none, inputs['gt_masks'][:0])
    assigner = TASK_UTILS.build(CLAMPED if name.startswith('video') else dict(type='KernelAssigner'))
    outputs = record['outputs']
    cases = [(outputs, inputs['cls'])] if 'cost' in outputs else [(outputs['with_cls'], inputs['cls'])]
    if 'without_cls' in outputs:
        cases.append((outputs['without_cls'], None))
    for expected, classes in cases:
        assert_close(assigner.cost_matrix(inputs['masks'], classes, targets), expected['cost'])
        scores = None if classes is None else classes[None]
        (match,) = assigner.assign(inputs['masks'][None], scores, [targets])
        assert torch.equal(gt_inds_of(match, 12), expected['gt_inds'])


def test_no_objects_and_nan():
    assigner = TASK_UTILS.build(dict(type='KernelAssigner'))
    none = torch.zeros(0, dtype=torch.long)
    empty = FrameTargets(none, torch.zeros(0, 4, 4), none, none, torch.zeros(0, 4, 4))
    (match,) = assigner.assign(torch.randn(1, 3, 4, 4), None, [empty])
    assert len(match.kernels) == 0
    one = empty._replace(labels=torch.tensor([0]), masks=torch.ones(1, 4, 4), ids=torch.tensor([1]))
    with pytest.raises(FloatingPointError, match='frame 0'):
        assigner.assign(torch.full((1, 3, 4, 4), float('nan')), None, [one])


def test_stuff_masks_of_recorded_maps():
    for name in parity_names('knet', ['knet_sem2ins.pt']):
        record = load(name)
        labels, masks = stuff_masks_of(record['inputs'][0], 4)
        assert torch.equal(labels, record['outputs']['labels'])
        assert torch.equal(masks.float(), record['outputs']['masks'])


def test_targets_are_soft_and_void_is_left_out():
    frame = DetDataSample()
    masks = torch.zeros(1, 8, 8, dtype=torch.uint8)
    masks[0, :3, :4] = 1
    frame.gt_instances = InstanceData(labels=torch.tensor([1]), masks=masks, instances_ids=torch.tensor([7]))
    sem = torch.full((1, 8, 8), 255, dtype=torch.uint8)
    sem[0, 4:, :] = 3
    frame.gt_sem_seg = PixelData(sem_seg=sem)
    (target,) = make_frame_targets([frame], stride=4, num_things=2)
    assert target.labels.tolist() == [1] and target.ids.tolist() == [7]
    assert target.masks[0].tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert target.stuff_labels.tolist() == [3]
    assert target.stuff_masks[0].tolist() == [[0.0, 0.0], [1.0, 1.0]]
