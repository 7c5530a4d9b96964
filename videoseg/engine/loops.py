"""Validation and test, video by video."""

from typing import Any

from mmengine.evaluator import Evaluator
from mmengine.runner import Runner, TestLoop, ValLoop
from torch.utils.data import DataLoader

from videoseg.engine.window_stepper import WindowStepper
from videoseg.registry import LOOPS


class _VideoLoop:
    """What both loops share; ``stage`` names the hooks.

    Frame results go to the metrics as soon as they exist and are not kept. Processes without a video take part in
    the collection of the metrics all the same.
    """

    stage: str

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list,
        amp: str | None = None,
    ) -> None:
        super().__init__(runner, dataloader, evaluator)
        self.amp = amp

    def run(self) -> dict[str, Any]:
        """Run all videos of this process and evaluate.

        Returns:
            Metric values.

        Raises:
            RuntimeError: If the last window of a video never came.
        """
        runner = self.runner
        runner.call_hook(f'before_{self.stage}')
        runner.call_hook(f'before_{self.stage}_epoch')
        runner.model.eval()
        self._stepper = WindowStepper(runner.model, self.amp)
        for index, data_batch in enumerate(self.dataloader):
            self.run_iter(index, data_batch)
        if self._stepper.unfinished():
            raise RuntimeError(f'the last window of these videos never came: {", ".join(self._stepper.unfinished())}')
        metrics = self.evaluator.evaluate(len(self.dataloader.dataset))
        runner.call_hook(f'after_{self.stage}_epoch', metrics=metrics)
        runner.call_hook(f'after_{self.stage}')
        return metrics

    def run_iter(self, idx: int, data_batch: dict[str, list]) -> None:
        """Run the windows of one batch.

        Args:
            idx: Number of the batch.
            data_batch: Collated batch, see :meth:`WindowStepper.step`.
        """
        self.runner.call_hook(f'before_{self.stage}_iter', batch_idx=idx, data_batch=data_batch)
        outputs = []
        for frames, ended in self._stepper.step(data_batch):
            self.evaluator.process(data_samples=frames, data_batch=data_batch)
            for video_id, table in ended:
                for metric in self.evaluator.metrics:
                    if hasattr(metric, 'process_tracks'):
                        metric.process_tracks(video_id, table)
            outputs += frames
        self.runner.call_hook(f'after_{self.stage}_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs)


@LOOPS.register_module()
class VideoValLoop(_VideoLoop, ValLoop):
    """Validation with one state per video.

    Args:
        runner: The runner.
        dataloader: Dataloader of windows or its config.
        evaluator: Evaluator, or configs of metrics; a metric's ``process_tracks(video_id, table)`` gets the track
            table of every finished video.
        amp: ``None``, ``'float16'`` or ``'bfloat16'``.
    """

    stage = 'val'


@LOOPS.register_module()
class VideoTestLoop(_VideoLoop, TestLoop):
    """Test with one state per video; arguments as in :class:`VideoValLoop`."""

    stage = 'test'
