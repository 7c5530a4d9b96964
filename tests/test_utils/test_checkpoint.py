import os
import pickle
import resource
import zipfile
from collections import Counter

import numpy as np
import pytest
import torch

from videoseg.utils import (
    CheckpointLoadError,
    CheckpointSaveError,
    WorkDirError,
    check_work_dir,
    install_safe_loading,
    latest_checkpoint,
    load_checkpoint_file,
    save_checkpoint_atomic,
)
from videoseg.utils.checkpoint import file_sha256, local_checkpoint, set_latest_checkpoint, to_plain


@pytest.fixture
def checkpoint():
    return {'meta': {'iter': 3}, 'state_dict': {'w': torch.arange(20000.0)}}


class _Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_saved_file_loads_as_plain_data(tmp_path, checkpoint):
    checkpoint['param_schedulers'] = [{'milestones': Counter([3, 3, 5]), 'lr': np.float64(0.1)}]
    checkpoint['meta']['means'] = np.arange(3)
    save_checkpoint_atomic(checkpoint, tmp_path / 'a.pth')
    loaded = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert torch.equal(loaded['state_dict']['w'], checkpoint['state_dict']['w'])
    assert loaded['param_schedulers'] == [{'milestones': {3: 2, 5: 1}, 'lr': 0.1}]
    assert loaded['meta']['means'].tolist() == [0, 1, 2]
    assert os.listdir(tmp_path) == ['a.pth']


def test_objects_are_named_when_saving(tmp_path):
    with pytest.raises(TypeError, match=r'checkpoint\.ema\[1\]\.model is a .*_Payload'):
        save_checkpoint_atomic({'ema': [1, {'model': _Payload(tmp_path)}]}, tmp_path / 'a.pth')
    assert os.listdir(tmp_path) == []


def test_to_plain_keeps_state_dict_versions():
    weights = torch.nn.BatchNorm1d(2).state_dict()
    assert to_plain(weights)._metadata == weights._metadata


@pytest.mark.parametrize('share', [0.0, 0.02, 0.5, 0.99])
def test_truncated_file_is_refused(tmp_path, checkpoint, share):
    path = tmp_path / 'cut.pth'
    save_checkpoint_atomic(checkpoint, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointLoadError, match=r'cut\.pth .*truncated.*again'):
        load_checkpoint_file(path)


def test_truncated_old_format_and_other_files_are_refused(tmp_path, checkpoint):
    path = tmp_path / 'old.pth'
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    assert load_checkpoint_file(path)['meta'] == {'iter': 3}
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(CheckpointLoadError, match=r'old\.pth .*truncated'):
        load_checkpoint_file(path)
    path.write_text('Not found: 404')
    with pytest.raises(CheckpointLoadError, match=r'old\.pth .*not a checkpoint'):
        load_checkpoint_file(path)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a.txt', 'hello')
    with pytest.raises(CheckpointLoadError, match=r'old\.pth .*not a checkpoint'):
        load_checkpoint_file(path)
    torch.save(torch.zeros(2), path)
    with pytest.raises(CheckpointLoadError, match='holds a Tensor'):
        load_checkpoint_file(path)
    with pytest.raises(FileNotFoundError, match='nowhere'):
        load_checkpoint_file(tmp_path / 'nowhere.pth')


@pytest.mark.parametrize('kind', ['zip', 'old', 'pickle'])
def test_payload_is_refused_and_does_not_run(tmp_path, kind):
    path, trap = tmp_path / 'evil.pth', tmp_path / 'trap'
    content = {'state_dict': {'w': torch.zeros(1)}, 'meta': _Payload(trap)}
    if kind == 'pickle':
        path.write_bytes(pickle.dumps({'meta': _Payload(trap)}))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == 'zip')
    with pytest.raises(CheckpointLoadError, match=r'evil\.pth was refused.*(mkdir|operand).*--unsafe-load'):
        load_checkpoint_file(path)
    assert not trap.exists()
    if kind != 'pickle':
        load_checkpoint_file(path, allow_unsafe=True)
        assert trap.exists(), 'the payload is live: refusing it was what kept it from running'


def test_getattr_payload_is_refused(tmp_path):
    """The attribute access that log buffers need leads nowhere else."""

    class Sneaky:
        def __reduce__(self):
            return getattr, (np.ndarray, 'tofile')

    torch.save({'meta': Sneaky()}, tmp_path / 'evil.pth')
    with pytest.raises(CheckpointLoadError, match=r'evil\.pth was refused'):
        load_checkpoint_file(tmp_path / 'evil.pth')


