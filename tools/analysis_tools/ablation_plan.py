"""What an ablation file means: tables of rows, and the runs that they need."""

import hashlib
import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

_TABLE_KEYS = {
    'name',
    'title',
    'config',
    'rows',
    'prepare',
    'start',
    'metrics',
    'published_metrics',
    'predictions',
    'on_request',
}
_ROW_KEYS = {'name', 'title', 'options', 'published', 'weights_of', 'config', 'start'}


@dataclass(frozen=True)
class Run:
    """One training with its test, or the test alone.

    Attributes:
        folder: Where it leaves everything.
        config: Config file.
        options: ``--cfg-options``.
        seed: Seed of the training.
        needs: A run whose last checkpoint this one starts from (``train``) or tests.
        train: Whether it trains.
        test: Whether it tests.
        keep_predictions: Whether the test leaves its predictions too.
    """

    folder: Path
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    needs: 'Run | None' = None
    train: bool = True
    test: bool = True
    keep_predictions: bool = False

    @property
    def name(self) -> str:
        """Readable name: table/row/seed."""
        return '/'.join(self.folder.parts[-3:])

    @property
    def results(self) -> Path:
        """The file of its numbers."""
        return self.folder / 'results.json'

    @property
    def weights(self) -> 'Run | None':
        """The run whose weights are tested: this one, or the one that it needs."""
        return self if self.train else self.needs

    @property
    def predictions(self) -> Path | None:
        """The folder of its predictions, if they are kept."""
        return self.folder / 'predictions' if self.keep_predictions else None

    @property
    def finished(self) -> Path:
        """Exists when the training is over."""
        return self.folder / 'training_finished'

    @property
    def tested(self) -> bool:
        """Whether its numbers are there, and its predictions if they are kept."""
        return self.results.is_file() and (self.predictions is None or self.predictions.is_dir())

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.tested if self.test else self.finished.is_file()

    def settings(self) -> dict[str, Any]:
        """All that decides its outcome: the merged config with the seed, and the same of the run before."""
        text = Config.fromfile(self.config).pretty_text
        return {
            'config': self.config,
            'config_sha256': hashlib.sha256(text.encode()).hexdigest(),
            'options': {key: repr(value) for key, value in sorted(self.options.items())},
            'seed': self.seed,
            'train': self.train,
            'needs': self.needs.settings() if self.needs else None,
        }

    def settings_sha256(self) -> str:
        """What tells its settings from others, in a word."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()

    def checkpoint(self) -> str:
        """Path of its last checkpoint.

        Raises:
            FileNotFoundError: If it has not been trained.
        """
        pointer = self.folder / 'last_checkpoint'
        if not self.finished.is_file() or not pointer.is_file():
            raise FileNotFoundError(f'{self.folder}: this training has not finished, but {self.name} is needed')
        return pointer.read_text(encoding='utf-8').strip()


@dataclass(frozen=True)
class Row:
    """A row of a table: what it is called and a run for every seed."""

    name: str
    title: str
    runs: tuple[Run, ...]
    published: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Table:
    """Rows on one data set.

    Attributes:
        name: Name.
        folder: Where its runs are.
        title: Heading.
        prepare: Command (a script and its arguments) that makes the data, or None.
        start: Run that rows start from unless they name another, or None.
        rows: The rows.
        metrics: The numbers that are its columns: its own, or those of the plan.
        published_metrics: Which numbers the ``published`` of its rows are, the same.
        on_request: Whether it is only run when it is named (``--table``); it is reported in any case.
        cost_frames: Frames on which ``--cost`` measures all rows, None without ``costs=dict(frames=...)`` in the plan.
    """

    name: str
    folder: Path
    title: str
    prepare: list[str] | None
    start: Run | None
    rows: tuple[Row, ...]
    metrics: tuple[str, ...]
    published_metrics: tuple[str, ...]
    on_request: bool = False
    cost_frames: int | None = None

    @property
    def costs(self) -> Path:
        """The file of what the rows cost."""
        return self.folder / 'costs.json'


def read_plan(path: str) -> tuple[list[Table], Config]:
    """Read an ablation file, for example ``configs/ablation/video_knet.py``.

    Args:
        path: A Python file with ``work_dir``, ``seeds``, ``metrics`` and ``tables``; perhaps ``published_metrics`` and
            ``costs``.

    Returns:
        The tables, and the whole file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a key is missing or unknown, a name repeats, or ``weights_of`` or ``start`` of a row names no
            trained row before it (of another table: ``'table/row'``).
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'ablation file {path} does not exist')
    plan = Config.fromfile(path)
    if missing := [key for key in ('work_dir', 'seeds', 'metrics', 'tables') if key not in plan]:
        raise ValueError(f'{path}: {missing[0]} is missing; is it an ablation file?')
    if len(set(plan.seeds)) < len(plan.seeds) or not plan.seeds:
        raise ValueError(f'{path}: seeds must be different numbers, got {list(plan.seeds)}')
    tables = []
    trained: dict[str, tuple[Run, ...]] = {}
    shared = {name: plan.get(name, ()) for name in ('metrics', 'published_metrics')}
    cost_frames = _cost_frames(plan, path)
    for entry in plan.tables:
        _check_keys(entry, _TABLE_KEYS, {'name', 'config', 'rows'}, f'{path}: table')
        tables.append(_read_table({**shared, **entry}, Path(plan.work_dir), plan.seeds, trained, cost_frames))
    _check_names([x.name for x in tables], path)
    return tables, plan


