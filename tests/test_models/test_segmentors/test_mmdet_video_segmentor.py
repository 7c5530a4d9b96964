"""mmdet's Mask2Former-VIS in our clothes: its losses and results, in the form of our loops."""

import copy
import math
from pathlib import Path

import pytest
import torch
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.structures import InstanceData

from tests.test_models.tiny_models import batch, video
from videoseg.engine.window_stepper import WindowStepper
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS

pytestmark = pytest.mark.usefixtures('default_scope')

CONFIG = Path(__file__).parents[3] / 'configs' / 'mask2former_vis' / 'effnet-lite0_synthetic_vis.py'
NUM_CLASSES, NUM_QUERIES, T = 2, 6, 3


@pytest.fixture(scope='module')
def model():
    """The config's model, smaller, with random but fixed weights."""
    cfg = Config.fromfile(CONFIG).model
    cfg.detector.backbone.init_cfg = None
    head = cfg.detector.track_head
    head.update(num_classes=NUM_CLASSES, num_queries=NUM_QUERIES, num_frames=T)
    head.loss_cls.class_weight = [1.0] * NUM_CLASSES + [0.1]
    head.pixel_decoder.encoder.num_layers = head.transformer_decoder.num_layers = 1
    head.train_cfg.num_points = 64
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def losses(model, *items):
    torch.manual_seed(1)  # the head draws points
    found = model.train()(**batch(model, *items, training=True), mode='loss')
    return {name: value.item() for name, value in found.items()}


def results(model, *items):
    return model.eval()(**batch(model, *items), mode='predict')


def test_it_is_mmdets_own(model):
    parts = (model.detector, model.detector.track_head, model.detector.track_head.pixel_decoder)
    assert [type(x).__name__ for x in parts] == [
        'Mask2FormerVideo',
        'Mask2FormerTrackHead',
        'MSDeformAttnPixelDecoder',
    ]
    assert all(type(x).__module__.startswith('mmdet.') for x in parts)
    assert (model.num_things, model.num_stuff) == (NUM_CLASSES, 0)


@pytest.mark.parametrize('size', [1, 2])
def test_losses_are_those_of_the_detector(model, size):
    """Given bitmaps by hand, the detector finds the same; ours keeps the ground truth as it was."""
    items = [video(seed, T) for seed in range(size)]
    found = losses(model, *items)
    assert set(found) == {f'{d}loss_{x}' for d in ('', 'd0.') for x in ('cls', 'mask', 'dice')}
    assert all(math.isfinite(x) and x > 0 for x in found.values())
    data = batch(model, *items, training=True)
    for sample in data['data_samples']:
        for frame in sample:
            gt = frame.gt_instances
            masks = BitmapMasks([mask.numpy() for mask in gt.masks], *gt.masks.shape[-2:])
            frame.gt_instances = InstanceData(labels=gt.labels, instances_ids=gt.instances_ids, masks=masks)
    torch.manual_seed(1)
    expected = model.detector.loss(**data)
    assert found == {name: value.item() for name, value in expected.items()}


def test_ground_truth_is_not_changed(model):
    data = batch(model, video(0, T), training=True)
    before = copy.deepcopy(data['data_samples'][0])
    model.train().loss(**data)
    for frame, old in zip(data['data_samples'][0], before, strict=True):
        assert torch.equal(frame.gt_instances.masks, old.gt_instances.masks)


def test_identity_over_time_comes_from_the_instance_ids(model):
    """The order of the rows of a frame means nothing, the ids do."""
    item = video(0, T)
    expected = losses(model, item)
    shuffled = copy.deepcopy(item)
    frame = shuffled['data_samples'][1]
    frame.gt_instances = frame.gt_instances[torch.tensor([1, 0])]
    assert losses(model, shuffled) == pytest.approx(expected)
    frame.gt_instances.instances_ids = frame.gt_instances.instances_ids + 10
    assert losses(model, shuffled)['loss_mask'] != pytest.approx(expected['loss_mask'])


