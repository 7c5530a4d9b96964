"""Using trained models from Python; loaded on first use."""

from videoseg.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {'init_model': 'init_model'})
