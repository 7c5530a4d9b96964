"""mmdet's Mask2Former loads as it is, under the names of mmdet 2 and 3, and computes here what it computes there."""

import pytest
import torch
from mmengine.config import Config, ConfigDict

from tests.test_tools.test_model_converters.released import mmdet2_names
from videoseg.engine import VideoSegRunner
from videoseg.registry import MODELS
from videoseg.utils import CheckpointMismatchError, load_checkpoint_report
from videoseg.utils.mask2former_names import translate_mask2former

CHANNELS = [32, 64, 128, 256]
BACKBONE = dict(type='ResNet', depth=50, base_channels=8)


def mask2former(num_things=3, num_stuff=2, num_queries=7):
    """mmdet's, with random numbers in every parameter."""
    attention = dict(embed_dims=32, num_heads=4, dropout=0.0, batch_first=True)
    ffn = dict(embed_dims=32, num_fcs=2, ffn_drop=0.0, act_cfg=dict(type='ReLU', inplace=True))
    head = dict(
        type='Mask2FormerHead',
        in_channels=CHANNELS,
        strides=[4, 8, 16, 32],
        feat_channels=32,
        out_channels=32,
        num_things_classes=num_things,
        num_stuff_classes=num_stuff,
        num_queries=num_queries,
        num_transformer_feat_level=3,
        pixel_decoder=dict(
            type='MSDeformAttnPixelDecoder',
            num_outs=3,
            norm_cfg=dict(type='GN', num_groups=32),
            act_cfg=dict(type='ReLU'),
            encoder=dict(
                num_layers=2,
                layer_cfg=dict(
                    self_attn_cfg={**attention, 'num_levels': 3, 'num_points': 4},
                    ffn_cfg=dict(ffn, feedforward_channels=64),
                ),
            ),
            positional_encoding=dict(num_feats=16, normalize=True),
        ),
        enforce_decoder_input_project=False,
        positional_encoding=dict(num_feats=16, normalize=True),
        transformer_decoder=dict(
            num_layers=3,
            return_intermediate=True,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=dict(ffn, feedforward_channels=64)
            ),
            init_cfg=None,
        ),
        loss_cls=dict(type='CrossEntropyLoss', class_weight=[1.0] * (num_things + num_stuff) + [0.1]),
        loss_mask=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_dice=dict(type='DiceLoss', use_sigmoid=True, activate=True, naive_dice=True, eps=1.0),
    )
    fusion = dict(
        type='MaskFormerFusionHead', num_things_classes=num_things, num_stuff_classes=num_stuff, loss_panoptic=None
    )
    torch.manual_seed(0)
    model = MODELS.build(
        ConfigDict(type='Mask2Former', backbone=BACKBONE, panoptic_head=head, panoptic_fusion_head=fusion)
    )
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -0.2, 0.2)
    return model.eval()


NECK = dict(
    type='DeformablePixelDecoder',
    in_channels=CHANNELS,
    feat_channels=32,
    out_channels=32,
    num_layers=2,
    num_heads=4,
    feedforward_channels=64,
    semantic_head=False,
)


def ours_with(decoder):
    """Our parts for the same backbone and pixel decoder, and a decoder."""
    torch.manual_seed(1)
    return MODELS.build(dict(type='VideoSegmentor', backbone=BACKBONE, neck=NECK, decoder=decoder)).eval()


def tube_link(num_things=3, num_stuff=2, num_queries=7, **decoder):
    """Our parts for the same parameters."""
    decoder.update(num_things=num_things, num_stuff=num_stuff, num_queries=num_queries)
    sizes = dict(embed_dims=32, num_layers=3, num_heads=4, feedforward_channels=64)
    return ours_with(dict(type='TubeLinkDecoder', **sizes, **decoder))


@pytest.fixture(scope='module')
def theirs():
    return mask2former()


