"""Tables of parameter names: what a released parameter is called here, or why it is left out.

Used where checkpoints are loaded and by ``tools/model_converters``.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    r"""One line of a table.

    Attributes:
        source: Regular expression. With ``then`` it matches the beginning of a name, otherwise all of it.
        target: What replaces the match; ``\1`` ... are its groups.
        then: Table for the rest of the name.
        drop: Why such a parameter is left out; with ``then`` only if that table knows the rest.
        transform: Changes the tensor, for layers whose layout differs.
    """

    source: str
    target: str = ''
    then: 'Table' = ()
    drop: str = ''
    transform: Callable[[Any], Any] | None = None


Table = tuple[Rule, ...]


@dataclass(frozen=True)
class Place:
    """Where one parameter goes.

    Attributes:
        name: New name; empty if it is left out.
        drop: Why it is left out.
        transform: Changes the tensor.
    """

    name: str = ''
    drop: str = ''
    transform: Callable[[Any], Any] | None = None


def find_place(name: str, table: Table) -> Place | None:
    """Where a table puts a parameter; the first rule that knows the whole name decides. None: no rule knows it."""
    for rule in table:
        found = re.match(rule.source, name) if rule.then else re.fullmatch(rule.source, name)
        if found is None:
            continue
        rest = find_place(name[found.end() :], rule.then) if rule.then else Place(transform=rule.transform)
        if rest is not None:
            drop = rule.drop or rest.drop
            return Place(drop=drop) if drop else Place(found.expand(rule.target) + rest.name, transform=rest.transform)
    return None


class UnknownKeysError(ValueError):
    """A checkpoint holds parameters that no rule knows, or several for the same place."""


@dataclass
class Conversion:
    """A converted checkpoint and what went where.

    Attributes:
        state_dict: New name -> tensor.
        moved: Old name -> new name.
        dropped: Old name -> why it was left out.
    """

    state_dict: dict[str, Any] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)

    def summary(self) -> str:
        """Number of tensors from each module to each module, then everything that was left out, by name."""
        counts = Counter((_module(old), _module(new)) for old, new in self.moved.items())
        width = max([len('module'), *(len(old) for old, _ in counts)])
        lines = [f'{"tensors":>7}  {"module":<{width}}  becomes']
        lines += [f'{count:>7}  {old:<{width}}  {new}' for (old, new), count in counts.items()]
        for reason in dict.fromkeys(self.dropped.values()):
            names = [name for name, why in self.dropped.items() if why == reason]
            lines += [f'left out, {reason} ({len(names)}):', *(f'    {name}' for name in names)]
        return '\n'.join(lines)


def _module(name: str) -> str:
    """The first parts of a parameter's name; stages of a head apart."""
    parts = name.split('.')
    numbered = len(parts) > 3 and parts[2].isdecimal() and parts[1].endswith(('_head', 'stages'))
    return '.'.join(parts[: min(3 if numbered else 2, len(parts) - 1)] or parts)


def convert(state_dict: Mapping[str, Any], table: Table, source: str = 'checkpoint') -> Conversion:
    """Rename every parameter.

    Args:
        state_dict: Released parameters; values may be anything where no rule transforms them.
        table: Rules.
        source: File name, for messages.

    Raises:
        UnknownKeysError: If a name is in no rule, or two names become the same.
    """
    out, unknown, origin = Conversion(), [], {}
    for name, value in state_dict.items():
        bare = name.removeprefix('module.')  # left by a data-parallel wrapper
        place = find_place(bare, table)
        if place is None:
            unknown.append(name)
        elif place.drop:
            out.dropped[name] = place.drop
        elif place.name in out.state_dict:
            raise UnknownKeysError(f'{source}: {origin[place.name]} and {name} both become {place.name}')
        else:
            origin[place.name] = name
            out.moved[name] = place.name
            out.state_dict[place.name] = value if place.transform is None else place.transform(value)
    if unknown:
        listed = '\n'.join(f'    {name}' for name in unknown)
        raise UnknownKeysError(
            f'{source}: {len(unknown)} of {len(state_dict)} parameters are in no rule:\n{listed}\nIs --kind right? '
            'Otherwise add a rule for them to tools/model_converters/, with the reason where they can be left out.'
        )
    return out
