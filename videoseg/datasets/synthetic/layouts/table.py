"""The layouts by name."""

from typing import Any

from videoseg.datasets.synthetic.layouts.base_layout import BaseLayout
from videoseg.datasets.synthetic.layouts.cityscapes_panoptic import CityscapesPanopticLayout
from videoseg.datasets.synthetic.layouts.cityscapes_vps import CityscapesVPSLayout
from videoseg.datasets.synthetic.layouts.coco_panoptic import CocoPanopticLayout
from videoseg.datasets.synthetic.layouts.davis import DavisLayout
from videoseg.datasets.synthetic.layouts.kitti_step import KittiStepLayout
from videoseg.datasets.synthetic.layouts.ovis import OVISLayout
from videoseg.datasets.synthetic.layouts.video_folder import VideoFolderLayout
from videoseg.datasets.synthetic.layouts.vipseg import VIPSegLayout
from videoseg.datasets.synthetic.layouts.vipseg_raw import VIPSegRawLayout
from videoseg.datasets.synthetic.layouts.vspw import VSPWLayout
from videoseg.datasets.synthetic.layouts.youtube_vis import YouTubeVISLayout

LAYOUTS: dict[str, BaseLayout] = {
    layout.name: layout()
    for layout in (
        KittiStepLayout,
        VIPSegLayout,
        VIPSegRawLayout,
        CityscapesVPSLayout,
        CityscapesPanopticLayout,
        CocoPanopticLayout,
        VSPWLayout,
        YouTubeVISLayout,
        OVISLayout,
        DavisLayout,
        VideoFolderLayout,
    )
}


def get_layout(name: str) -> BaseLayout:
    """Look a layout up.

    Raises:
        KeyError: If there is no such layout; the message lists them.
    """
    if name not in LAYOUTS:
        raise KeyError(f'no layout {name!r}; there are {", ".join(LAYOUTS)}')
    return LAYOUTS[name]


def synthetic_metainfo(layout: str) -> dict[str, Any]:
    """Metainfo with which the data set class of a layout reads synthetic videos, as its ``metainfo`` argument.

    Model labels are the same in every layout with stuff classes, so a model trained on one is tested on the others.

    Args:
        layout: Name of the layout.

    Returns:
        ``classes`` (things first, then stuff), ``num_things``, ``raw_ids`` (id of every class on disk), ``palette`` and
        ``name``.

    Raises:
        KeyError: If there is no such layout.
    """
    return dict(name=f'synthetic_{layout}', **get_layout(layout).metainfo)
