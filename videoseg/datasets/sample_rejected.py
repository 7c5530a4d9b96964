"""How a transform says that a sample cannot be used."""


class SampleRejected(Exception):  # noqa: N818 - it is a signal to the data set, not a failure
    """A transform cannot use this sample; the data set draws another one.

    Unlike returning None, the mmcv way, it carries the reason and passes through ``TransformBroadcaster``.
    """
