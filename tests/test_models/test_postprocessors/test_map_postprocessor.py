"""Maps to segments: geometry, the three outputs, and oracle maps through a whole model."""

import copy

import pytest
import torch

from tests.test_models.test_postprocessors.small_predictions import meta_of, prediction_of
from tests.test_models.tiny_models import batch, tiny_model, video
from videoseg.models.decoders import BaseDecoder
from videoseg.models.postprocessors.map_postprocessor import to_original
from videoseg.registry import MODELS
from videoseg.structures import MapPrediction
from videoseg.structures.ids import DIVISOR, VOID_ID, encode_ids

VOID = 255
NO_FILTER = dict(type='SegmentDecoder', min_pixels=0)


def build(**kwargs):
    return MODELS.build({**dict(type='MapPostprocessor', segment_decoder=NO_FILTER), **kwargs})


def scene():
    """Two things of class 0 and one of 1 on stuff of class 2, void on the right: (1, 1, 8, 12)."""
    labels = torch.full((8, 12), 2)
    ids = torch.zeros_like(labels)
    labels[:, 10:] = VOID
    for (y, x), label, identity in (((1, 0), 0, 9), ((1, 4), 0, 4), ((5, 2), 1, 7)):
        labels[y : y + 3, x : x + 3], ids[y : y + 3, x : x + 3] = label, identity
    scores = torch.full((8, 12), 0.5)
    scores[ids == 4], scores[ids == 7] = 0.9, 0.7
    return tuple(x[None, None] for x in (labels, ids, scores))


def test_panoptic_segments():
    labels, ids, scores = scene()
    segments = build()(MapPrediction(labels, ids, 2, scores), meta_of())
    assert segments.labels.tolist() == [0, 0, 1, 2] and segments.decoder_ids.tolist() == [4, 9, 7, 0]
    assert segments.scores.tolist() == pytest.approx([0.9, 0.5, 0.7, 0.5])
    assert segments.is_thing.tolist() == [True, True, True, False] and segments.query_index.tolist() == [-1] * 4
    assert segments.boxes[1].tolist() == [0, 1, 2, 3] and segments.track_ids is None
    assert segments.segment_map[0, 2].tolist() == [2, 2, 2, 4, 1, 1, 1, 4, 4, 4, 0, 0]
    segments.track_ids = segments.decoder_ids
    expected = torch.where(labels == VOID, VOID_ID, encode_ids(labels, ids))[0]
    assert torch.equal(segments.panoptic_map(VOID_ID, DIVISOR), expected)


def test_scored_masks_of_instances():
    labels, ids, scores = scene()
    processor = build(output='instance', score_thr=0.6, segment_decoder=dict(NO_FILTER, majority_vote=True))
    assert processor.only_things and not build().only_things
    segments = processor(MapPrediction(labels, ids, 2, scores), meta_of())
    assert segments.decoder_ids.tolist() == [4, 7] and segments.labels.tolist() == [0, 1]
    assert segments.scores.tolist() == pytest.approx([0.9, 0.7]) and segments.segment_map is None
    assert torch.equal(segments.masks, torch.stack([ids[0] == 4, ids[0] == 7]))
    assert segments.boxes.tolist() == [[4, 1, 6, 3], [2, 5, 4, 7]]
    whole = build(output='instance')(MapPrediction(labels, torch.where(ids == 9, 0, ids), 2), meta_of())
    assert len(whole.decoder_ids) == 2  # nobody's pixels are no instance


def test_instances_of_one_identity_but_two_classes_are_two_tracks():
    labels, ids, scores = scene()
    shared = MapPrediction(labels, torch.where(ids == 7, 4, ids), 2, scores)
    instances = build(output='instance')(shared, meta_of())
    assert sorted(instances.labels.tolist()) == [0, 0, 1] and len(set(instances.decoder_ids.tolist())) == 3
    alone = build(output='instance')(MapPrediction(labels, torch.where(ids == 7, 0, ids), 2, scores), meta_of())
    assert set(alone.decoder_ids.tolist()) < set(instances.decoder_ids.tolist())  # whoever else there is
    panoptic = build()(shared, meta_of())
    assert list(zip(panoptic.labels.tolist(), panoptic.decoder_ids.tolist(), strict=True))[:3] == [
        (0, 4),
        (0, 9),
        (1, 4),
    ]


