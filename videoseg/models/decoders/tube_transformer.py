"""Queries that attend to all frames of a tube."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet.models.layers import Mask2FormerTransformerDecoder, SinePositionalEncoding3D
from mmengine.model import ModuleList
from torch import Tensor, nn
from torch.nn import functional as F

from videoseg.models.decoders.base_decoder import BaseDecoder
from videoseg.models.layers.masked_attention import MaskedAttention
from videoseg.structures import PixelFeatures

QUERY_TAPS = ('raw', 'normed')


class TubeOutput(NamedTuple):
    """What the queries predict after a layer.

    Attributes:
        class_logits: (B, N, K + 1), last column no object.
        mask_logits: (B, N, T, h, w) at the stride of the mask features.
        queries: (B, N, C).
    """

    class_logits: Tensor
    mask_logits: Tensor
    queries: Tensor


class TubeTransformer(BaseDecoder):
    """The network of :class:`TubeLinkDecoder`: Mask2Former's masked-attention transformer over tubes of any length.

    N learned queries, shared by all frames, attend in turn to the memories of one scale, all frames at once, each
    where its last mask was positive. Parameters are named as in mmdet's ``Mask2FormerHead``. Without gradients only the
    last output is made, and the masks inside the attention only at the size of the level that they mask: resizing the
    features and multiplying gives the same as multiplying and resizing, at a fraction of the work.

    Source: ``specs/tube_link.md`` sections 1.3 and 1.4.

    Args:
        num_things: Thing classes; they come first.
        num_stuff: Stuff classes.
        num_queries: N.
        embed_dims: C of the queries.
        in_channels: Channels of the memories; a 1x1 convolution a level brings others to C.
        mask_channels: Channels of the mask features.
        num_levels: Memories, coarsest first.
        num_layers: Layers.
        num_heads: Attention heads.
        feedforward_channels: Hidden width of the feed-forward parts.
        query_tap: The query vectors given out, for linking and matching: ``'raw'``, of the last layer (Tube-Link), or
            ``'normed'``, after the norm in front of the predictions (MinVIS).
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: For an unknown ``query_tap``.
    """

    clip_length = None

    def __init__(
        self,
        num_things: int,
        num_stuff: int = 0,
        num_queries: int = 100,
        embed_dims: int = 256,
        in_channels: int | None = None,
        mask_channels: int | None = None,
        num_levels: int = 3,
        num_layers: int = 9,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        query_tap: str = 'raw',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if query_tap not in QUERY_TAPS:
            raise ValueError(f'{type(self).__name__}: query_tap must be one of {QUERY_TAPS}, not {query_tap!r}')
        self.num_things, self.num_stuff = num_things, num_stuff
        self.num_queries = num_queries
        self.query_tap = query_tap
        self.in_channels = in_channels or embed_dims
        self.mask_channels = mask_channels or embed_dims
        attention = dict(embed_dims=embed_dims, num_heads=num_heads, batch_first=True)
        self.transformer_decoder = Mask2FormerTransformerDecoder(
            num_layers=num_layers,
            layer_cfg=dict(
                self_attn_cfg=dict(attention),
                cross_attn_cfg=dict(attention),
                ffn_cfg=dict(embed_dims=embed_dims, feedforward_channels=feedforward_channels),
            ),
        )
        for layer in self.transformer_decoder.layers:
            layer.cross_attn = MaskedAttention(embed_dims, num_heads)
        self.decoder_input_projs = ModuleList(
            nn.Identity() if self.in_channels == embed_dims else nn.Conv2d(self.in_channels, embed_dims, 1)
            for _ in range(num_levels)
        )
        self.positional_encoding = SinePositionalEncoding3D(num_feats=embed_dims // 2, normalize=True)
        self.query_embed = nn.Embedding(num_queries, embed_dims)
        self.query_feat = nn.Embedding(num_queries, embed_dims)
        self.level_embed = nn.Embedding(num_levels, embed_dims)
        self.cls_embed = nn.Linear(embed_dims, num_things + num_stuff + 1)
        self.mask_embed = nn.Sequential(
            nn.Linear(embed_dims, embed_dims),
            nn.ReLU(inplace=True),
            nn.Linear(embed_dims, embed_dims),
            nn.ReLU(inplace=True),
            nn.Linear(embed_dims, self.mask_channels),
        )

    def init_weights(self) -> None:
        """Xavier-normal matrices in the layers, as mmdet's Mask2Former."""
        super().init_weights()
        for parameter in self.transformer_decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)
        for projection in self.decoder_input_projs:
            if isinstance(projection, nn.Conv2d):
                nn.init.xavier_uniform_(projection.weight)
                nn.init.zeros_(projection.bias)

    def _check(self, feats: PixelFeatures) -> None:
        given = [x.shape[1] for x in (*feats.multi_scale, feats.mask_features)]
        memories = [self.in_channels] * len(self.decoder_input_projs)
        if given != [*memories, self.mask_channels]:
            raise ValueError(
                f'{type(self).__name__} needs memories of {memories} channels (in_channels, num_levels) and mask '
                f'features of {self.mask_channels} (mask_channels); the neck gives {given[:-1]} and {given[-1]}: '
                'change these arguments, or use a neck with multi-scale maps, such as DeformablePixelDecoder'
            )

    def encode_positions(self, num_frames: int, size: Sequence[int], device: torch.device | str) -> Tensor:
        """Sine encoding (T, C, h, w) of the frames and cells of a tube; time is relative to its length."""
        return self.positional_encoding(torch.zeros((1, num_frames, *size), dtype=torch.bool, device=device))[0]

    def _memories(self, feats: PixelFeatures) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of every level the values (B, T*h*w, C), their positions (1, T*h*w, C), and the mask features at its size."""
        memories = []
        for x, project, level in zip(feats.multi_scale, self.decoder_input_projs, self.level_embed.weight, strict=True):
            size, clips = x.shape[-2:], (-1, feats.num_frames)
            values = (project(x) + level[:, None, None]).unflatten(0, clips).permute(0, 1, 3, 4, 2).flatten(1, 3)
            positions = self.encode_positions(feats.num_frames, size, x.device).permute(0, 2, 3, 1)
            planes = feats.mask_features.detach().flatten(0, 1)[:, None]  # twice as fast as channels
            small = F.interpolate(planes, size, mode='bilinear', align_corners=False)[:, 0]
            small = small.unflatten(0, (feats.batch_size, feats.num_frames, -1))
            memories.append((values, positions.flatten(0, 2)[None].to(values.dtype), small))
        return memories

    @staticmethod
    @torch.no_grad()
    def _blocked(kernels: Tensor, small: Tensor) -> Tensor:
        """Cells (B, N, T*h*w) where a query may not look; one that sees nothing at all may look everywhere."""
        blocked = _masks(kernels, small).flatten(2) < 0
        return blocked & ~blocked.all(-1, keepdim=True)

    def run_layers(self, feats: PixelFeatures, keep_all: bool = False) -> list[TubeOutput]:
        """Decode B tubes of T frames.

        Args:
            feats: Features with ``multi_scale``.
            keep_all: Give the outputs of the initial queries and after every layer, not only the last.

        Raises:
            ValueError: If the neck's features do not fit.
        """
        self._check(feats)
        mask_features = feats.mask_features.unflatten(0, (-1, feats.num_frames))
        memories = self._memories(feats)
        queries, query_pos = (
            table.weight.expand(feats.batch_size, -1, -1) for table in (self.query_feat, self.query_embed)
        )
        outputs = []
        for i, layer in enumerate(self.transformer_decoder.layers):
            values, positions, small = memories[i % len(memories)]
            normed = self.transformer_decoder.post_norm(queries)
            kernels = self.mask_embed(normed)
            if keep_all:
                outputs.append(TubeOutput(self.cls_embed(normed), _masks(kernels, mask_features), queries))
            queries = layer(
                query=queries,
                key=values,
                value=values,
                query_pos=query_pos,
                key_pos=positions,
                cross_attn_mask=self._blocked(kernels, small),
            )
        normed = self.transformer_decoder.post_norm(queries)
        masks = _masks(self.mask_embed(normed), mask_features)
        tapped = queries if self.query_tap == 'raw' else normed
        return [*outputs, TubeOutput(self.cls_embed(normed), masks, tapped)]


def _masks(kernels: Tensor, features: Tensor) -> Tensor:
    """Masks (B, N, T, h, w) of kernels (B, N, C) on features (B, T, C, h, w)."""
    return torch.einsum('bnc,btchw->bnthw', kernels, features)
