"""Bad input meets the real model, the real config and the tools: the message names the culprit."""

import copy
import json
import os
import re
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from tests.reduced_models import clip, clip_length, packed, reduce_model
from tests.test_end_to_end.project import losses, write_dataset, write_project
from tests.test_engine.training_runs import run_tool
from tests.test_models.tiny_models import batch, tiny_model, video
from videoseg.apis import init_model
from videoseg.registry import MODELS
from videoseg.utils import CheckpointMismatchError

ROOT = Path(__file__).parents[2]

ANOTHER_DECODER = """
parts = ('embedding_head', 'linking', 'fusion')
model['decoder'] = dict(_delete_=True, type='KNetDecoder', num_things=3, num_stuff=3,
                        **{k: v for k, v in model['decoder'].items() if k not in parts})
"""


class Project:
    """A folder with a config; tools are run in it.

    Args:
        folder: Empty folder.
        config: Arguments of ``write_project``.
    """

    def __init__(self, folder, **config):
        self.folder = folder
        hook = dict(type='LossRecorder', path=str(folder / 'losses'))
        self.config = write_project(folder, **{'iters': 2, 'hooks': [hook], **config})

    def run(self, tool, *args):
        """Exit code and everything printed."""
        code = run_tool(tool, self.config, *args, '--work-dir', self.folder / 'work', cwd=self.folder)
        text = (self.folder / 'log.txt').read_text()
        (self.folder / 'log.txt').unlink()
        return code, text

    def fails(self, tool, *args):
        code, text = self.run(tool, *args)
        assert code == 1, text[-2000:]
        return text


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint of the config as it is."""
    project = Project(tmp_path_factory.mktemp('trained'))
    code, text = project.run('train.py')
    assert code == 0, text[-3000:]
    return project.folder / 'work' / 'iter_2.pth'


@pytest.fixture
def import_path(monkeypatch):
    """The import path is restored afterwards: reading a config adds its folder."""
    monkeypatch.setattr(sys, 'path', list(sys.path))


def project_of(trained, folder, **config):
    """The same project, with another config."""
    shutil.copytree(trained.parents[1] / 'data', folder / 'data')
    return Project(folder, **config)


# ---------------------------------------------------------------- checkpoints


def test_checkpoint_of_another_decoder(trained, tmp_path):
    text = project_of(trained, tmp_path, extra=ANOTHER_DECODER).fails('test.py', trained)
    assert 'CheckpointMismatchError' in text and f'{trained} does not fit the model' in text
    assert 'it was made with decoder VideoKNetDecoder, the model here has decoder KNetDecoder' in text
    unexpected = next(line for line in text.splitlines() if line.startswith('unexpected: '))
    assert 'decoder.stages.1.linking.' in unexpected
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith('decoder.')}
    assert int(rows['decoder.embedding_head'][2]) > 0 and rows['decoder.embedding_head'][:2] == ['0', '0']
    assert int(rows['decoder.proposal_head'][0]) > 0 and rows['decoder.proposal_head'][1:] == ['0', '0', '0']


@pytest.mark.slow
def test_checkpoint_of_another_class_count(trained, tmp_path, import_path):
    project = project_of(trained, tmp_path)
    source = tmp_path / 'eight.pth'
    torch.save(init_model(project.config, cfg_options={'model.decoder.num_stuff': 5}).state_dict(), source)
    text = project.fails('test.py', source)
    assert 'mismatched: decoder.stages.0.fc_cls.weight is (6, 32) in the model, (8, 32) in the checkpoint' in text
    assert 'these trained modules received nothing: ' in text
    text = project.fails('train.py', '--cfg-options', f'load_from={source}')
    assert 'decoder.stages.0.fc_cls' in text.split('received nothing: ')[1].splitlines()[0]
    assert 'load_from_allow = [' in text


def test_another_split_into_things_and_stuff(trained, tmp_path, import_path):
    """All shapes are equal, so nothing but the meta tells."""
    project = project_of(trained, tmp_path)
    options = ('model.decoder.num_things=4', 'model.decoder.num_stuff=2')
    with pytest.raises(CheckpointMismatchError, match='made with num_things 3, the model here has num_things 4'):
        init_model(project.config, trained, cfg_options={'model.decoder.num_things': 4, 'model.decoder.num_stuff': 2})
    for tool, *args in (('train.py', '--cfg-options'), ('test.py', trained, '--cfg-options')):
        text = project.fails(tool, *args, *options)
        assert 'the model has 4 thing and 2 stuff classes, the data set synthetic_step has 3 and 3' in text


@pytest.mark.slow
def test_training_from_another_decoder(trained, tmp_path):
    """Image stage to video stage: what is new must be named before it may start at random."""
    image = project_of(trained, tmp_path, extra=ANOTHER_DECODER)
    source = tmp_path / 'image.pth'
    content = torch.load(trained, weights_only=True)
    kept = [k for k in content['state_dict'] if not any(p in k for p in ('.embedding_head.', '.linking.', '.fusion.'))]
    torch.save({'state_dict': {k: content['state_dict'][k] for k in kept}}, source)
    code, text = image.run('test.py', source)
    assert code == 0, text[-2000:]
    project = Project(tmp_path)
    new = ['decoder.embedding_head', 'decoder.stages.1.fusion', 'decoder.stages.1.linking']
    text = project.fails('train.py', '--cfg-options', f'load_from={source}')
    assert f'received nothing: {", ".join(new)}' in text and f'load_from_allow = {new}' in text
    project = Project(tmp_path, extra=f'load_from = {str(source)!r}\nload_from_allow = {new}\n')
    code, text = project.run('train.py')
    assert code == 0, text[-2000:]


@pytest.mark.slow
def test_truncated_checkpoint(trained, tmp_path):
    project = project_of(trained, tmp_path)
    data = trained.read_bytes()
    cut = tmp_path / 'cut.pth'
    cut.write_bytes(data[: int(0.9 * len(data))])
    assert f'checkpoint {cut} ({cut.stat().st_size} bytes) is truncated' in project.fails('test.py', cut)
    assert f'checkpoint {cut} ({cut.stat().st_size} bytes) is truncated' in project.fails('train.py', '--resume', cut)


@pytest.mark.slow
def test_checkpoint_with_a_payload(trained, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'trap'),)

    project = project_of(trained, tmp_path)
    torch.save({**torch.load(trained, weights_only=True), 'extra': Payload()}, tmp_path / 'evil.pth')
    for tool, *args in (('test.py', tmp_path / 'evil.pth'), ('train.py', '--resume', tmp_path / 'evil.pth')):
        assert f'checkpoint {tmp_path}/evil.pth was refused: it holds Python objects' in project.fails(tool, *args)
    assert not (tmp_path / 'trap').exists()


# ---------------------------------------------------------------- configs and work dirs


def slow(*case):
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        slow('model.decoder.num_kernels=3', 'config.py, key model.decoder.num_kernels:'),
        slow('model.decoder.linking.udpate=none', 'config.py, key model.decoder.linking.udpate:'),
        slow('model.tracker.type=QuasiDenseEmbedingTracker', 'config.py, key model.tracker.type:'),
        ('train_dataloader.dataset.dataroot=x', 'config.py, key train_dataloader.dataset.dataroot:'),
        slow('optim_wraper.optimizer.lr=1', "unknown key 'optim_wraper'; did you mean 'optim_wrapper'?"),
        ('model.decoder.link_stages=[5]', 'linking names stages (5,), but there are 2 (0 to 1)'),
        ('model.decoder.fusion_stages=[0,-3]', 'fusion names stages (0, -3), but there are 2 (0 to 1)'),
    ],
)
def test_config_that_cannot_be_built(tmp_path, options, message):
    assert message in Project(tmp_path).fails('train.py', '--cfg-options', options)


def test_nothing_to_resume(tmp_path):
    text = Project(tmp_path).fails('train.py', '--resume')
    assert f'--resume: there is nothing to resume in {tmp_path / "work"}' in text


# ---------------------------------------------------------------- data


def wrong_size(label):
    return label[:-2]


def wrong_mode(label):
    return label[..., 0]


def unknown_class(label):
    label[0, :2, 2] = 77
    return label


@pytest.mark.parametrize(
    ('breakage', 'message'),
    [
        (wrong_size, r'size \(H, W\) is \(62, 96\), expected \(64, 96\)'),
        (wrong_mode, 'image mode is L, expected RGB'),
        slow(unknown_class, 'class id 77 not in the metainfo'),
    ],
)
def test_broken_labels_stop_the_training(tmp_path, breakage, message):
    """Also from a worker process (once only: torch waits for seconds for what is left of the worker)."""
    data = write_dataset(tmp_path / 'data')
    edit_labels(data, lambda label, frame: breakage(label))
    text = Project(tmp_path, workers=int(breakage is unknown_class)).fails('train.py')
    assert re.search(rf'ValueError: {data}/panoptic_maps/train/000\d/00000\d\.png: {message}', text)


@pytest.mark.parametrize('kind', ['images', 'panoptic_maps'])
def test_missing_files_stop_the_training(tmp_path, kind):
    data = write_dataset(tmp_path / 'data')
    (data / kind / 'train' / '0001' / '000002.png').unlink()
    text = Project(tmp_path).fails('train.py')
    assert f'{"image" if kind == "images" else "label"} file missing for 0001/000002' in text


def edit_labels(data, change):
    """Apply ``change(label, frame)`` to all panoptic maps (BGR: instance low, instance high, class)."""
    for path in sorted(data.glob('panoptic_maps/*/*/*.png')):
        cv2.imwrite(str(path), change(cv2.imread(str(path)), int(path.stem)))


def without_objects(label, frame):
    """Every other frame has only stuff."""
    thing = np.isin(label[..., 2:], (3, 4, 5)).all(-1) if frame % 2 else np.zeros(label.shape[:2], bool)
    label[thing] = (0, 0, 1)
    return label


def only_void(label, frame):
    label[...] = (0, 0, 255)
    return label


def changing_classes(label, frame):
    """An instance of class 3 in even frames is one of class 4 in odd ones, with the same number."""
    if frame % 2:
        label[..., 2][label[..., 2] == 3] = 4
    return label


def strangers(label, frame):
    """No frame has an object of another frame."""
    things = np.isin(label[..., 2], (3, 4, 5))
    label[..., 1][things] = frame + 1
    return label


POOR = {
    'one frame': None,
    'no objects': without_objects,
    'only void': only_void,
    'changing classes': changing_classes,
    'no common object': strangers,
}


@pytest.mark.slow
@pytest.mark.parametrize('case', POOR)
def test_poor_data_is_no_reason_to_stop(tmp_path, case):
    """Ids hold the class: an instance number that changes its class is another object from then on."""
    data = write_dataset(tmp_path / 'data', frames=1 if case == 'one frame' else 4)
    if POOR[case] is not None:
        edit_labels(data, POOR[case])
    project = Project(tmp_path, batch_size=1)
    code, text = project.run('train.py')
    assert code == 0, text[-3000:]
    rows = losses(tmp_path / 'losses')
    assert sorted(rows) == [1, 2] and all(np.isfinite(list(row.values())).all() for row in rows.values())
    checkpoint = tmp_path / 'work' / 'iter_2.pth'
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    assert all(torch.isfinite(value).all() for value in weights.values())
    code, text = project.run('test.py', checkpoint, '--out', tmp_path / 'metrics.json')
    assert code == 0, text[-3000:]
    stq = json.loads((tmp_path / 'metrics.json').read_text())['metrics']['stq/STQ']
    assert (stq is None) == (case == 'only void')


def test_videos_shorter_than_the_clip(tmp_path):
    """By default the key frame is repeated (above); whoever rejects such clips and has no others is told so."""
    write_dataset(tmp_path / 'data', frames=1)
    text = Project(tmp_path).fails('train.py', '--cfg-options', 'train_dataloader.dataset.pipeline.0.border=reject')
    assert re.search(r'RuntimeError: 51 samples rejected in a row: video 000\d, frame 0 ', text)
    assert 'ClipSample: 1 frames too few around frame 0 of a video of 1 frames' in text


@pytest.mark.slow
@pytest.mark.parametrize(
    'name', ['r50_kitti_step', 'r50_youtube_vis_2019', 'effnet-lite0_synthetic_vss', 'effnet-lite0_synthetic_vis']
)
def test_one_frame_for_every_kind_of_model(name):
    """Trained on the frame and copies of it, tested on the frame."""
    cfg = Config.fromfile(ROOT / f'configs/video_knet/{name}.py')
    model = MODELS.build(reduce_model(cfg.model))
    classes = model.decoder.num_things, model.decoder.num_stuff
    alone = clip(0, 1, *classes)
    copies, frames = copy.deepcopy(alone), clip_length(cfg)
    copies['inputs'] = copies['inputs'].expand(frames, -1, -1, -1)
    copies['data_samples'].video_data_samples = [copies['data_samples'][0].clone() for _ in range(frames)]
    data = model.data_preprocessor(packed(copies, copy.deepcopy(copies)), True)
    total, logged = model.parse_losses(model.train()(**data, mode='loss'))
    assert total.isfinite() and all(value.isfinite() for value in logged.values())
    (result,) = model.eval().predict(**model.data_preprocessor(packed(alone), False))
    assert len(result) == 1 and result[0].frame_id == 0
    assert set(result.tracks['num_frames'].tolist()) <= {1}


@pytest.mark.parametrize(
    'case', ['one frame', 'no objects', 'no objects in one frame', 'only void', 'void in one frame', 'no common object']
)
def test_one_step_of_a_poor_clip(case):
    """Losses and gradients are finite, and the clip can be predicted."""
    item = video(0, frames=2)
    item['inputs'], frames = item['inputs'].float(), item['data_samples'].video_data_samples
    if case == 'one frame':
        item['inputs'][1] = item['inputs'][0]
        item['data_samples'].video_data_samples = [frames[0], frames[0].clone()]
    if case == 'no common object':
        frames[1].gt_instances.instances_ids += 2
    poor = {'no objects': frames, 'only void': frames, 'one frame': [], 'no common object': []}.get(case, frames[1:])
    for frame in poor:
        frame.gt_instances = frame.gt_instances[:0]
        sem = frame.gt_sem_seg.sem_seg
        sem[:] = 255 if 'void' in case else sem.clamp(min=2)
    model = tiny_model().train()
    total, logged = model.parse_losses(model(**batch(model, item, training=True), mode='loss'))
    assert all(np.isfinite(value.item()) for value in logged.values()), logged
    assert ('loss_track' in logged) and (logged['loss_track'] > 0) == (case == 'one frame')
    total.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)
    if case == 'one frame':
        item = video(0, frames=1)
    (result,) = model.eval().predict(**batch(model, item))
    assert len(result) == len(item['inputs']) and all('pred_panoptic_seg' in frame for frame in result)
