"""The one panoptic id codec: ``id = label * DIVISOR + instance``.

The divisor 2**16 is the one of KITTI-STEP (``specs/evaluators.md`` section 4), so that ids fit into int32 with
the void label 255. Instance 0 means "no instance": all stuff, and thing pixels nobody separated (crowd in ground
truth, untracked in predictions). Works on numpy arrays, torch tensors and plain integers alike.
"""

from typing import TypeVar

DIVISOR = 1 << 16
VOID_LABEL = 255
VOID_ID = VOID_LABEL * DIVISOR
MAX_INSTANCE = DIVISOR - 1

IntLike = TypeVar('IntLike')


def encode_ids(labels: IntLike, instances: IntLike) -> IntLike:
    """Join labels and instance numbers into panoptic ids.

    Args:
        labels: Integer labels in [0, 255], any shape; int32 or wider (uint8 arrays would overflow).
        instances: Instance numbers in [0, 65535] of the same shape.

    Returns:
        Panoptic ids of the same shape and type.

    >>> encode_ids(3, 7)
    196615
    """
    return labels * DIVISOR + instances


def decode_ids(ids: IntLike) -> tuple[IntLike, IntLike]:
    """Split panoptic ids into labels and instance numbers.

    >>> decode_ids(196615)
    (3, 7)
    """
    return ids // DIVISOR, ids % DIVISOR
