"""Clips drawn as the model gets them."""

import cv2
import pytest

from tests.test_datasets.step_files import METAINFO, write_dataset
from tests.tool_module import load_tool

CONFIG = """
load = [dict(type='LoadImageFromFile'), dict(type='LoadPanopticMap')]
dataset = dict(
    type='BaseVideoPanopticDataset', data_root={root!r}, metainfo={metainfo!r}, serialize_data=False,
    data_prefix=dict(img='images/train', seg='panoptic_maps/train'))
train_dataloader = dict(dataset=dict(
    pipeline=[
        dict(type='ClipSample', offsets=(-1, 1), num_refs=1),
        dict(type='TransformBroadcaster', share_random_params=True,
             transforms=load + [dict(type='RandomFlip', prob=1.0)]),
        dict(type='PackClipInputs')], **dataset))
val_dataloader = dict(dataset=dict(
    pipeline=[dict(type='TransformBroadcaster', transforms=load), dict(type='PackClipInputs', test_mode=True)],
    test_mode=True, **dataset))
"""


@pytest.fixture(scope='module')
def tool():
    return load_tool('analysis_tools/browse_dataset.py')


@pytest.fixture
def config(tmp_path):
    write_dataset(tmp_path / 'data', {'0000': 5, '0001': 3})
    path = tmp_path / 'tiny_browse.py'
    path.write_text(CONFIG.format(root=str(tmp_path / 'data'), metainfo=METAINFO))
    return path


def test_training_clips(tool, config, tmp_path, capsys):
    out = tmp_path / 'out'
    arguments = [str(config), '--out-dir', str(out), '--num', '3', '--scale', '4']
    tool.main(arguments)
    pictures = {path.name: cv2.imread(str(path)) for path in out.glob('train_*.jpg')}
    assert len(pictures) == 3
    # two frames of 24 x 40 at scale 4, a gap of 4 between them, captions above
    assert all(picture.shape[1] == 2 * 160 + 4 and picture.shape[0] > 96 for picture in pictures.values())
    assert capsys.readouterr().out.count('things a frame: 2, 2') == 3
    tool.main(arguments)
    for name, picture in pictures.items():
        assert (cv2.imread(str(out / name)) == picture).all(), 'the same seed gives the same clips'


def test_windows_of_validation(tool, config, tmp_path):
    out = tmp_path / 'out'
    arguments = ['--split', 'val', '--out-dir', str(out), '--num', '10', '--window', '2', '--columns', '1']
    tool.main([str(config), *arguments, '--scale', '4'])
    # 5 and 3 frames in windows of two
    assert sorted(path.stem for path in out.iterdir()) == [
        f'val_{name}' for name in ('0000_000000', '0000_000002', '0000_000004', '0001_000000', '0001_000002')
    ]
    assert cv2.imread(str(out / 'val_0000_000000.jpg')).shape[1] == 160


def test_ids_keep_their_colour_in_a_clip(tool, config):
    from videoseg.visualization import PanopticOverlay, track_colors

    cfg = tool.load_config(config)
    dataset = tool.build_dataset(cfg, 'train')
    index = next(tool.indices(dataset, 1, 1, 0))
    overlay = PanopticOverlay.from_meta(
        dataset.metainfo, scale=1, thing_alpha=1.0, stuff_alpha=0.0, labels=False, contours=False
    )
    picture = tool.draw_clip(dataset[index], overlay)
    for half in (picture[:, :40], picture[:, 44:]):
        for track, area in ((7, 8 * 6), (300, 6 * 10)):
            assert (half == track_colors([track])[0, ::-1]).all(-1).sum() == area


def test_frame_without_labels_is_drawn_plain(tool, config):
    dataset = tool.build_dataset(tool.load_config(config), 'val')
    item = dataset[next(tool.indices(dataset, 1, 1, 0))]
    del item['data_samples'].video_data_samples[0].gt_panoptic_seg
    from videoseg.visualization import PanopticOverlay

    picture = tool.draw_clip(item, PanopticOverlay.from_meta(dataset.metainfo, scale=1))
    assert (picture[-24:, -40:] == item['inputs'][0].permute(1, 2, 0).numpy()).all()


def test_wrong_use_is_named(tool, config, tmp_path):
    with pytest.raises(KeyError, match='tiny_browse.py.*test_dataloader'):
        tool.main([str(config), '--split', 'test', '--out-dir', str(tmp_path / 'out')])
    for option in ('--num', '--window', '--columns'):
        with pytest.raises(SystemExit):
            tool.main([str(config), option, '0'])
    with pytest.raises(KeyError, match=r'train_dataloader\.dataset\.type'):
        tool.main([str(config), '--cfg-options', 'train_dataloader.dataset.type=NoSuchDataset'])
    assert not (tmp_path / 'out').exists()
