"""Pictures of denoising: what is drawn is what the model predicts, files, and what is refused."""

import importlib

import cv2
import numpy as np
import pytest
import torch

from tests.test_models.diffusion_models import tiny_diffusion_config, tiny_diffusion_model
from tests.test_models.tiny_models import TINY, batch, video
from tests.tool_module import load_tool
from videoseg.models.decoders.mask_agreement import mask_agreement
from videoseg.registry import MODELS
from videoseg.structures.ids import decode_ids
from videoseg.visualization import PanopticOverlay, VideoWriter

tool = load_tool('analysis_tools/draw_denoising.py')
sheets = importlib.import_module('denoising_sheets')

META = dict(classes=('disc', 'ball', 'sky', 'ground'), num_things=2)
PIPELINE = [
    dict(type='TransformBroadcaster', transforms=[dict(type='LoadImageFromFile'), dict(type='LoadPanopticMap')]),
    dict(type='PackClipInputs', test_mode=True),
]
FRAMES = 4


def write_config(path, model, pipeline=PIPELINE):
    loader = '' if pipeline is None else f'test_dataloader = dict(dataset=dict(pipeline={pipeline!r}))\n'
    path.write_text(f'model = {model!r}\n{loader}')
    return str(path)


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """Config, checkpoint and frames of a tiny model, and the model and its frames."""
    folder = tmp_path_factory.mktemp('project')
    model, item = tiny_diffusion_model(), video(1, frames=FRAMES, name='clip')
    (folder / 'clip').mkdir()
    for t, image in enumerate(item['inputs']):
        cv2.imwrite(str(folder / 'clip' / f'{t}.png'), image.permute(1, 2, 0).numpy())
    torch.save(dict(state_dict=model.state_dict(), meta=dict(dataset_meta=META)), folder / 'weights.pth')
    config = write_config(folder / 'tiny.py', tiny_diffusion_config())
    return dict(config=config, checkpoint=str(folder / 'weights.pth'), source=folder / 'clip', model=model, item=item)


@pytest.fixture
def run(project, tmp_path):
    def call(*options, **places):
        paths = [str({**project, **places}[name]) for name in ('config', 'checkpoint', 'source')]
        return tool.main([*paths, '--out', str(tmp_path / 'out'), *map(str, options)])

    return call


@pytest.fixture
def look(project):
    """The frame that is drawn."""

    def call(start, frame, steps=2, samples=3):
        model = tool.init_model(project['config'], project['checkpoint'])
        with tool.opened(project['source'], frame, model, META) as data:
            return tool.Frame(model, data, start, frame, steps, samples)

    return call


def predicted(project, frame):
    """Panoptic ids of a frame as ``test.py`` gives them; the tiny model has 2 steps for later frames."""
    (clip,) = project['model'].predict(**batch(project['model'], project['item']))
    return clip.video_data_samples[frame].pred_panoptic_seg.panoptic_seg[0].numpy()


def same_tracks(result, raw):
    """Post-processing drops tracks and votes on classes, and gives no pixel to another track."""
    tracks, raw_tracks = decode_ids(result)[1], decode_ids(raw)[1]
    return len(np.unique(tracks)) > 2 and np.array_equal(tracks[tracks > 0], raw_tracks[tracks > 0])


def test_what_is_drawn_is_what_the_model_predicts(project, look):
    frame = look(0, 3)
    assert len(frame.estimates) == 2 and len(frame.samples) == 3 and len(frame.past) == 2
    assert np.array_equal(frame.result, predicted(project, 3))
    assert np.array_equal(frame.estimates[-1], frame.samples[0])
    assert not np.array_equal(frame.estimates[0], frame.estimates[-1])
    assert same_tracks(frame.result, frame.estimates[-1])
    assert np.array_equal(frame.images[-1], project['item']['inputs'][3].permute(1, 2, 0).numpy())
    for past, t in zip(frame.past, (1, 2), strict=True):
        assert same_tracks(predicted(project, t), past)


def test_uncertainty_is_the_agreement_of_the_samples_and_the_probability_of_the_codes(look):
    frame = look(0, 2, samples=4)
    labels, ids = (torch.from_numpy(x)[:, ::4, ::4] for x in decode_ids(np.stack(frame.samples)))
    assert np.allclose(frame.agreement[::4, ::4], mask_agreement(labels, ids).numpy(), atol=1e-6)
    assert 0 <= frame.agreement.min() < frame.agreement.max() <= 1 and len(np.unique(frame.agreement)) > 10
    assert 0 < frame.probability.min() < frame.probability.max() <= 1
    assert not np.allclose(frame.agreement, frame.probability)


def test_a_frame_without_past(look):
    first, middle, second = look(0, 0), look(2, 2), look(1, 2)
    assert first.past == [] and middle.past == [] and len(middle.images) == 1
    assert len(second.past) == 1 and len(second.images) == 2


