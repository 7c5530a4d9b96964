import json

import pytest

from tests.test_datasets.vis_files import box, track, video, write
from tests.tool_module import load_tool
from videoseg.datasets import BaseVideoInstanceDataset


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/prepare_youtube_vis.py')


@pytest.fixture
def source(tmp_path):
    data = dict(
        videos=[video(i, f'v{i}', 2) for i in range(1, 11)],
        categories=[dict(id=1, name='cow'), dict(id=2, name='dog')],
        annotations=[track(i, (i + 1) // 2, 1 + (i > 2), [box(0, 0, 2, 2), None]) for i in range(1, 21)],
    )
    return write(tmp_path, data)


def run(tool, source, *extra):
    return tool.main([str(source / 'train.json'), '--val-videos', '3', *extra])


def parts(source):
    return {name: json.loads((source / f'train_{name}.json').read_text()) for name in ('minitrain', 'minival')}


def test_every_video_is_in_one_part(tool, source, capsys):
    assert run(tool, source, '--images', 'images') == 0
    made = parts(source)
    ids = {name: {v['id'] for v in data['videos']} for name, data in made.items()}
    assert len(ids['minival']) == 3 and ids['minitrain'] | ids['minival'] == set(range(1, 11))
    for name, data in made.items():
        assert {a['video_id'] for a in data['annotations']} == ids[name] and len(data['annotations']) == 2 * len(
            ids[name]
        )
        assert len(data['categories']) == 2
        BaseVideoInstanceDataset(
            f'train_{name}.json', str(source), dict(img='images'), dict(classes=('cow', 'dog')), test_mode=True
        )
    rows = [line.split()[:5] for line in capsys.readouterr().out.splitlines()]
    assert ['all', '10', '20', '20', '20'] in rows and ['minival', '3', '6', '6', '6'] in rows
    assert ['minitrain', '7', '14', '14', '14'] in rows


def test_again_and_checked(tool, source, capsys):
    assert run(tool, source, '--check') == 1
    assert 'train_minival.json is missing' in capsys.readouterr().err
    assert run(tool, source) == 0
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in source.glob('*.json')}
    first = capsys.readouterr().out
    assert run(tool, source) == run(tool, source, '--check') == 0
    assert capsys.readouterr().out == 2 * first
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in source.glob('*.json')} == before


def test_the_split_does_not_depend_on_the_order(tool, source):
    assert run(tool, source) == 0
    chosen = {v['id'] for v in parts(source)['minival']['videos']}
    assert tool.choose_videos(list(range(10, 0, -1)), 0, 3) == chosen
    others = {frozenset(tool.choose_videos(list(range(1, 11)), seed, 3)) for seed in range(8)}
    assert len(others) > 4


def test_other_split_is_not_overwritten(tool, source, capsys):
    assert run(tool, source) == 0
    before = (source / 'train_minival.json').read_bytes()
    assert run(tool, source, '--seed', '5') == 1
    assert 'is another split, or changed; remove it' in capsys.readouterr().err
    assert (source / 'train_minival.json').read_bytes() == before


def test_missing_images(tool, source, capsys):
    (source / 'images/v4/00001.jpg').unlink()
    assert run(tool, source, '--images', 'images') == 1
    assert 'video 4: ' in capsys.readouterr().err and not (source / 'train_minival.json').exists()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(annotations=[]), 'train.json: no annotations in it; give the training json'),
        (dict(videos=[video(1, 'a', 2)] * 2), 'two video entries have the id 1'),
        (dict(annotations=[track(1, 99, 1, [None, None])]), 'annotation 1: there is no video 99'),
    ],
)
def test_bad_json(tool, source, change, message, capsys):
    path = source / 'train.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert run(tool, source) == 1
    assert message in capsys.readouterr().err and not list(source.glob('train_*'))


def test_no_video_left(tool, source, capsys):
    assert tool.main([str(source / 'train.json'), '--val-videos', '10']) == 1
    assert '10 of 10 videos for validation: each part needs at least one' in capsys.readouterr().err
