"""Post-processing against recordings of the original implementations."""

import pytest
import torch
import torch.nn.functional as F

from tests.parity_data import parity_file, parity_names
from videoseg.models.postprocessors.candidates import rank_candidates
from videoseg.models.postprocessors.resize import full_size_probs
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, FrameMeta

VIDEO_META = FrameMeta('video', [0], (60, 120), (60, 120), (64, 128))
IMAGE_META = FrameMeta('image', [0], (60, 120), (80, 150), (64, 128))
VIDEO_FIXED = ClipPrediction.panoptic_fixed_labels(12, num_things=2, num_stuff=17)


def build(**kwargs):
    return MODELS.build(dict(type='PanopticPostprocessor', **kwargs))


def recorded_calls(name):
    """Class scores, full logits and expected results of each frame in a recording."""
    record = torch.load(parity_file('knet', name), weights_only=True)
    if name.startswith('video_iter_head'):
        return [dict(frame, logits=frame['scaled']) for frame in record['outputs'].values()]
    up4 = dict(scale_factor=4, mode='bilinear', align_corners=False)
    return [dict(frame, logits=F.interpolate(frame['masks'], **up4)) for frame in record['test_frames']]


@pytest.mark.parametrize(
    'name',
    parity_names('knet', ['video_iter_head_joint.pt', 'video_detector_kitti_ffn.pt', 'video_detector_kitti_fuse.pt']),
)
def test_joint_merge(name):
    postprocessor = build(max_per_img=20, instance_score_thr=0.3, overlap_thr=0.1, compat=True)
    for frame in recorded_calls(name):
        candidates = rank_candidates(frame['cls'][0], VIDEO_FIXED, 2, 'pairs', 20)
        segments = postprocessor.paint(frame['logits'][0][:, None], candidates, 2, VIDEO_META)
        assert torch.equal(segments.segment_map[0], frame['panoptic'])
        # stuff categories of the recording count from 1, without the things
        labels = [s['category_id'] + (0 if s['isthing'] else 1) for s in frame['segments']]
        assert segments.labels.tolist() == labels
        assert segments.is_thing.tolist() == [s['isthing'] for s in frame['segments']]
        area = torch.bincount(segments.segment_map.flatten(), minlength=len(segments) + 1)[1:].tolist()
        for recorded, score, pixels in zip(frame['segments'], segments.scores.tolist(), area, strict=True):
            assert recorded.get('score', score) == pytest.approx(score, rel=1e-6)
            assert recorded.get('area', pixels) == pixels
        _check_query_index(frame, segments)


def _check_query_index(frame, segments):
    """The recording names the pair, we name the kernel: row of the 20 best (kernel, class) pairs."""
    if 'boxes' not in frame:
        return
    scores, pairs = frame['cls'][0][:12, :2].flatten().topk(20)
    torch.testing.assert_close(frame['boxes'][:, 4], scores)
    probs = full_size_probs(frame['logits'][0], VIDEO_META)
    torch.testing.assert_close(probs[pairs // 2], frame['thing_masks'], rtol=1e-5, atol=1e-5)
    expected = [int(pairs[s['instance_id']]) // 2 for s in frame['segments'] if s['isthing']]
    assert segments.query_index[segments.is_thing].tolist() == expected
    assert segments.query_index[~segments.is_thing].tolist() == (segments.labels[~segments.is_thing] + 10).tolist()
    assert len(frame['track_feats']) == len(expected)


def image_predictions(name, fixed_labels, num_things):
    """Last-stage outputs of the image head, one prediction an image, and the recorded results."""
    outputs = torch.load(parity_file('knet', name), weights_only=True)['outputs']
    last = outputs['stages'][2]
    prediction = ClipPrediction(
        class_logits=last['cls_score'],
        mask_logits=last['scaled_mask_preds'][:, :, None],
        queries=last['object_feats'].flatten(2),
        activation='sigmoid',
        fixed_labels=fixed_labels,
        num_things=num_things,
    )
    return [(prediction.select_clip(image), result) for image, result in enumerate(outputs['results'])]


@pytest.mark.parametrize('name', parity_names('knet', ['knet_iter_head_pan.pt']))
def test_image_knet_merge(name):
    postprocessor = build(candidates='best_class', instance_score_thr=0.3, overlap_thr=0.1, compat=True)
    for prediction, result in image_predictions(name, ClipPrediction.panoptic_fixed_labels(12, 4, 3), 4):
        segments = postprocessor(prediction, IMAGE_META)
        values = torch.cat([torch.tensor([7]), segments.labels + 1000 * torch.arange(len(segments))])
        assert torch.equal(values[segments.segment_map[0].long()], result['pan_results'])


@pytest.mark.parametrize('name', parity_names('knet', ['knet_iter_head_ins.pt']))
def test_instances(name):
    postprocessor = MODELS.build(dict(type='InstancePostprocessor', max_per_img=20))
    for prediction, (boxes, masks) in image_predictions(name, torch.full((12,), -1), 7):
        segments = postprocessor(prediction, IMAGE_META)
        assert len(segments) == 20
        for label in range(7):
            rows = segments.labels == label
            torch.testing.assert_close(segments.scores[rows], boxes[label][:, 4], rtol=1e-5, atol=1e-5)
            expected = [torch.as_tensor(mask) for mask in masks[label]]
            assert len(expected) == int(rows.sum())
            assert all(torch.equal(a[0], b) for a, b in zip(segments.masks[rows], expected, strict=True))
