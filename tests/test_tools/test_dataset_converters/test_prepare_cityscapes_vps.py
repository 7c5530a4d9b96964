import json
import re

import numpy as np
import pytest

from tests.test_datasets.panoptic_files import CATEGORIES, write_image, write_vps
from tests.tool_module import load_tool
from videoseg.evaluation.formats.class_table import CITYSCAPES_NAMES
from videoseg.evaluation.formats.id_png import write_id_png


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/prepare_cityscapes_vps.py')


@pytest.fixture
def source(tmp_path):
    """A download and Cityscapes' sequences, made from a data set of the tests."""
    root = write_vps(tmp_path / 'vps', num_videos=1)
    content = json.loads((root / 'gt.json').read_text())
    new_id = dict(zip((x['id'] for x in CATEGORIES), (10, 13, 9, 11), strict=True))
    content['categories'] = [dict(id=i, name=n, isthing=int(i > 10)) for i, n in enumerate(CITYSCAPES_NAMES)]
    for entry in content['annotations']:
        for segment in entry['segments_info']:
            segment['category_id'] = new_id[segment['category_id']]
    (root / 'panoptic_gt_val_city_vps.json').write_text(json.dumps(content))
    names = sorted(p.name for p in (root / 'val/img_all').iterdir())
    (root / 'im_all_info_val_city_vps.json').write_text(json.dumps(dict(images=[dict(file_name=x) for x in names])))
    sequences = tmp_path / 'sequences/val/town'
    for path in (root / 'val/img_all').iterdir():
        sequences.mkdir(parents=True, exist_ok=True)
        key = re.sub(r'^\d+_\d+_', '', path.name).rsplit('_', 1)[0]
        path.rename(sequences / f'{key}_leftImg8bit.png')
    (root / 'val/img_all').rmdir()
    (root / 'gt.json').unlink()
    return tmp_path


def run(tool, source, *extra):
    places = [str(source / 'vps'), str(source / 'sequences'), '--out', str(source / 'out')]
    return tool.main([*places, '--splits', 'val', '--any-number', *extra])


@pytest.mark.parametrize('extra', [[], ['--copy']])
def test_layout(tool, source, extra, capsys):
    for _ in range(2):
        assert run(tool, source, *extra) == 0
    report = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:4] for line in report].count(['val', '1', '30', '6']) == 2
    images = sorted((source / 'out/val/img_all').iterdir())
    assert len(images) == 30 and images[0].name == '0000_0000_town_000000_000000_newImg8bit.png'
    assert images[0].is_symlink() == (not extra) and images[0].stat().st_size > 0
    assert (source / 'out/val/panoptic_video').is_symlink() == (not extra)
    assert run(tool, source, '--check') == 0


def test_official_numbers(tool, source, capsys):
    run(tool, source)
    assert tool.main(['--check', '--out', str(source / 'out'), '--splits', 'val']) == 1
    error = capsys.readouterr().err
    assert 'val: 1 videos, expected 50' in error and 'val: 6 labelled, expected 300' in error


def test_labelled_frames_alone(tool, source, capsys):
    (source / 'vps/im_all_info_val_city_vps.json').unlink()
    assert run(tool, source) == 0
    assert 'only labelled frames are laid out' in (out := capsys.readouterr().out)
    assert ['val', '1', '6', '6'] in [line.split()[:4] for line in out.splitlines()]


class TestBadInput:
    def test_missing_image(self, tool, source, capsys):
        (source / 'sequences/val/town/town_000000_000007_leftImg8bit.png').unlink()
        assert run(tool, source) == 1
        assert 'image of 0000_0007_town_000000_000007_newImg8bit.png missing' in capsys.readouterr().err

    def test_name_that_leaves_the_folder(self, tool, source, capsys):
        path = source / 'vps/im_all_info_val_city_vps.json'
        path.write_text(json.dumps(dict(images=[dict(file_name='../../0_0_town_0_0_newImg8bit.png')])))
        assert run(tool, source) == 1
        assert "'../../0_0_town_0_0_newImg8bit.png' is no <video>" in capsys.readouterr().err
        assert not (source / 'out/val').exists()

    def test_png_and_json_disagree(self, tool, source, capsys):
        run(tool, source)
        path = next((source / 'vps/val/panoptic_video').glob('0000_0004_*'))
        write_id_png(path, np.full((12, 20), 7))
        assert run(tool, source, '--check') == 1
        error = capsys.readouterr().err
        assert "video '0000', frame '0000_0004_town_000000_000004_newImg8bit'" in error
        assert 'id 7 is in the PNG but not in the json' in error

    def test_something_in_the_way(self, tool, source, capsys):
        write_image(source / 'out/val/img_all/0000_0000_town_000000_000000_newImg8bit.png', 0)
        assert run(tool, source) == 1
        assert 'exists and is not a link' in capsys.readouterr().err

    def test_nothing_there(self, tool, source, capsys):
        assert tool.main(['--check', '--out', str(source / 'none'), '--splits', 'val']) == 1
        assert 'json file missing' in capsys.readouterr().err
        assert tool.main([str(source), str(source / 'vps'), '--out', str(source / 'out')]) == 1
        assert 'no images <split>/<city>' in capsys.readouterr().err
        with pytest.raises(SystemExit):
            tool.main([])
