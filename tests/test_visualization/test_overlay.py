"""Segments, contours and labels over a frame."""

import numpy as np
import pytest

from tests.test_visualization.pictures import METAINFO, SIZE, image, scene
from videoseg.structures.ids import VOID_ID, encode_ids
from videoseg.visualization import LabelPlacer, PanopticOverlay, track_colors
from videoseg.visualization.text import text_coverage


def overlay(**options):
    return PanopticOverlay.from_meta(METAINFO, **options)


def test_blends_exactly():
    picture = overlay(scale=1, contours=False, labels=False, thing_alpha=0.5, stuff_alpha=0.25)(image(), scene())
    grey, ids = image().astype(float), scene()
    car = ids == encode_ids(0, 1)
    expected = 0.5 * grey[car] + 0.5 * track_colors([1])[0, ::-1]
    np.testing.assert_allclose(picture[car], expected, atol=0.5)
    road = ids == encode_ids(2, 0)
    expected = 0.75 * grey[road] + 0.25 * np.array(METAINFO['palette'][2])[::-1]
    np.testing.assert_allclose(picture[road], expected, atol=0.5)


@pytest.mark.parametrize('contours', [True, False])
def test_void_keeps_its_bytes(contours):
    picture = overlay(scale=1, labels=False, contours=contours)(image(), scene())
    void = scene() == VOID_ID
    assert void.sum() == 120 and (picture[void] == image()[void]).all()
    assert (picture[~void] != image()[~void]).any(-1).mean() > 0.99


def test_contours_touch_only_the_rim():
    options = dict(scale=1, labels=False)
    changed = (overlay(**options)(image(), scene()) != overlay(contours=False, **options)(image(), scene())).any(-1)
    car = np.zeros(SIZE, bool)
    car[32:50, 5:35] = True
    inner = np.zeros(SIZE, bool)
    inner[35:47, 8:32] = True
    assert changed[car & ~inner].mean() > 0.5 and not changed[inner].any()


def test_untracked_things_have_the_colour_of_their_class():
    ids = np.full(SIZE, encode_ids(1, 0), np.int32)
    picture = overlay(scale=1, labels=False, contours=False, thing_alpha=1.0)(image(), ids)
    assert (picture == np.array(METAINFO['palette'][1])[::-1]).all()


def test_a_track_keeps_its_colour_through_frames():
    draw = overlay(scale=1, labels=False, contours=False, thing_alpha=1.0)
    for shift in range(0, 20, 5):
        ids = scene(shift)
        ids[0, 20:30] = encode_ids(1, shift + 50)  # other segments come and go
        picture = draw(image(), ids)
        assert (picture[ids == encode_ids(0, 1)] == track_colors([1])[0, ::-1]).all()


def test_the_same_call_gives_the_same_bytes():
    first, second = overlay(), overlay()
    expected = first(image(), scene(3))
    first(image(), scene(9))
    assert (first(image(), scene(3)) == expected).all() and (second(image(), scene(3)) == expected).all()


def test_arguments_are_left_alone():
    picture, ids = image(), scene()
    overlay(scale=1)(picture, ids)
    assert (picture == image()).all() and (ids == scene()).all()


def test_empty_frame_is_the_image():
    void = np.full(SIZE, VOID_ID, np.int32)
    assert (overlay(scale=1)(image(), void) == image()).all()


def test_one_pixel_segments():
    ids = np.full(SIZE, VOID_ID, np.int32)
    for row, column in ((0, 0), (0, 79), (59, 0), (59, 79), (30, 40)):
        ids[row, column] = encode_ids(0, row + column + 1)
    picture = overlay(scale=1)(image(), ids)
    changed = (picture != image()).any(-1)
    assert changed.sum() == 5 and changed[59, 79] and changed[30, 40]
    one = overlay(scale=1)(image()[:1, :1], np.array([[encode_ids(0, 1)]], np.int32))
    assert one.shape == (1, 1, 3)


@pytest.mark.parametrize('scale, shape', [(None, (540, 720)), (1, SIZE), (3, (180, 240)), (0.5, (30, 40))])
def test_scale(scale, shape):
    draw = overlay(scale=scale, labels=False)
    assert draw(image(), scene()).shape == (*shape, 3) == draw.plain(image()).shape
    ids = draw(image(0) * 0, np.where(scene() == VOID_ID, VOID_ID, encode_ids(3, 0)).astype(np.int32))
    void = (ids == 0).all(-1)
    assert void[: shape[0] // 6 - 1, : int(shape[1] * 0.15) - 1].all() and void.mean() == pytest.approx(
        0.025, abs=0.006
    )


