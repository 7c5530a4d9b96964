"""Which part of a model received which weights, and a stop when a trained part received none."""

import logging
import re
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from mmengine.logging import print_log
from torch import nn

from videoseg.utils.errors import CheckpointMismatchError
from videoseg.utils.mask2former_names import query_count_problem, translate_mask2former

_IGNORED = 'num_batches_tracked'


@dataclass
class CheckpointReport:
    """Outcome of loading weights.

    Attributes:
        matched: Names of tensors that were loaded.
        missing: Names in the model that the checkpoint lacks.
        unexpected: Names in the checkpoint that the model lacks.
        mismatched: name -> (shape in the model, shape in the checkpoint).
        starved: Trained modules that received nothing and were not allowed to; the highest such modules only.
        problems: What the checkpoint says about itself that contradicts the model.
    """

    matched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    starved: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether model and checkpoint agree on every name and shape."""
        return not (self.missing or self.unexpected or self.mismatched)

    def table(self, max_details: int = 12) -> str:
        """Counts per module, one line each; modules with a gap are split one level deeper."""
        columns = {
            'matched': self.matched,
            'missing': self.missing,
            'unexpected': self.unexpected,
            'mismatched': list(self.mismatched),
        }
        gaps = {name.split('.')[0] for names in list(columns.values())[1:] for name in names}

        def row_of(name: str) -> str:
            parts = name.split('.')[:-1] or [name]
            return '.'.join(parts[:2] if parts[0] in gaps else parts[:1])

        counts = {column: Counter(map(row_of, names)) for column, names in columns.items()}
        rows = sorted(set().union(*counts.values()))
        width = max([len('module'), *map(len, rows)])
        lines = [f'{"module":<{width}}' + ''.join(f'{column:>12}' for column in columns)]
        lines += [f'{row:<{width}}' + ''.join(f'{counts[column][row]:>12}' for column in columns) for row in rows]
        for column in ('missing', 'unexpected'):
            names = columns[column]
            if names:
                more = f' ... and {len(names) - max_details} more' if len(names) > max_details else ''
                lines.append(f'{column}: {", ".join(names[:max_details])}{more}')
        for name, (ours, theirs) in list(self.mismatched.items())[:max_details]:
            lines.append(f'mismatched: {name} is {ours} in the model, {theirs} in the checkpoint')
        return '\n'.join(lines)


def load_checkpoint_report(
    model: nn.Module,
    checkpoint: Mapping,
    *,
    source: str,
    strict: bool = False,
    allow_reinit: Sequence[str] = (),
    expected_meta: Mapping | None = None,
    revise_keys: Iterable[tuple[str, str]] = ((r'^module\.', ''),),
) -> CheckpointReport:
    """Load weights into a model and account for every tensor.

    Those of mmdet's Mask2Former (2.x and 3.x names) are renamed on the way.

    Args:
        model: Model without a data-parallel wrapper.
        checkpoint: Checkpoint dictionary or bare weights.
        source: File name, for messages.
        strict: Stop at any missing, unexpected or mismatched tensor, and where ``expected_meta`` is contradicted
            (testing, resuming). Otherwise stop only if a trained module received nothing.
        allow_reinit: Modules that may keep their random initialisation when not ``strict``: names or glob patterns
            such as ``'decoder.*.fc_cls'``; everything below a named module is included.
        expected_meta: ``decoder``, ``classes`` ... of the model; compared where the checkpoint's ``meta`` has the key.
        revise_keys: (pattern, replacement) pairs applied to the names in the checkpoint.

    Returns:
        The report; its table has been logged.

    Raises:
        CheckpointMismatchError: As described under ``strict``; contains the table. The model may have been changed.
    """
    weights = checkpoint.get('state_dict', checkpoint)
    renamed = OrderedDict()
    for name, value in weights.items():
        for pattern, replacement in revise_keys:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value
    translated = translate_mask2former(renamed, model.state_dict(), source)
    if translated is not None:
        renamed = OrderedDict(translated.state_dict)
    report = CheckpointReport()
    report.problems = _contradictions(checkpoint.get('meta') or {}, expected_meta or {})
    _load(model, renamed, getattr(weights, '_metadata', None), report, source)
    report.starved = _starved_modules(model, report, () if strict else allow_reinit)
    bad = strict and not report.is_complete or bool(report.starved) or strict and bool(report.problems)
    level = logging.INFO if report.is_complete and not report.problems else logging.WARNING
    print_log(f'weights from {source}:\n{report.table()}', 'current', level)
    for problem in report.problems:
        print_log(f'{source}: {problem}', 'current', logging.WARNING)
    if bad:
        raise CheckpointMismatchError(_message(report, source, strict))
    return report


def _load(model: nn.Module, weights: OrderedDict, metadata: dict | None, report: CheckpointReport, source: str) -> None:
    own = model.state_dict()
    for name in [n for n in weights if n in own and tuple(own[n].shape) != tuple(weights[n].shape)]:
        report.mismatched[name] = (tuple(own[name].shape), tuple(weights.pop(name).shape))
    given = set(weights)
    if metadata is not None:
        weights._metadata = metadata  # versions of modules, which load hooks ask for
    try:
        result = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise CheckpointMismatchError(f'{source} does not fit the model: {error}') from error
    missing = set(result.missing_keys) - set(report.mismatched)
    report.missing = [name for name in own if name in missing and not name.endswith(_IGNORED)]
    report.unexpected = [n for n in result.unexpected_keys if n in given and n not in own]
    report.matched = [name for name in own if name not in missing and name not in report.mismatched]


def _starved_modules(model: nn.Module, report: CheckpointReport, allow_reinit: Sequence[str]) -> list[str]:
    """Trained modules without weights, each named by the highest module that received nothing at all."""
    missing, mismatched = set(report.missing), set(report.mismatched)
    trained: dict[str, bool] = {}  # module with own trained parameters -> starved
    for name, module in model.named_modules():
        own = [k for k, p in module.named_parameters(name, recurse=False) if p.requires_grad]
        if own:
            trained[name] = any(k in mismatched for k in own) or all(k in missing for k in own)
    starved = {name for name, empty in trained.items() if empty and not _allowed(name, allow_reinit)}
    fed = [name for name in trained if name not in starved]

    def collapse(name: str) -> str:
        parts = name.split('.')
        for depth in range(1, len(parts)):
            parent = '.'.join(parts[:depth])
            if not any(other == parent or other.startswith(parent + '.') for other in fed):
                return parent
        return name

    return sorted({collapse(name) for name in starved})


def _allowed(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, p) or fnmatchcase(name, p + '.*') for p in patterns)


def _contradictions(meta: Mapping, expected: Mapping) -> list[str]:
    problems = []
    for key, ours in expected.items():
        theirs = meta.get(key)
        if theirs is None or ours is None:
            continue
        if isinstance(ours, (list, tuple)):
            ours, theirs = list(ours), list(theirs)
        if ours != theirs:
            problems.append(f'it was made with {key} {theirs}, the model here has {key} {ours}')
    return problems


def _message(report: CheckpointReport, source: str, strict: bool) -> str:
    lines = [f'{source} does not fit the model:', *report.problems, report.table()]
    queries = query_count_problem(report.mismatched)
    if queries:
        lines.append(queries)
    if report.starved:
        lines.append(f'these trained modules received nothing: {", ".join(report.starved)}')
    if strict:
        lines.append('Use the config that this checkpoint was trained with.')
    else:
        lines.append(
            'To train them from their random initialisation, list them in the config: '
            f'load_from_allow = {report.starved}'
        )
    return '\n'.join(lines)
