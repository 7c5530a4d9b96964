"""Joining the categories of a json to fewer classes."""

from collections.abc import Mapping
from typing import Any


def mapped_classes(class_map: Mapping[str, str] | str, metainfo: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The classes that a map leads to.

    Args:
        class_map: Category name -> class, or the one class of all categories.
        metainfo: The user's; its ``classes`` fix the order, and may name classes that no category becomes.
        name: Data set class, for messages.

    Returns:
        Classes in the order of model labels.

    Raises:
        ValueError: If the map is empty, leads to a class that ``metainfo.classes`` lacks, or ``raw_ids`` are given.
    """
    if 'raw_ids' in metainfo:
        raise ValueError(f'{name}: raw_ids follow from class_map; leave them out of metainfo')
    found = (class_map,) if isinstance(class_map, str) else tuple(dict.fromkeys(class_map.values()))
    if not found:
        raise ValueError(f'{name}: class_map names no category')
    classes = tuple(metainfo.get('classes', found))
    if unknown := [x for x in found if x not in classes]:
        raise ValueError(f'{name}: class_map leads to {unknown[0]!r}, which is not one of metainfo.classes {classes}')
    return classes


def map_categories(
    categories: Mapping[int, str], class_map: Mapping[str, str] | str, classes: tuple[str, ...], path: str
) -> tuple[tuple[int, ...], dict[int, int | None]]:
    """Labels of the categories of a json.

    Args:
        categories: Category id -> name.
        class_map: Category name -> class, or the one class of all categories.
        classes: What :func:`mapped_classes` returned.
        path: The json, for messages.

    Returns:
        The raw id of every class, which is the lowest of its category ids (classes without a category get numbers
        above all others); and category id -> label, None where the map does not name the category.

    Raises:
        ValueError: If the map names a category that the json does not have.
    """
    if isinstance(class_map, str):
        class_map = dict.fromkeys(categories.values(), class_map)
    if missing := [name for name in class_map if name not in categories.values()]:
        raise ValueError(f'{path}: class_map names {missing[0]!r}; the categories are {list(categories.values())}')
    order = {name: label for label, name in enumerate(classes)}
    labels = {number: order.get(class_map.get(name)) for number, name in categories.items()}
    unused = max(256, *categories, 0) + 1
    raw_ids = [min((i for i, x in labels.items() if x == label), default=unused + label) for label in order.values()]
    return tuple(raw_ids), labels
