"""What all postprocessors share, and one written from the page's few lines."""

import pytest
import torch

from tests.test_models.test_postprocessors.small_predictions import columns, meta_of, prediction_of
from tests.test_models.tiny_models import batch, tiny_model, video
from videoseg.models.postprocessors import BasePostprocessor
from videoseg.registry import MODELS
from videoseg.structures import ClipPrediction, ClipSegments, MapPrediction

QUERY_READERS = [
    'PanopticPostprocessor',
    'QueryPanopticPostprocessor',
    'InstancePostprocessor',
    'VideoInstancePostprocessor',
    'SemanticPostprocessor',
]


class WholeFrame(BasePostprocessor):
    """One thing, everywhere, in every window."""

    def segment(self, prediction, meta):
        frames = len(meta.frame_ids)
        one = torch.zeros(1, dtype=torch.long)
        return ClipSegments(
            labels=one,
            scores=torch.ones(1),
            is_thing=one == 0,
            query_index=one,
            segment_map=torch.ones(frames, *meta.ori_shape).int(),
        )


class CountsWindows(WholeFrame):
    """Keeps a table of its own."""

    def update_table(self, table, prediction, segments, frame_ids):
        assert isinstance(prediction, ClipPrediction) and segments.track_ids is not None
        return dict(windows=table.get('windows', torch.tensor(0)) + 1)

    def finish_table(self, table):
        return dict(ids=table['windows'][None])


def run_on_three_frames(processor):
    model = tiny_model(tracker=dict(_replace=True, type='KernelIndexTracker'))
    model.postprocessor = processor
    (result,) = model(**batch(model, video(0, frames=3)), mode='predict')
    return result


@pytest.mark.parametrize('name', QUERY_READERS)
def test_maps_and_batches_are_refused(name):
    processor = MODELS.build(dict(type=name))
    maps = MapPrediction(torch.zeros(1, 1, 8, 12).long(), torch.zeros(1, 1, 8, 12).long(), 2)
    with pytest.raises(TypeError, match=f'{name} needs .* a ClipPrediction, got a MapPrediction: use MapPostprocessor'):
        processor(maps, meta_of())
    prediction = prediction_of(columns((0, 4), (6, 9)), [[0.9, 0.1], [0.1, 0.8]])
    prediction.mask_logits = prediction.mask_logits.repeat(3, 1, 1, 1, 1)
    with pytest.raises(ValueError, match=r'got a batch of 3: use ClipPrediction.select_clip\(i\) first'):
        processor(prediction, meta_of())
    with pytest.raises(TypeError, match='got a list: use a postprocessor that reads it'):
        processor([], meta_of())


@pytest.mark.parametrize('name', [*QUERY_READERS, 'MapPostprocessor'])
def test_postprocessors_have_no_weights(name):
    processor = MODELS.build(dict(type=name))
    assert isinstance(processor, BasePostprocessor)
    assert processor.state_dict() == {} and list(processor.parameters()) == []


def test_segment_has_to_be_defined():
    with pytest.raises(TypeError, match='segment'):
        BasePostprocessor()


def test_own_postprocessor_in_a_model():
    result = run_on_three_frames(WholeFrame())
    assert all((frame.pred_panoptic_seg.panoptic_seg == 1).all() for frame in result)  # label 0, id 1
    tracks = {name: column.tolist() for name, column in result.metainfo['tracks'].items()}
    assert tracks == dict(ids=[1], labels=[0], scores=[1.0], num_frames=[3], first_frame=[0], last_frame=[2])


def test_own_table_in_a_model():
    assert run_on_three_frames(CountsWindows()).metainfo['tracks']['ids'].tolist() == [3]
