"""The environment report: what it says about packages that are fine, missing, of another version or damaged."""

import importlib.metadata

import pytest

from videoseg.utils import EnvEntry, collect_entries, env_report, format_report


def entry_of(monkeypatch: pytest.MonkeyPatch, name: str, version: str | None) -> EnvEntry:
    """The report's line on a package, with its installed version replaced; None leaves its metadata without one."""
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, 'version', lambda asked: version if asked == name else real(asked))
    (entry,) = [entry for entry in collect_entries() if entry.name == name]
    return entry


def test_tested_versions_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = entry_of(monkeypatch, 'torch', '2.13.0+cu130')  # the build is no part of the version
    assert entry.severity == 'ok'
    assert '==2.13.0' in entry.value


def test_another_version_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = entry_of(monkeypatch, 'onedl-mmdetection', '3.9.0')
    assert entry.severity == 'warning'
    assert 'version 3.9.0 is not in the tested set (==3.5.1)' in entry.problem
    assert "pip install 'onedl-mmdetection==3.5.1'" in entry.fix


def test_interrupted_install_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = entry_of(monkeypatch, 'scipy', None)
    assert entry.severity == 'error'
    assert 'interrupted' in entry.problem
    assert '--force-reinstall' in entry.fix


def test_mmcv_without_ops_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The case pip's build isolation produces: mmcv imports, its ops do not."""
    real = env_report._import_error
    broken = {'mmcv.ops': "ModuleNotFoundError: No module named 'mmcv._ext'"}
    monkeypatch.setattr(env_report, '_import_error', lambda module: broken.get(module) or real(module))
    wrong = [entry for entry in collect_entries() if entry.severity == 'error']
    assert [entry.name for entry in wrong] == ['mmcv ops']
    assert 'mmcv._ext' in wrong[0].problem
    assert 'setup_env.sh' in wrong[0].fix


def test_libgl_has_its_own_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    real = env_report._import_error
    broken = {'cv2': 'ImportError: libGL.so.1: cannot open shared object file'}
    monkeypatch.setattr(env_report, '_import_error', lambda module: broken.get(module) or real(module))
    (entry,) = [entry for entry in collect_entries() if entry.name == 'opencv-python']
    assert entry.severity == 'error'
    assert "'opencv-python-headless==" in entry.fix


def test_format_lists_problems_with_their_fix() -> None:
    entries = [
        EnvEntry('System', 'platform', 'somewhere'),
        EnvEntry('Packages', 'torch', 'missing', 'not installed', 'install it', 'error'),
        EnvEntry('Packages', 'ruff', 'missing', 'not installed', '', 'warning'),
    ]
    lines = format_report(entries).splitlines()
    assert lines[0] == 'System'
    assert lines.count('Packages') == 1
    assert any(line.startswith(' X torch') for line in lines)
    assert lines[-4:] == [
        'Problems',
        ' error: torch: not installed',
        '   fix: install it',
        ' warning: ruff: not installed',
    ]
    assert format_report(entries[:1]).endswith('No problems found.')
