"""Decoders x trackers x tasks: every cell trains a step and tests a short video, or says at once why it cannot.

Each decoder is trained once a task; each tracker then tests a model that is built anew from the cell's parts.
"""

import copy
from functools import cache

import pytest
import torch

from tests.test_evaluation.test_metrics.runs import META, add_truth, evaluator
from tests.test_models.diffusion_models import TINY_DIFFUSION
from tests.test_models.tiny_models import TINY, TINY_TUBE, batch, video
from videoseg.registry import MODELS
from videoseg.structures.ids import VOID_LABEL, encode_ids

SIZE = (32, 64)
BACKBONE = dict(type='mmdet.ResNet', depth=18, base_channels=8, norm_eval=True)
CHANNELS = [8, 16, 32, 64]
NECKS = {
    'K-Net': [
        dict(type='FPN', in_channels=CHANNELS, out_channels=32, num_outs=4),
        dict(type='SemanticFPN', in_channels=32, feat_channels=32, out_channels=32),
    ],
    'Tube-Link': dict(
        type='DeformablePixelDecoder',
        in_channels=CHANNELS,
        feat_channels=32,
        out_channels=32,
        num_layers=1,
        num_heads=4,
        feedforward_channels=64,
        num_groups=8,
        semantic_head=False,
    ),
    'Diffusion': dict(
        type='PyramidMerge',
        in_channels=CHANNELS,
        strides=(4, 8, 16, 32),
        out_channels=16,
        token_channels=16,
        mask_stride=4,
    ),
}
FRAMES = {'Tube-Link': 4, 'Diffusion': 3}  # of a training clip; 2 for the others

VIDEO_KNET = TINY['decoder']
KNET = dict(VIDEO_KNET, type='KNetDecoder')
for part in ('embedding_head', 'linking', 'fusion'):
    del KNET[part]
HEAD = dict(type='FCNHead', in_channels=32, in_index=0, channels=32, num_convs=1, concat_input=False)
SEMANTIC = dict(
    type='SemanticKNetDecoder',
    num_things=2,
    num_stuff=2,
    num_stages=2,
    generate_head=dict(HEAD, norm_cfg=dict(type='GN', num_groups=8)),
    update_head=dict(feedforward_channels=64),
)
TUBE = dict(TINY_TUBE, type='TubeLinkDecoder')
PLAIN_TUBE = dict(TUBE, stuff_slots=False, link=None, association=None)
DECODERS = {
    'K-Net': dict(VPS=KNET, VIS=dict(KNET, num_stuff=0), VSS=SEMANTIC),
    'Video K-Net': dict(
        VPS=VIDEO_KNET,
        VIS=dict(VIDEO_KNET, num_stuff=0),
        VSS=dict(SEMANTIC, fusion=dict(feedforward_channels=64)),
    ),
    'Tube-Link': dict(VPS=TUBE, VIS=dict(PLAIN_TUBE, num_stuff=0), VSS=dict(PLAIN_TUBE, num_things=0, num_stuff=4)),
}
QUERY_DECODERS = list(DECODERS)
DECODERS['Diffusion'] = dict(VPS=TINY_DIFFUSION, VIS=dict(TINY_DIFFUSION, num_stuff=0), VSS=TINY_DIFFUSION)
PANOPTIC = dict(type='PanopticPostprocessor', instance_score_thr=0.0, overlap_thr=0.0, max_per_img=6)
QUERY_PANOPTIC = dict(type='QueryPanopticPostprocessor', object_mask_thr=0.0, overlap_thr=0.0, competitors='all')
INSTANCE = dict(type='InstancePostprocessor', max_per_img=6)
AT_THE_END = dict(type='VideoInstancePostprocessor', max_per_video=6)
SEMANTIC_MAP = dict(type='SemanticPostprocessor')
MAPS = dict(type='MapPostprocessor', segment_decoder=dict(type='SegmentDecoder', min_pixels=0))
MAP_OUTPUT = dict(VPS='panoptic', VIS='instance', VSS='semantic')  # VSS drops the identities of the same model
TRACKERS = {
    'index': dict(type='KernelIndexTracker'),
    'embedding': dict(type='QuasiDenseEmbeddingTracker', init_score_thr=0.0, obj_score_thr=0.0),
    'mask IoU': dict(type='MaskIoUTracker'),
    'query matching': dict(type='QueryMatchingTracker'),
    'tube memory': dict(type='TubeMemoryTracker', init_score_thr=0.0, addnew_score_thr=0.0),
}
QUERY_TRACKERS = list(TRACKERS)
TRACKERS['decoder ids'] = dict(type='DecoderIdTracker')
TRACKERS['boxes'] = dict(type='SORTBoxTracker')
MAP_TRACKERS = ['decoder ids', 'mask IoU', 'boxes']
CELLS = [(decoder, tracker) for decoder in QUERY_DECODERS for tracker in QUERY_TRACKERS]
CELLS += [('Diffusion', tracker) for tracker in MAP_TRACKERS]
METRIC = dict(
    VPS=('STQMetric', 'stq/STQ', 'panoptic'),
    VIS=('VideoAPMetric', 'ap/AP', 'instance'),
    VSS=('SemanticIoUMetric', 'vss/mIoU', 'semantic'),
)