@pytest.mark.parametrize('frames', [slice(1, 2), slice(0, T)])
def test_frames_without_instances(model, frames):
    item = video(0, T)
    for frame in item['data_samples'].video_data_samples[frames]:
        frame.gt_instances = frame.gt_instances[torch.zeros(2, dtype=torch.bool)]
    assert all(math.isfinite(x) for x in losses(model, item).values())


def test_a_clip_of_another_length_is_refused(model):
    with pytest.raises(ValueError, match="'video0': a training clip of 2 frames for a head of 3.*num_frames"):
        losses(model, video(0, 2))


def test_results_are_those_of_the_detector(model):
    (result,) = results(model, video(0, 5))
    data = batch(model, video(0, 5))
    with torch.no_grad():
        (expected,) = model.eval().detector.predict(**data)
    tracks = result.metainfo['tracks']
    assert tracks['ids'].tolist() == list(range(1, 11))
    assert tracks['num_frames'].tolist() == [5] * 10
    assert torch.equal(tracks['labels'], expected[0].pred_track_instances.labels)
    assert torch.allclose(tracks['scores'], expected[0].pred_track_instances.scores)
    seen = 0
    for frame, mmdets in zip(result, expected, strict=True):
        rows, masks = frame.pred_track_instances, mmdets.pred_track_instances.masks
        visible = masks.flatten(1).any(1)
        assert torch.equal(rows.instances_id, visible.nonzero()[:, 0] + 1)
        assert rows.masks.shape[1:] == frame.ori_shape
        assert torch.equal(rows.masks, masks[visible])
        assert rows.is_thing.all() and len(frame.gt_instances.labels) == 2
        seen += len(rows)
    assert seen > 0


def test_a_batch_of_two_equals_two_runs_also_of_unequal_length(model):
    items = [video(0, 5), video(1, 3)]
    both = results(model, *items)
    for item, result in zip(items, both, strict=True):
        (alone,) = results(model, item)
        assert len(result) == len(alone) == len(item['inputs'])
        assert torch.equal(result.metainfo['tracks']['scores'], alone.metainfo['tracks']['scores'])
        for frame, other in zip(result, alone, strict=True):
            assert torch.equal(frame.pred_track_instances.masks, other.pred_track_instances.masks)


def test_in_the_loops(model):
    items = [video(0, 4), video(1, 4)]
    for item in items:
        item['data_samples'].set_metainfo(dict(window_start=0, num_overlap=0, is_last_window=True))
    batch_of_two = {key: [copy.deepcopy(item[key]) for item in items] for key in items[0]}
    ((frames, ended),) = WindowStepper(model.eval()).step(batch_of_two)
    assert [(frame.video_id, frame.frame_id) for frame in frames] == [
        (name, t) for name in ('video0', 'video1') for t in range(4)
    ]
    for (name, table), expected in zip(ended, results(model, *items), strict=True):
        assert name == expected.video_id
        assert torch.equal(table['scores'], expected.metainfo['tracks']['scores'])


def test_a_second_window_is_refused(model):
    data = batch(model.eval(), video(0, 4))
    sample = data['data_samples'][0]
    first, second = copy.deepcopy(sample), copy.deepcopy(sample)
    first.video_data_samples = sample.video_data_samples[:2]
    second.video_data_samples = sample.video_data_samples[2:]
    _, state = model.step(data['inputs'][0, :2], first, model.init_state(window_meta(first, range(2))))
    with pytest.raises(ValueError, match="'video0': a second window; .*Mask2FormerVideo: set sampler.window"):
        model.step(data['inputs'][0, 2:], second, state)


def test_features_and_modes(model):
    maps = model.eval()(torch.zeros(2, 3, 3, 64, 96))
    assert [tuple(x.shape) for x in maps] == [(6, 24, 16, 24), (6, 40, 8, 12), (6, 112, 4, 6), (6, 320, 2, 3)]
    with pytest.raises(ValueError, match="'loss', 'predict' or 'tensor', not 'train'"):
        model(torch.zeros(1, 3, 3, 64, 96), mode='train')
