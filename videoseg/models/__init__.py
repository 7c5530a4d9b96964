"""Everything that is built from the ``model`` part of a config."""

import mmdet.models  # noqa: F401  (fills the parent registry before anything of ours is looked up)

from videoseg.models import (  # noqa: F401
    backbones,
    data_preprocessors,
    decoders,
    losses,
    necks,
    postprocessors,
    segmentors,
    task_modules,
    trackers,
)
