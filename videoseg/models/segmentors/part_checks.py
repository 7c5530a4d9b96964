"""Which parts cannot work together: refused when a model is built, before it says nothing or nonsense."""

from typing import Any

from torch import nn


def check_parts(decoder: nn.Module, postprocessor: Any, tracker: Any) -> None:
    """Look at what the parts of a :class:`VideoSegmentor` say of themselves.

    Args:
        decoder: The decoder.
        postprocessor: The postprocessor, or None.
        tracker: The tracker, or None.

    Raises:
        TypeError: If the tracker is none of ours.
        ValueError: If the postprocessor reads only things of a decoder without any, or the tracker's ids are not those
            that the postprocessor needs.
    """
    if tracker is not None and not hasattr(tracker, 'associate'):
        raise TypeError(
            f'model.tracker is a {type(tracker).__name__}, which has no align and associate: use a tracker of '
            'videoseg.models.trackers, or a subclass of its BaseTracker'
        )
    name = type(postprocessor).__name__
    if getattr(postprocessor, 'only_things', False) and not (decoder.has_instances and decoder.num_things):
        reason = 'has no thing classes' if decoder.has_instances else 'has one mask a class and no instances'
        raise ValueError(
            f'model.postprocessor {name} gives instances of things, but {type(decoder).__name__} {reason}: use '
            'SemanticPostprocessor, or a decoder with num_things > 0 and instances'
        )
    if postprocessor is None or tracker is None:
        return
    ids_are_queries = getattr(tracker, 'ids_are_queries', False)
    if getattr(postprocessor, 'needs_query_ids', False) and not ids_are_queries:
        raise ValueError(
            f'model.tracker {type(tracker).__name__} names objects by itself, but {name} needs a tracker that keeps an '
            'object in its query and names it so: QueryMatchingTracker or KernelIndexTracker, with per_class=False; '
            'others go with InstancePostprocessor'
        )
    if getattr(postprocessor, 'repeats_queries', False) and ids_are_queries:
        raise ValueError(
            f'model.tracker {type(tracker).__name__} gives a query one id, but {name} takes it under several classes: '
            'set model.tracker.per_class=True, or use VideoInstancePostprocessor'
        )