def test_low_scores_become_void():
    labels, ids, scores = scene()
    segments = build(score_thr=0.6)(MapPrediction(labels, ids, 2, scores), meta_of())
    assert segments.decoder_ids.tolist() == [4, 7, 0]
    assert segments.segment_map[0, 2].tolist() == [0, 0, 0, 3, 1, 1, 1, 3, 3, 3, 0, 0]


def test_semantic_segments_have_no_identities():
    labels, ids, scores = scene()
    segments = build(output='semantic')(MapPrediction(labels, ids, 2, scores), meta_of())
    assert segments.labels.tolist() == [0, 1, 2] and segments.decoder_ids.tolist() == [0, 0, 0]
    assert not segments.is_thing.any() and segments.scores.tolist() == pytest.approx([0.7, 0.7, 0.5])
    assert segments.segment_map[0, 2].tolist() == [1, 1, 1, 3, 1, 1, 1, 3, 3, 3, 0, 0]


def test_class_agnostic_objects():
    """One thing class and void: DAVIS."""
    _, ids, _ = scene()
    segments = build()(MapPrediction(torch.where(ids > 0, 0, VOID), ids, 1), meta_of())
    assert segments.labels.tolist() == [0, 0, 0] and segments.decoder_ids.tolist() == [4, 7, 9]
    assert torch.equal(segments.segment_map > 0, ids[0] > 0)


def test_the_segment_decoder_works_at_the_original_size():
    """An identity of 9 cells has 36 pixels at twice the size: too few for the default of 40, enough for 36."""
    labels, ids, _ = scene()
    meta = meta_of(ori_shape=(16, 24))
    prediction = MapPrediction(labels, ids, 2)
    assert MODELS.build(dict(type='MapPostprocessor'))(prediction, meta).decoder_ids.tolist() == [0]
    kept = MODELS.build(dict(type='MapPostprocessor', segment_decoder=dict(type='SegmentDecoder', min_pixels=36)))
    assert kept(prediction, meta).decoder_ids.tolist() == [4, 9, 7, 0]


def test_padding_is_removed_before_the_original_size():
    """Map at stride 2 of a canvas (16, 24) whose valid part (12, 20) is an image of (6, 10)."""
    maps = torch.arange(8 * 12).view(1, 8, 12)
    meta = meta_of(img_shape=(12, 20), ori_shape=(6, 10), batch_input_shape=(16, 24))
    assert torch.equal(to_original(maps, meta), maps[:, :6, :10])
    same = meta_of(img_shape=(12, 20), ori_shape=(12, 20), batch_input_shape=(16, 24))
    assert torch.equal(to_original(maps, same), maps.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, :12, :20])


def test_resizing_is_nearest_in_two_steps():
    """Against torch, with sizes that divide nothing, step by step."""
    maps = torch.randint(0, 1000, (2, 11, 17))
    meta = meta_of(img_shape=(37, 61), ori_shape=(50, 43), batch_input_shape=(44, 68))

    def resize(x, size):
        return torch.nn.functional.interpolate(x[None].double(), size, mode='nearest-exact')[0].long()

    expected = resize(resize(maps, (44, 68))[..., :37, :61], (50, 43))
    result = to_original(maps, meta)
    assert torch.equal(result, expected)
    assert set(result.flatten().tolist()) <= set(maps.flatten().tolist())  # no id that was not there


def test_windows_of_several_frames():
    labels, ids, _ = scene()
    labels, ids = labels.repeat(1, 3, 1, 1), ids.repeat(1, 3, 1, 1)
    ids[0, 2][ids[0, 2] == 9] = 11
    segments = build()(MapPrediction(labels, ids, 2), meta_of(frames=3))
    assert segments.segment_map.shape == (3, 8, 12) and segments.decoder_ids.tolist() == [4, 9, 11, 7, 0]
    assert segments.boxes[1].tolist() == [-1, -1, 10, 10]  # not in the last frame


