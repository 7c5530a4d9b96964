"""The whole VIS detector, inference on clips and training losses, equals the original."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import assert_close, load
from tests.test_models.vis_parity import recorded_detector, recorded_inputs, recorded_samples

DETECTORS = parity_names('knet', ['vis_detector.pt'])


@pytest.mark.parametrize('name', DETECTORS)
def test_inference(name):
    record = load(name)
    model = recorded_detector(record)
    expected = record['outputs']
    for clip, result in enumerate(model.predict(recorded_inputs(), recorded_samples(record['gt']))):
        table = result.metainfo['tracks']
        for t in range(5):
            frame = result[t].pred_track_instances
            assert frame.masks.flatten(1).any(1).all()  # rows without a pixel are left out
            for label in range(4):
                rows, masks = expected['boxes'][clip][t][label], expected['masks'][clip][t][label]
                for row, mask in zip(rows, masks, strict=True):
                    track = int(row[0]) + 1
                    assert table['labels'][track - 1] == label
                    assert_close(table['scores'][track - 1], row[5].float())
                    own = frame.instances_id == track
                    assert bool(own.any()) == bool(mask.any())
                    assert not mask.any() or torch.equal(frame.masks[own][0], mask)
        assert table['ids'].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize('name', DETECTORS)
def test_training_losses(name):
    record = load(name)
    model = recorded_detector(record).train()
    losses = model(recorded_inputs(), recorded_samples(record['gt']), mode='loss')
    recorded = {k: v for k, v in record['outputs']['losses'].items() if 'pos_acc' not in k}
    assert set(losses) == set(recorded)
    for key, value in recorded.items():
        assert_close(losses[key], value)


@pytest.mark.parametrize('name', DETECTORS)
def test_order_of_the_frames_does_not_matter(name):
    """The training pipeline puts the key frame first."""
    record = load(name)
    model = recorded_detector(record).train()
    order = [2, 4, 0, 1, 3]
    inputs, samples = recorded_inputs(), recorded_samples(record['gt'])
    expected = model(inputs, samples, mode='loss')
    for sample in samples:
        sample.video_data_samples = [sample.video_data_samples[t] for t in order]
    losses = model(inputs[:, order], samples, mode='loss')
    for key in expected:
        assert_close(losses[key], expected[key])
