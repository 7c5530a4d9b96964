"""Masked attention equals mmcv's wrapper."""

import pytest
import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention

from tests.test_models.knet_parity import assert_close
from videoseg.models.layers.masked_attention import MaskedAttention


@pytest.mark.parametrize('clips', [1, 3])
def test_equals_mmcv(clips):
    torch.manual_seed(0)
    theirs, ours = MultiheadAttention(16, 4, batch_first=True), MaskedAttention(16, 4)
    torch.nn.init.normal_(theirs.attn.in_proj_bias)
    ours.load_state_dict(theirs.state_dict())  # strict: the same names
    query, key, value = torch.randn(clips, 5, 16), torch.randn(clips, 30, 16), torch.randn(clips, 30, 16)
    query_pos, key_pos = torch.randn(clips, 5, 16), torch.randn(1, 30, 16)
    blocked = torch.rand(clips, 5, 30) > 0.4
    blocked[:, 0] = False
    expected = theirs(
        query,
        key,
        value,
        query_pos=query_pos,
        key_pos=key_pos,
        attn_mask=blocked.repeat_interleave(4, dim=0),
    )
    found = ours(query, key, value, query_pos=query_pos, key_pos=key_pos, attn_mask=blocked)
    assert_close(found, expected)
    for module, output in ((theirs, expected), (ours, found)):
        output.square().sum().backward()
        assert all(p.grad is not None for p in module.parameters())
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-4, atol=1e-4)


def test_blocked_keys_have_no_influence():
    attention = MaskedAttention(8, 2)
    query, key = torch.randn(1, 3, 8), torch.randn(1, 10, 8)
    none = torch.zeros(1, 1, 8)
    blocked = torch.zeros(1, 3, 10, dtype=torch.bool)
    blocked[:, :, 6:] = True
    changed = key.clone()
    changed[:, 6:] += 5
    first, second = (attention(query, x, x, none, none, blocked) for x in (key, changed))
    assert torch.equal(first, second)
    assert not torch.equal(first, attention(query, key, key, none, none, ~blocked))
