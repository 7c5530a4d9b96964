"""Identity over time, by rules without learned weights."""

from .base_tracker import BaseTracker
from .embedding_tracker import QuasiDenseEmbeddingTracker
from .kernel_index_tracker import KernelIndexTracker
from .mask_iou_tracker import MaskIoUTracker

__all__ = ['BaseTracker', 'KernelIndexTracker', 'MaskIoUTracker', 'QuasiDenseEmbeddingTracker']
