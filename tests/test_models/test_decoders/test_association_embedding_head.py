"""What the association embedding looks at; its layers and losses are compared in test_association_l2_loss.py."""

import pytest
import torch

from videoseg.models.decoders import AssociationEmbeddingHead

RANDOM = torch.Generator().manual_seed(0)
KERNELS, FEATURES = torch.randn(3, 8, 1, 1, generator=RANDOM), torch.randn(8, 6, 9, generator=RANDOM)
MASKS = (torch.rand(3, 6, 9, generator=RANDOM) > 0.5).float()
SEES = dict(kernel=(True, False), mask=(False, True), roi_align=(False, True), both=(True, True))


@pytest.mark.parametrize('source', SEES)
def test_a_source_sees_what_it_names(source):
    head = AssociationEmbeddingHead(8, 5, source=source).eval()
    head.init_weights()
    with torch.no_grad():
        out = head(KERNELS, FEATURES, MASKS)
        other_kernels = head(torch.randn(3, 8, 1, 1), FEATURES, MASKS)
        other_pixels = head(KERNELS, torch.randn(8, 6, 9), MASKS)
    assert out.shape == (3, 5)
    assert (not torch.equal(out, other_kernels), not torch.equal(out, other_pixels)) == SEES[source]


def test_kernel_needs_no_pixels_and_has_the_published_parameters():
    head = AssociationEmbeddingHead(8, 5)
    with torch.no_grad():
        assert torch.equal(head(KERNELS), head(KERNELS, FEATURES, MASKS))
    roots = {name.split('.')[0] for name in head.state_dict()}
    assert roots == {'kernel_fcs', 'kernel_embed', 'fcs', 'fc_embed'}


def test_the_region_part_can_be_set():
    head = AssociationEmbeddingHead(8, 5, source='roi_align', region=dict(output_size=3))
    assert head.region.fc.weight.shape == (8, 72)
    both = AssociationEmbeddingHead(8, 5, source='both', region=dict(type='MaskRoIAlign', output_size=2))
    assert type(both.region).__name__ == 'MaskRoIAlign' and both.merge.weight.shape == (8, 16)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"source must be one of .*'kernel'.*, not 'box'"):
        AssociationEmbeddingHead(8, source='box')
    with pytest.raises(ValueError, match="source='kernel' describes no pixels"):
        AssociationEmbeddingHead(8, region=dict(output_size=3))
