"""Decoders: from pixel features to masks, and the registered parts they are made of."""

from videoseg.models.decoders.association_embedding_head import AssociationEmbeddingHead
from videoseg.models.decoders.base_decoder import BaseDecoder
from videoseg.models.decoders.base_denoiser import BaseDenoiser
from videoseg.models.decoders.clip_kernel_update_head import ClipKernelUpdateHead
from videoseg.models.decoders.clip_knet_decoder import ClipKNetDecoder
from videoseg.models.decoders.cross_tube_link import CrossTubeLink
from videoseg.models.decoders.diffusers_mask_denoiser import DiffusersMaskDenoiser
from videoseg.models.decoders.diffusion_decoder import DiffusionDecoder
from videoseg.models.decoders.kernel_generate_head import KernelGenerateHead
from videoseg.models.decoders.kernel_proposal_head import KernelProposalHead
from videoseg.models.decoders.kernel_update_head import KernelUpdateHead
from videoseg.models.decoders.kernel_updator import KernelUpdator
from videoseg.models.decoders.knet_decoder import KNetDecoder
from videoseg.models.decoders.mask_average import MaskAverage
from videoseg.models.decoders.mask_roi_align import MaskRoIAlign
from videoseg.models.decoders.previous_kernel_attention import PreviousKernelAttention
from videoseg.models.decoders.semantic_knet_decoder import SemanticKNetDecoder
from videoseg.models.decoders.trans_unet_denoiser import TransUNetDenoiser
from videoseg.models.decoders.tube_contrastive_head import TubeContrastiveHead
from videoseg.models.decoders.tube_link_decoder import TubeLinkDecoder
from videoseg.models.decoders.tube_query_fusion import TubeQueryFusion
from videoseg.models.decoders.video_knet_decoder import VideoKNetDecoder

__all__ = [
    'AssociationEmbeddingHead',
    'BaseDecoder',
    'BaseDenoiser',
    'ClipKNetDecoder',
    'ClipKernelUpdateHead',
    'CrossTubeLink',
    'DiffusersMaskDenoiser',
    'DiffusionDecoder',
    'KNetDecoder',
    'KernelGenerateHead',
    'KernelProposalHead',
    'KernelUpdateHead',
    'KernelUpdator',
    'MaskAverage',
    'MaskRoIAlign',
    'PreviousKernelAttention',
    'SemanticKNetDecoder',
    'TransUNetDenoiser',
    'TubeContrastiveHead',
    'TubeLinkDecoder',
    'TubeQueryFusion',
    'VideoKNetDecoder',
]