def test_nothing_but_void():
    void = torch.full((1, 1, 8, 12), VOID)
    for output in ('panoptic', 'instance', 'semantic'):
        segments = build(output=output)(MapPrediction(void, void * 0, 2), meta_of())
        assert len(segments) == 0 and segments.boxes.shape == (0, 4)


def test_bad_input():
    labels, ids, _ = scene()
    with pytest.raises(ValueError, match='one clip at a time'):
        build()(MapPrediction(labels.repeat(2, 1, 1, 1), ids.repeat(2, 1, 1, 1), 2), meta_of())
    with pytest.raises(TypeError, match='got a ClipPrediction: use PanopticPostprocessor'):
        build()(prediction_of(torch.ones(2, 1, 8, 12), torch.full((2, 2), 0.5)), meta_of())
    with pytest.raises(ValueError, match='output must be one of'):
        MODELS.build(dict(type='MapPostprocessor', output='depth'))


class OracleMaps(BaseDecoder):
    """The ground truth of a video as maps, with the ids that it has in the second half of an endless video."""

    clip_length, num_things, num_stuff = 1, 2, 2

    def __init__(self, sample):
        super().__init__()
        self.frames = sample.video_data_samples

    def loss(self, feats, data_samples):
        raise NotImplementedError

    def decode(self, feats, state, metas, prompts=None):
        frame = self.frames[metas[0].frame_ids[0]]
        labels = frame.gt_sem_seg.sem_seg.long()[None]
        masks, numbers = frame.gt_instances.masks.long(), frame.gt_instances.instances_ids + 300
        ids = (masks * numbers[:, None, None]).sum(0)[None, None]
        return MapPrediction(labels, ids, self.num_things), {}

    def embed(self, feats, prediction, segments):
        return None


def run_oracle(output, tracker):
    model = tiny_model()
    data = batch(model, video(3))
    model.decoder = OracleMaps(copy.deepcopy(data['data_samples'][0]))
    model.postprocessor = build(output=output)
    model.tracker = MODELS.build(dict(type=tracker))
    (result,) = model.predict(**data)
    return result, model.decoder.frames


@pytest.mark.parametrize(('tracker', 'ids'), [('DecoderIdTracker', [301, 302]), ('MaskIoUTracker', [1, 2])])
def test_oracle_maps_are_the_result(tracker, ids):
    result, truth = run_oracle('panoptic', tracker)
    for frame, wanted in zip(result.video_data_samples, truth, strict=True):
        found = frame.pred_panoptic_seg.panoptic_seg
        assert torch.equal(found // DIVISOR, wanted.gt_sem_seg.sem_seg.to(found))
        for label, mask in enumerate(wanted.gt_instances.masks.bool()):
            assert (found[0][mask] % DIVISOR).unique().tolist() == [ids[label]]
    tracks = result.metainfo['tracks']
    assert tracks['ids'].tolist() == ids and tracks['labels'].tolist() == [0, 1]
    assert tracks['num_frames'].tolist() == [5, 5] and tracks['scores'].tolist() == [1, 1]


def test_oracle_maps_as_scored_tracks():
    result, truth = run_oracle('instance', 'DecoderIdTracker')
    labels = truth[0].gt_instances.labels.tolist()
    tracks = [(identity - 1) * 2 + label + 1 for identity, label in zip((301, 302), labels, strict=True)]  # 2 things
    for frame, wanted in zip(result.video_data_samples, truth, strict=True):
        found = frame.pred_track_instances
        assert found.instances_id.tolist() == tracks
        assert torch.equal(found.masks, wanted.gt_instances.masks.bool())
    assert result.metainfo['tracks']['ids'].tolist() == tracks


def test_oracle_maps_as_classes():
    result, truth = run_oracle('semantic', 'DecoderIdTracker')
    for frame, wanted in zip(result.video_data_samples, truth, strict=True):
        assert torch.equal(frame.pred_sem_seg.sem_seg, wanted.gt_sem_seg.sem_seg)
        assert not (frame.pred_panoptic_seg.panoptic_seg % DIVISOR).any()
    assert len(result.metainfo['tracks']['ids']) == 0
