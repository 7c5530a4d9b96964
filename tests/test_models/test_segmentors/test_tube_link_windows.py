"""Whole Tube-Link models on windows of a video equal the original's."""

import pytest
import torch
from mmdet.structures import DetDataSample, TrackDataSample

from tests.parity_data import parity_names
from tests.test_models.tube_parity import decoder_cfg, load, neck_cfg, our_state, recorded_model
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures.ids import DIVISOR
from videoseg.structures.rle import decode_masks

VIS = parity_names('tube_link', ['vis_windows.pt'])
TRACKER = ('init_score_thr', 'addnew_score_thr', 'match_score_thr', 'memo_tracklet_frames', 'memo_momentum')
VPS = parity_names('tube_link', ['vps_windows.pt'])


def sample_of(record):
    """Descriptions of all frames of the recorded video."""
    sizes = dict(img_shape=record['img_shape'], ori_shape=record['ori_shape'])
    sizes['batch_input_shape'] = tuple(record['video'].shape[-2:])
    sample = TrackDataSample(metainfo=dict(video_id='recorded'))
    sample.video_data_samples = [
        DetDataSample(metainfo=dict(video_id='recorded', frame_id=t, **sizes)) for t in range(record['video'].shape[1])
    ]
    return sample


def vis_model(record, overlap, **postprocessor):
    """The recorded VIS model with its weights."""
    cfg = record['cfg']
    limit = cfg['test_cfg']['max_per_image']
    options = dict(type='VideoInstancePostprocessor', max_per_video=limit, **postprocessor)
    model = MODELS.build(
        dict(
            type='VideoSegmentor',
            backbone=dict(cfg['backbone'], type='mmdet.ResNet'),
            neck=neck_cfg(cfg['panoptic_head']),
            decoder=decoder_cfg(cfg['panoptic_head']),
            postprocessor=options,
            tracker=dict(type='QueryMatchingTracker'),
            test_cfg=dict(window=record['interval'], overlap=overlap, policy='balanced'),
        )
    )
    model.load_state_dict(our_state(record['state_dict']), strict=True)
    return model.eval()


def watch_orders(tracker):
    """Let a tracker append the permutation of every window to the list returned."""
    orders, align = [], tracker.align

    def wrapped(prediction, state):
        before = prediction.queries[0]
        prediction, state = align(prediction, state)
        orders.append((prediction.queries[0][:, None] == before[None]).all(-1).int().argmax(1))
        return prediction, state

    tracker.align = wrapped
    return orders


@pytest.mark.parametrize('name', VIS)
@pytest.mark.parametrize('run', [0, 1], ids=['apart', 'overlapping'])
def test_vis(name, run):
    record = load(name)
    expected = record['runs'][run]
    model = vis_model(record, expected['overlap'], compat=True)
    orders = watch_orders(model.tracker)
    (result,) = model.predict(record['video'], [sample_of(record)])
    assert all(torch.equal(a, b) for a, b in zip(orders[1:], expected['perms'], strict=True))
    table = result.metainfo['tracks']
    slots = {int(slot): [] for slot in table['mask_ids']}
    frames = [x.pred_track_instances for x in result]
    for slot, qualities in slots.items():
        for frame in frames:
            own = frame.quality[frame.instances_id == slot]
            qualities.append(float(own[0]) if len(own) else 0.0)
    mean = torch.tensor([sum(slots[int(slot)]) / len(frames) for slot in table['mask_ids']])
    recorded = {}  # (label, id): frame -> (score, mask); the order of the ids is that of an unsorted top-k
    for t, frame in enumerate(expected['frames']):
        for label, (boxes, rles) in enumerate(zip(frame['boxes_per_class'], frame['rle_per_class'], strict=True)):
            for box, rle in zip(boxes, rles, strict=True):
                recorded.setdefault((label, int(box[0])), {})[t] = (float(box[5]), rle)
    scores = {pair: sum(x for x, _ in values.values()) / len(frames) for pair, values in recorded.items()}
    pairs = sorted(recorded, key=lambda pair: (pair[0], scores[pair]))
    rows = sorted(range(len(table['ids'])), key=lambda row: (int(table['labels'][row]), float(table['scores'][row])))
    assert sorted(table['ids'].tolist()) == sorted(number for _, number in recorded)
    for row, pair in zip(rows, pairs, strict=True):
        assert int(table['labels'][row]) == pair[0]
        assert float(table['scores'][row]) == pytest.approx(scores[pair], rel=1e-4)
        assert sorted(recorded[pair]) == list(range(len(frames)))
        slot, class_score = int(table['mask_ids'][row]), float(table['scores'][row] / mean[row])
        for t, (score, rle) in recorded[pair].items():
            own = (frames[t].instances_id == slot).nonzero()[:, 0].tolist()
            assert class_score * slots[slot][t] == pytest.approx(score, rel=1e-4, abs=1e-6)
            mask = decode_masks([rle], record['ori_shape'])[0]
            found = decode_masks([frames[t].masks[i] for i in own], record['ori_shape'])
            assert bool(len(found)) == bool(mask.any())
            assert not len(found) or (found[0] == mask).all()


@pytest.mark.parametrize('name', VPS)
def test_vps(name):
    """All published defects on: maps and ids of four windows."""
    record = load(name)
    model = recorded_model(record, compat=True).eval()
    cfg = record['cfg']['test_cfg']
    model.postprocessor = MODELS.build(
        dict(
            type='QueryPanopticPostprocessor',
            object_mask_thr=cfg['object_mask_thr'],
            overlap_thr=cfg['iou_thr'],
            filter_low_score=cfg['filter_low_score'],
            compat=True,
        )
    )
    tracker = {key: value for key, value in record['cfg']['tracker'].items() if key in TRACKER}
    model.tracker = MODELS.build(dict(tracker, type='TubeMemoryTracker', compat=True))
    sample = sample_of(record)
    state = None
    for step in record['steps']:
        frames = slice(step['first'], step['first'] + record['window'])
        window = TrackDataSample(metainfo=dict(sample.metainfo, num_overlap=0))
        window.video_data_samples = sample.video_data_samples[frames]
        if state is None:
            state = model.init_state(window_meta(window, range(record['window'])))
        results, state = model.step(record['video'][0, frames], window, state)
        torch.testing.assert_close(state.decoder['queries'], step['pre_query'][:, 0], rtol=1e-4, atol=1e-4)
        ids = torch.cat([x.pred_panoptic_seg.panoptic_seg for x in results])
        label, track = ids // DIVISOR, ids % DIVISOR
        ours = torch.where(label == 255, 5, label + 1000 * track)
        assert torch.equal(ours, step['pan'])
        things = results[-1].pred_track_instances
        assert things.labels[things.is_thing].tolist() == step['match_in']['labels'].tolist()
        torch.testing.assert_close(things.scores[things.is_thing], step['match_in']['bboxes'][:, 4])
