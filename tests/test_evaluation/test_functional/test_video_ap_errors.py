"""What video AP refuses, with the video, frame or track named."""

import numpy as np
import pytest

from tests.test_evaluation.tracks import NUM_CLASSES, frame_masks, make_video, stripes
from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.evaluation.functional.video_ap import VideoAP
from videoseg.structures.rle import encode_masks


@pytest.mark.parametrize(
    'options', [{'occlusion': 'yes'}, {'area_source': 'png'}, {'gt_id_zero': True}, {'num_classes': 0}]
)
def test_wrong_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        VideoAP(**({'num_classes': 3} | options))


def test_protocol_is_part_of_the_result_and_guards_merging():
    statistics = VideoAP(3, occlusion='ovis')
    protocol = statistics.compute()['protocol']
    assert protocol['occlusion'] == 'ovis' and protocol['iou_thresholds'] == [
        0.5,
        0.55,
        0.6,
        0.65,
        0.7,
        0.75,
        0.8,
        0.85,
        0.9,
        0.95,
    ]
    with pytest.raises(ValueError, match='different options'):
        statistics.merge(VideoAP(3))


def test_masks_of_different_sizes():
    pred = FrameMasks([1], encode_masks(np.ones((1, 16, 12), bool)))
    with pytest.raises(ValueError, match=r"video 'a', frame 7: masks of different sizes.*\(12, 16\), \(16, 12\)"):
        VideoAP(1).update('a', 7, frame_masks([1], stripes(16)[:, 0]), pred)


@pytest.mark.parametrize(
    ('gt', 'pred', 'message'),
    [
        ([GTTrack(1, 3)], [], "video 'a': ground truth track 1 has label 3"),
        ([GTTrack(1, 0)], [PredTrack(4, -1, 0.5)], "video 'a': predicted track 4 has label -1"),
        ([GTTrack(1, 0), GTTrack(1, 1)], [], r'ground truth track ids \[1\] occur twice'),
        ([GTTrack(1, 0)], [PredTrack(4, 0, 0.5), PredTrack(4, 1, 0.5)], r'predicted track ids \[4\] occur twice'),
        ([GTTrack(1, 0)], [PredTrack(4, 0, float('nan'))], 'predicted track 4 has score nan'),
        ([GTTrack(2, 0)], [], r'ground truth masks with ids \[1\] belong to no track'),
    ],
)
def test_wrong_tracks(gt, pred, message):
    statistics = VideoAP(3)
    statistics.update('a', 0, frame_masks([1], stripes(16)[:, 0]), FrameMasks())
    with pytest.raises(ValueError, match=message):
        statistics.finish_video('a', gt, pred, 1)


def test_wrong_order_of_calls():
    statistics, masks = VideoAP(1), frame_masks([1], stripes(16)[:, 0])
    statistics.update('a', 0, masks, masks)
    statistics.update('a', 1, masks, masks)
    with pytest.raises(ValueError, match=r"videos \['a'\] have frames but no tracks"):
        statistics.compute()
    with pytest.raises(ValueError, match="video 'a': 2 frames came, but it has 1"):
        statistics.finish_video('a', [GTTrack(1, 0)], [], 1)
    statistics.finish_video('a', [GTTrack(1, 0)], [], 2)
    with pytest.raises(ValueError, match="video 'a', frame 2: the video was finished"):
        statistics.update('a', 2, masks, masks)


def test_a_video_cannot_be_split_over_processes():
    video, parts = make_video(70), [VideoAP(NUM_CLASSES) for _ in range(2)]
    for part, frames in zip(parts, ((0, 1), (2, 3)), strict=True):
        video.feed(part, 'a', frames=frames)
    with pytest.raises(ValueError, match="video 'a': two processes saw different frames"):
        parts[0].merge(parts[1])


@pytest.mark.parametrize(
    'arguments',
    [((1, 2), ()), ((1, 1), encode_masks(np.ones((2, 3, 3)))), ((1,), encode_masks(np.ones((1, 3, 3))), (1, 2))],
)
def test_frame_masks_are_checked(arguments):
    with pytest.raises(ValueError, match='ids'):
        FrameMasks(*arguments)
