"""The 19 classes of Cityscapes as metainfo."""

from collections.abc import Sequence
from typing import Any

from videoseg.datasets.kitti_step import KITTISTEPDataset
from videoseg.evaluation.formats.class_table import ClassTable

CITYSCAPES_THINGS = tuple(range(11, 19))
"""Train ids of person, rider, car, truck, bus, train, motorcycle, bicycle."""


def cityscapes_metainfo(name: str, raw_ids: Sequence[int] = tuple(range(19))) -> dict[str, Any]:
    """Metainfo with the 8 things first (``specs/evaluators.md`` section 11).

    Args:
        name: Name of the data set.
        raw_ids: Class id on disk of every train id 0 ... 18. Default: the train id itself.
    """
    table = ClassTable.cityscapes(CITYSCAPES_THINGS)
    colors = dict(zip(KITTISTEPDataset.METAINFO['classes'], KITTISTEPDataset.METAINFO['palette'], strict=True))
    return dict(
        name=name,
        classes=table.names,
        num_things=table.num_things,
        raw_ids=tuple(raw_ids[train_id] for train_id in table.ids),
        palette=[colors[x] for x in table.names],
    )
