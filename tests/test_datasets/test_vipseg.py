import json

import numpy as np
import pytest
from PIL import Image

from tests.test_datasets.panoptic_files import (
    METAINFO,
    SIZE,
    TEST,
    TRAIN,
    arguments,
    edit_json,
    maps,
    scene,
    truth,
    write_image,
    write_vipseg,
)
from videoseg.datasets import VIPSegDataset, base_panoptic_json
from videoseg.datasets.samplers import DrawIndex
from videoseg.evaluation.formats.id_png import write_id_png
from videoseg.structures.ids import encode_ids


@pytest.fixture
def root(tmp_path):
    return write_vipseg(tmp_path, {'12_ab': 3, '2_cd': 1})


def build(root, **kwargs):
    defaults = dict(test_mode=True, pipeline=TEST)
    return VIPSegDataset(**arguments(root, 'imgs', 'panomasksRGB', **defaults | kwargs))


def test_official_classes():
    assert VIPSegDataset.METAINFO['num_things'] == 58 and len(VIPSegDataset.METAINFO['classes']) == 124
    ids = VIPSegDataset.METAINFO['raw_ids']
    assert sorted(ids) == list(range(124)) and ids[:5] == (2, 4, 8, 10, 41) and ids[56:60] == (122, 123, 0, 1)


def test_ground_truth(root):
    dataset = build(root)
    assert [dataset.get_video(v)['video_id'] for v in range(2)] == ['12_ab', '2_cd']
    for t, found in enumerate(maps(dataset)):
        assert np.array_equal(found, truth(t))
    assert dataset.get_video(0)['image_ids'] == ['00000000', '00000010', '00000020']
    assert dataset[0]['data_samples'][0].image_id == '00000000'


def test_training(root):
    dataset = build(root, test_mode=False, pipeline=TRAIN)
    assert len(dataset) == 4
    clip = dataset[DrawIndex(2, 0)]['data_samples']
    assert set(clip[0].gt_instances.instances_ids.tolist()) == {encode_ids(0, 1), encode_ids(1, 2), encode_ids(0, 3)}
    assert clip[0].gt_instances.labels.tolist() == [0, 0, 1]
    assert len(clip) == 2


def test_serialised(root):
    dataset = build(root, serialize_data=True)
    assert dataset.data_list == [] and np.array_equal(maps(dataset)[2], truth(2))


def test_names_come_from_the_json(root):
    def rename(content):
        content['categories'] = [
            dict(id=i, name=f'name {i}', isthing=int(i in VIPSegDataset.METAINFO['raw_ids'][:58])) for i in range(124)
        ]

    edit_json(root / 'gt.json', rename)
    metainfo = build(root, metainfo=None).metainfo
    assert metainfo['classes'][0] == 'name 2' and metainfo['classes'][58] == 'name 0'
    edit_json(root / 'gt.json', lambda x: x['categories'][3].update(isthing=1))
    with pytest.raises(ValueError, match=r'gt\.json: category 3 \(name 3\) is a thing there, but stuff in'):
        build(root, metainfo=None)


def test_without_labels(root):
    dataset = VIPSegDataset(data_root=str(root), data_prefix=dict(img='imgs'), test_mode=True, pipeline=TEST)
    assert [dataset.get_video(v)['video_id'] for v in range(2)] == ['2_cd', '12_ab']
    assert maps(dataset, 1) == [None, None, None]
    with pytest.raises(ValueError, match='give both ann_file and seg, or none of them'):
        VIPSegDataset(data_root=str(root), data_prefix=dict(img='imgs', seg='x'), test_mode=True)
    with pytest.raises(ValueError, match='give both ann_file and seg'):
        VIPSegDataset(data_root=str(root), ann_file='gt.json', data_prefix=dict(img='imgs'), test_mode=True)
    with pytest.raises(ValueError, match='must name the img folder, and the seg folder'):
        VIPSegDataset(data_root=str(root), data_prefix=dict(img='imgs'))


def test_images_beyond_the_json_are_told(root, monkeypatch):
    said = []
    monkeypatch.setattr(base_panoptic_json, 'print_log', lambda message, **_: said.append(message))
    build(root)
    assert said == []
    write_image(root / 'imgs/12_ab/00000099.jpg', 0)
    assert build(root).video_length(0) == 3
    assert '1 images in the folders of annotated videos are not in' in said[0] and '00000099.jpg' in said[0]


