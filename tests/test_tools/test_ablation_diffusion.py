"""The comparison of the diffusion decoder and Video K-Net: what is the same in both, and which options exist."""

import itertools

import pytest

from tests.tool_module import load_tool
from videoseg.registry import MODELS
from videoseg.utils.config import load_config

PLAN = 'configs/ablation/diffusion.py'


@pytest.fixture(scope='module')
def tables():
    return {table.name: table for table in load_tool('analysis_tools/run_ablation.py').read_plan(PLAN)[0]}


def config_of(table, name):
    planned = next(row.runs[0] for row in table.rows if row.name == name)
    return load_config(planned.config, planned.options)


@pytest.mark.parametrize('name', ['synthetic', 'camvid'])
def test_both_have_the_same_data_backbone_and_width(tables, name):
    knet, diffusion = (config_of(tables[name], row) for row in ('video_knet', 'diffusion'))
    backbones = [{'norm_eval': False, **x.model.backbone} for x in (knet, diffusion)]
    assert backbones[0] == backbones[1]
    assert knet.model.neck[0] == diffusion.model.neck[0]
    assert diffusion.model.neck[1].in_channels == [knet.model.neck[1].in_channels] * 4
    assert knet.model.data_preprocessor == diffusion.model.data_preprocessor
    pipelines = [x.train_dataloader.dataset.pipeline for x in (knet, diffusion)]
    assert pipelines[0][1:] == pipelines[1][1:]
    assert knet.train_dataloader.sampler == diffusion.train_dataloader.sampler
    # frames that are learnt an iteration: both of a pair, the latest of a clip
    assert pipelines[0][0].num_refs == 1 and pipelines[1][0].num_refs == 2
    assert 2 * knet.train_dataloader.batch_size == diffusion.train_dataloader.batch_size == 4
    for key in ('test_dataloader', 'test_evaluator'):
        assert knet[key] == diffusion[key]


def without_rates(cfg):
    """The optimiser of a config without its learning rates, and the rates of backbone, rest, and the last layer."""
    wrapper = cfg.optim_wrapper.to_dict()
    rate, keys = wrapper['optimizer'].pop('lr'), wrapper['paramwise_cfg']['custom_keys']
    last = keys.pop('denoiser.conv_out', dict(lr_mult=1.0))
    return wrapper, rate * keys['backbone'].pop('lr_mult'), rate, rate * last['lr_mult']


def compare_optimisers(knet, diffusion):
    """The same but for the rate of what is not the backbone: for diffusion twice as high, at the end 20 times."""
    (one, backbone, rate, _), (other, *its_rates) = without_rates(knet), without_rates(diffusion)
    assert one == other
    assert its_rates == pytest.approx([backbone, 2 * rate, 20 * rate])


def test_both_have_the_same_schedule(tables):
    knet, diffusion = (config_of(tables['synthetic'], row) for row in ('video_knet', 'diffusion'))
    for key in ('train_cfg', 'param_scheduler'):
        assert knet[key] == diffusion[key], key
    compare_optimisers(knet, diffusion)
    camvid = tables['camvid']
    start = load_config(camvid.start.config)
    knet, diffusion = (config_of(camvid, row) for row in ('video_knet', 'diffusion'))
    assert diffusion.train_cfg.max_iters == start.train_cfg.max_iters + knet.train_cfg.max_iters == 1600
    compare_optimisers(start, diffusion)
    trained = {row.name: row.runs[0].needs for row in camvid.rows if row.runs[0].train}
    (corrupted,) = (row.runs[0] for row in camvid.rows if row.name == 'corruption')
    starts = dict(video_knet=camvid.start, diffusion=None, corruption=None, longer=corrupted, no_past=None)
    assert trained == starts


@pytest.mark.slow
@pytest.mark.parametrize('name', ['synthetic', 'rollout', 'camvid'])
def test_every_row_is_a_model_that_can_be_built(tables, name):
    built = {}
    for row in tables[name].rows:
        cfg = load_config(row.runs[0].config, row.runs[0].options)
        decoder = MODELS.build(cfg.model).decoder
        sampling = cfg.train_dataloader.dataset.pipeline[0]
        assert sampling.num_refs == getattr(decoder, 'num_past', 1), row.name  # Video K-Net learns pairs
        if cfg.model.decoder.type == 'DiffusionDecoder':
            built[row.name] = decoder
    weights = {row.name: row.runs[0].weights.folder.parts[-2] for row in tables[name].rows}
    corrupted = {row for row, decoder in built.items() if decoder.corruption.radius > 0}
    assert corrupted == {row for row in built if weights[row] in ('corruption', 'longer')} != set()
    assert {row for row, decoder in built.items() if decoder.feed_back == 'filtered'} == {
        'filtered',
        'corruption_filtered',
    }
    if name != 'rollout':
        steps = {row: decoder.steps_later for row, decoder in built.items() if row.startswith('diffusion')}
        names = {f'diffusion_steps_{n}': n for n in (1, 2, 10, 20)}
        assert steps == {'diffusion': 5, 'diffusion_mask_iou': 5, **names}
        assert {decoder.steps_first for decoder in built.values()} == {20}
        assert {decoder.corruption.frame_dropout for decoder in built.values()} == {0.5}
        assert [built[row].num_past for row in ('no_past', 'no_past_mask_iou', 'diffusion')] == [0, 0, 2]


def test_rollouts_take_the_weights_of_the_synthetic_videos(tables):
    for row in tables['rollout'].rows:
        first = row.runs[0]
        assert not first.train and first.predictions and first.needs.folder.parts[-3] == 'synthetic'
        cfg, source = (load_config(x.config, x.options) for x in (first, first.needs))
        assert cfg.test_dataloader.dataset.data_root == 'data/synthetic_rollout/'
        assert cfg.model.decoder.type == source.model.decoder.type
    assert '--frames 50' in ' '.join(tables['rollout'].prepare)


def test_the_gpu_table_has_the_whole_grid(tables):
    table = tables['kitti_step']
    assert table.on_request
    scale, power, td, steps = (f'model.decoder.{x}' for x in ('codec.scale', 'loss_bits.power', 'td', 'steps_later'))
    grid = set()
    for row in table.rows:
        planned = row.runs[0]
        options = planned.options
        assert (options['optim_wrapper.type'], options['optim_wrapper.dtype']) == ('AmpOptimWrapper', 'bfloat16')
        if power in options and steps not in options:
            grid.add((options[scale], options[power], options.get(td, 1.0)))
            image_stage = planned.needs if planned.train else planned.needs.needs
            assert image_stage.options[scale] == options[scale] and 'cityscapes' in image_stage.config
    assert grid == set(itertools.product((0.1, 0.3, 1.0), (0.0, 0.2, 0.4), (0.0, 1.0, 2.0)))
    cfg = config_of(table, 'b0.3_p0.4_td2')
    decoder = cfg.model.decoder
    assert (decoder.codec.scale, decoder.loss_bits.power, decoder.td) == (0.3, 0.4, 2.0)
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper' and decoder.loss_bits.chunk == 48
    assert config_of(table, 'b0.1_p0.2').model.decoder.td == 1.0
