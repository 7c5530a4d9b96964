"""What an ablation file means: tables of rows, and the runs that they need."""

import hashlib
import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

_TABLE_KEYS = {'name', 'title', 'config', 'rows', 'prepare', 'start'}
_ROW_KEYS = {'name', 'title', 'options', 'published', 'weights_of', 'config'}


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
    """

    folder: Path
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    needs: 'Run | None' = None
    train: bool = True
    test: bool = True

    @property
    def name(self) -> str:
        """Readable name: table/row/seed."""
        return '/'.join(self.folder.parts[-3:])

    @property
    def results(self) -> Path:
        """The file of its numbers."""
        return self.folder / 'results.json'

    @property
    def finished(self) -> Path:
        """Exists when the training is over."""
        return self.folder / 'training_finished'

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.results.is_file() if self.test else self.finished.is_file()

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
        name: Name, also of its folder.
        title: Heading.
        prepare: Command (a script and its arguments) that makes the data, or None.
        start: Run that all rows start from, or None.
        rows: The rows.
    """

    name: str
    title: str
    prepare: list[str] | None
    start: Run | None
    rows: tuple[Row, ...]


def read_plan(path: str) -> tuple[list[Table], Config]:
    """Read an ablation file, for example ``configs/ablation/video_knet.py``.

    Args:
        path: A Python file with ``work_dir``, ``seeds``, ``metrics`` and ``tables``.

    Returns:
        The tables, and the whole file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a key is missing or unknown, a name repeats, or ``weights_of`` names no trained row before it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'ablation file {path} does not exist')
    plan = Config.fromfile(path)
    if missing := [key for key in ('work_dir', 'seeds', 'metrics', 'tables') if key not in plan]:
        raise ValueError(f'{path}: {missing[0]} is missing; is it an ablation file?')
    if len(set(plan.seeds)) < len(plan.seeds) or not plan.seeds:
        raise ValueError(f'{path}: seeds must be different numbers, got {list(plan.seeds)}')
    tables = []
    for entry in plan.tables:
        _check_keys(entry, _TABLE_KEYS, {'name', 'config', 'rows'}, f'{path}: table')
        tables.append(_read_table(entry, Path(plan.work_dir), plan.seeds))
    _check_names([x.name for x in tables], path)
    return tables, plan


def _check_keys(entry: dict, known: set[str], needed: set[str], where: str) -> None:
    if unknown := sorted(entry.keys() - known):
        raise ValueError(f'{where} {entry.get("name")!r}: unknown key {unknown[0]!r}; there are {sorted(known)}')
    if missing := sorted(needed - entry.keys()):
        raise ValueError(f'{where} {entry.get("name")!r}: {missing[0]!r} is missing')


def _check_names(names: list[str], where: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'{where}: the name {name!r} is used twice')


def _read_table(entry: dict, work_dir: Path, seeds: tuple[int, ...]) -> Table:
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
    trained: dict[str, tuple[Run, ...]] = {}
    rows = []
    for row in entry['rows']:
        where = f'{entry["name"]}: row'
        _check_keys(row, _ROW_KEYS, {'name', 'options'}, where)
        source = row.get('weights_of')
        if source is not None and source not in trained:
            raise ValueError(f'{where} {row["name"]!r}: weights_of={source!r} is no trained row above it')
        config = row.get('config', entry['config'])
        runs = tuple(
            Run(
                folder / row['name'] / f'seed{seed}',
                config,
                dict(row['options']),
                seed,
                needs=start if source is None else trained[source][k],
                train=source is None,
            )
            for k, seed in enumerate(seeds)
        )
        if source is None:
            trained[row['name']] = runs
        published = tuple(row['published']) if row.get('published') else None
        rows.append(Row(row['name'], row.get('title', row['name']), runs, published))
    _check_names([*(x.name for x in rows), *(['start'] if start else [])], entry['name'])
    prepare = shlex.split(entry['prepare']) if entry.get('prepare') else None
    return Table(entry['name'], entry.get('title', entry['name']), prepare, start, tuple(rows))


def read_json(path: Path) -> dict[str, Any]:
    """Content of a file that the tool wrote, ``{}`` if it is not there."""
    return json.loads(path.read_text(encoding='utf-8')) if path.is_file() else {}
