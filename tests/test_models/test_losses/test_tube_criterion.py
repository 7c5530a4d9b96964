"""Losses of tubes do not depend on the number of frames, and equal Mask2Former's on images."""

import math

import pytest
import torch
from torch.nn import functional as F

from tests.test_models.knet_parity import assert_close
from videoseg.models.losses import TubeCriterion
from videoseg.models.task_modules import Match

LAYOUTS = ['long_image', 'per_frame']


def match(queries, rows):
    return Match(torch.tensor(queries, dtype=torch.long), torch.tensor(rows, dtype=torch.long))


def losses_of(layout, logits, masks, classes=None, labels=(0, 1), matches=None, num_points=64):
    """Losses of one clip; query i is matched to tube i."""
    count = len(masks)
    classes = torch.zeros(1, logits.shape[1], 4) if classes is None else classes
    matches = [match(range(count), range(count))] if matches is None else matches
    criterion = TubeCriterion(num_classes=3, num_points=num_points, mask_loss=layout)
    return criterion(classes, logits, matches, [torch.tensor(labels, dtype=torch.long)], [masks])


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('frames', [2, 5])
def test_the_number_of_frames_does_not_scale_the_losses(layout, frames):
    """mmdet's video head multiplies cross-entropy by T squared and dice by T (spec 6.3)."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 3, 1, 16, 16, generator=generator)
    masks = (torch.rand(2, 1, 32, 32, generator=generator) > 0.5).float()
    torch.manual_seed(0)
    one = losses_of(layout, logits, masks, num_points=2000)
    many = losses_of(layout, logits.repeat(1, 1, frames, 1, 1), masks.repeat(1, frames, 1, 1), num_points=2000)
    for name, value in one.items():
        torch.testing.assert_close(many[name], value, rtol=0.03, atol=0)


def test_one_frame_is_the_same_in_both_layouts():
    logits, masks = torch.randn(1, 3, 1, 8, 8), (torch.rand(2, 1, 16, 16) > 0.5).float()
    found = []
    for layout in LAYOUTS:
        torch.manual_seed(0)
        found.append(losses_of(layout, logits, masks))
    assert set(found[0]) == set(found[1]) == {'loss_cls', 'loss_mask', 'loss_dice'}
    for name, value in found[0].items():
        assert_close(found[1][name], value)


def test_a_frame_has_a_dice_of_its_own_only_per_frame():
    """In frame 1 the mask is right, in frame 0 wrong: per frame both dices count alike."""
    logits, masks = torch.full((1, 1, 2, 8, 8), 20.0), torch.ones(1, 2, 16, 16)
    logits[:, :, 0] = -20.0
    masks[:, 0, 4:6, 4:6] = 0
    dices = [losses_of(name, logits, masks, labels=(0,), num_points=2000)['loss_dice'].item() for name in LAYOUTS]
    assert dices == pytest.approx([5 / 3, 5 / 2], rel=0.1)


def test_class_loss_is_divided_by_the_weights_of_the_labels():
    classes = torch.randn(2, 5, 4)
    labels = [torch.tensor([2, 0]), torch.tensor([1])]
    masks = [torch.zeros(len(own), 2, 8, 8) for own in labels]
    matches = [match([0, 3], [1, 0]), match([4], [0])]
    wanted = torch.tensor([[0, 3, 3, 2, 3], [3, 3, 3, 3, 1]])
    for weights, options in (
        ([1.0, 1.0, 1.0, 0.1], {}),
        ([1.0, 1.0, 1.0, 0.5], dict(no_object_weight=0.5)),
        ([1.0, 3.0, 1.0, 0.5], dict(loss_cls=dict(class_weight=[1.0, 3.0, 1.0, 0.5]))),
        ([1.0, 1.0, 1.0, 1.0], dict(loss_cls=dict(class_weight=None))),
    ):
        criterion = TubeCriterion(3, num_points=8, **options)
        losses = criterion(classes, torch.zeros(2, 5, 2, 4, 4), matches, labels, masks)
        expected = 2 * F.cross_entropy(classes.flatten(0, 1), wanted.flatten(), torch.tensor(weights))
        assert_close(losses['loss_cls'], expected)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_without_a_match_the_mask_losses_are_zero_with_gradients(layout):
    logits, classes = torch.randn(1, 3, 2, 8, 8, requires_grad=True), torch.zeros(1, 3, 4, requires_grad=True)
    losses = losses_of(layout, logits, torch.zeros(0, 2, 16, 16), classes, labels=())
    assert losses['loss_mask'] == losses['loss_dice'] == 0
    assert losses['loss_cls'].item() == pytest.approx(2 * math.log(4), rel=1e-5)
    sum(losses.values()).backward()
    assert logits.grad is not None and not logits.grad.any() and classes.grad.any()


def test_unknown_layout():
    with pytest.raises(ValueError, match="TubeCriterion: mask_loss must be one of .* 'clip'"):
        TubeCriterion(3, mask_loss='clip')
