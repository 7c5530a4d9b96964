"""Logging, environment report, configs and checkpoints; loaded on first use."""

from videoseg.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        'CheckpointLoadError': 'errors',
        'CheckpointMismatchError': 'errors',
        'CheckpointSaveError': 'errors',
        'WorkDirError': 'errors',
        'check_work_dir': 'checkpoint',
        'install_safe_loading': 'checkpoint',
        'latest_checkpoint': 'checkpoint',
        'load_checkpoint_file': 'checkpoint',
        'save_checkpoint_atomic': 'checkpoint',
        'EnvEntry': 'env_report',
        'collect_entries': 'env_report',
        'format_report': 'env_report',
        'CheckpointReport': 'checkpoint_report',
        'load_checkpoint_report': 'checkpoint_report',
        'check_config': 'config',
        'load_config': 'config',
    },
)
