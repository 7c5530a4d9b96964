"""From frame lists to packed clips; every random draw is one draw a clip."""

from videoseg.datasets.transforms.clip_crop import ClipCrop
from videoseg.datasets.transforms.clip_sample import ClipSample
from videoseg.datasets.transforms.load_instance_tracks import LoadInstanceTracks
from videoseg.datasets.transforms.load_panoptic_map import LoadPanopticMap
from videoseg.datasets.transforms.pack_clip_inputs import PackClipInputs
from videoseg.datasets.transforms.pseudo_clip import PseudoClip

__all__ = ['ClipCrop', 'ClipSample', 'LoadInstanceTracks', 'LoadPanopticMap', 'PackClipInputs', 'PseudoClip']
