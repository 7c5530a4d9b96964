"""Pix2Seq-D: masks by denoising the bits of an integer map."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet.structures import TrackDataSample
from torch import Tensor
from torch.nn import functional as F

from videoseg.models.decoders.base_decoder import BaseDecoder
from videoseg.models.decoders.base_denoiser import BaseDenoiser
from videoseg.models.decoders.map_codes import ClipCodes, MapCodes
from videoseg.models.decoders.mask_agreement import mask_agreement
from videoseg.models.decoders.past_frames import ClipOrder, frame_generator, order_clip
from videoseg.models.task_modules.analog_bit_codec import AnalogBitCodec
from videoseg.models.task_modules.bit_sampler import BitSampler
from videoseg.models.task_modules.gamma_schedule import GammaSchedule
from videoseg.models.task_modules.mask_corruption import MaskCorruption
from videoseg.models.task_modules.segment_decoder import SegmentDecoder
from videoseg.models.task_modules.track_id_allocator import TrackIdAllocator
from videoseg.registry import MODELS
from videoseg.structures import ClipSegments, FrameMeta, MapPrediction, PixelFeatures
from videoseg.structures.video_state import StateDict

MISSING_PAST = ('refuse', 'void')
FEED_BACKS = ('decoded', 'filtered', 'none')


class _Conditions(NamedTuple):
    """What the denoiser is told beside the noisy bits.

    ``cond`` (B, C, h, w), ``tokens`` (B, L, D), ``extra`` (B, E, h, w): past masks and frame difference.
    """

    cond: Tensor
    tokens: Tensor
    extra: Tensor


@MODELS.register_module()
class DiffusionDecoder(BaseDecoder):
    """Denoise the analog bits of class and identity of every pixel, given image features and the masks of past frames.

    There are no queries and no matching: identities are drawn anew for every training clip, so that the network learns
    the distribution of all equally good labellings, and in a video learns to go on with the identities of the past
    masks that it sees. Any neck will do: ``mask_features`` are the condition, at whose size the masks are made, and the
    coarsest map of ``multi_scale`` gives the tokens.

    Training predicts the latest frame of a clip from the true masks of the ``num_past`` before it, some of which are
    dropped, and corrupted if ``corruption`` is given. Prediction goes frame by frame and sees its own masks. The state
    are the last ``num_past`` code maps and the table of track ids. Every random draw of a frame is seeded by video and
    frame number; a video that starts in the middle is a fresh one that has no past masks.

    Source: Pix2Seq-D, ``specs/pix2seq_d.md`` sections 3 to 7.

    Args:
        num_things: Thing classes.
        num_stuff: Stuff classes.
        denoiser: Config of a :class:`BaseDenoiser`; its widths of inputs and outputs are set here.
        codec: Arguments of :class:`AnalogBitCodec`. Without class bits the decoder is class-agnostic (one thing class,
            no stuff: video object segmentation), without id bits semantic.
        in_channels: Channels of ``mask_features``.
        token_channels: Channels of the coarsest map.
        schedule: Arguments of :class:`GammaSchedule`.
        loss_bits: Config of the loss; its ``kind`` is that of the network's outputs.
        num_past: k, frames whose masks are seen.
        identities: ``'things'`` have one (videos), or all ``'segments'`` (panoptic images).
        id_draw: Training identities: ``'random'`` among all codes, or ``'shuffle'`` of the first ones.
        max_ids: Identities in use; None: all that fit into the bits.
        missing_past: Training clips of fewer than k + 1 frames: ``'refuse'`` them, or what is missing is ``'void'``, as
            at the start of a video (pre-training on stills).
        frame_dropout: Probability that a past mask is void in training.
        corruption: Arguments of :class:`MaskCorruption` for past masks in training, or None.
        frame_difference: Show the network the image minus the one before it, at the size of the masks.
        self_conditioning: Show it its last estimate; in training half of the samples see one.
        input_norm: Normalisation of the noisy bits, see :meth:`GammaSchedule.normalize`.
        sampler: ``'ddim'``, ``'ddpm'`` or ``'dpmsolver++'``.
        td: Asymmetric time interval, see :class:`BitSampler`.
        steps_first: Sampling steps for a frame without past.
        steps_later: Sampling steps for the others; None: the same.
        num_samples: Samples a frame. The first one is the result; with more than one the scores are their agreement
            (:func:`mask_agreement`) rather than the probability of the codes, and all of them are kept as layers.
        decoding: Codes by ``'argmax'`` over those in use, or with ``'no_void'`` over those but void, or by the
            ``'sign'`` of the expected bits.
        feed_back: What the next frame sees: the map as ``'decoded'``, or ``'filtered'`` by ``segments``, or ``'none'``:
            every frame is made as a first one, for another tracker to link.
        segments: Arguments of :class:`SegmentDecoder` for ``feed_back='filtered'``.
        init_cfg: mmengine initialisation.

    Raises:
        ValueError: If an option is unknown, the codes do not hold the classes, or counts are out of range.
        ImportError: Without ``diffusers``.
    """

    clip_length = 1
    embeds = False

    def __init__(
        self,
        num_things: int,
        num_stuff: int,
        denoiser: dict,
        codec: dict,
        in_channels: int = 256,
        token_channels: int = 512,
        schedule: dict | None = None,
        loss_bits: dict | None = None,
        num_past: int = 0,
        identities: str = 'things',
        id_draw: str = 'random',
        max_ids: int | None = None,
        missing_past: str = 'refuse',
        frame_dropout: float = 0.2,
        corruption: dict | None = None,
        frame_difference: bool = False,
        self_conditioning: bool = False,
        input_norm: str = 'none',
        sampler: str = 'ddim',
        td: float = 1.0,
        steps_first: int = 20,
        steps_later: int | None = None,
        num_samples: int = 1,
        decoding: str = 'argmax',
        feed_back: str = 'decoded',
        segments: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_things = num_things
        self.num_stuff = num_stuff
        self.codec = AnalogBitCodec(**codec)
        self.codes = MapCodes(num_things, num_stuff, self.codec, identities, id_draw, max_ids, decoding)
        self.has_instances = self.codec.num_id_bits > 0
        self.loss_bits = MODELS.build({**dict(type='SizeWeightedBitLoss'), **(loss_bits or {})})
        self.num_past = num_past
        self.missing_past = missing_past
        self.frame_difference = frame_difference
        self.self_conditioning = self_conditioning
        self.input_norm = input_norm
        self.steps_first = steps_first
        self.steps_later = steps_first if steps_later is None else steps_later
        self.num_samples = num_samples
        self.feed_back = feed_back
        self._check_options()
        spoil = dict(radius=0, boundary_prob=0, swap_prob=0, drop_prob=0) if corruption is None else corruption
        self.corruption = MaskCorruption(frame_dropout=frame_dropout, **spoil)
        self.segments = SegmentDecoder(**(segments or {}))
        gamma = GammaSchedule(**(schedule or {}))
        self.sampler = BitSampler(gamma, steps_first, td, sampler, self_conditioning=self_conditioning)
        self.allocator = TrackIdAllocator(num_past, max(self.codec.num_id_codes - 1, 1))
        self.denoiser = self._build_denoiser(denoiser, in_channels, token_channels)

    def _check_options(self) -> None:
        for name, value, known in (
            ('missing_past', self.missing_past, MISSING_PAST),
            ('feed_back', self.feed_back, FEED_BACKS),
        ):
            if value not in known:
                raise ValueError(f'DiffusionDecoder: {name} must be one of {known}, got {value!r}')
        if self.num_past < 0 or self.num_samples < 1:
            raise ValueError(
                'DiffusionDecoder: num_past must be at least 0 and num_samples at least 1, got '
                f'{self.num_past} and {self.num_samples}'
            )
        if self.feed_back == 'filtered' and self.codes.identities == 'segments':
            raise ValueError("DiffusionDecoder: feed_back='filtered' leaves stuff no identity; use identities='things'")
        if self.codes.decoding == 'no_void' and self.loss_bits.kind != 'softmax':
            raise ValueError("DiffusionDecoder: decoding='no_void' needs code logits: loss_bits.kind='softmax'")
        if self.codec.num_class_bits == 0 and not self.loss_bits.train_void:
            raise ValueError('DiffusionDecoder: without class bits all is class code 0; use loss_bits.train_void=True')

    def _build_denoiser(self, config: dict, in_channels: int, token_channels: int) -> BaseDenoiser:
        bits = self.codec.num_bits * (1 + self.self_conditioning + self.num_past)
        return MODELS.build(
            dict(
                config,
                bit_channels=bits + 3 * self.frame_difference,
                cond_channels=in_channels,
                token_channels=token_channels,
                out_channels=self.codec.num_outputs(self.loss_bits.kind),
            )
        )

    def checkpoint_meta(self) -> dict[str, str]:
        """The code book: the same channels may have another meaning."""
        return dict(code_book=str(self.codes))

    # ---------------------------------------------------------------- training

    def _orders(self, data_samples: Sequence[TrackDataSample]) -> list[ClipOrder]:
        return [order_clip(sample, self.num_past, self.missing_past) for sample in data_samples]

    def seen_frames(self, data_samples: Sequence[TrackDataSample]) -> list[list[int]]:
        """The latest frame of every clip, with ``frame_difference`` after the one before it; others only give masks."""
        orders = self._orders(data_samples)
        return [(order.before if self.frame_difference else []) + [order.predicted] for order in orders]

    def loss(self, feats: PixelFeatures, data_samples: Sequence[TrackDataSample]) -> dict[str, Tensor]:
        """Loss of the latest frame of B clips, given the features of their :meth:`seen_frames`.

        Raises:
            ValueError: If the features are of more or fewer frames, clips are shorter than k + 1 frames (see
                ``missing_past``), or have more identities than there are codes.
        """
        seen = 1 + self.frame_difference
        if feats.num_frames != seen:
            raise ValueError(
                f'DiffusionDecoder.loss needs the features of seen_frames ({seen} of a clip), got those of '
                f'{feats.num_frames}: encode only these, as VideoSegmentor does, or use PixelFeatures.select_frames'
            )
        orders = self._orders(data_samples)
        size = feats.mask_features.shape[-2:]
        clips = [self.codes.of_clip(s, order, size) for s, order in zip(data_samples, orders, strict=True)]
        codes = ClipCodes(*(torch.stack(column) for column in zip(*clips, strict=True)))
        device = codes.classes.device
        generator = torch.Generator(device).manual_seed(int(torch.randint(2**62, ())))
        clean = self.codec.encode(codes.classes, codes.ids)
        gamma = self.sampler.schedule.gamma(torch.rand(len(clean), generator=generator, device=device))
        noise = torch.randn(clean.shape, generator=generator, device=device)
        shown = torch.rand(len(clean), generator=generator, device=device) < 0.5
        past = self.corruption(codes.past_classes, codes.past_ids, generator)  # draws as many as there are segments
        difference = None
        if self.frame_difference:
            before, latest = self._small_images(feats).unflatten(0, (-1, 2)).unbind(1)
            difference = latest - before
        conditions = self._conditions(feats.select_frames([feats.num_frames - 1]), past, difference)
        noisy = self.sampler.schedule.add_noise(clean, noise, gamma)
        estimate = None
        if self.self_conditioning:
            with torch.no_grad():
                features = self._features(noisy, gamma, torch.zeros_like(noisy), conditions)
                estimate = self._estimate(features) * shown[:, None, None, None]
        features = self._features(noisy, gamma, estimate, conditions)
        loss = self.loss_bits(features, codes.classes, codes.ids, self.codec, codes.valid, self.denoiser.head)
        return dict(loss_bits=loss)

    # ---------------------------------------------------------------- the network

    @staticmethod
    def _small_images(feats: PixelFeatures) -> Tensor:
        """The images at the size of the masks, (B*T, 3, h, w)."""
        return F.adaptive_avg_pool2d(feats.images, feats.mask_features.shape[-2:])

    def _conditions(self, feats: PixelFeatures, past: tuple[Tensor, Tensor], difference: Tensor | None) -> _Conditions:
        """Conditions of B single frames, given their past codes (B, k, h, w), oldest first."""
        if not feats.multi_scale:
            raise ValueError('DiffusionDecoder: the neck gave no multi_scale map to make tokens of; use PyramidMerge')
        extra = [self.codec.encode(*past).flatten(1, 2)]
        if difference is not None:
            extra.append(difference)
        cond = feats.mask_features
        tokens = feats.multi_scale[0].flatten(2).transpose(1, 2)
        return _Conditions(cond, tokens, torch.cat(extra, dim=1).to(cond))

    def _features(self, noisy: Tensor, gamma: Tensor, estimate: Tensor | None, conditions: _Conditions) -> Tensor:
        noisy = self.sampler.schedule.normalize(noisy, gamma, self.codec.scale, self.input_norm)
        bits = [noisy, conditions.extra] if estimate is None else [noisy, estimate, conditions.extra]
        return self.denoiser.features(torch.cat(bits, dim=1), conditions.cond, conditions.tokens, gamma)

    def outputs(self, feats: PixelFeatures, past: tuple[Tensor, Tensor], noisy: Tensor, gamma: Tensor) -> Tensor:
        """What the network gives for noisy bits in one call, of which training makes one and sampling many.

        Without an earlier estimate and without a difference to the frame before, where the network would see them.

        Args:
            feats: Features of B single frames.
            past: Class and identity codes (B, k, h, w) of the past masks, oldest first.
            noisy: (B, bits, h, w).
            gamma: (B,) signal power.

        Returns:
            (B, outputs of the codec, h, w).
        """
        difference = torch.zeros_like(self._small_images(feats)) if self.frame_difference else None
        conditions = self._conditions(feats, past, difference)
        estimate = torch.zeros_like(noisy) if self.self_conditioning else None
        return self.denoiser.head(self._features(noisy, gamma, estimate, conditions))

    def _estimate(self, features: Tensor) -> Tensor:
        loss = self.loss_bits
        return self.codec.estimate(features, loss.kind, self.denoiser.head, loss.chunk)

    # ---------------------------------------------------------------- prediction

    def decode(
        self, feats: PixelFeatures, state: StateDict, metas: Sequence[FrameMeta], prompts: object = None
    ) -> tuple[MapPrediction, StateDict]:
        """Predict B single frames.

        Args:
            feats: Features of B frames.
            state: Empty for fresh videos, else ``past_classes`` and ``past_ids`` (B, k, h, w) int32 codes, oldest
                first, with ``frame_difference`` ``past_image`` (B, 3, h, w), and the table of track ids.
            metas: B frame descriptions.
            prompts: Not used.

        Returns:
            The maps, with track ids, and the new state.

        Raises:
            ValueError: If the past masks have another size than the features, or there are not k of them.
            FloatingPointError: If sampling gives a number that is not finite, naming video, frame and step.
        """
        device, size = feats.mask_features.device, feats.mask_features.shape[-2:]
        past = self._past(state, metas, size, device)
        image = self._small_images(feats) if self.frame_difference else None
        difference = None if image is None else image - state.get('past_image', image)
        conditions = self._conditions(feats, past, difference)
        steps = self.steps_later if state and self.feed_back != 'none' else self.steps_first
        samples = [self._draw(conditions, metas, steps, number) for number in range(self.num_samples)]
        classes, codes, scores = samples[0]
        table = {name: state[name] for name in self.allocator.init_state()} if state else None
        frames = [meta.frame_ids[0] for meta in metas]
        tracks, table = self.allocator.allocate(codes, frames, table or self.allocator.init_state(len(metas), device))
        prediction = MapPrediction(self.codes.labels(classes, codes)[:, None], tracks[:, None], self.num_things)
        if self.num_samples > 1:
            labels = torch.stack([self.codes.labels(classes, ids) for classes, ids, _ in samples], dim=1)
            ids = torch.stack([ids for _, ids, _ in samples], dim=1)
            scores = torch.stack([mask_agreement(*own) for own in zip(labels, ids, strict=True)])
            prediction.layers = labels[:, :, None], ids[:, :, None]
        prediction.scores = scores[:, None]
        new = self._shifted(past, self._fed_back(classes, codes))
        if image is not None:
            new['past_image'] = image
        return prediction, {**new, **table}

    def _past(
        self, state: StateDict, metas: Sequence[FrameMeta], size: tuple[int, int], device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Class and identity codes (B, k, h, w) of the past frames, all void for fresh videos."""
        shape = (len(metas), self.num_past, *size)
        if not state:
            void = torch.zeros(shape, dtype=torch.int32, device=device)
            return void, void
        past = state['past_classes'], state['past_ids']
        if past[0].shape != shape or past[1].shape != shape:
            raise ValueError(
                f'video {metas[0].video_id}, frame {metas[0].frame_ids[0]}: the past masks of the state are '
                f'{tuple(past[1].shape[1:])} (k, h, w), this frame needs {shape[1:]}: frames of a video must have one '
                'size, and its state be of this model; resize by nearest neighbour, or start anew with init_state'
            )
        return past

    def _draw(
        self, conditions: _Conditions, metas: Sequence[FrameMeta], steps: int, number: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One sample of B frames: class codes, identity codes and scores (B, h, w)."""

        def denoise(noisy: Tensor, gamma: Tensor, estimate: Tensor | None) -> tuple[Tensor, Tensor]:
            features = self._features(noisy, gamma, estimate, conditions)
            return self._estimate(features), features

        shape = (len(metas), self.codec.num_bits, *conditions.cond.shape[-2:])
        generators = [frame_generator(meta.seed, meta.video_id, meta.frame_ids[0], number) for meta in metas]
        try:
            result = self.sampler.sample(
                denoise, shape, generators, conditions.cond.device, conditions.cond.dtype, steps
            )
        except FloatingPointError as error:
            frames = ', '.join(f'{b}: video {meta.video_id}, frame {meta.frame_ids[0]}' for b, meta in enumerate(metas))
            raise FloatingPointError(f'{error} (batch of {frames})') from error
        return self.codes.decode(result, self.loss_bits.kind, self.denoiser.head, self.loss_bits.chunk)

    def _fed_back(self, classes: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The codes (B, h, w) that the next frame sees."""
        if self.feed_back == 'decoded':
            return classes, ids
        if self.feed_back == 'none':
            return torch.zeros_like(classes), torch.zeros_like(ids)
        filtered = [
            self.segments(own_labels[None], own_ids[None], self.num_things)
            for own_labels, own_ids in zip(self.codes.labels(classes, ids), ids, strict=True)
        ]
        labels = torch.cat([found.label_map() for found in filtered])
        return self.codes.classes(labels), torch.cat([found.id_map() for found in filtered])

    @staticmethod
    def _shifted(past: tuple[Tensor, Tensor], newest: tuple[Tensor, Tensor]) -> StateDict:
        """Past codes with the newest frame instead of the oldest."""
        names = ('past_classes', 'past_ids')
        joined = [torch.cat([old, new[:, None].to(old)], dim=1)[:, 1:] for old, new in zip(past, newest, strict=True)]
        return {name: codes for name, codes in zip(names, joined, strict=True)}

    def embed(self, feats: PixelFeatures, prediction: MapPrediction, segments: ClipSegments) -> None:
        """Nothing: identity is in the maps."""
        return None
