"""Integers as analog bits: round trips, expected bits, decoding, sizes."""

import pytest
import torch

from videoseg.models.task_modules import AnalogBitCodec
from videoseg.registry import TASK_UTILS


def all_pairs():
    codes = torch.arange(256)
    return codes[:, None].expand(256, 256), codes.expand(256, 256)


@pytest.mark.parametrize('scale', [0.1, 1.0])
def test_round_trip_of_all_65536_pairs(scale):
    codec = TASK_UTILS.build(dict(type='AnalogBitCodec', num_class_bits=8, num_id_bits=8, scale=scale))
    labels, ids = all_pairs()
    analog = codec.encode(labels, ids)
    assert analog.shape == (16, 256, 256) and analog.dtype == torch.float32
    assert torch.equal(analog.abs(), torch.full_like(analog, scale))
    decoded = codec.decode_sign(analog)
    assert torch.equal(decoded[0], labels) and torch.equal(decoded[1], ids)


def test_digits_are_least_significant_first_class_before_identity():
    codec = AnalogBitCodec(3, 4, scale=0.5)
    analog = codec.encode(torch.tensor([[6]]), torch.tensor([[1]]))
    assert (analog[:, 0, 0] > 0).tolist() == [False, True, True, True, False, False, False]


def test_leading_dimensions_pass_through():
    codec = AnalogBitCodec(2, 3)
    labels, ids = torch.randint(0, 4, (2, 5, 3, 4)), torch.randint(0, 8, (2, 5, 3, 4))
    analog = codec.encode(labels, ids)
    assert analog.shape == (2, 5, 5, 3, 4)
    assert torch.equal(analog[1, 3], codec.encode(labels[1, 3], ids[1, 3]))
    assert torch.equal(codec.decode_sign(analog)[1], ids)


def test_a_missing_frame_is_the_code_of_void():
    """Frame dropout and the time before the video: all -b, exactly as an all-void map."""
    codec = AnalogBitCodec(5, 8, scale=0.3)
    void = torch.zeros(2, 4, 6, dtype=torch.long)
    missing = codec.zeros((2, 4, 6))
    assert torch.equal(missing, codec.encode(void, void)) and bool((missing == -torch.tensor(0.3)).all())


def test_expected_bits_of_certain_logits_are_the_code():
    codec = AnalogBitCodec(8, 8, scale=0.1)
    labels, ids = all_pairs()
    labels, ids = labels[None, 3:7, ::9], ids[None, 3:7, ::9]
    logits = torch.cat([torch.nn.functional.one_hot(codes, 256).permute(0, 3, 1, 2) for codes in (labels, ids)], 1)
    estimate = codec.expected_bits(100.0 * logits)
    assert torch.allclose(estimate, codec.encode(labels, ids), atol=1e-6)
    for decoded in (codec.decode_argmax(logits), codec.decode_sign(estimate)):
        assert torch.equal(decoded[0], labels) and torch.equal(decoded[1], ids)


def test_expected_bits_against_the_sum_over_codes():
    codec = AnalogBitCodec(3, 2, scale=0.3)
    logits = torch.randn(2, 8 + 4, 3, 5)
    result = codec.expected_bits(logits)
    for group, bits, first in ((logits[:, :8], 3, 0), (logits[:, 8:], 2, 3)):
        probs = group.double().exp() / group.double().exp().sum(1, keepdim=True)
        for bit in range(bits):
            p = sum(probs[:, code] for code in range(group.shape[1]) if code >> bit & 1)
            assert torch.allclose(result[:, first + bit].double(), 0.3 * (2 * p - 1), atol=1e-6)
    assert float(result.abs().max()) <= 0.3


def test_sign_decoding_can_give_a_code_without_probability():
    """Probabilities 0.4, 0.3, 0.3 of 3, 5, 6: the signs say 7, the most probable code is 3."""
    codec = AnalogBitCodec(3, 0)
    logits = torch.full((1, 9, 1, 1), -30.0)
    logits[0, [3, 5, 6], 0, 0] = torch.tensor([0.4, 0.3, 0.3]).log()
    assert codec.decode_sign(codec.expected_bits(logits))[0].item() == 7
    assert codec.decode_argmax(logits)[0].item() == 3
    assert codec.code_probs(logits, torch.full((1, 1, 1), 3), torch.zeros(1, 1, 1, dtype=torch.long)).item() == (
        pytest.approx(0.4, abs=1e-6)
    )


def test_codes_not_in_use_never_win():
    codec = AnalogBitCodec(3, 3)
    logits = torch.arange(16.0).view(1, 16, 1, 1).expand(1, 16, 2, 2)
    labels, ids = codec.decode_argmax(logits, valid_classes=6, valid_ids=torch.tensor([1, 0, 1, 0, 0, 0, 0, 0]).bool())
    assert labels.unique().tolist() == [5] and ids.unique().tolist() == [2]


