"""Checkpoints during training: the new one is safe before an old one goes."""

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from videoseg.registry import HOOKS
from videoseg.utils.checkpoint import check_work_dir, set_latest_checkpoint


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` that deletes and re-points only after a successful write.

    The original removes the oldest (and the previous best) checkpoint first and writes then: a full disk leaves a run
    with nothing. Takes the same arguments; ``rule`` must be given for a metric such as ``'stq/STQ'``.
    """

    def before_train(self, runner: Runner) -> None:
        """Find the output folder and prove that it can be written to."""
        super().before_train(runner)
        if is_main_process():
            check_work_dir(self.out_dir)
        period = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if not self.by_epoch and self.interval > 0 and self.interval % period:
            runner.logger.warning(
                f'checkpoints every {self.interval} iterations fall between two optimiser steps (gradients are '
                f'accumulated over {period}): a resumed run loses the gradients of an unfinished step'
            )

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        outdated = None
        if self.max_keep_ckpts > 0 and not (self.keep_ckpt_ids and self.keep_ckpt_ids[-1] == step):
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated = self.keep_ckpt_ids.popleft()
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
        )
        if is_main_process():
            set_latest_checkpoint(runner.work_dir, self.last_ckpt)
            if outdated is not None and outdated != step:
                self._remove(self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(outdated)))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        if not self.save_best:
            return
        unknown = [key for key in self.key_indicators if key != 'auto' and key not in metrics]
        if unknown:
            raise KeyError(
                f'default_hooks.checkpoint.save_best: validation gives no {", ".join(unknown)}; '
                f'it gives {", ".join(sorted(metrics))}'
            )
        before = self._exchange_best_paths({})  # so that the original code finds nothing to delete
        super()._save_best_checkpoint(runner, metrics)
        after = self._exchange_best_paths({})
        self._exchange_best_paths({key: after.get(key) or path for key, path in {**after, **before}.items()})
        if is_main_process():
            for key, path in before.items():
                if path and after.get(key) and after[key] != path:
                    self._remove(path)
                    runner.logger.info(f'The previous best checkpoint {path} is removed')

    def _exchange_best_paths(self, paths: dict[str, str | None]) -> dict[str, str | None]:
        """Set the paths of the best checkpoints (metric -> path) and return the former ones."""
        if len(self.key_indicators) == 1:
            former = {'': self.best_ckpt_path}
            self.best_ckpt_path = paths.get('')
        else:
            former = dict(self.best_ckpt_path_dict)
            self.best_ckpt_path_dict = {key: paths.get(key) for key in self.key_indicators}
        return former

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