def test_labels_appear_with_scores_and_without_small_segments():
    plain = overlay(scale=6, labels=False)(image(), scene())
    full = overlay(scale=6)(image(), scene())
    some = overlay(scale=6, min_label_area=0.2)(image(), scene())
    areas = [(picture != plain).any(-1).sum() for picture in (full, some)]
    assert areas[0] > areas[1] > 0
    scored = overlay(scale=6)(image(), scene(), scores={encode_ids(0, 1): 0.87})
    assert (scored != full).any()
    assert (overlay(scale=6, min_label_area=1.1)(image(), scene()) == plain).all()


@pytest.mark.parametrize('where', [(0, 0), (0, 150), (110, 0), (110, 150), (50, 70)])
def test_label_lies_in_the_picture_and_on_its_segment(where):
    mask = np.zeros((120, 160), bool)
    mask[where[0] : where[0] + 10, where[1] : where[1] + 10] = True
    picture = np.full((120, 160, 3), 128, np.uint8)
    x0, y0, x1, y1 = LabelPlacer(picture, 12).place(mask, 'person 12', np.array([0, 255, 0]))
    assert 0 <= x0 < x1 <= 160 and 0 <= y0 < y1 <= 120
    assert mask[y0:y1, x0:x1].any()
    changed = (picture != 128).any(-1)
    assert changed[y0:y1, x0:x1].all() and changed.sum() == (y1 - y0) * (x1 - x0)


def test_a_roomy_segment_holds_its_whole_label():
    mask = np.zeros((120, 160), bool)
    mask[20:60, 30:130] = True
    mask[100:110, :20] = True  # a smaller part elsewhere does not pull the label away
    x0, y0, x1, y1 = LabelPlacer(np.zeros((120, 160, 3), np.uint8), 12).place(mask, 'car 3', np.zeros(3))
    assert mask[y0:y1, x0:x1].all()
    assert abs((x0 + x1) / 2 - 80) < 3 and abs((y0 + y1) / 2 - 40) < 3


def test_labels_never_cover_each_other():
    placer = LabelPlacer(np.zeros((120, 160, 3), np.uint8), 12)
    mask = np.zeros((120, 160), bool)
    mask[40:80, 40:100] = True
    boxes = [placer.place(mask, 'car 1', np.zeros(3)) for _ in range(30)]
    placed = [box for box in boxes if box is not None]
    assert 2 <= len(placed) < 30, 'once there is no room left, labels are dropped'
    cover = np.zeros((120, 160), int)
    for x0, y0, x1, y1 in placed:
        cover[y0:y1, x0:x1] += 1
    assert cover.max() == 1


def test_label_larger_than_the_picture_is_left_out():
    picture = np.zeros((10, 20, 3), np.uint8)
    assert LabelPlacer(picture, 14).place(np.ones((10, 20), bool), 'a very long name', np.zeros(3)) is None
    assert LabelPlacer(picture, 5).place(np.zeros((10, 20), bool), 'x', np.zeros(3)) is None
    assert not picture.any()


def test_text_has_contrast():
    """White text on a darkened box, whatever lies below."""
    for value in (0, 128, 255):
        picture = np.full((60, 160, 3), value, np.uint8)
        x0, y0, x1, y1 = LabelPlacer(picture, 16).place(np.ones((60, 160), bool), 'person 12', np.zeros(3))
        box = picture[y0:y1, x0 + 6 : x1].astype(int)
        assert box.max() > 230 and np.median(box) < 100
    coverage = text_coverage('person 12', 16)
    assert coverage.max() == 1 and 0.1 < coverage.mean() < 0.6


@pytest.mark.parametrize(
    'picture, ids, culprit',
    [
        (image()[..., 0], scene(), r'seq/7: the image .* \(60, 80\)'),
        (image().astype(float), scene(), 'seq/7: the image .* float64'),
        (image(), scene()[:-1], r'seq/7: the panoptic map .* \(59, 80\)'),
        (image(), scene().astype(float), 'seq/7: the panoptic map .* float64'),
        (image(), np.full(SIZE, encode_ids(4, 1), np.int32), r'seq/7: label 4 \(panoptic id 262145\)'),
        (image(), np.full(SIZE, -1, np.int32), 'seq/7: label -1'),
    ],
)
def test_wrong_input_is_named(picture, ids, culprit):
    with pytest.raises(ValueError, match=culprit):
        overlay()(picture, ids, name='seq/7')


@pytest.mark.parametrize(
    'option, culprit',
    [(dict(scale=0), 'scale'), (dict(thing_alpha=1.5), 'thing_alpha'), (dict(stuff_alpha=-0.1), 'stuff_alpha')],
)
def test_wrong_options_are_named(option, culprit):
    with pytest.raises(ValueError, match=culprit):
        overlay(**option)
    with pytest.raises(ValueError, match='num_things'):
        PanopticOverlay(('car',), 2)
    with pytest.raises(KeyError, match='num_things'):
        PanopticOverlay.from_meta(dict(classes=('car',)))