def test_chunks_and_a_head_give_the_same():
    codec = AnalogBitCodec(5, 8)
    head = torch.nn.Conv2d(6, codec.num_outputs(), 1)
    features = torch.randn(2, 6, 7, 5)
    logits = head(features)
    labels, ids = codec.decode_argmax(logits)
    whole, probs = codec.expected_bits(logits), codec.code_probs(logits, labels, ids)
    for chunk in (1, 3, 7, 100):
        assert torch.allclose(codec.expected_bits(logits, chunk=chunk), whole, atol=1e-7)
        assert torch.allclose(codec.expected_bits(features, head, chunk), whole, atol=1e-6)
        assert torch.allclose(codec.estimate(features, 'softmax', head, chunk), whole, atol=1e-6)
        assert torch.allclose(codec.code_probs(features, labels, ids, head, chunk), probs, atol=1e-6)
        again = codec.decode_argmax(features, 20, 100, head, chunk)
        assert all(map(torch.equal, again, codec.decode_argmax(logits, 20, 100)))


def test_other_kinds_of_outputs():
    codec = AnalogBitCodec(2, 1, scale=0.2)
    outputs = torch.tensor([-50.0, 50.0, 0.0]).view(1, 3, 1, 1)
    assert torch.allclose(codec.estimate(outputs, 'sigmoid').flatten(), torch.tensor([-0.2, 0.2, 0.0]))
    assert torch.allclose(codec.estimate(outputs, 'l2').flatten(), torch.tensor([-0.2, 0.2, 0.0]))
    assert codec.bit_probs(codec.estimate(outputs, 'sigmoid')).item() == pytest.approx(0.5)
    assert codec.bit_probs(codec.encode(torch.tensor([[3]]), torch.tensor([[0]]))).item() == pytest.approx(1)
    doubled = codec.estimate(outputs, 'l2', head=lambda x: x / 500)
    assert torch.allclose(doubled.flatten(), torch.tensor([-0.1, 0.1, 0.0]))
    assert [codec.num_outputs(kind) for kind in codec.KINDS] == [6, 3, 3]


@pytest.mark.parametrize(('class_bits', 'id_bits'), [(0, 4), (5, 0)])
def test_class_agnostic_and_semantic_codes(class_bits, id_bits):
    codec = AnalogBitCodec(class_bits, id_bits)
    labels = torch.arange(codec.num_class_codes)[:, None].expand(-1, codec.num_id_codes)
    ids = torch.arange(codec.num_id_codes).expand_as(labels)
    analog = codec.encode(labels, ids)
    assert len(analog) == codec.num_bits == class_bits + id_bits
    decoded = codec.decode_sign(analog)
    assert torch.equal(decoded[0], labels) and torch.equal(decoded[1], ids)
    assert codec.expected_bits(torch.randn(1, codec.num_outputs(), 2, 2)).shape == (1, codec.num_bits, 2, 2)


def test_code_books_are_as_large_as_the_task_needs():
    assert [AnalogBitCodec.bits_for(n) for n in (1, 2, 20, 32, 33, 134, 256)] == [0, 1, 5, 5, 6, 8, 8]
    assert AnalogBitCodec(8, 8).num_outputs() == 512 and AnalogBitCodec(5, 8).num_outputs() == 288
    codec = AnalogBitCodec(5, 4)
    codec.check_capacity(32, 16)
    with pytest.raises(ValueError, match='33 class codes .* 5 bits.*num_class_bits=6'):
        codec.check_capacity(33, 16)
    with pytest.raises(ValueError, match='17 identity codes .* 4 bits.*num_id_bits=5'):
        codec.check_capacity(32, 17)


def test_bad_input():
    zero = torch.zeros(1, 1, dtype=torch.long)
    for bad in (dict(num_class_bits=-1, num_id_bits=8), dict(num_class_bits=0, num_id_bits=0)):
        with pytest.raises(ValueError, match='num_class_bits'):
            AnalogBitCodec(**bad)
    with pytest.raises(ValueError, match='scale'):
        AnalogBitCodec(8, 8, scale=0)
    codec = AnalogBitCodec(2, 3)
    with pytest.raises(ValueError, match='class codes from 4 to 4 do not fit into 2 bits'):
        codec.encode(zero + 4, zero)
    with pytest.raises(ValueError, match='identity codes from 8 to 8 do not fit into 3 bits'):
        codec.encode(zero, zero + 8)
    with pytest.raises(ValueError, match='class codes from -1'):
        codec.encode(zero - 1, zero)
    with pytest.raises(ValueError, match='11 channels'):
        codec.expected_bits(torch.zeros(1, 11, 2, 2))
    with pytest.raises(ValueError, match='kind'):
        codec.estimate(torch.zeros(1, 12, 2, 2), 'eps')
    with pytest.raises(ValueError, match='chunk must be at least 1'):
        codec.expected_bits(torch.zeros(1, 12, 2, 2), chunk=0)
    for bad in (0, 5, torch.zeros(4, dtype=torch.bool), torch.ones(3, dtype=torch.bool)):
        with pytest.raises(ValueError, match='valid_classes must name 1 to 4'):
            codec.decode_argmax(torch.zeros(1, 12, 2, 2), valid_classes=bad)