def test_files_and_their_sizes(project, run, tmp_path, capsys):
    written = run('--frame', 3, '--steps', 5, '--samples', 2, '--shown', 4)
    names = [f'clip_000003_{name}.png' for name in ('strip', 'samples', 'past')]
    assert [path.name for path in written] == names and capsys.readouterr().out.count('.png') == 3
    strip, samples, past = (cv2.imread(str(path)) for path in written)
    scale = sheets.panel_scale((64, 96))
    height, width = round(64 * scale), round(96 * scale)
    assert strip.shape[1] == 3 * width + 2 * sheets.GAP  # image, 4 estimates and the result in two rows
    assert samples.shape[1] == past.shape[1] == strip.shape[1]
    assert 2 * height < strip.shape[0] < 3 * height and past.shape == strip.shape
    assert samples.shape[0] == strip.shape[0] + sheets.legend(width).shape[0]
    image = PanopticOverlay.from_meta(META, scale=scale).plain(
        project['item']['inputs'][3].permute(1, 2, 0).numpy().copy()
    )
    top = sheets.line_of_text('', 9, sheets.FONT + 4).shape[0] + sheets.line_of_text('', 9).shape[0]
    assert np.array_equal(strip[top : top + height, :width], image)


def test_a_video_file(run, project, tmp_path):
    with VideoWriter(tmp_path / 'film.avi') as film:
        for image in project['item']['inputs']:
            film.write(image.permute(1, 2, 0).numpy().copy())
    written = run('--frame', 1, '--start', 1, '--steps', 1, '--samples', 2, source=tmp_path / 'film.avi')
    assert [path.name for path in written] == ['film_000001_strip.png', 'film_000001_samples.png']


def test_weights_that_know_no_classes(run, project, tmp_path):
    torch.save(dict(state_dict=project['model'].state_dict()), tmp_path / 'bare.pth')
    assert len(run('--frame', 0, '--steps', 1, '--samples', 2, checkpoint=tmp_path / 'bare.pth')) == 2


def test_what_is_missing_is_named(run, project, tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'text.avi').write_text('no video')
    for places, frame, message in (
        ({}, 4, r'clip: there is no frame 4, frames are 0 to 3'),
        (dict(source=tmp_path / 'nowhere'), 0, 'nowhere: there is no such video or folder of frames'),
        (dict(source=tmp_path / 'empty'), 0, 'empty: holds no frames'),
        (dict(source=tmp_path / 'text.avi'), 0, 'text.avi: holds no frames'),
        (dict(config=write_config(tmp_path / 'a.py', tiny_diffusion_config(), None)), 0, 'no test_dataloader'),
    ):
        with pytest.raises(SystemExit, match=message):
            run('--frame', frame, '--steps', 1, **places)


def test_other_decoders_are_refused(run, tmp_path):
    torch.save(dict(state_dict=MODELS.build(TINY).state_dict()), tmp_path / 'other.pth')
    config = write_config(tmp_path / 'other.py', TINY)
    with pytest.raises(SystemExit, match='its decoder is VideoKNetDecoder'):
        run('--frame', 0, config=config, checkpoint=tmp_path / 'other.pth')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--frame', -1], '--start 0 and --frame -1'),
        (['--frame', 1, '--start', 2], '--start 2 and --frame 1'),
        (['--frame', 1, '--samples', 1], '--samples 1: must be at least 2'),
        (['--frame', 1, '--steps', 0], '--steps 0: must be at least 1'),
    ],
)
def test_bad_arguments_are_refused(run, options, message, capsys):
    with pytest.raises(SystemExit):
        run(*options)
    assert message in capsys.readouterr().err


def test_shown_steps():
    assert tool.shown_steps(20, 6) == [1, 2, 3, 6, 11, 20]
    assert tool.shown_steps(3, 6) == [1, 2, 3] and tool.shown_steps(1, 6) == [1]


def test_colours_of_numbers():
    picture = sheets.heat_map(np.array([[0.0, 0.5], [1.0, 1.0]]), 3)
    assert picture.shape == (6, 6, 3) and np.array_equal(picture[3:, :3], picture[3:, 3:])
    brightness = picture.astype(int).sum(2)
    assert brightness[0, 0] < brightness[0, 5] < brightness[5, 0]
    assert any(np.array_equal(picture[0, 0], pixel) for pixel in sheets.legend(600)[sheets.GAP + 1])
    with pytest.raises(ValueError, match='from 0.0 to 1.5, expected 0 to 1'):
        sheets.heat_map(np.array([[0.0, 1.5]]), 1)


def test_wide_frames_have_fewer_panels_a_row():
    assert (sheets.columns_for((375, 1242)), sheets.columns_for((128, 256))) == (2, 4)
    panels = [np.full((20, 90, 3), 7, np.uint8)] * 6
    assert sheets.sheet('title', panels, 'abcdef', columns=4).shape[1] == 3 * 90 + 2 * sheets.GAP
