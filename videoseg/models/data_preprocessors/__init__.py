"""Batching, padding and normalising of clips."""

from videoseg.models.data_preprocessors.clip_data_preprocessor import ClipDataPreprocessor

__all__ = ['ClipDataPreprocessor']