class TestBadInput:
    def test_missing_files(self, root):
        (root / 'imgs/12_ab/00000010.jpg').unlink()
        with pytest.raises(FileNotFoundError, match=r"video '12_ab', frame '00000010': image missing: .*/00000010"):
            build(root)
        (root / 'panomasksRGB/12_ab/00000010.png').unlink()
        with pytest.raises(FileNotFoundError, match=r"video '12_ab', frame '00000010': .*00000010.png: PNG missing"):
            build(root)
        (root / 'gt.json').unlink()
        with pytest.raises(FileNotFoundError, match=r'gt\.json: json file missing'):
            build(root)

    @pytest.mark.parametrize(
        ('change', 'message'),
        [
            (dict(file_name='../../x.png'), r"video '2_cd', frame '00000000': file name .* refused"),
            (dict(file_name='/etc/x.png'), r'file name .* refused|PNG missing'),
            (dict(segments_info=[dict(id=5, category_id=99)]), 'segment id 5 has the unknown category 99'),
            (dict(segments_info=[dict(id=5, category_id=8)] * 2), 'segment id 5 is in segments_info twice'),
            (dict(segments_info=[dict(id=1 << 24, category_id=8)]), 'segment id 16777216 is not in'),
            (dict(segments_info=None), "'segments_info' is no list"),
        ],
    )
    def test_json(self, root, change, message):
        edit_json(root / 'gt.json', lambda x: x['annotations'][1]['annotations'][0].update(change))
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            build(root)

    def test_video_name_that_leaves_the_folder(self, root):
        def change(content):
            content['videos'][1]['video_id'] = content['annotations'][1]['video_id'] = '../2_cd'

        edit_json(root / 'gt.json', change)
        with pytest.raises(ValueError, match=r'\.\./2_cd.* refused'):
            build(root)

    def test_png_and_json_disagree(self, root):
        edit_json(root / 'gt.json', lambda x: x['annotations'][0]['annotations'][1]['segments_info'].pop(0))
        with pytest.raises(ValueError, match=r'12_ab/00000010\.png: id 5 is in the PNG but not in the json'):
            build(root)[1]
        write_id_png(root / 'panomasksRGB/12_ab/00000000.png', np.full(SIZE, 5))
        with pytest.raises(ValueError, match=r'00000000\.png: id 9, 30, 32 is in the json but not in the PNG'):
            build(root)[0]

    def test_png_itself(self, root):
        path = root / 'panomasksRGB/12_ab/00000000.png'
        write_id_png(path, scene(0)[:-1])
        with pytest.raises(ValueError, match=r'00000000\.png: size \(H, W\) is \(11, 20\), expected \(12, 20\)'):
            build(root)[0]
        Image.fromarray(scene(0).astype(np.uint16)).save(path)
        with pytest.raises(ValueError, match=r'00000000\.png: image mode is I;16, expected RGB'):
            build(root)[0]
        write_id_png(path, scene(0))
        path.write_bytes(path.read_bytes()[:60])
        with pytest.raises(ValueError, match=r'00000000\.png: .*truncated'):
            build(root)[0]

    def test_kind_of_list(self, root):
        with pytest.raises(ValueError, match='needs a .json'):
            build(root, ann_file='val.txt')
        with pytest.raises(ValueError, match='needs a .txt list of videos'):
            build(root, seg_encoding='vipseg_raw')


class TestPublishedLayout:
    VALUES = {0: 0, 5: 9, 9: 8, 30: 300, 70001: 501, 31: 307, 32: 0}

    @pytest.fixture
    def raw(self, tmp_path):
        for t in range(3):
            write_image(tmp_path / f'imgs/a/{t:08d}.jpg', t)
            values = np.vectorize(self.VALUES.get)(scene(t)).astype(np.uint16)
            (tmp_path / 'panomasks/a').mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / f'panomasks/a/{t:08d}.png')
        (tmp_path / 'val.txt').write_text('a')
        return tmp_path

    def build(self, root, **kwargs):
        defaults = dict(ann_file='val.txt', seg_encoding='vipseg_raw', test_mode=True, pipeline=TEST)
        return VIPSegDataset(**arguments(root, 'imgs', 'panomasks', **defaults | kwargs))

    def test_ground_truth(self, raw):
        found = maps(self.build(raw))
        for t in range(3):
            expected = truth(t)
            for segment, new in (
                (30, encode_ids(0, 1)),
                (70001, encode_ids(1, 2)),
                (31, encode_ids(0, 8)),
                (32, 255 << 16),
            ):
                expected[scene(t) == segment] = new
            assert np.array_equal(found[t], expected)

    def test_names(self, raw):
        assert self.build(raw, metainfo=None, pipeline=[]).metainfo['classes'][0] == 'class_002'
        things = VIPSegDataset.METAINFO['raw_ids'][:58]
        categories = [dict(id=i, name=f'name {i}', isthing=int(i in things)) for i in range(124)]
        (raw / 'panoVIPSeg_categories.json').write_text(json.dumps(categories))
        assert self.build(raw, metainfo=None).metainfo['classes'][0] == 'name 2'
        assert self.build(raw, metainfo=METAINFO | dict(classes=('name 2', 'name 4', 'name 8', 'name 7')))

    def test_missing(self, raw):
        (raw / 'panomasks/a/00000001.png').unlink()
        with pytest.raises(FileNotFoundError, match='label file missing for a/00000001'):
            self.build(raw)
        (raw / 'val.txt').write_text('a\nb\n')
        with pytest.raises(FileNotFoundError, match=r"val\.txt: video 'b': folder missing"):
            self.build(raw)
        (raw / 'val.txt').write_text('../a\n')
        with pytest.raises(ValueError, match='refused'):
            self.build(raw)
