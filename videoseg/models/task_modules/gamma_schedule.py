"""How much of the signal is left at each time of the diffusion."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from videoseg.registry import TASK_UTILS

_FLOOR = 1e-9


def _cosine(t: Tensor) -> Tensor:
    return torch.cos(math.pi / 2 * (t + 0.0002) / (1 + 0.00025)).square()


def _rescaled(curve: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """A falling curve on [0, 1], rescaled to go from 1 to 0."""
    first, last = curve(t.new_zeros(())), curve(t.new_ones(()))
    return ((curve(t) - last) / (first - last)).clamp(_FLOOR, 1)


def _general_cosine(t: Tensor, start: float = 0.0, end: float = 1.0, tau: float = 1.0) -> Tensor:
    return _rescaled(lambda s: torch.cos((start + (end - start) * s) * math.pi / 2).clamp(min=0).pow(2 * tau), t)


def _sigmoid(t: Tensor, start: float = -3.0, end: float = 3.0, tau: float = 1.0) -> Tensor:
    return _rescaled(lambda s: torch.sigmoid(-(start + (end - start) * s) / tau), t)


def _linear(t: Tensor) -> Tensor:
    return (1 - t).clamp(_FLOOR, 1)


_CURVES = {'cosine': _cosine, 'general_cosine': _general_cosine, 'sigmoid': _sigmoid, 'linear': _linear}
_OPTIONS = {'general_cosine': {'start', 'end', 'tau'}, 'sigmoid': {'start', 'end', 'tau'}}


@TASK_UTILS.register_module()
class GammaSchedule:
    """gamma(t), the power of the signal at time t in [0, 1]: ``x_t = sqrt(gamma) x_0 + sqrt(1 - gamma) noise``.

    ``'cosine'`` is the one of the panoptic models, ``cos^2(pi/2 (t + 0.0002) / 1.00025)``. The others go from 1 to 0,
    at least 1e-9: ``'general_cosine'`` (cos^(2 tau) between ``start`` and ``end``), ``'sigmoid'`` (logistic function
    between ``start`` and ``end``, with temperature ``tau``), ``'linear'``. Source: ``specs/pix2seq_d.md`` section 2.

    Args:
        kind: Name of the curve.
        options: ``start``, ``end``, ``tau`` of the curves that have them.

    Raises:
        ValueError: For an unknown curve.
        TypeError: For an option that the curve does not have.
    """

    def __init__(self, kind: str = 'cosine', **options: float) -> None:
        if kind not in _CURVES:
            raise ValueError(f'GammaSchedule: kind must be one of {sorted(_CURVES)}, got {kind!r}')
        unknown = set(options) - _OPTIONS.get(kind, set())
        if unknown:
            raise TypeError(
                f'GammaSchedule: {kind!r} has no option {", ".join(sorted(unknown))}; it has '
                f'{", ".join(sorted(_OPTIONS.get(kind, set()))) or "none"}'
            )
        self.kind = kind
        self.options = options

    def gamma(self, t: Tensor | float) -> Tensor:
        """Signal power, float32 of the shape of ``t`` in [0, 1]; computed in double precision."""
        return self._exact(torch.as_tensor(t)).float()

    def _exact(self, t: Tensor) -> Tensor:
        return _CURVES[self.kind](t.double(), **self.options)

    def betas(self, n: int = 1000) -> Tensor:
        """``1 - gamma((i + 1) / n) / gamma(i / n)`` of n steps, (n,) float64: ``trained_betas`` of diffusers."""
        gamma = self._exact(torch.linspace(0, 1, n + 1, dtype=torch.float64))
        return 1 - gamma[1:] / gamma[:-1]

    @staticmethod
    def add_noise(clean: Tensor, noise: Tensor, gamma: Tensor) -> Tensor:
        """The noisy sample (B, ...) of a clean one, with one gamma a sample (B,)."""
        gamma = gamma.view(-1, *[1] * (clean.dim() - 1))
        return gamma.sqrt() * clean + (1 - gamma).sqrt() * noise

    @staticmethod
    def normalize(noisy: Tensor, gamma: Tensor, scale: float, mode: str = 'none') -> Tensor:
        """Bring the network's input to about unit variance.

        Args:
            noisy: (B, ...) noisy bits.
            gamma: (B,) signal power.
            scale: b of the bits.
            mode: ``'none'``; ``'std'``: divide by the standard deviation of each sample; ``'formula'``: divide by
                ``sqrt((b^2 - 1) gamma + 1)``.

        Raises:
            ValueError: For an unknown mode.
        """
        if mode == 'none':
            return noisy
        shape = (-1, *[1] * (noisy.dim() - 1))
        if mode == 'std':
            return noisy / noisy.flatten(1).std(1).view(shape)
        if mode == 'formula':
            return noisy / ((scale**2 - 1) * gamma + 1).sqrt().view(shape)
        raise ValueError(f"input normalisation must be 'none', 'std' or 'formula', got {mode!r}")
