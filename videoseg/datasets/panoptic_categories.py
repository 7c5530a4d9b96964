"""Metainfo from the ``categories`` of panoptic jsons, as far as a data set does not fix it."""

from collections.abc import Mapping, Sequence
from typing import Any

from videoseg.evaluation.formats.class_table import ClassTable


def initial_metainfo(own: Mapping[str, Any], given: Mapping[str, Any], needs_classes: bool) -> dict[str, Any]:
    """Metainfo that can stand until the json was read.

    Args:
        own: Metainfo of the data set class.
        given: Changes by the user; new ``classes`` make the class's other entries void.
        needs_classes: There is no json.

    Returns:
        Metainfo with ``classes``, ``num_things`` and ``raw_ids``, unless ``needs_classes`` and they are not told.
    """
    known = _fixed(own, given)
    if needs_classes:
        return known
    classes = tuple(known.get('classes', ()))
    raw_ids = known.get('raw_ids') or range(1, len(classes) + 1)
    return dict(known, classes=classes, num_things=known.get('num_things', 0), raw_ids=tuple(raw_ids))


def match_panoptic_categories(
    categories: Sequence[Mapping[str, Any]] | None,
    own: Mapping[str, Any],
    given: Mapping[str, Any],
    names_from_json: bool,
    source: str,
) -> dict[str, Any]:
    """Fill the metainfo up from a json and check it.

    Args:
        categories: ``categories`` of the json: ``{id, name, isthing}``.
        own: Metainfo of the data set class.
        given: Changes by the user. A ``num_things`` of theirs may make stuff of what the json calls things.
        names_from_json: Names in ``own`` only stand in for those of the json.
        source: The json, for messages.

    Returns:
        ``classes`` (things first), ``num_things``, ``raw_ids`` and, if it was not fixed and the json has colours,
        ``palette``.

    Raises:
        ValueError: If the categories are malformed, lack a class that is looked for by name, or disagree with the
            metainfo about what is a thing or what a category is called.
    """
    table = ClassTable.from_entries(categories, source)
    known = _fixed(own, given)
    if 'classes' not in known:
        found = dict(classes=table.names, num_things=table.num_things, raw_ids=table.ids)
        return found if 'palette' in known else found | _palette(categories, table.ids)
    names = dict(zip(table.ids, table.names, strict=True))
    raw_ids = known.get('raw_ids') or _ids_by_name(known['classes'], table, source)
    classes = tuple(known['classes'])
    if names_from_json and 'classes' not in given:
        classes = tuple(names.get(raw, name) for raw, name in zip(raw_ids, classes, strict=True))
    for raw, name in zip(raw_ids, classes, strict=True):
        if _plain(names.get(raw, name)) != _plain(name):
            raise ValueError(
                f'{source}: category {raw} is {names[raw]!r} there, but class {name!r} in the metainfo; is it the json '
                'of another data set?'
            )
    is_thing = {raw: label < table.num_things for label, raw in enumerate(table.ids)}
    num_things = known.get('num_things')
    if num_things is None:
        num_things = sum(is_thing.get(raw, False) for raw in raw_ids)
    if 'num_things' not in given:
        _check_things(raw_ids, classes, num_things, is_thing, source)
    return dict(classes=classes, num_things=num_things, raw_ids=tuple(raw_ids))


def _fixed(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in own.items() if 'classes' not in given or k not in ('raw_ids', 'num_things', 'palette')}
    return kept | dict(given)


def _ids_by_name(classes: Sequence[str], table: ClassTable, source: str) -> tuple[int, ...]:
    by_name = {_plain(name): i for i, name in zip(table.ids, table.names, strict=True)}
    if missing := [name for name in classes if _plain(name) not in by_name]:
        raise ValueError(f'{source}: class {missing[0]!r} is not among its categories ({", ".join(table.names)})')
    return tuple(by_name[_plain(name)] for name in classes)


def _check_things(
    raw_ids: Sequence[int], classes: Sequence[str], num_things: int, is_thing: Mapping[int, bool], source: str
) -> None:
    for label, (raw, name) in enumerate(zip(raw_ids, classes, strict=True)):
        if is_thing.get(raw, label < num_things) != (label < num_things):
            kinds = ('stuff', 'a thing')
            raise ValueError(
                f'{source}: category {raw} ({name}) is {kinds[is_thing[raw]]} there, but {kinds[label < num_things]} '
                'in the metainfo, where things come first; set metainfo num_things if that is meant'
            )


def _palette(categories: Sequence[Mapping[str, Any]], ids: Sequence[int]) -> dict[str, Any]:
    colors = {entry['id']: entry.get('color') for entry in categories}
    palette = [colors[i] for i in ids]
    if not all(isinstance(c, list | tuple) and len(c) == 3 for c in palette):
        return {}
    return dict(palette=[tuple(int(x) for x in c) for c in palette])


def _plain(name: str) -> str:
    """Names are the same if they differ in case, blanks, hyphens and underscores only."""
    return ''.join(c for c in name.lower() if c not in ' -_')