def readouts(decoder, task, tracker):
    """The postprocessors of a cell with the tracker as each needs it, and those that refuse it."""
    tracker = TRACKERS[tracker]
    if decoder == 'Diffusion':
        return [(dict(MAPS, output=MAP_OUTPUT[task]), tracker)], []
    if task == 'VPS':
        return [(QUERY_PANOPTIC if decoder == 'Tube-Link' else PANOPTIC, tracker)], []
    if task == 'VSS':
        return [(SEMANTIC_MAP, tracker)], []
    if tracker['type'] in ('KernelIndexTracker', 'QueryMatchingTracker'):
        pairs = dict(tracker, per_class=True)
        return [(INSTANCE, pairs), (AT_THE_END, tracker)], [(INSTANCE, tracker), (AT_THE_END, pairs)]
    return [(INSTANCE, tracker)], [(AT_THE_END, tracker)]


def build(decoder, decoder_cfg, postprocessor=None, tracker=None, **kwargs):
    torch.manual_seed(0)
    config = dict(
        type='VideoSegmentor',
        data_preprocessor=dict(type='ClipDataPreprocessor', mean=[127.0] * 3, std=[128.0] * 3),
        backbone=BACKBONE,
        neck=NECKS.get(decoder, NECKS['K-Net']),
        decoder=decoder_cfg,
        postprocessor=postprocessor,
        tracker=tracker,
        **kwargs,
    )
    return MODELS.build(copy.deepcopy(config))


