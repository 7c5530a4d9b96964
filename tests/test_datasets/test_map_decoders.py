import numpy as np
import pytest
from PIL import Image

from videoseg.datasets import LabelMap
from videoseg.datasets.map_decoders import MAP_DECODERS
from videoseg.evaluation.formats.davis import DAVIS_VOID_ID
from videoseg.evaluation.formats.id_png import write_id_png
from videoseg.structures.ids import VOID_ID, encode_ids

THINGS = LabelMap(('person', 'car', 'road'), 2, (11, 13, 2))


def decode(encoding, path, size, label_map=THINGS, segments=None):
    return MAP_DECODERS[encoding](str(path), size, label_map, segments)


class TestCocoRgb:
    IDS = np.array([[0, 5, 5], [70000, 5, 300]])
    SEGMENTS = {300: encode_ids(2, 0), 5: encode_ids(0, 1), 70000: encode_ids(1, 2)}

    def test_ids(self, tmp_path):
        write_id_png(tmp_path / 'a.png', self.IDS)
        ids = decode('coco_rgb', tmp_path / 'a.png', (2, 3), segments=self.SEGMENTS)['gt_seg_map']
        person, car, road = encode_ids(0, 1), encode_ids(1, 2), encode_ids(2, 0)
        assert ids.dtype == np.int32 and ids.tolist() == [[VOID_ID, person, person], [car, person, road]]

    def test_png_and_json_must_agree(self, tmp_path):
        write_id_png(tmp_path / 'a.png', self.IDS)
        wrong = {300: 0, 5: 0, 9: 0}
        message = r'a\.png: id 70000 is in the PNG but not in the json; id 9 is in the json but not in the PNG'
        with pytest.raises(ValueError, match=message):
            decode('coco_rgb', tmp_path / 'a.png', (2, 3), segments=wrong)
        with pytest.raises(ValueError, match=r'id 1, .* 11 \.\.\. is in the json'):
            decode('coco_rgb', tmp_path / 'a.png', (2, 3), segments=self.SEGMENTS | {i: 0 for i in range(1, 99)})

    def test_needs_a_json(self, tmp_path):
        write_id_png(tmp_path / 'a.png', self.IDS)
        with pytest.raises(ValueError, match=r'a\.png: the data set knows no segments'):
            decode('coco_rgb', tmp_path / 'a.png', (2, 3))

    def test_all_void(self, tmp_path):
        write_id_png(tmp_path / 'a.png', np.zeros((2, 3), int))
        assert (decode('coco_rgb', tmp_path / 'a.png', (2, 3), segments={})['gt_seg_map'] == VOID_ID).all()

    def test_16_bit(self, tmp_path):
        Image.fromarray(self.IDS.astype(np.uint16)).save(tmp_path / 'a.png')
        with pytest.raises(ValueError, match=r'a\.png: image mode is I;16, expected RGB'):
            decode('coco_rgb', tmp_path / 'a.png', (2, 3), segments=self.SEGMENTS)

    def test_equals_a_look_up_of_every_pixel(self, tmp_path):
        ids = np.random.default_rng(0).integers(0, 40, (50, 70)) * 401
        table = {int(i): int(i) * 3 for i in np.unique(ids) if i}
        write_id_png(tmp_path / 'a.png', ids)
        found = decode('coco_rgb', tmp_path / 'a.png', (50, 70), segments=table)['gt_seg_map']
        assert found.tolist() == [[table.get(i, VOID_ID) for i in row] for row in ids.tolist()]


class TestVIPSegRaw:
    """Classes 11 and 13 are things: 1200 ... is the first, 1400 ... the second; class 2 is stuff: 3."""

    def save(self, tmp_path, values, dtype=np.uint16):
        Image.fromarray(np.array(values, dtype)).save(tmp_path / 'a.png')
        return tmp_path / 'a.png'

    def test_ids(self, tmp_path):
        path = self.save(tmp_path, [[0, 3, 1200], [1299, 1407, 200]])
        ids = decode('vipseg_raw', path, (2, 3))['gt_seg_map']
        expected = [[VOID_ID, encode_ids(2, 0), encode_ids(0, 1)], [encode_ids(0, 100), encode_ids(1, 8), VOID_ID]]
        assert ids.dtype == np.int32 and ids.tolist() == expected

    @pytest.mark.parametrize(
        ('value', 'message'),
        [
            (12, 'pixel value 12 is a stuff class with an instance or a thing without one'),
            (305, 'pixel value 305 is a stuff class with an instance'),
            (8, r'pixel value 3, 8: class id 7 not in the metainfo'),
            (1500, r'pixel value 3, 1500: class id 14 not in the metainfo'),
        ],
    )
    def test_bad_values(self, tmp_path, value, message):
        with pytest.raises(ValueError, match=rf'a\.png: {message}'):
            decode('vipseg_raw', self.save(tmp_path, [[3, value]]), (1, 2))

    def test_8_bit(self, tmp_path):
        path = self.save(tmp_path, [[3, 3]], np.uint8)
        with pytest.raises(ValueError, match=r'a\.png: image mode is L, expected I;16'):
            decode('vipseg_raw', path, (1, 2))


def test_labels(tmp_path):
    Image.fromarray(np.array([[11, 2, 255]], np.uint8)).save(tmp_path / 'a.png')
    found = decode('labels', tmp_path / 'a.png', (1, 3))
    assert found['gt_seg_map'].tolist() == [[0, encode_ids(2, 0), VOID_ID]]
    assert found['gt_raw_seg'].dtype == np.uint8 and found['gt_raw_seg'].tolist() == [[11, 2, 255]]
    with pytest.raises(ValueError, match=r'a\.png: size \(H, W\) is \(1, 3\), expected \(2, 3\)'):
        decode('labels', tmp_path / 'a.png', (2, 3))


def test_vspw_and_davis(tmp_path):
    Image.fromarray(np.array([[0, 12, 3, 255]], np.uint8)).save(tmp_path / 'a.png')
    found = decode('vspw', tmp_path / 'a.png', (1, 4))
    assert found['gt_seg_map'].tolist() == [[VOID_ID, 0, encode_ids(2, 0), VOID_ID]]
    assert found['gt_raw_seg'].tolist() == [[0, 12, 3, 255]]
    objects = decode('davis', tmp_path / 'a.png', (1, 4), LabelMap(('object',), 1, (1,)))['gt_seg_map']
    assert objects.tolist() == [[VOID_ID, 12, 3, DAVIS_VOID_ID]]


@pytest.mark.parametrize('encoding', sorted(MAP_DECODERS))
def test_broken_files(tmp_path, encoding):
    pixels = np.random.default_rng(0).integers(0, 3, (64, 64))
    pixels = pixels.astype(np.uint16 if encoding == 'vipseg_raw' else np.uint8)
    if encoding in ('step', 'coco_rgb'):
        pixels = np.stack([pixels] * 3, axis=-1)
    path = tmp_path / 'a.png'
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r'a\.png: cannot be read, perhaps truncated'):
        decode(encoding, path, (64, 64), segments={})
    with pytest.raises(FileNotFoundError, match=r'gone\.png: .*missing'):
        decode(encoding, tmp_path / 'gone.png', (64, 64), segments={})
