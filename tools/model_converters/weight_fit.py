"""Whether converted weights fit the model of a config, and what would start anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from videoseg.registry import DATASETS, MODELS
from videoseg.utils import CheckpointMismatchError, load_checkpoint_report
from videoseg.utils.checkpoint_report import CheckpointReport
from videoseg.utils.config import named_config_errors
from videoseg.utils.mask2former_names import query_count_problem

CLASSIFIERS = ('conv_seg', 'fc_cls', 'cls_embed')


@dataclass
class Fit:
    """Outcome of loading converted weights into a model.

    Attributes:
        report: Account of every tensor.
        reinit: Tensors that start from their random initialisation.
        modules: The modules they are in.
    """

    report: CheckpointReport
    reinit: list[str]
    modules: list[str]


def dataset_metainfo(cfg: Config) -> dict[str, Any]:
    """``classes``, ``num_things`` and so on of a config's data, as far as they are known without the data.

    ``classes`` is missing where they are read from the annotations.
    """
    dataset = (cfg.get('train_dataloader') or cfg.get('test_dataloader') or {}).get('dataset')
    while dataset is not None and 'dataset' in dataset:  # wrappers
        dataset = dataset['dataset']
    if dataset is None:
        return {}
    kind, own = DATASETS.get(dataset['type']), dict(dataset.get('metainfo') or {})
    known = {**dict(getattr(kind, 'METAINFO', None) or {}), **own}
    if getattr(kind, 'NAMES_FROM_JSON', False) and 'classes' not in own:
        known.pop('classes', None)
    return known


def build_model(cfg: Config) -> nn.Module:
    """The model of a config on the CPU; its initial weights are not loaded."""
    init_default_scope(cfg.get('default_scope', 'videoseg'))
    with named_config_errors(cfg):
        return MODELS.build(cfg.model)


def check_fit(
    model: nn.Module,
    state_dict: Mapping[str, Any],
    meta: Mapping[str, Any],
    source: str,
    allow_reinit: Sequence[str] | None = None,
) -> Fit:
    """Load weights and stop at everything that does not fit.

    Args:
        model: Model (or part) to load into.
        state_dict: Converted parameters.
        meta: ``meta`` of the converted file.
        source: File name, for messages.
        allow_reinit: None: every tensor must fit. Otherwise classifiers for another number of classes may start anew,
            and so may what lies in the modules named here (names or glob patterns).

    Raises:
        CheckpointMismatchError: If something does not fit and may not start anew; names every such tensor.
    """
    part = getattr(model, 'decoder', None)
    expected = None if part is None else dict(decoder=type(part).__name__, num_things=part.num_things)
    report = load_checkpoint_report(
        model, dict(state_dict=state_dict, meta=meta), source=source, allow_reinit=['*'], expected_meta=expected
    )
    classifiers = [name for name, shapes in report.mismatched.items() if _other_class_count(name, *shapes)]
    named = [*report.missing, *report.mismatched] if allow_reinit else []
    extra = [name for name in named if _inside(name, allow_reinit or ())]
    offered = [name for name in [*report.missing, *report.mismatched] if name in {*classifiers, *extra}]
    reinit = offered if allow_reinit is not None else []
    wrong = [name for name in [*report.missing, *report.mismatched] if name not in reinit]
    if wrong or report.unexpected or report.problems and allow_reinit is None:
        raise CheckpointMismatchError(_message(report, source, wrong, classifiers, allow_reinit))
    return Fit(report, reinit, sorted({name.rpartition('.')[0] for name in reinit}))


def _other_class_count(name: str, ours: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    return name.rpartition('.')[0].rpartition('.')[2] in CLASSIFIERS and ours[1:] == theirs[1:]


def _inside(name: str, modules: Sequence[str]) -> bool:
    return any(fnmatchcase(name, module) or fnmatchcase(name, f'{module}.*') for module in modules)


def _message(
    report: CheckpointReport,
    source: str,
    wrong: Sequence[str],
    classifiers: Sequence[str],
    allow_reinit: Sequence[str] | None,
) -> str:
    lines = [f'{source} does not fit the model:', *report.problems]
    if classifiers and allow_reinit is None:
        lines.append('for another number of classes; --allow-reinit would start these anew:')
        lines += [
            f'    {name}: {list(report.mismatched[name][1])} here becomes {list(report.mismatched[name][0])}'
            for name in classifiers
        ]
    queries = query_count_problem(report.mismatched)
    if queries:
        lines.append(queries)
    others = [name for name in wrong if name not in classifiers]
    for title, names in (
        ('the checkpoint lacks', [n for n in others if n not in report.mismatched]),
        ('of another shape', [n for n in others if n in report.mismatched]),
        ('the model has no place for', report.unexpected),
    ):
        lines += [f'{title}:', *(f'    {name}' for name in names)] if names else []
    lines.append(
        'Check with the config that the weights were trained with. To start from them in another model, name the '
        'modules that may be new: --allow-reinit decoder.embedding_head ...'
    )
    return '\n'.join(lines)
