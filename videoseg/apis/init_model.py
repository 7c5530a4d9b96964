"""A trained model from a config and a checkpoint."""

import os
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from videoseg.registry import MODELS
from videoseg.utils.checkpoint import install_safe_loading, load_checkpoint_file
from videoseg.utils.checkpoint_report import load_checkpoint_report
from videoseg.utils.config import load_config, named_config_errors


def init_model(
    config: str | os.PathLike | Config,
    checkpoint: str | os.PathLike | None = None,
    device: str | torch.device = 'cpu',
    cfg_options: Mapping[str, Any] | None = None,
    allow_unsafe: bool = False,
) -> nn.Module:
    """Build a model, load its weights and set it to evaluation.

    Args:
        config: Config file or object.
        checkpoint: Weights that must fit exactly; None leaves the random initialisation.
        device: Where the model goes.
        cfg_options: Dotted keys and values that override the config.
        allow_unsafe: Unpickle Python objects that the checkpoint may hold (runs its author's code).

    Returns:
        The model; ``cfg`` is its config, ``dataset_meta`` the metainfo of the data it was trained on (or None).

    Raises:
        CheckpointLoadError: If the checkpoint is damaged or holds Python objects.
        CheckpointMismatchError: If it does not fit the model.
    """
    if not isinstance(config, Config):
        config = load_config(config, cfg_options)
    elif cfg_options:
        config.merge_from_dict(dict(cfg_options))
    init_default_scope(config.get('default_scope', 'videoseg'))
    install_safe_loading()
    with named_config_errors(config):
        model = MODELS.build(config.model)
    model.dataset_meta = None
    if checkpoint is not None:
        from videoseg.engine.video_seg_runner import model_meta

        content = load_checkpoint_file(checkpoint, allow_unsafe=allow_unsafe)
        load_checkpoint_report(model, content, source=str(checkpoint), strict=True, expected_meta=model_meta(model))
        model.dataset_meta = (content.get('meta') or {}).get('dataset_meta')
    model.cfg = config
    return model.to(device).eval()
