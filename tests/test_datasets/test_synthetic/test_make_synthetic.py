"""The command line tool and its check."""

import pytest

from tests.tool_module import load_tool

SMALL = ['--train', '1', '--val', '1', '--frames', '3', '--size', '64', '128']


@pytest.fixture(scope='module')
def main():
    return load_tool('dataset_converters/make_synthetic.py').main


@pytest.fixture
def made(tmp_path, main, capsys):
    assert main([str(tmp_path / 'set'), *SMALL]) == 0
    capsys.readouterr()
    return tmp_path / 'set'


def test_report_counts_and_hashes(tmp_path, main, capsys):
    assert main([str(tmp_path / 'set'), '--preset', 'quickstart', '--seed', '3', *SMALL]) == 0
    out = capsys.readouterr().out
    assert '2/2 sequences' in out
    assert 'layout kitti_step, preset quickstart, seed 3, 64x128' in out
    assert 'train: 1 sequences, 3 frames' in out
    digest = (tmp_path / 'set/synthetic.json').read_text().split('"manifest_sha256": "')[1][:64]
    assert digest in out


def test_layout(tmp_path, main, capsys):
    assert main([str(tmp_path / 'set'), '--layout', 'vspw', *SMALL]) == 0
    assert 'layout vspw, preset quickstart' in capsys.readouterr().out
    assert len(list((tmp_path / 'set/data/5000/mask').iterdir())) == 3
    assert main([str(tmp_path / 'set'), '--layout', 'vspw', '--check']) == 0
    assert main([str(tmp_path / 'set'), '--layout', 'ovis', '--check']) == 1
    assert "layout is 'vspw', not 'ovis'" in capsys.readouterr().err
    assert main([str(tmp_path / 'set'), *SMALL]) == 1
    assert 'another data set (layout vspw' in capsys.readouterr().err


def test_cityscapes_vps_has_30_frames_of_itself(tmp_path, main, capsys):
    size = ['--train', '0', '--val', '1', '--size', '32', '64']
    assert main([str(tmp_path / 'set'), '--layout', 'cityscapes_vps', *size]) == 0
    assert 'val: 1 sequences, 30 frames' in capsys.readouterr().out
    assert len(list((tmp_path / 'set/val/panoptic_video').iterdir())) == 6
    assert main([str(tmp_path / 'short'), '--layout', 'cityscapes_vps', '--frames', '4', *size]) == 1
    assert 'needs sequences of 5 frames' in capsys.readouterr().err


def test_again_says_it_is_there(made, main, capsys):
    assert main([str(made), *SMALL]) == 0
    assert 'already there' in capsys.readouterr().out


def test_check_passes_and_names_each_damage(made, main, capsys):
    assert main([str(made), '--check']) == 0
    assert main([str(made), '--check', '--preset', 'quickstart', '--seed', '0']) == 0
    damaged = made / 'panoptic_maps/train/0000/000001.png'
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    (made / 'images/val/5000/000002.png').unlink()
    (made / 'images/val/5000/000003.png').write_bytes(b'')
    capsys.readouterr()
    assert main([str(made), '--check']) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if 'differs' in line] == [f'problem: {damaged}: content differs from the manifest']
    assert any('000002.png: missing' in line for line in lines)
    assert any('000003.png: not part' in line for line in lines)
    assert '3 problem(s)' in lines[-1]


def test_check_of_a_changed_manifest_and_other_seed(made, main, capsys):
    manifest = made / 'synthetic.sha256'
    manifest.write_text('\n'.join(manifest.read_text().splitlines()[1:]) + '\n')
    assert main([str(made), '--check', '--seed', '4', '--preset', 'occlusion']) == 1
    err = capsys.readouterr().err
    assert 'synthetic.sha256: differs' in err
    assert 'seed is 0, not 4' in err
    assert "preset is 'quickstart', not 'occlusion'" in err


def test_check_without_a_data_set(tmp_path, main, capsys):
    assert main([str(tmp_path), '--check']) == 1
    assert 'not a synthetic data set' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('extra', 'message'),
    [
        (['--size', '8', '8'], 'size must be'),
        (['--frames', '0'], 'train_frames must be'),
        (['--train', '-1'], 'num_train must be'),
        (['--seed', '-1'], 'seed must be at least 0'),
    ],
)
def test_bad_values_end_with_a_message(tmp_path, main, capsys, extra, message):
    assert main([str(tmp_path / 'set'), *extra]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'set').exists()


@pytest.mark.parametrize(
    'extra', [['--preset', 'easy'], ['--layout', 'step'], ['--colour', '1'], ['--size', '8'], ['--frames', 'many']]
)
def test_bad_options_are_refused(tmp_path, main, extra):
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / 'set'), *extra])
    assert stop.value.code == 2


def test_another_data_set_is_not_overwritten(made, main, capsys):
    assert main([str(made), '--seed', '1', *SMALL]) == 1
    assert 'another data set' in capsys.readouterr().err
