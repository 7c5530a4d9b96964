"""Reading configs: import paths for users' own modules, and checks that name the misspelt key."""

import difflib
import inspect
import logging
import os
import os.path as osp
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner

# Keys that are read by someone besides Runner.__init__.
_OTHER_KEYS = (
    'activation_checkpointing',
    'channels_last',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'load_from_allow',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
    'unsafe_load',
)
# Helper variables that many configs share; they need not be used by every descendant.
_HELPER_KEYS = (
    'backend_args',
    'classes',
    'crop_size',
    'data_root',
    'dataset_type',
    'image_size',
    'metainfo',
    'num_classes',
    'test_pipeline',
    'train_pipeline',
    'val_pipeline',
)


def known_keys() -> set[str]:
    """Top-level config keys that somebody reads."""
    return (set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}) | set(_OTHER_KEYS)


def add_import_paths(config_path: str | os.PathLike) -> None:
    """Put the config's folder and the working directory first on the import path.

    So ``custom_imports`` finds a module beside the config, also when a tool is run as ``tools/train.py``.
    """
    for folder in (os.getcwd(), osp.dirname(osp.abspath(config_path))):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)


def load_config(path: str | os.PathLike, cfg_options: Mapping[str, Any] | None = None) -> Config:
    """Read a config file, execute its ``custom_imports`` and check its keys.

    Args:
        path: Config file.
        cfg_options: Dotted keys and values that override the file.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError: If a top-level key is a misspelling of a known one.
        ImportError: If a module of ``custom_imports`` cannot be imported.
    """
    path = os.fspath(path)
    if not osp.isfile(path):
        raise FileNotFoundError(f'config {path} does not exist')
    add_import_paths(path)
    cfg = Config.fromfile(path)
    check_config(cfg)
    if cfg_options:
        cfg.merge_from_dict(dict(cfg_options))
        check_config(cfg, quiet=True)
    cfg.setdefault('default_scope', 'videoseg')
    cfg.setdefault('runner_type', 'VideoSegRunner')
    return cfg


def check_config(cfg: Config, quiet: bool = False) -> None:
    """Find misspelt top-level keys.

    A key that nobody reads is taken for a helper variable if its name starts with an underscore or its value occurs
    somewhere inside a known key; otherwise a warning is logged. One that closely resembles a known key is an error.

    Args:
        cfg: Config as read from a file.
        quiet: Only look for errors.

    Raises:
        KeyError: For a near miss; names file, key and the likely meaning.
    """
    keys = known_keys()
    source = cfg.filename or 'config'
    unknown = [k for k in cfg if not k.startswith('_') and k not in keys and k not in _HELPER_KEYS]
    for key in unknown:
        near = difflib.get_close_matches(key, sorted(keys | set(_HELPER_KEYS)), n=1, cutoff=0.8)
        if near:
            raise KeyError(
                f'{source}: unknown key {key!r}; did you mean {near[0]!r}? '
                'A helper variable may be called anything that starts with an underscore.'
            )
    if quiet or not unknown:
        return
    used = {repr(value) for key in keys if key in cfg for value in _nodes(cfg[key])}
    for key in unknown:
        if repr(cfg[key]) not in used:
            near = difflib.get_close_matches(key, sorted(keys), n=3, cutoff=0.4)
            hint = f' (similar: {", ".join(near)})' if near else ''
            print_log(f'{source}: nobody reads the key {key!r}{hint}', 'current', logging.WARNING)


def _nodes(value: Any, path: str = '') -> Iterator[Any]:
    yield value
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _nodes(item)


def _dicts(value: Any, path: str = '') -> Iterator[tuple[str, Mapping]]:
    """Every dictionary of a config with its dotted path."""
    if isinstance(value, Mapping):
        if path:
            yield path, value
        for key, item in value.items():
            yield from _dicts(item, f'{path}.{key}' if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _dicts(item, f'{path}[{index}]')


@contextmanager
def named_config_errors(cfg: Config) -> Iterator[None]:
    """Add the config key to errors about unknown arguments and unknown types.

    Raises:
        TypeError, KeyError: The original error with the file and the dotted key that caused it.
    """
    try:
        yield
    except (TypeError, KeyError) as error:
        places = _places(cfg, str(error))
        if not places:
            raise
        raise type(error)(f'{cfg.filename or "config"}, key {" or ".join(places)}: {error}') from error


def _places(cfg: Config, message: str) -> list[str]:
    argument = re.search(r"unexpected keyword argument '(\w+)'", message)
    if argument:
        return [f'{path}.{argument[1]}' for path, node in _dicts(cfg._cfg_dict) if argument[1] in node]
    unregistered = re.search(r'(\w+) is not in the (?:\S+::)?\S+ registry', message)
    if unregistered:
        return [f'{path}.type' for path, node in _dicts(cfg._cfg_dict) if node.get('type') == unregistered[1]]
    missing = re.search(r'(\w+)\.__init__\(\) missing .*argument', message)
    if missing:
        return [path for path, node in _dicts(cfg._cfg_dict) if node.get('type') == missing[1]]
    return []