def test_checkpoint_of_plain_mmengine_loads(tmp_path):
    from mmengine.logging import HistoryBuffer

    state = {'log_scalars': {'loss': HistoryBuffer([1.0, 2.0], [1, 1])}, 'runtime_info': {'score': np.float64(0.5)}}
    torch.save({'state_dict': {}, 'message_hub': state}, tmp_path / 'mm.pth')
    loaded = load_checkpoint_file(tmp_path / 'mm.pth')
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 1.5


def test_bare_weights_are_wrapped(tmp_path):
    torch.save({'w': torch.ones(2)}, tmp_path / 'bare.pth')
    assert load_checkpoint_file(tmp_path / 'bare.pth')['state_dict']['w'].tolist() == [1, 1]


def test_mmengine_reads_through_us(tmp_path):
    from mmengine.runner.checkpoint import CheckpointLoader

    trap = tmp_path / 'trap'
    torch.save({'meta': _Payload(trap)}, tmp_path / 'evil.pth')
    install_safe_loading()
    with pytest.raises(CheckpointLoadError, match='refused'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'evil.pth'), 'cpu')
    with pytest.raises(CheckpointLoadError, match='download it'):
        CheckpointLoader.load_checkpoint('s3://bucket/a.pth', 'cpu')
    assert not trap.exists()


@pytest.mark.parametrize('error', [OSError(28, 'No space left on device'), RuntimeError('file write failed')])
def test_failed_write_leaves_the_old_file(tmp_path, checkpoint, monkeypatch, error):
    path = tmp_path / 'iter_6.pth'
    save_checkpoint_atomic(checkpoint, path)

    def fail(_, file):
        file.write(b'half of it')
        raise error

    monkeypatch.setattr(torch, 'save', fail)
    with pytest.raises(CheckpointSaveError, match=r'iter_6\.pth.*MiB free.*--work-dir'):
        save_checkpoint_atomic({'meta': {'iter': 6}}, path)
    assert os.listdir(tmp_path) == ['iter_6.pth']
    assert load_checkpoint_file(path)['meta'] == {'iter': 3}


def test_write_that_fails_half_way(tmp_path, checkpoint):
    """The operating system ends the file after 16 KiB, as a full disk does."""
    path = tmp_path / 'iter_6.pth'
    save_checkpoint_atomic({'meta': {'iter': 3}}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16384, limits[1]))
    try:
        with pytest.raises(CheckpointSaveError, match=r'iter_6\.pth'):
            save_checkpoint_atomic(checkpoint, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == ['iter_6.pth']
    assert load_checkpoint_file(path)['meta'] == {'iter': 3}


def test_unwritable_work_dir(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(WorkDirError, match=r'file/run.*--work-dir'):
        check_work_dir(tmp_path / 'file' / 'run')
    check_work_dir(tmp_path / 'a' / 'b')
    assert os.listdir(tmp_path / 'a' / 'b') == []


def test_latest_checkpoint_survives_a_move(tmp_path):
    old, new = tmp_path / 'old', tmp_path / 'new'
    old.mkdir()
    assert latest_checkpoint(old) is None
    (old / 'iter_3.pth').write_bytes(b'')
    set_latest_checkpoint(old, str(old / 'iter_3.pth'))
    assert latest_checkpoint(old) == str(old / 'iter_3.pth')
    old.rename(new)
    assert latest_checkpoint(new) == str(new / 'iter_3.pth')


def test_local_name_and_hash_of_a_checkpoint(tmp_path, monkeypatch):
    (tmp_path / 'a.pth').write_bytes(b'abc')
    assert local_checkpoint(tmp_path / 'a.pth') == str(tmp_path / 'a.pth')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert local_checkpoint('~/a.pth') == str(tmp_path / 'a.pth')
    assert file_sha256(tmp_path / 'a.pth') == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'


def test_a_url_is_downloaded_once(tmp_path, monkeypatch):
    asked = []

    def download(url, file, progress):
        asked.append(url)
        with open(file, 'wb') as out:
            out.write(b'abc')

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    url = 'https://example.org/folder/a.pth?download=1'
    names = [local_checkpoint(url) for _ in range(2)]
    assert names == [str(tmp_path / 'checkpoints' / 'a.pth')] * 2
    assert asked == [url]
