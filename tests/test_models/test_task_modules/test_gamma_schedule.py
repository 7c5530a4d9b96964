"""gamma(t) against the formulas."""

import math

import pytest
import torch

from videoseg.models.task_modules import GammaSchedule
from videoseg.registry import TASK_UTILS


def test_cosine_and_its_endpoints():
    schedule = TASK_UTILS.build(dict(type='GammaSchedule'))
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    expected = [math.cos(math.pi / 2 * (float(x) + 0.0002) / (1 + 0.00025)) ** 2 for x in t]
    gamma = schedule.gamma(t)
    assert gamma.dtype == torch.float32 and torch.allclose(gamma.double(), torch.tensor(expected).double(), atol=1e-7)
    ends = schedule.gamma(torch.tensor([0.0, 1.0]))
    assert float(1 - ends[0].double()) == pytest.approx(1e-7, rel=0.3)
    assert float(ends[1]) == pytest.approx(6.2e-9, rel=0.01)
    assert float(schedule.gamma(0.5)) == pytest.approx(0.5, abs=1e-3)


CURVES = [
    (dict(kind='linear'), lambda t: 1 - t),
    (dict(kind='general_cosine'), lambda t: math.cos(t * math.pi / 2) ** 2),
    (
        dict(kind='general_cosine', start=0.2, end=1, tau=3),
        lambda t: math.cos((0.2 + 0.8 * t) * math.pi / 2) ** 6 / math.cos(0.1 * math.pi) ** 6,
    ),
    (
        dict(kind='sigmoid', start=0, end=3, tau=0.9),
        lambda t: (
            (1 / (1 + math.exp(-3 / 0.9)) - 1 / (1 + math.exp(-3 * t / 0.9))) / (1 / (1 + math.exp(-3 / 0.9)) - 0.5)
        ),
    ),
]


@pytest.mark.parametrize(('cfg', 'formula'), CURVES)
def test_other_curves_go_from_one_to_the_floor(cfg, formula):
    schedule = GammaSchedule(**cfg)
    t = torch.linspace(0, 1, 21)
    gamma = schedule.gamma(t)
    expected = torch.tensor([max(formula(float(x)), 1e-9) for x in t])
    assert torch.allclose(gamma, expected, atol=1e-6)
    assert float(gamma[0]) == 1 and float(gamma[-1]) == pytest.approx(1e-9)
    assert bool((gamma.diff() < 0).all())


@pytest.mark.parametrize('cfg', [dict(), *(cfg for cfg, _ in CURVES)])
def test_betas_give_the_curve_back(cfg):
    schedule = GammaSchedule(**cfg)
    betas = schedule.betas(1000)
    assert betas.shape == (1000,) and float(betas.min()) >= 0 and float(betas.max()) < 1
    product = (1 - betas).cumprod(0) * schedule.gamma(0.0).double()
    assert torch.allclose(product, schedule.gamma(torch.arange(1, 1001) / 1000).double(), atol=3e-7)


def test_range_of_the_cosine_betas():
    betas = GammaSchedule().betas()
    assert float(betas[0]) == pytest.approx(3.5e-6, rel=0.02) and float(betas[-1]) == pytest.approx(0.9977, abs=1e-4)


def test_noisy_samples_and_normalisation():
    clean, noise = torch.randn(2, 3, 40, 50).sign() * 0.1, torch.randn(2, 3, 40, 50)
    gamma = torch.tensor([0.25, 0.96])
    noisy = GammaSchedule.add_noise(clean, noise, gamma)
    assert torch.allclose(noisy[0], 0.5 * clean[0] + 0.75**0.5 * noise[0])
    assert torch.allclose(noisy[1], 0.96**0.5 * clean[1] + 0.2 * noise[1], atol=1e-6)
    assert GammaSchedule.normalize(noisy, gamma, 0.1) is noisy
    for mode, tolerance in (('std', 1e-5), ('formula', 0.02)):
        normal = GammaSchedule.normalize(noisy, gamma, 0.1, mode)
        assert torch.allclose(normal.flatten(1).std(1), torch.ones(2), atol=tolerance)
    assert torch.allclose(GammaSchedule.normalize(noisy, gamma, 0.1, 'formula')[1], noisy[1] / (1 - 0.99 * 0.96) ** 0.5)


def test_bad_arguments():
    with pytest.raises(ValueError, match="'cosine'.*'linear'"):
        GammaSchedule('quadratic')
    with pytest.raises(TypeError, match='no option tau'):
        GammaSchedule('linear', tau=1)
    with pytest.raises(ValueError, match='normalisation'):
        GammaSchedule.normalize(torch.zeros(1, 2), torch.ones(1), 0.1, 'mean')
