"""Textures: the pattern carries the class, the colours do not."""

import numpy as np
import pytest

from videoseg.datasets.synthetic.textures import STUFF_TEXTURES, THING_TEXTURES, colorize, sample_colors


def unit_grid(size):
    return ((np.mgrid[:size, :size] + 0.5) / (size / 2) - 1).astype(np.float32)


def all_textures(rng):
    v, u = unit_grid(96)
    textures = {name: make(rng, (96, 96), 1.0) for name, make in STUFF_TEXTURES.items()}
    textures.update({name: make(rng.uniform(), rng.uniform(), u, v) for name, make in THING_TEXTURES.items()})
    return textures


def test_there_is_one_texture_a_class():
    assert set(STUFF_TEXTURES) == {'grass', 'water', 'wall'}
    assert set(THING_TEXTURES) == {'disc', 'crate', 'star'}


def test_colors_always_differ_in_brightness():
    rng = np.random.default_rng(0)
    values = np.array([sample_colors(rng).max(axis=1) for _ in range(500)])
    assert np.abs(values[:, 0] - values[:, 1]).min() >= 0.29
    assert 0.4 < (values[:, 0] > values[:, 1]).mean() < 0.6


@pytest.mark.parametrize('seed', range(3))
def test_mean_color_does_not_depend_on_the_pattern(seed):
    colors = np.array([[0.7, 0.3, 0.4], [0.3, 0.5, 0.6]], np.float32)
    for name, texture in all_textures(np.random.default_rng(seed)).items():
        image = colorize(texture, colors).reshape(-1, 3) / 255
        np.testing.assert_allclose(image.mean(axis=0), colors.mean(axis=0), atol=0.05, err_msg=name)
        assert image.std(axis=0).max() > 0.05, f'{name} is flat'
