"""The proposal head and the iterative decoder of image K-Net equal the original."""

import pytest
import torch

from tests.parity_data import parity_names
from tests.test_models.knet_parity import (
    FOCAL,
    RANK,
    assert_close,
    converter,
    features_of,
    load,
    load_module,
    sub_state,
    targets_of,
)
from videoseg.models.decoders.kernel_proposal_head import Proposals
from videoseg.models.necks import SemanticFPN
from videoseg.models.task_modules import FrameTargets
from videoseg.registry import MODELS


def build(panoptic, **overrides):
    return MODELS.build(
        dict(
            type='KNetDecoder',
            num_things=4 if panoptic else 7,  # the recorded instance heads have seven classes and no stuff kernels
            num_stuff=3 if panoptic else 0,
            num_proposals=12,
            in_channels=64,
            update_head=dict(feedforward_channels=128),
            **overrides,
        )
    )


@pytest.mark.parametrize('name', parity_names('knet', ['knet_kernel_head_pan.pt', 'knet_kernel_head_ins.pt']))
def test_proposals_parity(name):
    record = load(name)
    cfg, panoptic = record['cfg'], 'pan' in name
    neck = load_module(SemanticFPN(64, 64, 64), sub_state(record['state_dict'], 'localization_fpn.'))
    criterion = dict(loss_rank=RANK if 'loss_rank' in cfg else None, loss_seg=FOCAL)
    decoder = build(panoptic, proposal_criterion=criterion)
    state = {k: v for k, v in record['state_dict'].items() if not k.startswith('localization_fpn.')}
    load_module(decoder.proposal_head, state)
    expected = record['outputs']
    feats = neck(record['inputs'])
    proposals = decoder.proposal_head(feats)
    assert_close(proposals.features, expected['x_feats'])
    assert_close(proposals.kernels, expected['proposal_feats'])
    assert_close(proposals.mask_logits, expected['mask_preds'])
    assert_close(proposals.semantic_logits, expected['seg_preds'])
    losses, _ = decoder.frame_losses(feats, targets_of(record['gt'], panoptic))
    recorded = record['train_outputs']['losses']
    assert set(recorded) == {key for key in losses if 'rpn' in key}
    for key, value in recorded.items():
        assert_close(losses[key], value)


@pytest.mark.parametrize('name', parity_names('knet', ['knet_iter_head_pan.pt', 'knet_iter_head_ins.pt']))
def test_stages_parity(name):
    record = load(name)
    panoptic = 'pan' in name
    stage_cfg = record['cfg']['mask_head'][0]
    decoder = build(panoptic, criterion=dict(loss_rank=RANK if stage_cfg.get('loss_rank') else None))
    state = converter.convert_state_dict({f'roi_head.{k}': v for k, v in record['state_dict'].items()})
    load_module(decoder.stages, sub_state(state, 'decoder.stages.'))
    inputs, expected = record['inputs'], record['outputs']
    semantic = torch.zeros(2, decoder.num_things + decoder.num_stuff, *inputs['x'].shape[-2:])
    proposals = Proposals(inputs['x'], inputs['proposal_feats'], inputs['mask_preds'], semantic)
    decoder.train()
    for output, stage in zip(decoder.run_stages(proposals, keep_all=True), expected['stages'], strict=True):
        assert_close(output.class_logits, stage['cls_score'])
        assert_close(output.mask_logits, stage['mask_preds'])
        assert_close(output.kernels, stage['object_feats'])
    losses, _ = decoder.proposal_losses(proposals, targets_of(record['gt'], panoptic), scale=2)
    recorded = {k: v for k, v in expected['losses'].items() if 'pos_acc' not in k}
    assert set(recorded) == {key for key in losses if key.startswith('s')}
    for key, value in recorded.items():
        assert_close(losses[key], value)


def test_batch_equals_single_frames():
    decoder = build(True).eval()
    decoder.init_weights()
    feats = features_of(torch.randn(2, 64, 8, 12), torch.randn(2, 64, 8, 12))
    both, _ = decoder.decode(feats, {}, [])
    for i in range(2):
        alone, _ = decoder.decode(
            features_of(feats.mask_features[i : i + 1], feats.semantic_features[i : i + 1]), {}, []
        )
        assert_close(both.select_clip(i).mask_logits, alone.mask_logits)
        assert_close(both.select_clip(i).class_logits, alone.class_logits)


def test_instance_mode_trains_on_any_number_of_images():
    """Defect 6: the original makes targets for two images only."""
    decoder = build(False)
    decoder.init_weights()
    feats = features_of(torch.randn(3, 64, 8, 12), torch.randn(3, 64, 8, 12))
    none = torch.zeros(0, dtype=torch.long)
    masks = (torch.rand(2, 16, 24) > 0.5).float()
    targets = [FrameTargets(torch.tensor([i, 6 - i]), masks, none, none, masks[:0]) for i in range(3)]
    losses, _ = decoder.frame_losses(feats, targets)
    assert all(torch.isfinite(value) for value in losses.values())
    third, _ = decoder.frame_losses(features_of(feats.mask_features[2:], feats.semantic_features[2:]), targets[2:])
    pair, _ = decoder.frame_losses(features_of(feats.mask_features[:2], feats.semantic_features[:2]), targets[:2])
    for name, value in losses.items():  # every image has two objects, so all means are over images
        assert_close(value, (2 * pair[name] + third[name]) / 3)


def test_bad_arguments():
    with pytest.raises(ValueError, match='stage_loss_weights'):
        build(True, stage_loss_weights=(1.0, 1.0))
    decoder = build(True, mask_assign_stride=3)
    with pytest.raises(ValueError, match='mask_assign_stride 3'):
        decoder.decode(features_of(torch.randn(1, 64, 8, 8), torch.randn(1, 64, 8, 8)), {}, [])
