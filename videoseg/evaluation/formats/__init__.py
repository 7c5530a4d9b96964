"""Readers and writers of result files, free of torch."""

from videoseg.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        'ClassTable': 'class_table',
        'FrameName': 'frame_name',
        'KittiStep': 'kitti_step',
        'KittiStepWriter': 'kitti_step_writer',
        'PanopticFrame': 'panoptic_json',
        'PanopticVideos': 'panoptic_json',
        'PanopticJsonWriter': 'panoptic_json_writer',
        'CocoPanopticWriter': 'coco_panoptic',
        'read_coco_panoptic': 'coco_panoptic',
        'CityscapesVPSWriter': 'cityscapes_vps',
        'read_cityscapes_vps_gt': 'cityscapes_vps',
        'read_cityscapes_vps_pred': 'cityscapes_vps',
        'VIPSegWriter': 'vipseg',
        'read_vipseg': 'vipseg',
        'DVPS': 'dvps',
        'DVPSWriter': 'dvps_writer',
        'YouTubeVIS': 'youtube_vis',
        'YouTubeVISWriter': 'youtube_vis_writer',
        'DavisWriter': 'davis',
        'read_davis': 'davis',
        'write_davis': 'davis',
        'VSPWWriter': 'vspw',
    },
)
