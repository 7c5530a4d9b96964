"""VSPW."""

import json

import numpy as np
import pytest

from tests.test_datasets.test_synthetic.test_layouts import truth


@pytest.mark.parametrize('split', ['train', 'val'])
def test_files_hold_the_truth(tmp_path, split):
    truth.write(tmp_path, 'vspw')
    name = f'{truth.FIRST[split]:04d}'
    assert (tmp_path / f'{split}.txt').read_text() == f'{name}\n'
    values = json.loads((tmp_path / 'label_num_dic_final.json').read_text())
    assert values == dict(others=0, grass=1, water=2, wall=3, disc=4, crate=5, star=6)
    for time, frame in enumerate(truth.frames(split)):
        truth.assert_same_picture(tmp_path / f'data/{name}/origin/{time:08d}.jpg', frame.image)
        mask = truth.pixels(tmp_path / f'data/{name}/mask/{time:08d}.png', 'L')
        np.testing.assert_array_equal(mask, np.where(frame.raw_map == 255, 0, frame.raw_map.astype(int) + 1))
