"""Loss of diffusion outputs: weights by segment size, what takes part, kinds, chunks."""

import pytest
import torch
from torch.nn import functional as F

from videoseg.models.losses import SizeWeightedBitLoss
from videoseg.models.task_modules import AnalogBitCodec
from videoseg.registry import MODELS

CODEC = AnalogBitCodec(3, 4, scale=0.1)


def case(size=(6, 7), batch=2, kind='softmax'):
    labels, ids = torch.randint(0, 8, (batch, *size)), torch.randint(0, 16, (batch, *size))
    return torch.randn(batch, CODEC.num_outputs(kind), *size, requires_grad=True), labels, ids


@pytest.mark.parametrize(('power', 'ratio', 'tolerance'), [(0.2, 5.2, 0.05), (0.4, 27, 0.6), (1.0, 3960, 1)])
def test_a_small_object_against_a_road(power, ratio, tolerance):
    """100 pixels against 400 000."""
    ids = torch.cat([torch.full((100,), 7), torch.full((400_000,), 3)]).view(1, 100, -1)
    weights = SizeWeightedBitLoss(power=power).weights(torch.ones_like(ids), ids)
    assert float(weights[ids == 7][0] / weights[ids == 3][0]) == pytest.approx(ratio, abs=tolerance)
    assert float(weights.mean()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize('power', [0.0, 0.2, 0.4, 1.0])
def test_weights_against_the_formula(power):
    labels, ids = case()[1:]
    weights = MODELS.build(dict(type='SizeWeightedBitLoss', power=power)).weights(labels, ids)
    for b in range(2):
        raw = torch.tensor([[(1 / (int((ids[b] == v).sum()) + 1)) ** power for v in row] for row in ids[b].tolist()])
        assert torch.allclose(weights[b], raw / raw.mean(), rtol=1e-5)
        assert float(weights[b].mean()) == pytest.approx(1, abs=1e-5)
    assert power > 0 or torch.equal(weights, torch.ones_like(weights))


def test_padding_takes_no_part():
    """Neither in the mean nor in the size of a segment: the loss is that of the valid part."""
    outputs, labels, ids = case()
    valid = torch.zeros_like(labels, dtype=torch.bool)
    valid[:, :4, :5] = True
    loss_fn = SizeWeightedBitLoss()
    padded = loss_fn(outputs, labels, ids, CODEC, valid)
    cut = loss_fn(outputs[..., :4, :5], labels[:, :4, :5], ids[:, :4, :5], CODEC)
    assert float(padded) == pytest.approx(float(cut), rel=1e-6)
    padded.backward()
    assert bool((outputs.grad.abs().sum(1) > 0).eq(valid).all())


def test_void_is_trained_or_not():
    outputs, labels, ids = case()
    void = labels == 0
    assert bool((SizeWeightedBitLoss().weights(labels, ids)[void] > 0).all())
    ignoring = SizeWeightedBitLoss(train_void=False)
    weights = ignoring.weights(labels, ids)
    assert bool((weights[void] == 0).all()) and bool((weights[~void] > 0).all())
    assert float(weights[0][~void[0]].mean()) == pytest.approx(1, abs=1e-5)
    same = ignoring(outputs, labels, ids, CODEC, None), SizeWeightedBitLoss()(outputs, labels, ids, CODEC, ~void)
    assert float(same[0]) == pytest.approx(float(same[1]), rel=1e-6)


def test_nothing_to_train():
    outputs, labels, ids = case()
    loss = SizeWeightedBitLoss()(outputs, labels, ids, CODEC, torch.zeros_like(labels, dtype=torch.bool))
    loss.backward()
    assert float(loss) == 0 and bool((outputs.grad == 0).all())


def test_softmax_is_the_mean_of_both_cross_entropies():
    outputs, labels, ids = case()
    weights = SizeWeightedBitLoss(power=0.3).weights(labels, ids)
    expected = [
        (weights * F.cross_entropy(part, codes, reduction='none')).mean()
        for part, codes in ((outputs[:, :8], labels), (outputs[:, 8:], ids))
    ]
    loss = SizeWeightedBitLoss(power=0.3, loss_weight=3.0)(outputs, labels, ids, CODEC)
    assert float(loss) == pytest.approx(3 * float(sum(expected)) / 2, rel=1e-6)


def test_other_kinds():
    outputs, labels, ids = case(kind='l2')
    bits = CODEC.encode(labels, ids)
    l2 = SizeWeightedBitLoss(power=0, kind='l2')(outputs, labels, ids, CODEC)
    assert float(l2) == pytest.approx(float(F.mse_loss(outputs, bits)), rel=1e-6)
    sigmoid = SizeWeightedBitLoss(power=0, kind='sigmoid')(outputs, labels, ids, CODEC)
    expected = F.binary_cross_entropy_with_logits(outputs, (bits > 0).float())
    assert float(sigmoid) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize('kind', AnalogBitCodec.KINDS)
def test_perfect_outputs_have_no_loss(kind):
    _, labels, ids = case()
    outputs = CODEC.encode(labels, ids)
    if kind == 'sigmoid':
        outputs = 1000 * outputs
    if kind == 'softmax':
        outputs = torch.cat([F.one_hot(labels, 8), F.one_hot(ids, 16)], -1).permute(0, 3, 1, 2) * 100.0
    assert float(SizeWeightedBitLoss(kind=kind)(outputs, labels, ids, CODEC)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('kind', AnalogBitCodec.KINDS)
@pytest.mark.parametrize('chunk', [1, 4, 6])
def test_chunks_give_the_same_loss_and_gradients(kind, chunk):
    _, labels, ids = case()
    head = torch.nn.Conv2d(5, CODEC.num_outputs(kind), 1)
    features = torch.randn(2, 5, 6, 7, requires_grad=True)
    results = []
    for rows in (None, chunk):
        features.grad = None
        head.zero_grad()
        loss = SizeWeightedBitLoss(kind=kind, chunk=rows)(features, labels, ids, CODEC, head=head)
        loss.backward()
        results.append([loss.detach(), features.grad.clone(), head.weight.grad.clone()])
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-7)


def test_half_precision_outputs_are_trained_in_full_precision():
    outputs, labels, ids = case()
    loss = SizeWeightedBitLoss()(outputs.detach().bfloat16(), labels, ids, CODEC)
    assert loss.dtype == torch.float32 and float(loss) == pytest.approx(
        float(SizeWeightedBitLoss()(outputs, labels, ids, CODEC)), rel=0.01
    )


def test_defaults_are_those_of_the_paper():
    """The student port took l2, b = 1 and no weights: the three choices that the paper found bad, together."""
    loss, codec = SizeWeightedBitLoss(), AnalogBitCodec(8, 8)
    assert (loss.kind, loss.power, codec.scale) == ('softmax', 0.2, 0.1)


def test_bad_input():
    outputs, labels, ids = case()
    with pytest.raises(ValueError, match='kind must be one of'):
        SizeWeightedBitLoss(kind='eps')
    with pytest.raises(ValueError, match='power'):
        SizeWeightedBitLoss(power=-0.1)
    with pytest.raises(ValueError, match=r'\(6, 7\) do not fit maps of sizes \(6, 7\) \(classes\) and \(3, 7\)'):
        SizeWeightedBitLoss()(outputs, labels, ids[:, :3], CODEC)
    with pytest.raises(ValueError, match='24 channels'):
        SizeWeightedBitLoss()(outputs, labels, ids, AnalogBitCodec(3, 5))
