"""What Tube-Link says to, or makes of, impossible windows, odd clips and weights of another size."""

from types import SimpleNamespace

import pytest
import torch

from tests.test_models.tiny_models import batch, tiny_tube_config, tiny_tube_model, video
from videoseg.apis import init_model
from videoseg.datasets.samplers import VideoWindowSampler
from videoseg.registry import MODELS
from videoseg.utils import CheckpointMismatchError

BASELINE = dict(link=None, association=None)


@pytest.fixture
def config(tmp_path):
    """A config file of a small model, for ``init_model``."""
    path = tmp_path / 'config.py'
    path.write_text(f'model = {tiny_tube_config()!r}\n')
    return path


def predicted(model, *items):
    data = batch(model, *items)
    return model.predict(data['inputs'], data['data_samples'])


@pytest.mark.parametrize(
    ('window', 'overlap', 'message'),
    [
        (0, 0, 'window must be at least 1 frame, got 0'),
        (4, 4, r'overlap must be in \[0, window=4\), got 4'),
        (2, 5, r'overlap must be in \[0, window=2\), got 5'),
        (4, -1, r'overlap must be in \[0, window=4\), got -1'),
    ],
)
def test_windows_that_cannot_be(config, window, overlap, message):
    """By the model, which names the place in the config, and by the data loader's sampler."""
    options = {'model.test_cfg': dict(window=window, overlap=overlap)}
    with pytest.raises(ValueError, match=message) as caught:
        init_model(config, cfg_options=options)
    assert 'test_cfg: ' in str(caught.value)
    videos = SimpleNamespace(num_videos=1, video_length=lambda v: 5)
    with pytest.raises(ValueError, match=f'VideoWindowSampler: {message}'):
        VideoWindowSampler(videos, window, overlap)


@pytest.mark.parametrize('policy', ['full', 'balanced'])
def test_a_window_longer_than_the_video_is_the_video(policy):
    (expected,) = predicted(tiny_tube_model(window=5), video(0, 5))
    torch.manual_seed(0)
    model = MODELS.build({**tiny_tube_config(), 'test_cfg': dict(window=64, policy=policy)}).eval()
    model.init_weights()
    (found,) = predicted(model, video(0, 5))
    assert [frame.frame_id for frame in found] == list(range(5))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.pred_panoptic_seg.panoptic_seg, other.pred_panoptic_seg.panoptic_seg)
    assert list(VideoWindowSampler(SimpleNamespace(num_videos=1, video_length=lambda v: 5), 64, 0, policy=policy)) == [
        (0, 0, 5, 0)
    ]


def test_a_track_that_changes_its_class(config):
    """In a clip that is trained on; on disk an instance number of another class is another object from then on."""
    item = video(0, 4)
    item['data_samples'][2].gt_instances.labels = torch.tensor([0, 0])
    model = init_model(config).train()
    with pytest.raises(ValueError, match=r"video 'video0': instance ids \[2\] change their class"):
        model(**batch(model, item, training=True), mode='loss')


def test_more_stuff_classes_than_queries(config):
    """Slots need a query each; without slots the tubes compete for what queries there are."""
    with pytest.raises(ValueError, match='3 stuff slots and at least 1 query for things do not fit num_queries=3'):
        init_model(config, cfg_options={'model.decoder.num_stuff': 3, 'model.decoder.num_queries': 3})
    model = tiny_tube_model(num_things=0, num_stuff=4, stuff_slots=False, num_queries=2, **BASELINE).train()
    losses = model(**batch(model, video(0, 2), training=True), mode='loss')
    total = sum(losses.values())
    total.backward()
    assert total.isfinite() and model.decoder.query_feat.weight.grad.abs().sum(1).gt(0).all()
    (result,) = predicted(model.eval(), video(0, 2))
    assert all(len(frame.pred_track_instances) <= 2 for frame in result)


@pytest.mark.parametrize('kind', ['things', 'stuff', 'nothing'])
def test_tubes_that_lack_things_or_stuff(kind):
    """Only one kind, or nothing, is seen; test_tube_link_decoder.py trains on such tubes."""
    cfg = tiny_tube_config(2)
    cfg['tracker'] = dict(type='TubeMemoryTracker', init_score_thr=0.0, addnew_score_thr=0.0, match_score_thr=-1.0)
    torch.manual_seed(0)
    model = MODELS.build(cfg).eval()
    model.init_weights()
    model.postprocessor.overlap_thr = 0.0
    bias = dict(things=[9.0, 9.0, -9.0, -9.0, -9.0], stuff=[-9.0, -9.0, 9.0, 9.0, -9.0], nothing=[-9.0] * 4 + [9.0])
    model.decoder.cls_embed.bias.data = torch.tensor(bias[kind])
    (result,) = predicted(model, video(0, 5))
    assert [frame.frame_id for frame in result] == list(range(5))
    rows = [frame.pred_track_instances for frame in result]
    if kind == 'nothing':
        assert not any(len(x) for x in rows) and len(result.tracks['ids']) == 0
        return
    assert all(len(x) and x.is_thing.all() == (kind == 'things') for x in rows)
    assert all((x.instances_id > 0).any() == (kind == 'things') for x in rows)
    assert (len(result.tracks['ids']) > 0) == (kind == 'things')


def test_a_checkpoint_of_another_query_count(config, tmp_path):
    model = init_model(config, cfg_options={'model.decoder.num_queries': 13})
    source = tmp_path / 'queries.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), source)
    with pytest.raises(CheckpointMismatchError, match=r'queries\.pth does not fit the model') as caught:
        init_model(config, source)
    assert 'decoder.query_feat.weight is (10, 32) in the model, (13, 32) in the checkpoint' in str(caught.value)
    fitting = init_model(config, source, cfg_options={'model.decoder.num_queries': 13})
    assert torch.equal(fitting.decoder.query_feat.weight, model.decoder.query_feat.weight)
