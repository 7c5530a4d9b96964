"""Loss functions that mmdet does not have."""

from videoseg.models.losses.association_l2_loss import AssociationL2Loss
from videoseg.models.losses.kernel_criterion import KernelCriterion
from videoseg.models.losses.size_weighted_bit_loss import SizeWeightedBitLoss
from videoseg.models.losses.tube_criterion import TubeCriterion

__all__ = ['AssociationL2Loss', 'KernelCriterion', 'SizeWeightedBitLoss', 'TubeCriterion']
