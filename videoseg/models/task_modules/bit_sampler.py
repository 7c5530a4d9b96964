"""From noise to analog bits."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from videoseg.models.task_modules.gamma_schedule import GammaSchedule
from videoseg.registry import TASK_UTILS

Denoise = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor | None]]
"""(x_t (B, bits, h, w), gamma (B,), self_cond) -> (estimate of x_0 (B, bits, h, w), logits or None)."""

_TRAIN_STEPS = 1000
_SCHEDULERS = {
    'ddim': ('DDIMScheduler', dict(set_alpha_to_one=True)),
    'ddpm': ('DDPMScheduler', dict(variance_type='fixed_large')),
    'dpmsolver++': ('DPMSolverMultistepScheduler', dict(algorithm_type='dpmsolver++')),
}


class SampleResult(NamedTuple):
    """What sampling returns: both of the last call of the network.

    Attributes:
        x0: (B, bits, h, w) float32 estimate of the analog bits.
        logits: What the network gave beside it, or None.
    """

    x0: Tensor
    logits: Any


def diffusers_class(name: str) -> type:
    """A class of diffusers, an optional requirement.

    Raises:
        ImportError: If diffusers is not installed, with what to install.
    """
    try:
        return getattr(importlib.import_module('diffusers'), name)
    except ImportError as error:
        raise ImportError(
            f'the diffusion decoder needs {name} of diffusers, which cannot be imported ({error}): '
            "pip install -r requirements/optional.txt (the extra 'optional'), or bash tools/setup_env.sh"
        ) from error


@TASK_UTILS.register_module()
class BitSampler:
    """Denoise step by step, on the schedulers of diffusers.

    Step k of n announces the noise level of time 1 - k/n and goes on to that of ``max(1 - (k + 1 + td)/n, 0)``: with
    asymmetric time intervals (td > 0) the network is told more noise than there is, and trusts its estimate less.
    Source: ``specs/pix2seq_d.md`` sections 5 and 12; the schedulers themselves know no td, so that steps of DDIM are
    made of their ``add_noise``, those of DDPM with time steps of our own.

    Noise is drawn on the generators' device, one generator a sample: results depend neither on the order of a batch nor
    on the device. The state of the sample is float32 whatever the network computes in.

    Args:
        schedule: :class:`GammaSchedule` or its config.
        steps: Calls of the network.
        td: Asymmetric time interval, in steps; not for DPM-Solver++.
        kind: ``'ddim'``, ``'ddpm'`` (ancestral, with the large variance) or ``'dpmsolver++'``.
        clip: Estimates are clamped to [-clip, clip]; None: not at all (expected bits need no clamp).
        self_conditioning: Hand the network its last estimate, zeros at first.
        self_conditioning_ema: Share of the older estimates in it.

    Attributes:
        observer: Called with the step, counted from 1, and its :class:`SampleResult`, which it must not change, after
            every call of the network; None: nobody watches.

    Raises:
        ValueError: For an unknown kind, fewer than 1 or more than 1000 steps, a negative td, td with DPM-Solver++, or
            an average outside [0, 1) or of estimates that nobody gets.
        ImportError: If diffusers is not installed.
    """

    def __init__(
        self,
        schedule: GammaSchedule | dict | None = None,
        steps: int = 20,
        td: float = 1.0,
        kind: str = 'ddim',
        clip: float | None = None,
        self_conditioning: bool = False,
        self_conditioning_ema: float = 0.0,
    ) -> None:
        if kind not in _SCHEDULERS:
            raise ValueError(f'BitSampler: kind must be one of {sorted(_SCHEDULERS)}, got {kind!r}')
        if td < 0 or (td > 0 and kind == 'dpmsolver++'):
            raise ValueError(f'BitSampler: td must be at least 0, and 0 with dpmsolver++; got td={td}, kind={kind!r}')
        if not 0 <= self_conditioning_ema < 1 or (self_conditioning_ema and not self_conditioning):
            raise ValueError(
                'BitSampler: self_conditioning_ema must be in [0, 1), and 0 without self_conditioning; got '
                f'{self_conditioning_ema}'
            )
        schedule = schedule or dict(type='GammaSchedule')
        self.schedule = TASK_UTILS.build(schedule) if isinstance(schedule, dict) else schedule
        self.steps = self._checked(steps)
        self.td = td
        self.kind = kind
        self.clip = clip
        self.self_conditioning = self_conditioning
        self.self_conditioning_ema = self_conditioning_ema
        self.observer: Callable[[int, SampleResult], None] | None = None
        name, options = _SCHEDULERS[kind]
        if kind != 'dpmsolver++':
            options = {**options, 'clip_sample': False}
        self.scheduler = diffusers_class(name)(
            num_train_timesteps=_TRAIN_STEPS,
            trained_betas=self.schedule.betas(_TRAIN_STEPS).tolist(),
            prediction_type='sample',
            timestep_spacing='trailing',
            **options,
        )

    @staticmethod
    def _checked(steps: int) -> int:
        if not 1 <= steps <= _TRAIN_STEPS:
            raise ValueError(f'the number of sampling steps must be in [1, {_TRAIN_STEPS}], got {steps}')
        return steps

    def time_pairs(self, steps: int) -> list[tuple[int, int]]:
        """Index of the noise level announced in each step, and of the one gone to; -1 is no noise."""
        scheduler = self.scheduler
        scheduler.set_timesteps(self._checked(steps))
        jump = (1 + self.td) * _TRAIN_STEPS / steps
        return [(t, max(round(t - jump), -1)) for t in scheduler.timesteps.tolist()]

    @torch.no_grad()
    def sample(
        self,
        denoise: Denoise,
        shape: Sequence[int],
        generators: Sequence[torch.Generator],
        device: torch.device | str = 'cpu',
        dtype: torch.dtype = torch.float32,
        steps: int | None = None,
    ) -> SampleResult:
        """Draw B samples.

        Args:
            denoise: The network, with its conditions.
            shape: (B, bits, h, w).
            generators: One a sample, best on the CPU.
            device: Where the network computes.
            dtype: What it is given.
            steps: Calls of the network, instead of the number given at construction.

        Raises:
            ValueError: If there is not one generator a sample.
            FloatingPointError: If an estimate is not finite, naming step and sample.
        """
        if len(generators) != shape[0]:
            raise ValueError(f'{shape[0]} samples need as many generators, got {len(generators)}')
        pairs = self.time_pairs(self.steps if steps is None else steps)
        x = torch.stack([torch.randn(shape[1:], generator=g, device=g.device) for g in generators]).to(device)
        estimate, logits = torch.zeros_like(x), None
        fed = torch.zeros_like(x) if self.self_conditioning else None
        for number, (t, target) in enumerate(pairs, 1):
            gamma = self.scheduler.alphas_cumprod[t].to(device).expand(shape[0])
            given = None if fed is None else fed.to(dtype)
            estimate, logits = denoise(x.to(dtype), gamma, given)
            estimate = estimate.float()
            self._check_finite(estimate, number, len(pairs))
            if self.clip is not None:
                estimate = estimate.clamp(-self.clip, self.clip)
            if self.observer is not None:
                self.observer(number, SampleResult(estimate, logits))
            if fed is not None:
                share = self.self_conditioning_ema if number > 1 else 0.0
                fed = share * fed + (1 - share) * estimate
            if number < len(pairs):
                x = self._advance(x, estimate, t, target, list(generators))
        return SampleResult(estimate, logits)

    def _advance(self, x: Tensor, estimate: Tensor, t: int, target: int, generators: list[torch.Generator]) -> Tensor:
        """The sample at the next noise level."""
        if self.kind == 'dpmsolver++':
            return self.scheduler.step(estimate, t, x).prev_sample
        if target < 0:
            return estimate
        if self.kind == 'ddpm':
            self.scheduler.set_timesteps(timesteps=[t, target])
            return self.scheduler.step(estimate, t, x, generator=generators).prev_sample
        gamma = self.scheduler.alphas_cumprod[t].to(x)
        noise = (x - gamma.sqrt() * estimate) / (1 - gamma).sqrt()
        return self.scheduler.add_noise(estimate, noise, torch.full((len(x),), target, device=x.device))

    @staticmethod
    def _check_finite(estimate: Tensor, number: int, steps: int) -> None:
        finite = torch.isfinite(estimate).flatten(1).all(1)
        if not bool(finite.all()):
            rows = (~finite).nonzero()[:, 0].tolist()
            raise FloatingPointError(
                f'sampling step {number} of {steps}: the estimate of sample {rows} of the batch is not finite; check '
                'the weights that were loaded, or predict in fp32'
            )
