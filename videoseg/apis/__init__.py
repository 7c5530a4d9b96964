"""Using trained models from Python."""

from videoseg.apis.init_model import init_model

__all__ = ['init_model']
