import json

import pytest

from tests.test_datasets.panoptic_files import edit_json, write_images
from tests.tool_module import load_tool
from videoseg.datasets import CityscapesPanopticImageDataset, COCOPanopticImageDataset

NEW_ID = dict(coco={2: 1, 4: 2, 8: 187, 7: 193}, cityscapes={2: 24, 4: 26, 8: 23, 7: 22})
CLASSES = dict(coco=COCOPanopticImageDataset, cityscapes=CityscapesPanopticImageDataset)


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/check_panoptic_images.py')


def write(root, kind):
    """Three validation images in the official layout."""
    if kind == 'coco':
        write_images(root / 'x', [1, 22, 333], '{:012d}.jpg', '{:012d}.png')
        places = dict(img='val2017', png='annotations/panoptic_val2017')
    else:
        ids = [f'bonn_000000_{n:06d}' for n in range(3)]
        write_images(root / 'x', ids, 'bonn/{}_leftImg8bit.png', '{}_gtFine_panoptic.png')
        places = dict(img='leftImg8bit/val', png='gtFine/cityscapes_panoptic_val')
    for name, place in places.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / 'x' / name).rename(root / place)
    target = root / f'{places["png"]}.json'
    (root / 'x/gt.json').rename(target)
    info = CLASSES[kind].METAINFO

    def change(content):
        names = dict(zip(info['raw_ids'], info['classes'], strict=True))
        things = info['raw_ids'][: info['num_things']]
        content['categories'] = [dict(id=i, name=names[i], isthing=int(i in things)) for i in info['raw_ids']]
        for entry in content['annotations']:
            for segment in entry['segments_info']:
                segment['category_id'] = NEW_ID[kind][segment['category_id']]

    edit_json(target, change)
    return target


@pytest.mark.parametrize('kind', ['coco', 'cityscapes'])
def test_report(tool, tmp_path, kind, capsys):
    write(tmp_path, kind)
    args = [kind, str(tmp_path), '--splits', 'val']
    assert tool.main([*args, '--any-number']) == 0
    first = capsys.readouterr().out
    assert ['val', '3', '3', '3', '6'] in [line.split()[:5] for line in first.splitlines()]
    assert tool.main([*args, '--any-number', '--check']) == 0 and capsys.readouterr().out == first
    assert tool.main(args) == 1
    assert f'val: 3 videos, expected {500 if kind == "cityscapes" else 5000}' in capsys.readouterr().err


def test_all_bad_maps_are_listed(tool, tmp_path, capsys):
    target = write(tmp_path, 'coco')
    edit_json(target, lambda x: [x['annotations'][n]['segments_info'].pop() for n in (0, 2)])
    (tmp_path / 'val2017/000000000022.jpg').write_bytes(b'no image')
    assert tool.main(['coco', str(tmp_path), '--splits', 'val', '--any-number']) == 1
    error = capsys.readouterr().err
    assert error.count('in the PNG but not in the json') == 2 and '000000000022.jpg: image cannot be read' in error
    assert json.loads(target.read_text())


def test_unknown_category(tool, tmp_path, capsys):
    target = write(tmp_path, 'coco')
    edit_json(target, lambda x: x['annotations'][1]['segments_info'][0].update(category_id=12))
    assert tool.main(['coco', str(tmp_path), '--splits', 'val', '--any-number']) == 1
    assert "image '22': segment id 5 has the unknown category 12" in capsys.readouterr().err
