"""The plain layout for one's own data."""

import json

import pytest

from tests.test_datasets.test_synthetic.test_layouts import truth


@pytest.mark.parametrize('split', ['train', 'val'])
def test_files_hold_the_truth(tmp_path, split):
    truth.write(tmp_path, 'video_folder')
    name = f'{truth.FIRST[split]:04d}'
    content = json.loads((tmp_path / split / 'annotations.json').read_text())
    assert [(c['id'], c['name'], c['isthing']) for c in content['categories'][2:4]] == [(2, 'wall', 0), (3, 'disc', 1)]
    (video,) = content['videos']
    assert video['name'] == name
    meanings = []
    for entry, frame in zip(video['frames'], truth.frames(split), strict=True):
        path = tmp_path / split / 'frames' / name / entry['file_name']
        truth.assert_same_picture(path, frame.image)
        ids = truth.color_ids(tmp_path / split / 'panoptic' / name / f'{path.stem}.png')
        meanings.append(truth.check_panoptic(ids, entry['segments'], frame))
    truth.check_constant(meanings)
