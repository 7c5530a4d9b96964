"""The whole Video K-Net detector, inference over all recorded frames and a training step, equals the original."""

import pytest
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.structures import InstanceData, PixelData
from torch import nn

from tests.parity_data import parity_names
from tests.test_models.knet_parity import CLAMPED, RANK, assert_close, converter, load
from videoseg.datasets.kitti_step import KITTISTEPDataset
from videoseg.models.segmentors.windows import window_meta
from videoseg.registry import MODELS
from videoseg.structures.ids import VOID_LABEL, decode_ids

RAW_IDS = torch.tensor(KITTISTEPDataset.METAINFO['raw_ids'])
DETECTORS = parity_names('knet', ['video_detector_kitti_ffn.pt', 'video_detector_kitti_fuse.pt'])
SIZE = dict(img_shape=(60, 120), ori_shape=(60, 120), batch_input_shape=(64, 128), pad_shape=(64, 128))


class FeatureBank(nn.Module):
    """Stands in for backbone and FPN: the value of an image is the number of its recorded pyramid."""

    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward(self, images):
        rows = [self.features[int(image.flatten()[0])] for image in images]
        return tuple(torch.cat(levels) for levels in zip(*rows, strict=True))


def build(record, compat=True):
    head = record['cfg']['roi_head']['mask_head'][0]
    update = {'ffn': 'none', 'update': 'group_features'}[head['previous_type']]
    fusion = dict(update='group_features') if head.get('previous_link') == 'update_dynamic_cov' else None
    merge = record['cfg']['test_cfg']['rcnn']
    model = MODELS.build(
        dict(
            type='VideoSegmentor',
            backbone=dict(type='mmdet.ResNet', depth=18),
            neck=dict(type='SemanticFPN', in_channels=64, feat_channels=64, out_channels=64),
            decoder=dict(
                type='VideoKNetDecoder',
                num_things=2,
                num_stuff=17,
                num_proposals=12,
                in_channels=64,
                mask_assign_stride=2,
                assigner=CLAMPED,
                update_head=dict(feedforward_channels=128),
                proposal_criterion=dict(loss_rank=RANK, loss_seg=dict(type='CrossEntropyLoss', use_sigmoid=False)),
                criterion=dict(loss_rank=None),
                linking=dict(update=update),
                fusion=fusion,
                embedding_head=dict(),
            ),
            postprocessor=dict(
                type='PanopticPostprocessor',
                max_per_img=merge['max_per_img'],
                instance_score_thr=merge['merge_stuff_thing']['instance_score_thr'],
                overlap_thr=merge['merge_stuff_thing']['overlap_thr'],
                box_source='mask_and_semantic',
                compat=compat,
            ),
            tracker=dict(type='QuasiDenseEmbeddingTracker', compat=compat),
            # defect 3: pixels without a segment become the first raw class
            void_label=int((RAW_IDS == 0).nonzero()) if compat else VOID_LABEL,
        )
    )
    model.backbone = FeatureBank(record['features'])
    state = converter.convert_state_dict(record['state_dict'])
    state = {key.replace('neck.1.', 'neck.0.'): value for key, value in state.items()}
    model.load_state_dict(state, strict=True)
    return model.eval()


def frame_input(number):
    return torch.full((1, 3, 64, 128), float(number))


def frame_sample(number):
    frame = DetDataSample(metainfo=dict(video_id='recorded', frame_id=number, **SIZE))
    sample = TrackDataSample(metainfo=dict(video_id='recorded'))
    sample.video_data_samples = [frame]
    return sample


