"""The runner: mmengine's, with checkpoints that are safe to write, to read and to continue from."""

import os
import os.path as osp
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import mmengine
import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import HistoryBuffer
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from videoseg.engine.batches import index_sampler
from videoseg.registry import RUNNERS
from videoseg.utils.checkpoint import (
    check_work_dir,
    install_safe_loading,
    latest_checkpoint,
    load_checkpoint_file,
    save_checkpoint_atomic,
    to_plain,
)
from videoseg.utils.checkpoint_report import load_checkpoint_report
from videoseg.utils.errors import CheckpointLoadError
from videoseg.version import __version__


@RUNNERS.register_module()
class VideoSegRunner(Runner):
    """Runner of training, validation and test.

    What differs from mmengine's: checkpoints are plain data, written atomically and read with ``weights_only``;
    loading reports every tensor and stops where a trained module received nothing; ``resume`` restores the state of
    every random generator and fails if there is nothing to resume; the work dir is tested before anything is built;
    distributed runs without a GPU use gloo.

    Config keys beyond mmengine's: ``load_from_allow`` (modules that may stay at their initialisation when
    ``load_from`` is used), ``unsafe_load`` (unpickle Python objects from ``load_from``) and ``channels_last`` (weights
    and feature maps in that memory format: the same numbers up to rounding, convolutions are faster on many devices).

    Args:
        model: Model or its config.
        work_dir: Folder of logs and checkpoints.
        **kwargs: As for ``mmengine.runner.Runner``.

    Raises:
        WorkDirError: If the work dir cannot be written to.
        FileNotFoundError: If ``resume`` is demanded and there is no checkpoint.
    """

    _seconds_used: ClassVar[Counter] = Counter()

    def __init__(self, model: nn.Module | dict, work_dir: str, **kwargs: Any) -> None:
        check_work_dir(work_dir)
        if kwargs.get('resume') and not kwargs.get('load_from'):
            _resumable_checkpoint(work_dir)
        install_safe_loading()
        self._strict_load = False
        super().__init__(model, work_dir, **kwargs)

    def setup_env(self, env_cfg: dict) -> None:
        """Set up processes; without a GPU the backend is gloo, whatever the config says."""
        if self.distributed and not torch.cuda.is_available() and not torch.distributed.is_initialized():
            if self.launcher != 'pytorch':
                raise ValueError(f'--launcher {self.launcher} needs GPUs; on CPUs use --launcher pytorch')
            torch.distributed.init_process_group('gloo')
        super().setup_env(env_cfg)
        # Names of loggers and message hubs end with the second: two runners of one process must not share them.
        self._seconds_used[self._timestamp] += 1
        if self._seconds_used[self._timestamp] > 1:
            self._timestamp = f'{self._timestamp}_{self._seconds_used[self._timestamp]}'

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap for distributed training; on CPUs without the device ids that mmengine insists on."""
        if self.cfg.get('channels_last', False):
            model = model.to(memory_format=torch.channels_last)
        if not self.distributed or torch.cuda.is_available() or is_model_wrapper(model):
            return super().wrap_model(model_wrapper_cfg, model)
        options = dict(model_wrapper_cfg or {'find_unused_parameters': self.cfg.get('find_unused_parameters', False)})
        options.pop('type', None)
        return MMDistributedDataParallel(model, **{'broadcast_buffers': False, **options})

    def val(self) -> dict:
        """Validate; a checkpoint must fit exactly."""
        self._strict_load = True
        return super().val()

    def test(self) -> dict:
        """Test; a checkpoint must fit exactly."""
        self._strict_load = True
        return super().test()

    def load_or_resume(self) -> None:
        """Load or resume what the config names.

        Raises:
            FileNotFoundError: If there is nothing to resume.
            ValueError: If model and data do not have the same classes.
        """
        self._check_class_counts()
        if self._has_loaded:
            return
        if self._resume:
            self.resume(self._load_from or _resumable_checkpoint(self.work_dir))
        elif self._load_from is not None:
            self.load_checkpoint(self._load_from, strict=self._strict_load)

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = False,
        revise_keys: list = [(r'^module\.', '')],  # noqa: B006  (mmengine's signature)
    ) -> dict:
        """Load weights and report what went where.

        Args:
            filename: File or http(s) URL.
            map_location: As in ``torch.load``.
            strict: Every tensor must match; otherwise only every trained module outside ``load_from_allow``.
            revise_keys: (pattern, replacement) pairs applied to names.

        Returns:
            The checkpoint.

        Raises:
            CheckpointLoadError: If the file is damaged or holds Python objects.
            CheckpointMismatchError: If it does not fit.
        """
        checkpoint = load_checkpoint_file(filename, map_location, self.cfg.get('unsafe_load', False))
        load = partial(
            load_checkpoint_report,
            self._bare_model,
            checkpoint,
            source=str(filename),
            strict=strict,
            allow_reinit=self.cfg.get('load_from_allow') or (),
            expected_meta=self._expected_meta(checkpoint),
            revise_keys=revise_keys,
        )
        try:
            self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        except RuntimeError:  # averaged weights that do not fit are reported like any others
            load()
            raise
        load()
        self._has_loaded = True
        return checkpoint

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = 'cpu',
    ) -> None:
        """Continue a run: model, optimiser, schedulers, position in the data, random generators, logs.

        Args:
            filename: Checkpoint of the run.
            resume_optimizer: Whether to restore the optimiser.
            resume_param_scheduler: Whether to restore the schedulers.
            map_location: Where to read to; random states are kept on the CPU.

        Raises:
            CheckpointLoadError: If the file is damaged or no checkpoint of a training run.
            CheckpointMismatchError: If it does not fit the model.
        """
        checkpoint = self.load_checkpoint(filename, map_location, strict=True)
        _require_training_state(checkpoint, filename, resume_optimizer)
        meta = checkpoint['meta']
        self.train_loop._epoch, self.train_loop._iter = meta['epoch'], meta['iter']
        if meta.get('world_size', self.world_size) != self.world_size:
            self.logger.warning(
                f'{filename} was made with {meta["world_size"]} processes, this run has {self.world_size}: '
                'the order of the data differs from the original run'
            )
        if meta.get('sampler_seed') is not None:
            index_sampler(self.train_dataloader).seed = meta['sampler_seed']
        configured = self._randomness_cfg.get('seed')
        if meta.get('seed') is not None and meta['seed'] != configured:
            self.logger.warning(f'the seed {meta["seed"]} of {filename} replaces {configured}')
            self._randomness_cfg.update(seed=meta['seed'])
            self.set_randomness(**self._randomness_cfg)
        self.message_hub.load_state_dict(_unpack_message_hub(checkpoint['message_hub']))
        if resume_optimizer:
            self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
            self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        if resume_param_scheduler and self.param_schedulers is not None and 'param_schedulers' in checkpoint:
            self._resume_schedulers(checkpoint['param_schedulers'])
        self.call_hook('after_resume', checkpoint=checkpoint)
        self.logger.info(f'resumed {filename} at epoch {self.epoch}, iteration {self.iter}')

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """Write a checkpoint; call it on every process, rank 0 writes.

        Args:
            out_dir: Existing folder.
            filename: Name of the file in it.
            file_client_args: Not supported, only local files are.
            save_optimizer: Whether to put the optimiser in.
            save_param_scheduler: Whether to put the schedulers in.
            meta: Further entries of ``meta``.
            by_epoch: Whether this is the end of an epoch (rather than of an iteration).
            backend_args: Not supported, only local files are.

        Raises:
            CheckpointSaveError: If the disk is full or the folder not writable.
            ValueError: If another storage is demanded.
        """
        if file_client_args or backend_args:
            raise ValueError('checkpoints are written to local folders only; drop file_client_args and backend_args')
        self.call_hook('gather_checkpoint_state')
        if not is_main_process():
            return
        checkpoint = {
            'meta': self._checkpoint_meta(meta or {}, by_epoch),
            'state_dict': self._bare_model.state_dict(),
            'message_hub': _pack_message_hub(self.message_hub.state_dict()),
        }
        if save_optimizer:
            checkpoint['optimizer'] = self.optim_wrapper.state_dict()
        if save_param_scheduler and self.param_schedulers is not None:
            checkpoint['param_schedulers'] = _scheduler_states(self.param_schedulers)
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        save_checkpoint_atomic(checkpoint, osp.join(out_dir, filename))

    @property
    def _bare_model(self) -> nn.Module:
        return self.model.module if is_model_wrapper(self.model) else self.model

    def _resume_schedulers(self, states: list | dict) -> None:
        self.param_schedulers = self.build_param_scheduler(self.param_schedulers)
        groups = self.param_schedulers if isinstance(self.param_schedulers, dict) else {None: self.param_schedulers}
        for name, schedulers in groups.items():
            for scheduler, state in zip(schedulers, states if name is None else states[name], strict=True):
                # MultiStepLR counts its milestones with a Counter, which became a plain dictionary.
                kinds = {key: type(value) for key, value in vars(scheduler).items() if isinstance(value, Mapping)}
                scheduler.load_state_dict({k: kinds[k](v) if k in kinds else v for k, v in state.items()})

    def _model_meta(self) -> dict[str, Any]:
        """What identifies the model: compared when a checkpoint is loaded."""
        metainfo = self._dataset_metainfo()
        return model_meta(self._bare_model, metainfo.get('classes'))

    def _expected_meta(self, checkpoint: Mapping) -> dict[str, Any]:
        """What the checkpoint should say of the model; instance data, to test on, names the model's things only."""
        expected = self._model_meta()
        known = (checkpoint.get('meta') or {}).get('classes')
        ours, num_things = expected['classes'], expected['num_things']
        if self._strict_load and known and ours and num_things and ours == list(known[:num_things]):
            expected['classes'] = known
        return expected

    def _check_class_counts(self) -> None:
        """The model's things and stuff must be the data set's: a wrong split of the right sum would train silently.

        To be tested on, instance data may lack the stuff.
        """
        decoder, metainfo = getattr(self._bare_model, 'decoder', None), self._dataset_metainfo()
        ours = [getattr(decoder, name, None) for name in ('num_things', 'num_stuff')]
        if None in ours or not {'classes', 'num_things'} <= set(metainfo):
            return
        theirs = [metainfo['num_things'], len(metainfo['classes']) - metainfo['num_things']]
        fits = [theirs, [theirs[0], 0]]  # instance segmentation leaves out the stuff
        if ours not in fits and not (self._strict_load and theirs == [ours[0], 0]):
            raise ValueError(
                f'the model has {ours[0]} thing and {ours[1]} stuff classes, the data set '
                f'{metainfo.get("name", "")} has {theirs[0]} and {theirs[1]}: set model.decoder.num_things='
                f'{theirs[0]} and model.decoder.num_stuff={theirs[1]}, or choose other data'
            )

    def _dataset_metainfo(self) -> dict[str, Any]:
        for loop in (self._train_loop, self._test_loop, self._val_loop):
            if hasattr(loop, 'dataloader'):
                return dict(getattr(loop.dataloader.dataset, 'metainfo', None) or {})
        return {}

    def _checkpoint_meta(self, extra: dict, by_epoch: bool) -> dict[str, Any]:
        meta = {
            'epoch': self.epoch + by_epoch,
            'iter': self.iter + (not by_epoch),
            **extra,
            **self._model_meta(),
            'cfg': self.cfg.pretty_text,
            'config': osp.basename(self.cfg.filename or ''),
            'seed': self.seed,
            'sampler_seed': getattr(index_sampler(self.train_dataloader), 'seed', None),
            'world_size': self.world_size,
            'experiment_name': self.experiment_name,
            'time': time.strftime('%Y%m%d_%H%M%S', time.localtime()),
            'mmengine_version': mmengine.__version__,
            'videoseg_version': __version__,
            'dataset_meta': self._dataset_metainfo(),
        }
        return to_plain(meta, 'checkpoint.meta')


