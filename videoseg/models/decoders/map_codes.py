"""What the codes of a diffusion model mean: model labels and identities."""

from typing import NamedTuple

import torch
from mmdet.structures import TrackDataSample
from torch import Tensor

from videoseg.models.decoders.past_frames import ClipOrder
from videoseg.models.task_modules.analog_bit_codec import AnalogBitCodec
from videoseg.models.task_modules.bit_sampler import SampleResult
from videoseg.models.task_modules.map_targets import ID_CONVENTIONS, ID_DRAWS, draw_id_codes, make_map_targets
from videoseg.models.task_modules.row_chunks import Head
from videoseg.structures.ids import VOID_LABEL

DECODINGS = ('argmax', 'no_void', 'sign')


class ClipCodes(NamedTuple):
    """Codes of the frame to predict and of the k before it.

    Attributes:
        classes: (h, w) int64 class codes.
        ids: (h, w) int64 identity codes.
        past_classes: (k, h, w), oldest first; missing frames are void.
        past_ids: (k, h, w).
        valid: (h, w) bool, false in the padding.
    """

    classes: Tensor
    ids: Tensor
    past_classes: Tensor
    past_ids: Tensor
    valid: Tensor


class MapCodes:
    """Class code 0 is void, c + 1 is model label c; identity code 0 is none.

    Args:
        num_things: Thing classes.
        num_stuff: Stuff classes.
        codec: The bits; without class bits everything with an identity is of the one thing class.
        identities: ``'things'`` have one, or all ``'segments'``.
        id_draw: How identities get their codes, see :func:`draw_id_codes`.
        max_ids: Largest identity code in use; None: all that fit into the bits.
        decoding: Codes by ``'argmax'`` over those in use, or with ``'no_void'`` over those but void, or by the
            ``'sign'`` of the expected bits.

    Raises:
        ValueError: If an option is unknown, or the codes do not hold the classes or identities.
    """

    def __init__(
        self,
        num_things: int,
        num_stuff: int,
        codec: AnalogBitCodec,
        identities: str = 'things',
        id_draw: str = 'random',
        max_ids: int | None = None,
        decoding: str = 'argmax',
    ) -> None:
        for name, value, known in (
            ('identities', identities, ID_CONVENTIONS),
            ('id_draw', id_draw, ID_DRAWS),
            ('decoding', decoding, DECODINGS),
        ):
            if value not in known:
                raise ValueError(f'DiffusionDecoder: {name} must be one of {known}, got {value!r}')
        if codec.num_class_bits == 0 and (num_things, num_stuff) != (1, 0):
            raise ValueError(
                f'DiffusionDecoder: without class bits there is one thing class and no stuff, got '
                f'num_things={num_things} and num_stuff={num_stuff}'
            )
        if codec.num_class_bits == 0 and decoding == 'no_void':
            raise ValueError("DiffusionDecoder: without class bits void is what has no identity; use decoding='argmax'")
        self.num_things = num_things
        self.num_stuff = num_stuff
        self.codec = codec
        self.identities = identities
        self.id_draw = id_draw
        self.max_ids = codec.num_id_codes - 1 if max_ids is None else max_ids
        self.decoding = decoding
        self.num_classes = num_things + num_stuff + 1 if codec.num_class_bits else 1
        codec.check_capacity(self.num_classes, self.max_ids + 1)

    def __str__(self) -> str:
        bits = f'num_class_bits={self.codec.num_class_bits}, num_id_bits={self.codec.num_id_bits}'
        return f'{bits}, scale={self.codec.scale:g}, identities={self.identities}'

    def of_clip(self, sample: TrackDataSample, order: ClipOrder, size: tuple[int, int]) -> ClipCodes:
        """Codes of a training clip at the size (h, w) of the masks, identities drawn with torch's global generator.

        Raises:
            ValueError: If the clip has more identities than there are codes.
        """
        present = [t for t in order.past if t is not None]
        frames = [sample.video_data_samples[t] for t in (*present, order.predicted)]
        targets = make_map_targets(frames, size, self.num_things, self.num_stuff, self.identities)
        classes = self.classes(targets.labels)
        ids = torch.zeros_like(classes)
        if self.codec.num_id_bits:
            where = f'video {sample.metainfo.get("video_id")}, frame {frames[-1].metainfo.get("frame_id")}'
            ids = draw_id_codes(targets.keys, self.max_ids, self.id_draw, where=where)
        missing = classes.new_zeros((len(order.past) - len(present), *size))
        past = [torch.cat([missing, codes[:-1]]) for codes in (classes, ids)]
        return ClipCodes(classes[-1], ids[-1], *past, targets.valid[-1])

    def decode(
        self, result: SampleResult, kind: str, head: Head | None = None, chunk: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Codes in use that a sampler's result stands for, and how sure they are.

        Args:
            result: Analog bits, and the features or logits behind them.
            kind: Kind of the network's outputs.
            head: Layer from features to logits.
            chunk: Rows at a time.

        Returns:
            Class codes, identity codes and probabilities, (B, h, w) each.
        """
        softmax = kind == 'softmax'
        if softmax and self.decoding != 'sign':
            used = torch.arange(self.codec.num_class_codes) < self.num_classes
            used[0] = self.decoding != 'no_void'
            classes, ids = self.codec.decode_argmax(result.logits, used, self.max_ids + 1, head, chunk)
        else:
            classes, ids = self.codec.decode_sign(result.x0)
            classes, ids = classes.clamp(max=self.num_classes - 1), ids.clamp(max=self.max_ids)
        if softmax:
            scores = self.codec.code_probs(result.logits, classes, ids, head, chunk)
        else:
            scores = self.codec.bit_probs(result.x0)
        if self.codec.num_class_bits:  # void has no identity, nor has stuff where only things have one
            last = self.num_things if self.identities == 'things' else self.num_things + self.num_stuff
            ids = torch.where((classes >= 1) & (classes <= last), ids, 0)
        return classes, ids, scores

    def labels(self, classes: Tensor, ids: Tensor) -> Tensor:
        """Model labels of code maps of any shape, 255 = void."""
        if self.codec.num_class_bits == 0:
            return torch.where(ids > 0, 0, VOID_LABEL)
        return torch.where(classes > 0, classes - 1, VOID_LABEL)

    def classes(self, labels: Tensor) -> Tensor:
        """Class codes of model labels of any shape."""
        if self.codec.num_class_bits == 0:
            return torch.zeros_like(labels)
        return torch.where(labels == VOID_LABEL, 0, labels + 1)