@pytest.mark.parametrize('version', [2, 3])
def test_every_tensor_lands_and_the_outputs_are_theirs(theirs, version):
    state = theirs.state_dict() if version == 3 else mmdet2_names(theirs.state_dict())
    assert any('.attentions.1.' in name for name in state) == (version == 2)
    ours = tube_link()
    report = load_checkpoint_report(ours, dict(state_dict=state, meta=dict()), source='a.pth', strict=True)
    assert report.is_complete and len(report.matched) == len(state)

    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        pyramid = theirs.extract_feat(image)
        mask_feature, memories = theirs.panoptic_head.pixel_decoder(pyramid)
        classes, masks = theirs.panoptic_head(pyramid, [])
        feats = ours.extract_feat(image[:, None])
        outputs = ours.decoder.run_layers(feats, keep_all=True)
    for found, expected in zip([feats.mask_features, *feats.multi_scale], [mask_feature, *memories], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert len(outputs) == len(classes) == 4
    for output, class_logits, mask_logits in zip(outputs, classes, masks, strict=True):
        torch.testing.assert_close(output.class_logits, class_logits, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(output.mask_logits[:, :, 0], mask_logits, rtol=1e-5, atol=1e-5)


def test_other_classes_and_new_parts_only_where_allowed(theirs):
    """COCO to another data set with link and association: the mechanism is that of every other checkpoint."""
    content = dict(state_dict=theirs.state_dict(), meta=dict())
    new = dict(num_things=4, num_stuff=0, link=dict(), association=dict())
    with pytest.raises(CheckpointMismatchError) as error:
        load_checkpoint_report(tube_link(**new), content, source='a.pth')
    starts_anew = ['decoder.association', 'decoder.cls_embed', 'decoder.link']
    assert f'load_from_allow = {starts_anew}' in str(error.value)
    assert 'mismatched: decoder.cls_embed.weight is (5, 32) in the model, (6, 32) in the checkpoint' in str(error.value)
    ours = tube_link(**new)
    untrained = ours.decoder.cls_embed.weight.clone()
    report = load_checkpoint_report(ours, content, source='a.pth', allow_reinit=starts_anew)
    assert set(report.mismatched) == {'decoder.cls_embed.weight', 'decoder.cls_embed.bias'}
    assert not report.unexpected
    assert torch.equal(ours.decoder.cls_embed.weight, untrained)
    assert torch.equal(ours.decoder.query_feat.weight, theirs.panoptic_head.query_feat.weight)


@pytest.mark.parametrize('strict', [True, False])
def test_another_number_of_queries_says_what_to_set(theirs, strict):
    content = dict(state_dict=theirs.state_dict(), meta=dict())
    with pytest.raises(CheckpointMismatchError, match='has 7 queries, the model 9: set model.decoder.num_queries=7'):
        load_checkpoint_report(tube_link(num_queries=9), content, source='a.pth', strict=strict)


def test_what_was_renamed_is_said_and_strangers_are_reported(theirs):
    state = {**theirs.state_dict(), 'panoptic_head.extra.weight': torch.zeros(1), 'teacher.x': torch.zeros(1)}
    ours = tube_link()
    out = translate_mask2former(state, ours.state_dict(), 'a.pth')
    lines = [line.split() for line in out.summary().splitlines()]
    assert ['1', 'panoptic_head.query_feat', 'decoder.query_feat'] in lines
    pixel_decoder = [name for name in state if name.startswith('panoptic_head.pixel_decoder.')]
    assert [str(len(pixel_decoder)), 'panoptic_head.pixel_decoder', 'neck.0'] in lines
    report = load_checkpoint_report(ours, state, source='a.pth')
    assert report.unexpected == ['panoptic_head.extra.weight', 'teacher.x']


def test_released_tube_link_is_sent_to_the_converter(theirs):
    state = {**theirs.state_dict(), 'track_head.fcs.0.weight': torch.zeros(1)}
    with pytest.raises(CheckpointMismatchError, match=r'convert it first, python tools/.*convert_weights.py a.pth OUT'):
        load_checkpoint_report(tube_link(), state, source='a.pth', allow_reinit=['decoder.association'])


def test_other_models_and_other_files_are_left_alone(theirs):
    state = theirs.state_dict()
    assert translate_mask2former(state, state, 'a.pth') is None  # into mmdet's own model
    assert load_checkpoint_report(theirs, state, source='a.pth', strict=True).is_complete
    ours = tube_link()
    assert translate_mask2former(ours.state_dict(), ours.state_dict(), 'a.pth') is None


def test_load_from_names_the_file_itself(theirs, tmp_path):
    """The runner takes mmdet's file as ``load_from``; what is new in the model is named as for every checkpoint."""
    file = tmp_path / 'mask2former.pth'
    torch.save(dict(state_dict=mmdet2_names(theirs.state_dict()), meta=dict(mmdet_version='2.24.1')), file)
    ours = tube_link(num_things=4)
    cfg = Config(dict(load_from_allow=['decoder.cls_embed']))
    runner = VideoSegRunner(ours, str(tmp_path / 'work'), load_from=str(file), cfg=cfg, default_scope='videoseg')
    runner.load_or_resume()
    log = next((tmp_path / 'work').glob('*/*.log')).read_text()
    assert 'mask2former.pth is a Mask2Former of mmdet, renamed:' in log
    expected = theirs.state_dict()
    own = runner.model.state_dict()
    assert torch.equal(own['backbone.conv1.weight'], expected['backbone.conv1.weight'])
    assert torch.equal(own['neck.0.mask_feature.bias'], expected['panoptic_head.pixel_decoder.mask_feature.bias'])
    runner = VideoSegRunner(
        tube_link(num_things=4), str(tmp_path / 'next'), load_from=str(file), default_scope='videoseg'
    )
    with pytest.raises(CheckpointMismatchError, match=r"load_from_allow = \['decoder.cls_embed'\]"):
        runner.load_or_resume()


def test_its_pixel_decoder_serves_other_decoders_too(theirs):
    """K-Net on the deformable neck takes backbone and neck; the queries have no place in it."""
    ours = ours_with(dict(type='KNetDecoder', num_things=3, num_stuff=0, num_proposals=5, in_channels=32))
    report = load_checkpoint_report(ours, theirs.state_dict(), source='a.pth', allow_reinit=['decoder'])
    assert {name.split('.')[0] for name in report.matched} == {'backbone', 'neck'}
    assert {name.split('.')[0] for name in report.missing} == {'decoder'}
    assert torch.equal(ours.neck[0].level_encoding.weight, theirs.panoptic_head.pixel_decoder.level_encoding.weight)
