"""Readers and writers of result files, free of torch."""

from videoseg.evaluation.formats.kitti_step import KittiStep

__all__ = ['KittiStep']
