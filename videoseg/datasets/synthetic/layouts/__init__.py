"""One module per on-disk layout: where the files of a synthetic video lie, and what is in them."""

from videoseg.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        'LAYOUTS': 'table',
        'BaseLayout': 'base_layout',
        'SequenceInfo': 'sequence_info',
        'get_layout': 'table',
        'synthetic_metainfo': 'table',
    },
)
