"""The registries of videoseg: one child for every registry of mmdet.

Children, not siblings: mmdet's own classes build their parts without a prefix, and with the default scope ``videoseg``
those builds start here, then climb to mmdet and mmengine. A parent is searched without triggering its lazy imports, so
every package named in ``locations`` imports its mmdet counterpart first. No name registered here may exist in mmdet,
mmcv or mmengine: it would replace the original inside mmdet's classes.
"""

from mmdet import registry as mmdet_registry
from mmengine.registry import Registry

_LOCATIONS = {
    'DATASETS': ['videoseg.datasets'],
    'DATA_SAMPLERS': ['videoseg.datasets'],
    'TRANSFORMS': ['videoseg.datasets'],
    'MODELS': ['videoseg.models'],
    'MODEL_WRAPPERS': ['videoseg.models'],
    'WEIGHT_INITIALIZERS': ['videoseg.models'],
    'TASK_UTILS': ['videoseg.models'],
    'METRICS': ['videoseg.evaluation.metrics'],
    'EVALUATOR': ['videoseg.evaluation.metrics'],
    'VISUALIZERS': ['videoseg.visualization'],
    'VISBACKENDS': ['videoseg.visualization'],
}


def _child(name: str) -> Registry:
    parent = getattr(mmdet_registry, name)
    return Registry(parent.name, parent=parent, scope='videoseg', locations=_LOCATIONS.get(name, ['videoseg.engine']))


RUNNERS = _child('RUNNERS')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS')
LOOPS = _child('LOOPS')
HOOKS = _child('HOOKS')
LOG_PROCESSORS = _child('LOG_PROCESSORS')
OPTIMIZERS = _child('OPTIMIZERS')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS')
DATASETS = _child('DATASETS')
DATA_SAMPLERS = _child('DATA_SAMPLERS')
TRANSFORMS = _child('TRANSFORMS')
MODELS = _child('MODELS')
MODEL_WRAPPERS = _child('MODEL_WRAPPERS')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS')
TASK_UTILS = _child('TASK_UTILS')
METRICS = _child('METRICS')
EVALUATOR = _child('EVALUATOR')
VISUALIZERS = _child('VISUALIZERS')
VISBACKENDS = _child('VISBACKENDS')
