import pytest

from tests.tool_module import load_tool

EXPECT = ['--expect-frames', 'train=5', 'val=4', 'test=1', '--expect-sequences', 'train=2', 'val=2', 'test=1']


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/prepare_kitti_step.py')


@pytest.fixture
def source(tmp_path):
    frames = {
        'kitti/training/image_02': {'0000': 3, '0001': 2, '0002': 1, '0018': 3},
        'kitti/testing/image_02': {'0000': 1},
        'step/train': {'0000': 3, '0001': 2},
        'step/val': {'0002': 1, '0018': 3},
    }
    for folder, sequences in frames.items():
        for seq, length in sequences.items():
            (tmp_path / folder / seq).mkdir(parents=True)
            for t in range(length):
                (tmp_path / folder / seq / f'{t:06d}.png').write_bytes(f'{folder}{seq}{t}'.encode())
    return tmp_path


def run(tool, source, *extra):
    return tool.main([str(source / 'kitti'), str(source / 'step'), '--out', str(source / 'out'), *EXPECT, *extra])


def tree(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob('*/*') if p.parent.parent.parent == root)


@pytest.mark.parametrize('extra', [[], ['--copy']])
def test_layout(tool, source, extra, capsys):
    for _ in range(2):  # the second run finds everything in place
        assert run(tool, source, *extra) == 0
    assert tree(source / 'out') == [
        'images/test/0000', 'images/train/0000', 'images/train/0001', 'images/val/0002', 'images/val/0018',
        'panoptic_maps/train/0000', 'panoptic_maps/train/0001', 'panoptic_maps/val/0002', 'panoptic_maps/val/0018',
    ]  # fmt: skip
    frame = source / 'out/images/val/0018/000002.png'
    assert frame.read_bytes() == b'kitti/training/image_0200182'
    assert frame.parent.is_symlink() == (not extra)
    report = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ['val', '2', '4', '4'] in report and ['test', '1', '1', '0'] in report


def test_interrupted_copy_is_finished(tool, source):
    run(tool, source, '--copy')
    frame = source / 'out/images/train/0000/000001.png'
    frame.write_bytes(b'half')
    assert run(tool, source, '--copy') == 0
    assert frame.read_bytes() == b'kitti/training/image_0200001'


def test_official_counts_are_asked_for(tool, source, capsys):
    run(tool, source)
    assert tool.main(['--check', '--out', str(source / 'out')]) == 1
    err = capsys.readouterr().err
    assert 'val: 4 images, expected 2981' in err and 'val: 2 sequences, expected 9' in err
    assert len(tool.VAL_SEQUENCES) == 9


def test_missing_frame_is_named(tool, source, capsys):
    (source / 'kitti/training/image_02/0018/000001.png').unlink()
    (source / 'step/train/0001/000000.png').unlink()
    assert run(tool, source) == 1
    err = capsys.readouterr().err
    assert 'val/0018: 2 images, 3 maps; first image missing: 000001.png' in err
    assert 'train/0001: 2 images, 1 maps; first panoptic map missing: 000000.png' in err


def test_check_of_nothing(tool, tmp_path, capsys):
    assert tool.main(['--check', '--out', str(tmp_path / 'none'), *EXPECT]) == 1
    assert 'train: 0 images, expected 5' in capsys.readouterr().err


def test_wrong_source_or_something_in_the_way(tool, source, capsys):
    assert tool.main([str(source), str(source / 'step'), '--out', str(source / 'out')]) == 1
    assert 'training/image_02: no such folder' in capsys.readouterr().err
    (source / 'out/images/train/0000').mkdir(parents=True)
    assert run(tool, source) == 1
    assert 'images/train/0000: exists and is not a link' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool.main(['--out', str(source / 'out')])
