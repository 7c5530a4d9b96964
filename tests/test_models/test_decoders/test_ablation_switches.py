"""Every row of the ablation tables in configs/video_knet/README.md is the model that it says, and trains."""

import argparse
import copy
import shlex
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, DictAction

from tests.test_models.tiny_models import TINY, batch, tiny_model, video
from videoseg.registry import MODELS, TRANSFORMS
from videoseg.utils import load_config

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / 'configs/video_knet/r50_kitti_step.py'
CLIP_SAMPLE = 'train_dataloader.dataset.pipeline.0.'


def read_rows():
    """Name and options of every row of the section's tables; rows that say why they have no options are left out."""
    text = (ROOT / 'configs/video_knet/README.md').read_text()
    section = text.split('## Published ablation rows and how to run each\n')[1].split('\n## ')[0]
    rows, refused = {}, []
    for table in section.split('\n\n'):
        lines = [
            [cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines() if line[:1] == '|'
        ]
        column = lines[0].index('options') if lines else None
        for cells in lines[2:]:
            if cells[column] and not cells[column].startswith('`'):
                refused.append(cells[0])
            else:
                rows[cells[0]] = cells[column].strip('`')
    return rows, refused


ROWS, REFUSED = read_rows()


def options_of(text):
    """What argparse makes of the options, as tools/train.py does."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    words = shlex.split(text)
    return parser.parse_args(['--cfg-options', *words]).cfg_options if words else {}


def stages_with(decoder, part):
    return [i for i, stage in enumerate(decoder.stages) if getattr(stage, part) is not None]


def updator_of(decoder):
    """MLP, combination and skip of every stage's updator."""
    kinds = {(hasattr(u.fc_layer, 'fc1'), u.combine, u.skip) for u in (s.kernel_update_conv for s in decoder.stages)}
    (kind,) = kinds
    return kind


def described(cfg):
    """The switches as the built model and training pipeline have them."""
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    decoder, sample = model.decoder, TRANSFORMS.build(cfg.train_dataloader.dataset.pipeline[0])
    linked, fused = stages_with(decoder, 'linking'), stages_with(decoder, 'fusion')
    head = decoder.embedding_head
    source = None if head is None else (head.uses_kernels, type(head.region).__name__, head.merge is not None)
    return dict(
        source=source,
        link_stages=linked,
        link=decoder.stages[linked[-1]].linking.update if linked else None,
        fusion_stages=fused,
        fusion=decoder.stages[fused[-1]].fusion.update if fused else None,
        detach=[block.detach for s in decoder.stages for block in (s.linking, s.fusion) if block is not None],
        reference_losses=decoder.reference_losses,
        sampling=decoder.association_sampling,
        updator=updator_of(decoder),
        offsets=tuple(sample.offsets),
        num_refs=sample.num_refs,
        tracker=type(model.tracker).__name__,
    )


FULL = dict(
    source=(True, 'NoneType', False),
    link_stages=[2],
    link='none',
    fusion_stages=[2],
    fusion='group_features',
    detach=[False, False],
    reference_losses=True,
    sampling='matched',
    updator=(False, 'product', False),
    offsets=(-2, -1, 1, 2),
    num_refs=1,
    tracker='QuasiDenseEmbeddingTracker',
)
NO_LINKING = dict(link_stages=[], link=None, detach=[False])
NO_FUSION = dict(fusion_stages=[], fusion=None, detach=[False])
NEITHER = {**NO_LINKING, **NO_FUSION, 'detach': []}
ALL_STAGES = dict(link_stages=[0, 1, 2], fusion_stages=[0, 1, 2], detach=[False] * 6)
EXPECTED = {  # row: what differs from the full model
    'K-Net': dict(source=None, **NEITHER),
    '+ embedding': NEITHER,
    '+ linking': NO_FUSION,
    '+ fusion: the full model': {},
    'link and fuse in stage 3': {},
    'link and fuse in stage 2': dict(link_stages=[1], fusion_stages=[1]),
    'link and fuse in stage 1': dict(link_stages=[0], fusion_stages=[0]),
    'losses of the key frame only': dict(reference_losses=False),
    'fusion without update': dict(fusion='none'),
    'embedding by RoIAlign': dict(source=(False, 'MaskRoIAlign', False), **NO_LINKING),
    'embedding by mask': dict(source=(False, 'MaskAverage', False), **NO_LINKING),
    'embedding by kernel': {},
    'embedding by kernel and mask': dict(source=(True, 'MaskAverage', True)),
    '+ embedding, matched kernels': NEITHER,
    '+ embedding, dense sampling': dict(sampling='dense', **NEITHER),
    'link type `update`': dict(link='group_features'),
    'link type `update_obj`': dict(link='kernels'),
    'several linked stages, their vectors averaged': ALL_STAGES,
    'linking and fusion without gradient into the previous frame': dict(detach=[True, True]),
    'updator: MLP': dict(updator=(True, 'product', False)),
    'updator: concatenate': dict(updator=(False, 'concat', False)),
    'updator: skip': dict(updator=(False, 'product', True)),
    'updator: concatenate and skip': dict(updator=(False, 'concat', True)),
    'reference frames next to the key frame': dict(offsets=(-1, 1)),
    'reference frames up to three away': dict(offsets=(-3, -2, -1, 1, 2, 3)),
    'reference frames of the past': dict(offsets=(-2, -1)),
    'clip size 3: two reference frames, a pair with each': dict(num_refs=2),
    'tracker: mask IoU': dict(tracker='MaskIoUTracker'),
    'tracker: number of the kernel': dict(tracker='KernelIndexTracker'),
}


def test_the_tables_have_these_rows():
    assert list(ROWS) == list(EXPECTED)
    assert REFUSED == ['UniTrack on K-Net']


@pytest.mark.parametrize('row', ROWS)
def test_row_switches_what_it_says(row):
    assert described(load_config(CONFIG, options_of(ROWS[row]))) == {**FULL, **EXPECTED.get(row, {})}


def test_clip_size_of_the_vis_model():
    path = CONFIG.with_name('r50_youtube_vis_2019.py')
    options = options_of(f'{CLIP_SAMPLE}num_refs=2 model.test_cfg.window=5 test_dataloader.sampler.window=5')
    cfg = load_config(path, options)
    assert TRANSFORMS.build(cfg.train_dataloader.dataset.pipeline[0]).num_refs == 2
    with torch.device('meta'):
        assert MODELS.build(cfg.model).window == cfg.test_dataloader.sampler.window == 5


# ---------------------------------------------------------------- one training step of each


def tiny_decoder(options):
    """The row's decoder with 32 channels, and the frames of its clips."""
    cfg = Config(dict(model=copy.deepcopy(TINY)))
    cfg.merge_from_dict(dict(model=dict(decoder=dict(num_stages=3))))
    cfg.merge_from_dict({k: v for k, v in options.items() if k.startswith('model.')})
    torch.manual_seed(0)
    decoder = MODELS.build(cfg.model.decoder)
    decoder.init_weights()
    return decoder.train(), 1 + options.get(f'{CLIP_SAMPLE}num_refs', 1)


@pytest.fixture(scope='module')
def clips():
    """Features and samples of two clips of three frames."""
    model = tiny_model()
    data = batch(model, video(0, frames=3), video(1, frames=3), training=True)
    with torch.no_grad():
        return model.extract_feat(data['inputs']), data['data_samples']


def losses_of(decoder, clips, frames=2):
    feats, samples = clips
    return decoder.loss(feats.select_frames(slice(frames)), [sample[:frames] for sample in samples])


DISTINCT = {}
for _row in EXPECTED:
    _options = options_of(ROWS.get(_row, ''))
    DISTINCT.setdefault(str({k: v for k, v in _options.items() if 'offsets' not in k and 'tracker' not in k}), _row)


@pytest.mark.parametrize('row', DISTINCT.values())
def test_one_training_step(row, clips):
    decoder, frames = tiny_decoder(options_of(ROWS[row]))
    losses = losses_of(decoder, clips, frames)
    total = sum(losses.values())
    total.backward()
    assert torch.isfinite(total)
    assert [name for name, p in decoder.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert ('loss_track' in losses) == (decoder.embedding_head is not None)
    assert ('s2_loss_mask_ref' in losses) == decoder.reference_losses
    torch.optim.AdamW(decoder.parameters(), lr=1e-3).step()
    with torch.no_grad():
        assert all(torch.isfinite(value) for value in losses_of(decoder, clips, frames).values())


def test_losses_of_the_key_frame_do_not_depend_on_joint_training(clips):
    joint, _ = tiny_decoder({})
    key_only, _ = tiny_decoder({'model.decoder.reference_losses': False})
    with torch.no_grad():
        expected, losses = losses_of(joint, clips), losses_of(key_only, clips)
    assert losses == {k: v for k, v in expected.items() if not k.endswith('_ref')}
    assert len(expected) > len(losses)


def test_two_reference_frames_are_two_pairs(clips):
    """The losses of a clip of three frames are the means of its two pairs (all frames have equally many objects)."""
    decoder, _ = tiny_decoder({})
    decoder.embedding_head.fc_embed.weight.data *= 300  # untrained, all vectors are nearly zero
    feats, samples = clips
    with torch.no_grad():
        both = decoder.loss(feats, samples)
        pairs = [
            decoder.loss(feats.select_frames([0, t]), [_clip_of(sample, (0, t)) for sample in samples]) for t in (1, 2)
        ]
    for name, value in both.items():
        torch.testing.assert_close(value, (pairs[0][name] + pairs[1][name]) / 2, rtol=1e-4, atol=1e-6)


def _clip_of(sample, frames):
    clip = sample.new()
    clip.video_data_samples = [sample.video_data_samples[t] for t in frames]
    return clip
