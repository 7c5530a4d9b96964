"""Integers as analog bits."""

from collections.abc import Sequence

import torch
from torch import Tensor

from videoseg.models.task_modules.row_chunks import Head, map_rows
from videoseg.registry import TASK_UTILS

Valid = int | Tensor | None
"""Codes in use: the first n, those of a bool table (codes,), or all."""


@TASK_UTILS.register_module()
class AnalogBitCodec:
    """A class code and an identity code a pixel as real numbers -b, +b, least significant digit first.

    Channels are the class digits, then the identity digits. Class code 0 is void, identity code 0 no instance. Give the
    codes as many digits as the task needs (:meth:`bits_for`): the code book decides how large the logits are. Either
    group may have no digits (class-agnostic: only identities; semantic: only classes); its one code is then 0.

    Network outputs are, by kind, ``'softmax'``: logits of all class codes, then of all identity codes; ``'sigmoid'``:
    one logit a digit; ``'l2'``: the analog bits themselves. Source: ``specs/pix2seq_d.md`` sections 1 and 3.2.

    Args:
        num_class_bits: Digits of the class code.
        num_id_bits: Digits of the identity code.
        scale: b; the smaller, the more a noisy pixel hides its bit.

    Raises:
        ValueError: If there is no digit at all, a number of digits is not in [0, 16], or b is not positive.
    """

    KINDS = ('softmax', 'sigmoid', 'l2')

    def __init__(self, num_class_bits: int, num_id_bits: int, scale: float = 0.1) -> None:
        for name, bits in (('num_class_bits', num_class_bits), ('num_id_bits', num_id_bits)):
            if not 0 <= bits <= 16:
                raise ValueError(f'AnalogBitCodec: {name} must be in [0, 16], got {bits}')
        if num_class_bits + num_id_bits == 0:
            raise ValueError('AnalogBitCodec: num_class_bits and num_id_bits are both 0, there is nothing to encode')
        if scale <= 0:
            raise ValueError(f'AnalogBitCodec: scale must be positive, got {scale}')
        self.num_class_bits = num_class_bits
        self.num_id_bits = num_id_bits
        self.scale = scale

    # ---------------------------------------------------------------- sizes

    @property
    def num_bits(self) -> int:
        """Channels of the analog bits."""
        return self.num_class_bits + self.num_id_bits

    @property
    def num_class_codes(self) -> int:
        """Size of the class code book."""
        return 1 << self.num_class_bits

    @property
    def num_id_codes(self) -> int:
        """Size of the identity code book."""
        return 1 << self.num_id_bits

    @staticmethod
    def bits_for(num_codes: int) -> int:
        """Digits that ``num_codes`` codes need, 0 among them.

        >>> AnalogBitCodec.bits_for(20)  # 19 classes and void
        5
        """
        return max(num_codes - 1, 0).bit_length()

    def num_outputs(self, kind: str = 'softmax') -> int:
        """Channels that a network has to give.

        Raises:
            ValueError: For an unknown kind.
        """
        self._check_kind(kind)
        return self.num_class_codes + self.num_id_codes if kind == 'softmax' else self.num_bits

    def check_capacity(self, num_class_codes: int, num_id_codes: int = 1) -> None:
        """Refuse a task that needs more codes than there are.

        Args:
            num_class_codes: Needed class codes, void among them (classes + 1).
            num_id_codes: Needed identity codes, 0 among them.

        Raises:
            ValueError: Naming the number of digits that would do.
        """
        for name, argument, needed, bits in (
            ('class', 'num_class_bits', num_class_codes, self.num_class_bits),
            ('identity', 'num_id_bits', num_id_codes, self.num_id_bits),
        ):
            if needed > 1 << bits:
                raise ValueError(
                    f'{needed} {name} codes (0 among them) do not fit into {bits} bits, which hold {1 << bits}: set '
                    f'{argument}={self.bits_for(needed)}'
                )

    @classmethod
    def _check_kind(cls, kind: str) -> None:
        if kind not in cls.KINDS:
            raise ValueError(f'kind must be one of {cls.KINDS}, got {kind!r}')

    # ---------------------------------------------------------------- integers and analog bits

    def encode(self, labels: Tensor, ids: Tensor) -> Tensor:
        """Analog bits of code maps.

        Args:
            labels: (..., h, w) class codes.
            ids: (..., h, w) identity codes.

        Returns:
            (..., bits, h, w) float32 in {-b, b}.

        Raises:
            ValueError: If a code is negative or larger than its code book.
        """
        for name, codes, bits in (('class', labels, self.num_class_bits), ('identity', ids, self.num_id_bits)):
            if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < 1 << bits:
                raise ValueError(
                    f'{name} codes from {int(codes.min())} to {int(codes.max())} do not fit into {bits} bits, which '
                    f'hold 0 to {(1 << bits) - 1}: more bits, or fewer {name} codes'
                )
        digits = [labels >> bit & 1 for bit in range(self.num_class_bits)]
        digits += [ids >> bit & 1 for bit in range(self.num_id_bits)]
        return self.scale * (2.0 * torch.stack(digits, dim=-3).float() - 1)

    def zeros(self, shape: Sequence[int], device: torch.device | str | None = None) -> Tensor:
        """The code of void without instance, all -b.

        Args:
            shape: (..., h, w) of the maps.
            device: Device of the result.

        Returns:
            (..., bits, h, w) float32.
        """
        return torch.full((*shape[:-2], self.num_bits, *shape[-2:]), -self.scale, device=device)

    def decode_sign(self, analog: Tensor) -> tuple[Tensor, Tensor]:
        """Class and identity codes (..., h, w) int64 by the signs of analog bits (..., bits, h, w).

        Of expected bits this may be a code without any probability (specs, section 3.2); see :meth:`decode_argmax`.
        """
        bits = (analog > 0).long()
        place = 1 << torch.arange(max(self.num_class_bits, self.num_id_bits), device=analog.device)
        groups = bits.split([self.num_class_bits, self.num_id_bits], dim=-3)
        labels, ids = ((group * place[: group.shape[-3], None, None]).sum(-3) for group in groups)
        return labels, ids

    # ---------------------------------------------------------------- logits

    def expected_bits(self, logits: Tensor, head: Head | None = None, chunk: int | None = None) -> Tensor:
        """The mean of the analog bits under two soft-max distributions.

        Args:
            logits: (B, class codes + identity codes, h, w), or with ``head`` features (B, F, h, w).
            head: Pixel-wise layer from features to logits, see :func:`map_rows`.
            chunk: Rows at a time; None: all.

        Returns:
            (B, bits, h, w) in [-b, b].
        """

        def book(group: Tensor) -> Tensor:
            """Digits (codes, bits) of all codes of a group."""
            codes = torch.arange(group.shape[1], device=group.device)[:, None]
            return (codes >> torch.arange(self.bits_for(len(codes)), device=group.device) & 1).to(group)

        def means(rows: Tensor) -> tuple[Tensor]:
            digits = [torch.einsum('bkhw,kj->bjhw', group.softmax(1), book(group)) for group in self.split(rows)]
            return (self.scale * (2 * torch.cat(digits, dim=1) - 1),)

        return map_rows(means, logits, head=head, chunk=chunk)[0]

    def estimate(
        self, outputs: Tensor, kind: str = 'softmax', head: Head | None = None, chunk: int | None = None
    ) -> Tensor:
        """The estimate of the analog bits (B, bits, h, w) that network outputs of any kind stand for.

        Raises:
            ValueError: For an unknown kind.
        """
        self._check_kind(kind)
        if kind == 'softmax':
            return self.expected_bits(outputs, head, chunk)
        outputs = outputs if head is None else head(outputs)
        if kind == 'sigmoid':
            return self.scale * (2 * outputs.sigmoid() - 1)
        return outputs.clamp(-self.scale, self.scale)

    def decode_argmax(
        self,
        logits: Tensor,
        valid_classes: Valid = None,
        valid_ids: Valid = None,
        head: Head | None = None,
        chunk: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The most probable codes among those in use.

        Args:
            logits: As in :meth:`expected_bits`.
            valid_classes: Class codes in use.
            valid_ids: Identity codes in use.
            head: See :meth:`expected_bits`.
            chunk: See :meth:`expected_bits`.

        Returns:
            Class and identity codes, (B, h, w) int64.

        Raises:
            ValueError: If no code is in use, or more than there are.
        """
        tables = (
            self._table(valid_classes, self.num_class_codes, 'valid_classes').to(logits.device),
            self._table(valid_ids, self.num_id_codes, 'valid_ids').to(logits.device),
        )

        def best(rows: Tensor) -> tuple[Tensor, Tensor]:
            labels, ids = (
                group.masked_fill(~table[:, None, None], -torch.inf).argmax(1)
                for group, table in zip(self.split(rows), tables, strict=True)
            )
            return labels, ids

        return map_rows(best, logits, head=head, chunk=chunk)

    @staticmethod
    def _table(valid: Valid, size: int, name: str) -> Tensor:
        if valid is None:
            return torch.ones(size, dtype=torch.bool)
        table = torch.arange(size) < valid if isinstance(valid, int) else valid.bool()
        if len(table) != size or not bool(table.any()) or (isinstance(valid, int) and valid > size):
            raise ValueError(
                f'{name} must name 1 to {size} codes in use (a number, or a bool table of {size}): {valid}'
            )
        return table

    def code_probs(
        self, logits: Tensor, labels: Tensor, ids: Tensor, head: Head | None = None, chunk: int | None = None
    ) -> Tensor:
        """How sure a pixel is of its codes: probability of the class times that of the identity.

        Args:
            logits: As in :meth:`expected_bits`.
            labels: (B, h, w) class codes.
            ids: (B, h, w) identity codes.
            head: See :meth:`expected_bits`.
            chunk: See :meth:`expected_bits`.

        Returns:
            (B, h, w) in [0, 1].
        """

        def joint(rows: Tensor, *codes: Tensor) -> tuple[Tensor]:
            first, second = (
                (group.gather(1, own[:, None])[:, 0] - group.logsumexp(1)).exp()
                for group, own in zip(self.split(rows), codes, strict=True)
            )
            return ((first * second).clamp(max=1),)

        return map_rows(joint, logits, labels, ids, head=head, chunk=chunk)[0]

    def bit_probs(self, analog: Tensor) -> Tensor:
        """The same for outputs without code logits: product over digits of the probability of the decoded one.

        Args:
            analog: (..., bits, h, w) estimates in [-b, b], as means of the digits.

        Returns:
            (..., h, w) in [0, 1].
        """
        return ((analog / self.scale).abs().clamp(max=1) / 2 + 0.5).prod(-3)

    def split(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits and identity logits of (B, class codes + identity codes, h, w), in float32.

        Raises:
            ValueError: If the number of channels is not that of the code books.
        """
        sizes = [self.num_class_codes, self.num_id_codes]
        if logits.shape[1] != sum(sizes):
            raise ValueError(
                f'{logits.shape[1]} channels of logits, but the code books have {sizes[0]} class and {sizes[1]} '
                f'identity codes, {sum(sizes)} together'
            )
        return logits.float().split(sizes, dim=1)