@cache
def trained(decoder, task):
    """Weights after a step on two clips."""
    model = build(decoder, DECODERS[decoder][task]).train()
    if decoder == 'Tube-Link':  # without training it sees next to nothing
        model.init_weights()
        bias = model.decoder.cls_embed.bias.data
        bias[: model.decoder.num_things] += 1
        bias[-1] -= 4
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    clips = [video(seed, frames=FRAMES.get(decoder, 2), size=SIZE) for seed in (0, 1)]
    total, losses = model.parse_losses(model(**batch(model, *clips, training=True), mode='loss'))
    total.backward()
    torch.optim.AdamW(model.parameters(), lr=1e-3).step()
    assert all(torch.isfinite(value).all() for value in losses.values())
    assert len(losses) > (1 if decoder == 'Diffusion' else 2)  # the sum is one of them
    moved = {name.split('.')[0] for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {'backbone', 'neck', 'decoder'}
    return model.state_dict()


@cache
def scored_video():
    """Five frames without ground truth, and the panoptic ids of each."""
    item = video(7, frames=5, size=SIZE)
    truth = []
    for frame in item['data_samples'].video_data_samples:
        ids = encode_ids(frame.gt_sem_seg.sem_seg[0].long(), torch.zeros(SIZE, dtype=torch.long))
        for mask, number in zip(frame.gt_instances.masks.bool(), frame.gt_instances.instances_ids, strict=True):
            ids[mask] += number
        truth.append(ids.numpy())
        del frame.gt_instances, frame.gt_sem_seg
    return item, truth


def score(model, task):
    """Test a video: its frames, its track table and the task's number."""
    item, truth = scored_video()
    (result,) = model.eval()(**batch(model, item), mode='predict')
    metric, name, kind = METRIC[task]
    judge, table = evaluator([dict(type=metric)]), result.metainfo['tracks']
    assert len(result) == len(truth)
    for frame, ids in zip(result, truth, strict=True):
        add_truth(frame, ids, kind)
    judge.process(result.video_data_samples)
    judge.metrics[0].process_tracks('video7', table)
    return result.video_data_samples, table, judge.evaluate(len(result))[name]


def check(frames, table, number, task, labels=range(4)):
    assert 0 <= number <= 1
    rows = [frame.pred_track_instances for frame in frames]
    tracked = {int(i) for row in rows for i in row.instances_id if i > 0}
    if task == 'VSS':  # nobody invents identities
        assert not tracked and len(table['ids']) == 0
        assert {label for frame in frames for label in frame.pred_sem_seg.sem_seg.unique().tolist()} <= set(labels)
    else:
        ids = set(table.get('mask_ids', table['ids']).tolist())
        assert ids and tracked
        assert ids <= tracked if 'mask_ids' in table else tracked <= ids  # the former were chosen among what left
        assert all((row.instances_id[~row.is_thing] == 0).all() for row in rows)


@pytest.mark.parametrize('task', METRIC)
@pytest.mark.parametrize(('decoder', 'tracker'), CELLS)
def test_cell(decoder, task, tracker):
    possible, _ = readouts(decoder, task, tracker)
    assert possible  # every cell has a way
    for parts in possible:
        model = build(decoder, DECODERS[decoder][task], *parts, test_cfg=dict(window=2))
        model.load_state_dict(trained(decoder, task))
        # maps know void, and a semantic read-out of a map leaves it
        check(*score(model, task), task, [*range(4), VOID_LABEL] if decoder == 'Diffusion' else range(4))


@pytest.mark.parametrize('tracker', QUERY_TRACKERS)
@pytest.mark.parametrize('task', ['VPS', 'VIS'])
@pytest.mark.parametrize('decoder', ['K-Net', 'Video K-Net'])
def test_tubes_without_training(decoder, task, tracker):
    """The same weights, windows decoded as tubes."""
    possible, _ = readouts(decoder, task, tracker)
    assert possible  # every cell has a way
    for parts in possible:
        model = build(decoder, dict(DECODERS[decoder][task], tube=True), *parts, test_cfg=dict(window=3))
        model.load_state_dict(trained(decoder, task))
        check(*score(model, task), task)


# ---------------------------------------------------------------- what is impossible, and why

REFUSED = {  # tracker: what the read-out that does not go with it says
    'index': ['gives a query one id, but InstancePostprocessor .*per_class=True', 'names objects by itself'],
    'embedding': ['QuasiDenseEmbeddingTracker names objects by itself, .*QueryMatchingTracker or KernelIndexTracker'],
    'mask IoU': ['MaskIoUTracker names objects by itself, .*others go with InstancePostprocessor'],
    'query matching': ['gives a query one id, but InstancePostprocessor .*per_class=True', 'names objects by itself'],
    'tube memory': ['TubeMemoryTracker names objects by itself, .*others go with InstancePostprocessor'],
}


@pytest.mark.parametrize('tracker', QUERY_TRACKERS)
@pytest.mark.parametrize('decoder', QUERY_DECODERS)
def test_impossible_readouts_are_refused(decoder, tracker):
    _, impossible = readouts(decoder, 'VIS', tracker)
    for parts, reason in zip(impossible, REFUSED[tracker], strict=True):
        with pytest.raises(ValueError, match=reason):
            build(decoder, DECODERS[decoder]['VIS'], *parts)


NO_QUERIES = 'goes by queries, but MapPostprocessor reads maps, which have none'
NO_EMBEDDINGS = 'goes by embeddings, but DiffusionDecoder has none'


@pytest.mark.parametrize(
    ('tracker', 'reason'),
    [
        (TRACKERS['index'], f'KernelIndexTracker {NO_QUERIES}'),
        (dict(TRACKERS['index'], per_class=True), f'KernelIndexTracker {NO_QUERIES}'),
        (TRACKERS['query matching'], f'QueryMatchingTracker {NO_QUERIES}'),
        (TRACKERS['embedding'], f'QuasiDenseEmbeddingTracker {NO_EMBEDDINGS}'),
        (TRACKERS['tube memory'], f'TubeMemoryTracker {NO_EMBEDDINGS}'),
    ],
)
@pytest.mark.parametrize('task', METRIC)
def test_maps_have_no_queries_and_no_embeddings(task, tracker, reason):
    """An index of such segments would be none or the same for all of a class."""
    reason += ': use MaskIoUTracker or SORTBoxTracker, or DecoderIdTracker if the decoder tracks by itself'
    with pytest.raises(ValueError, match=f'model.tracker {reason}'):
        build('Diffusion', DECODERS['Diffusion'][task], dict(MAPS, output=MAP_OUTPUT[task]), tracker)


@pytest.mark.parametrize('decoder', QUERY_DECODERS)
def test_queries_are_no_maps(decoder):
    with pytest.raises(ValueError, match=f'model.tracker KernelIndexTracker {NO_QUERIES}'):
        build(decoder, DECODERS[decoder]['VPS'], MAPS, TRACKERS['index'])
    model = build(decoder, DECODERS[decoder]['VPS'], *readouts(decoder, 'VPS', 'decoder ids')[0][0])
    with pytest.raises(ValueError, match="video 'video7', frame 0: DecoderIdTracker needs a decoder that tracks by"):
        score(model, 'VPS')
    model = build(decoder, DECODERS[decoder]['VPS'], MAPS, TRACKERS['mask IoU'])
    with pytest.raises(
        TypeError, match='MapPostprocessor needs a decoder that gives a MapPrediction, .*: use Panoptic'
    ):
        score(model, 'VPS')


@pytest.mark.parametrize('postprocessor', [PANOPTIC, INSTANCE, AT_THE_END, SEMANTIC_MAP], ids=lambda x: x['type'])
def test_maps_are_no_queries(postprocessor):
    tracker = TRACKERS['query matching' if postprocessor is AT_THE_END else 'mask IoU']
    model = build('Diffusion', TINY_DIFFUSION, postprocessor, tracker)
    with pytest.raises(TypeError, match='ClipPrediction, got a MapPrediction: use MapPostprocessor|but this decoder'):
        score(model, 'VPS')


def test_codes_without_identities_give_no_instances():
    semantic = dict(TINY_DIFFUSION, codec=dict(num_class_bits=3, num_id_bits=0))
    reason = r"has one mask a class and no instances: use MapPostprocessor\(output='semantic'\)"
    with pytest.raises(ValueError, match=f'gives instances of things, but DiffusionDecoder {reason}'):
        build('Diffusion', semantic, dict(MAPS, output='instance'))


@pytest.mark.parametrize('postprocessor', [INSTANCE, AT_THE_END], ids=['pairs', 'at_the_end'])
@pytest.mark.parametrize('decoder', QUERY_DECODERS)
def test_semantic_decoders_give_no_instances(decoder, postprocessor):
    """Their read-out would always be empty."""
    reason = 'has no thing classes' if decoder == 'Tube-Link' else 'has one mask a class and no instances'
    with pytest.raises(ValueError, match=f'gives instances of things, but .*{reason}: use SemanticPostprocessor'):
        build(decoder, DECODERS[decoder]['VSS'], postprocessor)


@pytest.mark.parametrize(
    ('decoder', 'task', 'frames', 'reason'),
    [
        ('Video K-Net', 'VPS', 1, r'trains on pairs, the clips have 1 frame: set ClipSample\('),
        ('Video K-Net', 'VSS', 1, 'with fusion trains on pairs, the clips have 1 frame'),
        ('Tube-Link', 'VPS', 3, 'a key and a reference tube of equal length, the clips have 3 frames: set an even'),
        ('Diffusion', 'VPS', 2, r'video video0: num_past=2 needs clips of 3 frames, got 2: set ClipSample\('),
    ],
)
def test_clips_that_a_decoder_cannot_train_on(decoder, task, frames, reason):
    model = build(decoder, DECODERS[decoder][task]).train()
    with pytest.raises(ValueError, match=reason):
        model(**batch(model, video(0, frames=frames, size=SIZE), training=True), mode='loss')


def test_boxes_by_a_dense_branch_that_is_not_there():
    model = build('Tube-Link', TUBE, dict(PANOPTIC, box_source='mask_and_semantic'), TRACKERS['embedding'])
    with pytest.raises(ValueError, match="needs a decoder with semantic_logits; .*use box_source='mask'"):
        score(model, 'VPS')


def test_links_that_nothing_would_train():
    for decoder, options in (('Video K-Net', dict(embedding_head=None)), ('Tube-Link', dict(association=None))):
        with pytest.raises(ValueError, match=r'link(ing)? needs .*set link(ing)?=None'):
            build(decoder, dict(DECODERS[decoder]['VPS'], **options))


def test_class_logits_are_averaged_once():
    averaging = dict(TRACKERS['query matching'], average_logits=True)
    with pytest.raises(ValueError, match=r'take the mean again: set model\.tracker\.average_logits=False'):
        build('Tube-Link', PLAIN_TUBE, AT_THE_END, averaging)
    model = build('Tube-Link', PLAIN_TUBE, INSTANCE, dict(averaging, per_class=True))
    assert model.tracker.average_logits


def test_metainfo_of_the_metrics_is_that_of_the_models():
    assert META['num_things'] == KNET['num_things'] and len(META['classes']) == 4
