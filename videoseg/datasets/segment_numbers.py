"""Instance numbers that are constant over a video."""

from collections.abc import Sequence

from videoseg.evaluation.formats.panoptic_json import PanopticFrame
from videoseg.structures.ids import MAX_INSTANCE, encode_ids


def number_segments(
    frames: Sequence[PanopticFrame | None], num_things: int, source: str
) -> list[dict[int, int] | None]:
    """Panoptic ids of the segments of a video.

    Args:
        frames: Annotations in time order, categories being model labels; None for frames without.
        num_things: Labels below are things.
        source: Video, for the message.

    Returns:
        For every frame segment id -> panoptic id, None where there is no annotation. Instances of things count from 1
        in the order in which their segment ids appear; stuff and crowds have instance 0.

    Raises:
        ValueError: If the video has more instances than panoptic ids can tell.
    """
    numbers: dict[int, int] = {}
    numbered = []
    for frame in frames:
        if frame is None:
            numbered.append(None)
            continue
        ids = {}
        for segment in frame.segments:
            is_instance = segment['category_id'] < num_things and not segment.get('iscrowd', 0)
            number = numbers.setdefault(segment['id'], len(numbers) + 1) if is_instance else 0
            ids[segment['id']] = encode_ids(segment['category_id'], number)
        numbered.append(ids)
    if len(numbers) > MAX_INSTANCE:
        raise ValueError(f'{source}: {len(numbers)} instances; panoptic ids end at {MAX_INSTANCE}')
    return numbered
