import sys

import pytest

from videoseg.utils.config import check_config, load_config, named_config_errors


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'path', list(sys.path))

    def write(text, name='a.py'):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ('line', 'meant'),
    [
        ('train_dataloder = dict()', 'train_dataloader'),
        ('param_schedulers = []', 'param_scheduler'),
        ("load_form = 'x.pth'", 'load_from'),
        ('optim_wraper = dict()', 'optim_wrapper'),
        ('custom_hook = []', 'custom_hooks'),
    ],
)
def test_misspelt_key_is_an_error(write, line, meant):
    with pytest.raises(KeyError, match=rf"a\.py: unknown key '{line.split()[0]}'; did you mean '{meant}'"):
        load_config(write(line))


def test_helper_variables_pass_and_unread_keys_are_warned_about(write, caplog, monkeypatch):
    warnings = []
    monkeypatch.setattr('videoseg.utils.config.print_log', lambda message, *_: warnings.append(message))
    cfg = load_config(
        write(
            'size = (3, 4)\n_unused = 1\nnum_classes = 3\nevaluation = dict(interval=2)\n'
            'model = dict(type="A", crop=size)'
        )
    )
    assert len(warnings) == 1 and "nobody reads the key 'evaluation'" in warnings[0]
    assert cfg.default_scope == 'videoseg' and cfg.runner_type == 'VideoSegRunner'


def test_options_are_checked_too(write):
    path = write('model = dict(type="A")')
    assert load_config(path, {'model.depth': 3}).model.depth == 3
    with pytest.raises(KeyError, match="did you mean 'model'"):
        load_config(path, {'modle.depth': 3})


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.py'):
        load_config(tmp_path / 'nothing.py')


def test_unknown_arguments_and_types_are_located(write):
    from mmengine.registry import Registry

    registry = Registry('part')

    @registry.register_module()
    class Head:
        def __init__(self, depth=1):
            self.depth = depth

    cfg = load_config(write('model = dict(type="Net", heads=[dict(type="Head", depht=2), dict(type="Hat")])'))
    with pytest.raises(TypeError, match=r'a\.py, key model\.heads\[0\]\.depht: .*Head'), named_config_errors(cfg):
        registry.build(dict(cfg.model.heads[0]))
    with pytest.raises(KeyError, match=r'a\.py, key model\.heads\[1\]\.type: .*Hat'), named_config_errors(cfg):
        registry.build(dict(cfg.model.heads[1]))
    with pytest.raises(KeyError, match="^'other'$"), named_config_errors(cfg):
        raise KeyError('other')


def test_modules_beside_the_config_and_in_the_working_directory(write, tmp_path, monkeypatch):
    elsewhere = tmp_path / 'cwd'
    elsewhere.mkdir()
    (elsewhere / 'module_in_cwd.py').write_text('')
    write('', 'module_beside.py')
    monkeypatch.chdir(elsewhere)
    path = write("custom_imports = dict(imports=['module_beside', 'module_in_cwd'])")
    load_config(path)
    assert {'module_beside', 'module_in_cwd'} <= set(sys.modules)
    check_config(load_config(path))
