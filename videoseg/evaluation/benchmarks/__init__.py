"""Predictions on disk against an official layout: one class a format, free of torch, loaded when asked for.

:func:`videoseg.evaluation.benchmarks.evaluate.evaluate` scores one.
"""

import importlib

from videoseg.evaluation.benchmarks.base_benchmark import BaseBenchmark
from videoseg.lazy import attach

FORMATS = dict(
    kitti_step='KittiStepBenchmark',
    cityscapes_vps='CityscapesVPSBenchmark',
    vipseg='VIPSegBenchmark',
    youtube_vis='YouTubeVISBenchmark',
    ovis='OVISBenchmark',
    davis='DavisBenchmark',
    vspw='VSPWBenchmark',
    coco_panoptic='CocoPanopticBenchmark',
    dvps='DVPSBenchmark',
)
"""Format of the command line -> class in ``<format>_benchmark.py``."""

_NAMES = {name: f'{format_}_benchmark' for format_, name in FORMATS.items()}
__getattr__, __dir__, __all__ = attach(__name__, _NAMES)
__all__ = [*__all__, 'FORMATS', 'BaseBenchmark', 'get_benchmark']


def get_benchmark(format_: str) -> type[BaseBenchmark]:
    """The benchmark class of a format.

    Raises:
        ValueError: If there is no such format.
    """
    if format_ not in FORMATS:
        raise ValueError(f'format {format_!r} is unknown; there are {", ".join(FORMATS)}')
    return getattr(importlib.import_module(f'{__name__}.{format_}_benchmark'), FORMATS[format_])
