"""Sampling against the formulas, an oracle, and what must not change results."""

import math
import sys

import pytest
import torch

from videoseg.models.task_modules import AnalogBitCodec, BitSampler, GammaSchedule
from videoseg.registry import TASK_UTILS

SHAPE = (3, 5, 6, 7)
SCALE = 0.1
KINDS = [('ddim', 0.0), ('ddim', 1.0), ('ddim', 1.5), ('ddim', 2.0), ('ddpm', 0.0), ('ddpm', 1.0), ('dpmsolver++', 0.0)]


def build(**kwargs):
    return TASK_UTILS.build(dict(type='BitSampler', **kwargs))


def seeded(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def estimate_of(x, gamma):
    """A smooth function of both inputs, bounded by b, in any precision."""
    return SCALE * torch.tanh(x + 2 * gamma - 0.7)


def denoise(x, gamma, _):
    return estimate_of(x, gamma.view(-1, 1, 1, 1)), None


def gamma_of(t):
    return math.cos(math.pi / 2 * (t + 0.0002) / 1.00025) ** 2


def noise_of(generator):
    """The draws of the sampler, in double precision."""
    return torch.randn(SHAPE[1:], generator=generator).double()


@pytest.mark.parametrize('steps', [5, 10, 20, 50])
@pytest.mark.parametrize('td', [0, 1, 1.5, 2])
def test_ddim_is_the_formula(steps, td):
    result = build(steps=steps, td=td).sample(denoise, SHAPE, seeded(1, 2, 3)).x0.double()
    x = torch.stack([noise_of(g) for g in seeded(1, 2, 3)])
    for k in range(steps):
        now, then = gamma_of(1 - k / steps), gamma_of(max(1 - (k + 1 + td) / steps, 0))
        estimate = estimate_of(x, now)
        eps = (x - now**0.5 * estimate) / (1 - now) ** 0.5
        x = then**0.5 * estimate + (1 - then) ** 0.5 * eps
    assert float((result - estimate).abs().max()) <= 5e-5


def test_td_has_an_effect():
    results = [build(steps=10, td=td).sample(denoise, SHAPE, seeded(1, 2, 3)).x0 for td in (0, 1, 2)]
    assert float((results[0] - results[1]).abs().max()) > 1e-4
    assert float((results[1] - results[2]).abs().max()) > 1e-4


def test_without_td_it_is_the_step_of_diffusers():
    sampler = build(steps=10, td=0)
    x = torch.randn(SHAPE[1:], generator=seeded(4)[0])[None]
    scheduler = sampler.scheduler
    scheduler.set_timesteps(10)
    for t in scheduler.timesteps:
        estimate = estimate_of(x, scheduler.alphas_cumprod[t])
        x = scheduler.step(estimate, t, x, use_clipped_model_output=True).prev_sample
    result = sampler.sample(denoise, (1, *SHAPE[1:]), seeded(4)).x0
    assert torch.allclose(result, estimate, atol=1e-6) and torch.allclose(result, x, atol=1e-6)


@pytest.mark.parametrize('td', [0, 1])
def test_ddpm_is_the_ancestral_step(td):
    steps = 6
    result = build(steps=steps, td=td, kind='ddpm').sample(denoise, SHAPE, seeded(1, 2, 3)).x0.double()
    generators = seeded(1, 2, 3)
    x = torch.stack([noise_of(g) for g in generators])
    schedule = GammaSchedule()
    for k in range(steps):
        t = round(1000 * (1 - k / steps))
        target = round(t - (1 + td) * 1000 / steps)
        now = float(schedule.gamma(t / 1000))
        estimate = estimate_of(x, now)
        if target <= 0:
            x = estimate
            continue
        then = float(schedule.gamma(target / 1000))
        alpha = now / then
        mean = then**0.5 * (1 - alpha) / (1 - now) * estimate + alpha**0.5 * (1 - then) / (1 - now) * x
        x = mean + (1 - alpha) ** 0.5 * torch.stack([noise_of(g) for g in generators])
    assert float((result - estimate).abs().max()) <= 5e-5


def test_first_step_of_dpm_solver_is_that_of_ddim():
    """The first step is of first order, which is DDIM's; the second one is not."""
    inputs = {'ddim': [], 'dpmsolver++': []}
    for kind, seen in inputs.items():

        def record(x, gamma, given, seen=seen):
            seen.append((x, gamma))
            return denoise(x, gamma, given)

        build(steps=5, td=0, kind=kind).sample(record, SHAPE, seeded(1, 2, 3))
    one, other = inputs['ddim'], inputs['dpmsolver++']
    assert torch.equal(one[0][0], other[0][0]) and torch.allclose(one[1][0], other[1][0], atol=1e-5)
    assert float((one[2][0] - other[2][0]).abs().max()) > 1e-4
    assert all(torch.equal(a[1], b[1]) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(('kind', 'td'), KINDS)
@pytest.mark.parametrize('steps', [1, 2, 5, 20])
def test_an_oracle_gives_the_exact_map(kind, td, steps):
    codec = AnalogBitCodec(3, 4, scale=SCALE)
    labels, ids = torch.randint(0, 8, (2, 6, 5)), torch.randint(0, 16, (2, 6, 5))
    truth = codec.encode(labels, ids)
    result = build(kind=kind, td=td).sample(lambda *_: (truth, 'logits'), truth.shape, seeded(0, 1), steps=steps)
    assert torch.equal(result.x0, truth) and result.logits == 'logits'
    decoded = codec.decode_sign(result.x0)
    assert torch.equal(decoded[0], labels) and torch.equal(decoded[1], ids)


def test_grid_of_noise_levels():
    """Pure noise is announced first, noise is left in the last call: the trailing grid, with gamma to the network."""
    assert build(td=1.0).time_pairs(20)[:2] == [(999, 899), (949, 849)]
    assert build(td=0.0).time_pairs(20)[-2:] == [(99, 49), (49, -1)]
    assert build(td=2.0).time_pairs(20)[-2:] == [(99, -1), (49, -1)]
    told = []
    build(steps=4, td=0).sample(
        lambda x, g, _: told.append(g) or (x.clamp(-SCALE, SCALE), None), SHAPE, seeded(1, 2, 3)
    )
    expected = torch.tensor([gamma_of(t) for t in (1, 0.75, 0.5, 0.25)])
    assert torch.allclose(torch.stack(told), expected[:, None].expand(4, 3), atol=1e-6)


@pytest.mark.parametrize(('kind', 'td'), KINDS)
def test_same_seed_same_result_whatever_the_batch(kind, td):
    sampler = build(kind=kind, td=td, steps=4)
    first = sampler.sample(denoise, SHAPE, seeded(1, 2, 3)).x0
    assert torch.equal(first, sampler.sample(denoise, SHAPE, seeded(1, 2, 3)).x0)
    assert torch.equal(first[[2, 0, 1]], sampler.sample(denoise, SHAPE, seeded(3, 1, 2)).x0)
    alone = sampler.sample(denoise, (1, *SHAPE[1:]), seeded(2)).x0
    assert torch.allclose(first[1:2], alone, atol=1e-7)
    assert float((first[0] - first[1]).abs().max()) > 1e-4


def test_self_conditioning_feeds_the_last_estimate():
    for average in (0.0, 0.25):
        fed, made = [], []

        def record(x, gamma, given, fed=fed, made=made):
            fed.append(given)
            made.append(denoise(x, gamma, given)[0])
            return made[-1], None

        sampler = build(steps=4, self_conditioning=True, self_conditioning_ema=average)
        sampler.sample(record, SHAPE, seeded(1, 2, 3))
        assert torch.equal(fed[0], torch.zeros(SHAPE)) and torch.equal(fed[1], made[0])
        assert torch.allclose(fed[2], average * made[0] + (1 - average) * made[1])
    nothing = []
    build(steps=2).sample(lambda x, g, s: nothing.append(s) or denoise(x, g, s), SHAPE, seeded(1, 2, 3))
    assert nothing == [None, None]


def test_state_stays_in_full_precision():
    seen = []

    def record(x, gamma, given):
        seen.append((x.dtype, gamma.dtype))
        return estimate_of(x.float(), gamma.view(-1, 1, 1, 1)).to(x.dtype), None

    result = build(steps=3).sample(record, SHAPE, seeded(1, 2, 3), dtype=torch.bfloat16).x0
    assert seen == [(torch.bfloat16, torch.float32)] * 3 and result.dtype == torch.float32


def test_estimates_are_clamped_on_demand():
    def large(x, gamma, given):
        return torch.full_like(x, 5.0), None

    assert float(build(steps=2, clip=SCALE).sample(large, SHAPE, seeded(1, 2, 3)).x0.max()) == pytest.approx(SCALE)
    assert float(build(steps=2).sample(large, SHAPE, seeded(1, 2, 3)).x0.max()) == 5


@pytest.mark.parametrize(('kind', 'td'), KINDS)
def test_an_observer_sees_every_step_and_changes_nothing(kind, td):
    sampler, seen = build(kind=kind, td=td, steps=5, clip=SCALE / 2), []
    alone = sampler.sample(denoise, SHAPE, seeded(1, 2, 3))
    sampler.observer = lambda step, result: seen.append((step, result))
    watched = sampler.sample(
        lambda x, gamma, _: (estimate_of(x, gamma.view(-1, 1, 1, 1)), gamma), SHAPE, seeded(1, 2, 3)
    )
    assert torch.equal(watched.x0, alone.x0)
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5]
    assert torch.equal(seen[-1][1].x0, alone.x0) and seen[-1][1].logits is watched.logits
    assert not torch.equal(seen[0][1].x0, seen[1][1].x0) and seen[0][1].logits[0] < seen[1][1].logits[0]
    assert max(float(result.x0.abs().max()) for _, result in seen) == pytest.approx(SCALE / 2)


def test_nan_names_step_and_sample():
    calls = []

    def broken(x, gamma, given):
        calls.append(1)
        estimate = estimate_of(x, gamma.view(-1, 1, 1, 1))
        if len(calls) == 3:
            estimate[1, 0, 0, 0] = torch.nan
        return estimate, None

    with pytest.raises(FloatingPointError, match=r'step 3 of 5.*sample \[1\]'):
        build(steps=5).sample(broken, SHAPE, seeded(1, 2, 3))


def test_missing_diffusers_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'diffusers', None)
    with pytest.raises(ImportError, match=r'DDIMScheduler.*pip install -r requirements/optional\.txt'):
        BitSampler()


def test_bad_arguments():
    with pytest.raises(ValueError, match='kind must be one of'):
        BitSampler(kind='euler')
    with pytest.raises(ValueError, match='td must be at least 0, and 0 with dpmsolver'):
        BitSampler(kind='dpmsolver++', td=1)
    with pytest.raises(ValueError, match='td must be at least 0'):
        BitSampler(td=-1)
    with pytest.raises(ValueError, match=r'self_conditioning_ema must be in \[0, 1\)'):
        BitSampler(self_conditioning=True, self_conditioning_ema=1.0)
    with pytest.raises(ValueError, match='0 without self_conditioning'):
        BitSampler(self_conditioning_ema=0.5)
    for steps in (0, 1001):
        with pytest.raises(ValueError, match=f'got {steps}'):
            BitSampler(steps=steps)
    with pytest.raises(ValueError, match='3 samples need as many generators, got 1'):
        BitSampler().sample(denoise, SHAPE, seeded(1))