def model_meta(model: nn.Module, classes: Any = None) -> dict[str, Any]:
    """Decoder type, class names, number of things and what the decoder adds, as kept in a checkpoint's ``meta``."""
    part = getattr(model, 'decoder', model)
    return {
        'decoder': type(part).__name__,
        'classes': None if classes is None else list(classes),
        'num_things': getattr(part, 'num_things', None),
        **getattr(part, 'checkpoint_meta', dict)(),
    }


def build_runner(cfg: Config) -> Runner:
    """Build the runner that a config asks for."""
    os.environ.setdefault('LOCAL_RANK', '0')
    return RUNNERS.build(cfg)


def _resumable_checkpoint(work_dir: str) -> str:
    path = latest_checkpoint(work_dir)
    if path is None or not osp.isfile(path):
        lost = f'its last_checkpoint names {path}, which does not exist' if path else 'it has no last_checkpoint'
        raise FileNotFoundError(
            f'--resume: there is nothing to resume in {osp.abspath(work_dir)}: {lost}. Leave out --resume to start '
            'anew, or name a checkpoint with --resume FILE, or another --work-dir.'
        )
    return path


def _require_training_state(checkpoint: Mapping, filename: str, optimizer: bool) -> None:
    needed = ['meta', 'message_hub'] + ['optimizer'] * optimizer
    missing = [key for key in needed if key not in checkpoint]
    if missing or not {'epoch', 'iter'} <= set(checkpoint['meta']):
        raise CheckpointLoadError(
            f'{filename} cannot be resumed: it lacks {", ".join(missing) or "epoch and iteration"} (best checkpoints '
            'and published weights hold the model alone). To start a new run from its weights, set load_from.'
        )


def _scheduler_states(schedulers: list | dict) -> list | dict:
    if isinstance(schedulers, dict):
        return {name: [s.state_dict() for s in group] for name, group in schedulers.items()}
    return [s.state_dict() for s in schedulers]


def _pack_message_hub(state: dict) -> dict:
    """The message hub as plain data; information that is none is left out."""
    info = {}
    for key, value in state['runtime_info'].items():
        try:
            info[key] = to_plain(value, f'message_hub.{key}')
        except TypeError:
            continue
    scalars = {key: list(buffer.data) for key, buffer in state['log_scalars'].items()}
    kept = set(info) | set(scalars)
    return {
        'log_scalars': to_plain(scalars, 'message_hub'),
        'runtime_info': info,
        'resumed_keys': {key: value for key, value in state['resumed_keys'].items() if key in kept},
    }


def _unpack_message_hub(state: Mapping) -> dict:
    def buffer(packed: Any) -> HistoryBuffer:
        if isinstance(packed, HistoryBuffer):  # a checkpoint of plain mmengine
            return packed
        return HistoryBuffer(*(x.cpu().numpy() for x in packed))

    return {**state, 'log_scalars': {key: buffer(packed) for key, packed in state['log_scalars'].items()}}
