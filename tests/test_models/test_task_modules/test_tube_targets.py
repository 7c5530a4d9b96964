"""Tubes and their matching equal the original."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import load
from tests.test_models.test_task_modules.test_kernel_assigner import gt_inds_of
from tests.test_models.vis_parity import frame_targets_of
from videoseg.models.task_modules import FrameTargets, make_tube_targets
from videoseg.registry import TASK_UTILS


@pytest.mark.parametrize('name', parity_names('knet', ['vis_assigner.pt']))
def test_parity(name):
    record = load(name)
    inputs, expected = record['inputs'], record['outputs']
    tubes = make_tube_targets(frame_targets_of(inputs['gt_masks'], inputs['gt_labels'], inputs['gt_ids']))
    assert torch.equal(tubes.masks.flatten(1, 2), expected['gt_tubes'])
    assigner = TASK_UTILS.build(dict(type='KernelAssigner'))
    (match,) = assigner.assign(inputs['masks'].transpose(0, 1)[None], inputs['cls'][None], [tubes])
    assert torch.equal(gt_inds_of(match, 12), expected['gt_inds'])
    labels = torch.full((12,), -1)
    labels[match.kernels] = tubes.labels[match.targets]
    assert torch.equal(labels, expected['labels'])


def frame(ids, labels, stuff=(), value=1.0):
    size = (4, 6)
    return FrameTargets(
        torch.tensor(labels, dtype=torch.long),
        torch.full((len(ids), *size), value),
        torch.tensor(ids, dtype=torch.long),
        torch.tensor(stuff, dtype=torch.long),
        torch.full((len(stuff), *size), value),
    )


def test_absent_objects_are_empty_and_ids_ascend():
    tubes = make_tube_targets([frame([9, 4], [1, 0], [3], 0.25), frame([], []), frame([4, 7], [0, 2], [2, 3])])
    assert tubes.ids.tolist() == [4, 7, 9] and tubes.labels.tolist() == [0, 2, 1]
    assert tubes.masks.amax((2, 3)).tolist() == [[0.25, 0, 1], [0, 0, 1], [0.25, 0, 0]]
    assert tubes.stuff_labels.tolist() == [2, 3]
    assert tubes.stuff_masks.amax((2, 3)).tolist() == [[0, 0, 1], [0.25, 0, 1]]


def test_clip_without_objects():
    tubes = make_tube_targets([frame([], []), frame([], [])])
    assert tubes.masks.shape == (0, 2, 4, 6) and len(tubes.labels) == 0


def test_bad_ids_are_named():
    with pytest.raises(ValueError, match=r"video 'v7': instance ids \[4\] change their class"):
        make_tube_targets([frame([4, 5], [0, 1]), frame([4, 5], [2, 1])], "video 'v7'")
    with pytest.raises(ValueError, match='frame 1 of the clip has several masks'):
        make_tube_targets([frame([4], [0]), frame([4, 4], [0, 0])])