@pytest.mark.parametrize('name', DETECTORS)
def test_inference_over_all_frames(name):
    record = load(name)
    model = build(record)
    state = None
    for number, expected in enumerate(record['test_frames']):
        sample = frame_sample(number)
        if state is None:
            state = model.init_state(window_meta(sample, range(1)))
        (result,), state = model.step(frame_input(number), sample, state)
        labels, ids = decode_ids(result.pred_panoptic_seg.panoptic_seg[0].long())
        assert torch.equal(RAW_IDS[labels], expected['semantic'].long())
        assert torch.equal(ids, expected['track'].long())
        assert_close(state.decoder['kernels'], expected['obj_feats_memory'])
        assert int(state.tracker['num_tracks']) == expected['num_tracklets']
        assert sorted(state.tracker['track_ids'].tolist()) == expected['memory_ids']
        things = result.pred_track_instances.is_thing
        recorded = [s['score'] for s in expected['segments'] if s['isthing']]
        assert_close(result.pred_track_instances.scores[things], torch.tensor(recorded))


def recorded_and_own(model, record):
    """Of every frame the recorded semantic and id map, and our labels and ids."""
    state = None
    for number, expected in enumerate(record['test_frames']):
        sample = frame_sample(number)
        state = state or model.init_state(window_meta(sample, range(1)))
        (result,), state = model.step(frame_input(number), sample, state)
        own = decode_ids(result.pred_panoptic_seg.panoptic_seg[0].long())
        yield expected['semantic'].long(), expected['track'].long(), *own


@pytest.mark.parametrize('part', ['postprocessor', 'tracker'])
@pytest.mark.parametrize('name', DETECTORS)
def test_without_compat_ids_differ_from_the_recorded(name, part):
    """Defects 1 (tracker) and 2 (boxes of the postprocessor): ids alone change, classes are the recorded ones."""
    record = load(name)
    model = build(record)
    getattr(model, part).compat = False
    changed = []
    for semantic, track, labels, ids in recorded_and_own(model, record):
        assert torch.equal(RAW_IDS[labels], semantic)
        changed.append(not torch.equal(ids, track))
    assert any(changed)


@pytest.mark.parametrize('name', DETECTORS)
def test_without_a_label_for_void_it_stays_void(name):
    """Defect 3: where no segment is, the original has its first class."""
    record = load(name)
    model = build(record)
    model.void_label = VOID_LABEL
    number_void = 0
    for semantic, _, labels, _ in recorded_and_own(model, record):
        void = labels == VOID_LABEL
        assert (semantic[void] == 0).all() and torch.equal(RAW_IDS[labels[~void]], semantic[~void])
        number_void += int(void.sum())
    assert number_void > 0


def training_clip(record, model):
    train = record['train']
    sample = TrackDataSample(metainfo=dict(video_id='recorded'))
    frames = []
    for role in ('key', 'ref'):
        truth = train[role]
        sem = truth['sem'].clone()
        sem[:, 60:] = 255
        sem[:, :, 120:] = 255
        table = torch.full((256,), 255)
        table[RAW_IDS] = torch.arange(19)
        frame = DetDataSample(metainfo=dict(SIZE))
        frame.gt_instances = InstanceData(labels=truth['labels'], masks=truth['masks'], instances_ids=truth['ids'])
        frame.gt_sem_seg = PixelData(sem_seg=table[sem].to(torch.uint8))
        frames.append(frame)
    sample.video_data_samples = frames
    return torch.stack([frame_input(train['key_frame']), frame_input(train['ref_frame'])], 1), [sample]


@pytest.mark.parametrize('name', DETECTORS)
def test_training_losses(name):
    record = load(name)
    model = build(record).train()
    losses = model(*training_clip(record, model), mode='loss')
    recorded = {k.replace('_ref_rpn', '_ref'): v for k, v in record['train']['losses'].items() if 'pos_acc' not in k}
    assert set(losses) == set(recorded)
    for key, value in recorded.items():
        assert_close(losses[key], value)


@pytest.mark.parametrize('name', DETECTORS)
def test_two_equal_clips_lose_what_one_does(name):
    record = load(name)
    model = build(record).train()
    inputs, samples = training_clip(record, model)
    one = model(inputs, samples, mode='loss')
    two = model(inputs.repeat(2, 1, 1, 1, 1), samples * 2, mode='loss')
    for key, value in one.items():
        assert_close(two[key], value)
