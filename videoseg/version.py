"""The version of videoseg, readable without importing anything."""

__version__ = '0.1.0'
