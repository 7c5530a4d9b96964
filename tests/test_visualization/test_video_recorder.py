"""Frame results to files, through the recorder and through the hook."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from tests.test_visualization.pictures import METAINFO, SIZE, frames_of, image, result, scene
from videoseg.engine.hooks import VideoVisualizationHook
from videoseg.registry import HOOKS, VISUALIZERS
from videoseg.visualization import PanopticOverlay, VideoRecorder


def recorder(tmp_path, **options):
    return VideoRecorder(tmp_path / 'out', METAINFO, **dict(overlay=dict(scale=1)) | options)


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*') if p.is_file())


def test_pictures_and_video(tmp_path):
    draw = recorder(tmp_path, frame_format='png')
    for frame in range(3):
        draw.add(result(tmp_path, frame))
        assert draw.open_videos == (['drive'] if frame < 2 else [])
    assert files(tmp_path / 'out') == ['drive.mp4', 'drive/0000.png', 'drive/0001.png', 'drive/0002.png']
    read = frames_of(tmp_path / 'out' / 'drive.mp4')
    assert len(read) == 3 and read[0].shape == (*SIZE, 3)
    expected = PanopticOverlay.from_meta(METAINFO, scale=1)(image(), scene(1))
    assert (cv2.imread(str(tmp_path / 'out' / 'drive' / '0001.png')) == expected).all()
    assert np.abs(read[1].astype(int) - expected).mean() < 8


def test_alternating_videos_each_have_their_file(tmp_path):
    draw = recorder(tmp_path, frame_format=None)
    for frame in range(3):
        for video in ('a/1', 'b'):
            draw.add(result(tmp_path, frame, video=video))
    assert files(tmp_path / 'out') == ['a/1.mp4', 'b.mp4']
    assert [len(frames_of(tmp_path / 'out' / name)) for name in ('a/1.mp4', 'b.mp4')] == [3, 3]


def test_interval_counts_from_the_first_frame_and_still_closes(tmp_path):
    draw = recorder(tmp_path, interval=2)
    for frame in range(4):
        draw.add(result(tmp_path, frame, length=4))
    assert draw.open_videos == []
    assert files(tmp_path / 'out') == ['drive.mp4', 'drive/0000.jpg', 'drive/0002.jpg']
    assert len(frames_of(tmp_path / 'out' / 'drive.mp4')) == 2


def test_panels_side_by_side(tmp_path):
    draw = recorder(tmp_path, panels=('truth', 'image', 'prediction'), video_format=None, frame_format='png')
    draw.add(result(tmp_path, 2))
    picture = cv2.imread(str(tmp_path / 'out' / 'drive' / '0002.png'))
    overlay = PanopticOverlay.from_meta(METAINFO, scale=1)
    for column, panel in enumerate((image(), overlay(image(), scene(2)), overlay(image(), scene()))):
        assert (picture[-SIZE[0] :, column * 84 : column * 84 + 80] == panel).all()


def test_missing_truth_is_said_and_keeps_the_size(tmp_path):
    draw = recorder(tmp_path, panels=('prediction', 'truth'), video_format=None, frame_format='png')
    with_truth, without = result(tmp_path, 0), result(tmp_path, 1)
    del without.gt_panoptic_seg
    draw.add(with_truth)
    draw.add(without)
    first, second = (cv2.imread(str(tmp_path / 'out' / 'drive' / f'{i:04d}.png')) for i in range(2))
    assert first.shape == second.shape
    assert (second[-SIZE[0] :, 84:] == image()).all() and (first[:-60, 84:] != second[:-60, 84:]).any()


def test_scores_are_written_on_demand(tmp_path):
    pictures = []
    for show_scores in (False, True):
        draw = recorder(tmp_path, show_scores=show_scores, video_format=None, overlay=dict(scale=6))
        draw.add(result(tmp_path, 0))
        pictures.append(cv2.imread(str(tmp_path / 'out' / 'drive' / '0000.jpg')))
    assert (pictures[0] != pictures[1]).any()


def test_bad_frames_are_named(tmp_path):
    draw = recorder(tmp_path)
    sample = result(tmp_path, 1)
    (tmp_path / 'drive' / '0001.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'video drive, frame 1 .*0001\.png'):
        draw.add(sample)
    sample = result(tmp_path, 1)
    sample.pred_panoptic_seg.panoptic_seg = torch.zeros(1, *SIZE)
    with pytest.raises(ValueError, match='prediction of video drive, frame 1 .* integer'):
        draw.add(sample)
    sample = result(tmp_path, 1)
    with pytest.raises(ValueError, match=r'video drive, frame 1 .*\(50, 80\)'):
        draw.add(sample, image()[:50])
    del sample.pred_panoptic_seg
    with pytest.raises(KeyError, match='video drive, frame 1 .*pred_panoptic_seg'):
        draw.add(sample)
    assert not (tmp_path / 'out').exists()


def test_a_video_name_cannot_leave_the_folder(tmp_path):
    draw = recorder(tmp_path, video_format=None)
    sample = result(tmp_path, 0)
    for name in ('../../outside', '/outside'):
        sample.set_metainfo(dict(video_id=name))
        draw.add(sample)
    assert files(tmp_path / 'out') == ['outside/0000.jpg'] and not (tmp_path / 'outside').exists()


def test_unwritable_folder_is_named(tmp_path):
    (tmp_path / 'out').write_text('a file')
    with pytest.raises(OSError, match='out'):
        recorder(tmp_path).add(result(tmp_path, 0))


@pytest.mark.parametrize(
    'option, culprit',
    [
        (dict(frame_format='gif'), 'frame_format'),
        (dict(video_format='mkv'), 'video_format'),
        (dict(panels=('depth',)), 'panels'),
        (dict(panels=()), 'panels'),
        (dict(interval=0), 'interval'),
    ],
)
def test_wrong_options_are_named(tmp_path, option, culprit):
    with pytest.raises(ValueError, match=culprit):
        recorder(tmp_path, **option)


def fake_runner():
    loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=METAINFO))
    return SimpleNamespace(test_dataloader=loader, val_dataloader=loader)


@pytest.mark.parametrize('stage', ['test', 'val'])
def test_hook_draws_the_frames_of_a_run(tmp_path, stage):
    hook = HOOKS.build(dict(type='VideoVisualizationHook', show_dir=str(tmp_path / 'out'), recorder=dict(interval=1)))
    after_iter, after_epoch = getattr(hook, f'after_{stage}_iter'), getattr(hook, f'after_{stage}_epoch')
    for _round in range(2):
        after_iter(fake_runner(), 0, None, [result(tmp_path, 0), result(tmp_path, 1)])
        after_iter(fake_runner(), 1, None, [result(tmp_path, 2), result(tmp_path, 0, video='cut')])
        after_epoch(fake_runner(), {})
        assert len(frames_of(tmp_path / 'out' / 'drive.mp4')) == 3
        assert len(frames_of(tmp_path / 'out' / 'cut.mp4')) == 1, 'a video without its last frame is closed at the end'


def test_hook_does_nothing_without_a_folder(tmp_path):
    hook = VideoVisualizationHook()
    hook.after_test_iter(SimpleNamespace(), 0, None, [object()])
    hook.after_test_epoch(SimpleNamespace(), {})
    assert list(tmp_path.iterdir()) == []


def test_unknown_arguments_fail(tmp_path):
    with pytest.raises(TypeError, match='out_dirs'):
        VideoVisualizationHook(out_dirs='x')
    hook = VideoVisualizationHook(str(tmp_path), recorder=dict(colour='red'))
    with pytest.raises(TypeError, match='colour'):
        hook.after_test_iter(fake_runner(), 0, None, [result(tmp_path, 0)])
    assert VISUALIZERS.get('VideoRecorder') is VideoRecorder
