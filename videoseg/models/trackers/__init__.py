"""Identity over time, by rules without learned weights."""

from .base_tracker import BaseTracker
from .decoder_id_tracker import DecoderIdTracker
from .embedding_tracker import QuasiDenseEmbeddingTracker
from .kernel_index_tracker import KernelIndexTracker
from .mask_iou_tracker import MaskIoUTracker
from .query_matching_tracker import QueryMatchingTracker
from .sort_box_tracker import SORTBoxTracker
from .tube_memory_tracker import TubeMemoryTracker

__all__ = [
    'BaseTracker',
    'DecoderIdTracker',
    'KernelIndexTracker',
    'MaskIoUTracker',
    'QuasiDenseEmbeddingTracker',
    'QueryMatchingTracker',
    'SORTBoxTracker',
    'TubeMemoryTracker',
]
