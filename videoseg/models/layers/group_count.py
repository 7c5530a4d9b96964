"""How many groups a group norm gets."""


def group_count(channels: int, smallest_group: int = 4, max_groups: int = 32) -> int:
    """Groups for a group norm: at most ``max_groups``, none smaller than ``smallest_group`` where the width allows it.

    Pix2Seq-D's rule ``min(C / 4, 32)`` (``specs/pix2seq_d.md`` section 3.1); for widths that it does not divide, the
    largest number of groups below it that does.

    Args:
        channels: Channels to be normalised.
        smallest_group: Channels a group.
        max_groups: Upper limit.

    >>> [group_count(c) for c in (24, 64, 256, 20, 3)]
    [6, 16, 32, 5, 1]
    """
    most = max(min(channels // smallest_group, max_groups), 1)
    return next(groups for groups in range(most, 0, -1) if channels % groups == 0)
