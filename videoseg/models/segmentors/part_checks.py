"""Which parts cannot work together: refused when a model is built, before it says nothing or nonsense."""

from typing import Any

from torch import nn

from videoseg.structures import MapPrediction

_CONTRACTS = dict(
    postprocessor=('update_table', 'finish_table', 'only_things', 'repeats_queries', 'needs_query_ids', 'reads'),
    tracker=('align', 'associate', 'ids_are_queries', 'needs_queries', 'needs_embeddings'),
)
"""What a part must have: that of BasePostprocessor and BaseTracker."""


def check_parts(decoder: nn.Module, postprocessor: Any, tracker: Any) -> None:
    """Look at what the parts of a :class:`VideoSegmentor` say of themselves.

    Args:
        decoder: The decoder.
        postprocessor: The postprocessor, or None.
        tracker: The tracker, or None.

    Raises:
        TypeError: If postprocessor or tracker lacks a method or attribute of its base class.
        ValueError: If the postprocessor reads only things of a decoder without any, or the tracker's ids are not those
            that the postprocessor needs, or both would average class logits over time, or the tracker goes by queries
            and the postprocessor reads maps, or by embeddings that the decoder does not have.
    """
    _check_contract('postprocessor', postprocessor)
    _check_contract('tracker', tracker)
    if postprocessor is None:
        return
    gives_maps = postprocessor.reads is MapPrediction
    name = type(postprocessor).__name__
    if postprocessor.only_things and not (decoder.has_instances and decoder.num_things):
        reason = 'has no thing classes' if decoder.has_instances else 'has one mask a class and no instances'
        semantic = f"{name}(output='semantic')" if gives_maps else 'SemanticPostprocessor'
        raise ValueError(
            f'model.postprocessor {name} gives instances of things, but {type(decoder).__name__} {reason}: use '
            f'{semantic}, or a decoder with num_things > 0 and instances'
        )
    if tracker is None:
        return
    if postprocessor.needs_query_ids and not tracker.ids_are_queries:
        raise ValueError(
            f'model.tracker {type(tracker).__name__} names objects by itself, but {name} needs a tracker that keeps an '
            'object in its query and names it so: QueryMatchingTracker or KernelIndexTracker, with per_class=False; '
            'others go with InstancePostprocessor'
        )
    if postprocessor.needs_query_ids and getattr(tracker, 'average_logits', False):
        raise ValueError(
            f'model.tracker {type(tracker).__name__} gives the mean of the class logits so far, of which {name} would '
            'take the mean again: set model.tracker.average_logits=False'
        )
    lacking = {
        f'queries, but {name} reads maps, which have none': tracker.needs_queries and gives_maps,
        f'embeddings, but {type(decoder).__name__} has none': tracker.needs_embeddings and not decoder.embeds,
    }
    for what, lacks in lacking.items():
        if lacks:
            raise ValueError(
                f'model.tracker {type(tracker).__name__} goes by {what}: use MaskIoUTracker or SORTBoxTracker, or '
                'DecoderIdTracker if the decoder tracks by itself'
            )
    if postprocessor.repeats_queries and tracker.ids_are_queries:
        raise ValueError(
            f'model.tracker {type(tracker).__name__} gives a query one id, but {name} takes it under several classes: '
            'set model.tracker.per_class=True, or use VideoInstancePostprocessor'
        )


def _check_contract(kind: str, part: Any) -> None:
    missing = [name for name in _CONTRACTS[kind] if not hasattr(part, name)]
    if part is not None and missing:
        name = type(part).__name__
        raise TypeError(
            f'model.{kind} is a {name}, which has no {", ".join(missing)}: use a {kind} of videoseg.models.{kind}s, or '
            f'a subclass of its Base{kind.capitalize()}'
        )