def _cost_frames(plan: Config, path: str) -> int | None:
    if 'costs' not in plan:
        return None
    _check_keys({'name': 'costs', **plan.costs}, {'name', 'frames'}, {'frames'}, path)
    if plan.costs.frames < 2:
        raise ValueError(f'{path}: costs needs at least 2 frames, a first and a later one, got {plan.costs.frames}')
    return plan.costs.frames


def _check_keys(entry: dict, known: set[str], needed: set[str], where: str) -> None:
    if unknown := sorted(entry.keys() - known):
        raise ValueError(f'{where} {entry.get("name")!r}: unknown key {unknown[0]!r}; there are {sorted(known)}')
    if missing := sorted(needed - entry.keys()):
        raise ValueError(f'{where} {entry.get("name")!r}: {missing[0]!r} is missing')


def _check_names(names: list[str], where: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'{where}: the name {name!r} is used twice')


def _read_table(
    entry: dict,
    work_dir: Path,
    seeds: tuple[int, ...],
    trained: dict[str, tuple[Run, ...]],
    cost_frames: int | None,
) -> Table:
    """One table; its trained rows are added to ``trained`` as ``'table/row'``."""
    folder = work_dir / entry['name']
    start = None
    if entry.get('start'):
        _check_keys(entry['start'], {'config', 'options'}, {'config'}, f'{entry["name"]}: start')
        start = Run(
            folder / 'start',
            entry['start']['config'],
            dict(entry['start'].get('options', {})),
            seed=seeds[0],
            test=False,
        )
    rows = []
    for row in entry['rows']:
        _check_keys(row, _ROW_KEYS, {'name', 'options'}, f'{entry["name"]}: row')
        runs = _read_runs(row, entry, folder, seeds, start, trained)
        if runs[0].train:
            trained[f'{entry["name"]}/{row["name"]}'] = runs
        published = tuple(row['published']) if row.get('published') else None
        rows.append(Row(row['name'], row.get('title', row['name']), runs, published))
    _check_names([*(x.name for x in rows), *(['start'] if start else [])], entry['name'])
    return Table(
        name=entry['name'],
        folder=folder,
        title=entry.get('title', entry['name']),
        prepare=shlex.split(entry['prepare']) if entry.get('prepare') else None,
        start=start,
        rows=tuple(rows),
        metrics=tuple(entry['metrics']),
        published_metrics=tuple(entry['published_metrics']),
        on_request=bool(entry.get('on_request')),
        cost_frames=cost_frames,
    )


def _read_runs(
    row: dict,
    table: dict,
    folder: Path,
    seeds: tuple[int, ...],
    start: Run | None,
    trained: dict[str, tuple[Run, ...]],
) -> tuple[Run, ...]:
    """The runs of a row, one a seed; each needs the table's start, a trained row of the same seed, or nothing."""
    needs: tuple[Run | None, ...] = (start,) * len(seeds)
    train = row.get('weights_of') is None
    if not train and 'start' in row:
        raise ValueError(
            f'{table["name"]}: row {row["name"]!r}: start is for rows that train, weights_of for the others'
        )
    key = 'start' if train else 'weights_of'
    if key in row:
        source = row[key]
        name = source if '/' in str(source) else f'{table["name"]}/{source}'
        if source is not None and name not in trained:
            raise ValueError(f'{table["name"]}: row {row["name"]!r}: {key}={source!r} is no trained row above it')
        needs = (None,) * len(seeds) if source is None else trained[name]
    return tuple(
        Run(
            folder / row['name'] / f'seed{seed}',
            row.get('config', table['config']),
            dict(row['options']),
            seed,
            needs=needs[k],
            train=train,
            keep_predictions=bool(table.get('predictions')),
        )
        for k, seed in enumerate(seeds)
    )


def read_json(path: Path) -> dict[str, Any]:
    """Content of a file that the tool wrote, ``{}`` if it is not there."""
    return json.loads(path.read_text(encoding='utf-8')) if path.is_file() else {}
