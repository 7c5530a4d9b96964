import copy
import json
import zipfile

import numpy as np
import pytest

from videoseg.evaluation.formats.frame_name import FrameName
from videoseg.evaluation.formats.youtube_vis import YouTubeVIS
from videoseg.evaluation.formats.youtube_vis_writer import YouTubeVISWriter
from videoseg.evaluation.functional.frame_masks import FrameMasks, GTTrack, PredTrack
from videoseg.structures.rle import decode_masks, encode_masks

SIZE = (4, 6)
SQUARE = [[1, 1, 4, 1, 4, 3, 1, 3]]
SQUARE_PIXELS = 6


def rle(columns):
    """The first columns of a frame, as uncompressed runs."""
    return dict(size=list(SIZE), counts=[0, 4 * columns, 24 - 4 * columns] if columns else [24])


def content():
    """Video 7 of three frames with an animal (id 30) and a crowd, video 2 of one frame without anything."""
    videos = [
        dict(id=7, height=4, width=6, length=3, file_names=['a/0.jpg', 'a/5.jpg', 'a/10.jpg']),
        dict(id=2, height=4, width=6, length=1, file_names=['b/0.jpg']),
    ]
    tracks = [
        dict(
            id=30,
            video_id=7,
            category_id=9,
            iscrowd=0,
            segmentations=[rle(2), None, SQUARE],
            areas=[8, None, 10],
            bboxes=[[0, 0, 2, 4], None, [1, 1, 3, 4]],
            occlusion=['no_occlusion', None, 'severe_occlusion'],
        ),
        dict(
            id=31,
            video_id=7,
            category_id=4,
            iscrowd=1,
            segmentations=[None, rle(6), None],
            areas=[None, 24, 0],
            bboxes=[None, [0, 0, 6, 4], None],
            occlusion=[None, 'slight_occlusion', None],
        ),
    ]
    categories = [dict(id=9, name='cat'), dict(id=4, name='bird')]
    return dict(videos=videos, annotations=tracks, categories=categories)


def result(**changes):
    (mask,) = encode_masks(np.ones((1, *SIZE)))
    mask = {**mask, 'counts': mask['counts'].decode()}
    return dict(video_id=7, category_id=4, score=0.5, segmentations=[None, mask, None]) | changes


def write(folder, data, name='gt.json'):
    path = folder / name
    path.write_text(json.dumps(data))
    return path


def test_ground_truth(tmp_path):
    truth = YouTubeVIS(write(tmp_path, content()), occlusion=True)
    assert truth.classes == ('bird', 'cat') and truth.category_ids == (4, 9)
    assert {name: (x.size, x.frames) for name, x in truth.videos.items()} == {
        '7': (SIZE, ('a/0.jpg', 'a/5.jpg', 'a/10.jpg')),
        '2': (SIZE, ('b/0.jpg',)),
    }
    video = truth.read_video('7')
    assert video.tracks == [GTTrack(30, 1, False, 9.0, 0.75), GTTrack(31, 0, True, 24.0, 0.25)]
    assert [(x.ids, x.areas) for x in video.frames] == [([30], [8]), ([31], [24]), ([30], [SQUARE_PIXELS])]
    decoded = [decode_masks(x.rles, SIZE)[0] for x in video.frames]
    expected = np.zeros((3, *SIZE), np.uint8)
    expected[0, :, :2] = expected[1] = expected[2, 1:3, 1:4] = 1
    assert (np.array(decoded) == expected).all()


def test_a_video_without_tracks(tmp_path):
    video = YouTubeVIS(write(tmp_path, content())).read_video('2')
    assert video.tracks == [] and [x.ids for x in video.frames] == [[]]


@pytest.mark.parametrize(('source', 'areas'), [('json', [9, 24]), ('box', [10, 24]), ('mask', [None, None])])
def test_area_source(tmp_path, source, areas):
    video = YouTubeVIS(write(tmp_path, content()), area_source=source).read_video('7')
    assert [x.area for x in video.tracks] == areas


def test_areas_may_be_missing(tmp_path):
    data = content()
    del data['annotations'][0]['areas']
    data['annotations'][1]['areas'] = [None] * 3
    assert [x.area for x in YouTubeVIS(write(tmp_path, data)).read_video('7').tracks] == [None, 0]


@pytest.mark.parametrize('area', [-1, float('nan'), float('inf'), 10**400, 'large'])
def test_wrong_areas(tmp_path, area):
    data = content()
    data['annotations'][0]['areas'][0] = area
    with pytest.raises(ValueError, match='video 7, annotation 30: areas are '):
        YouTubeVIS(write(tmp_path, data)).read_video('7')


@pytest.mark.parametrize(
    ('place', 'changes', 'message'),
    [
        ('', dict(annotations=None), r'gt.json: has no annotations; the ground truth of this split is hidden'),
        ('', dict(annotations=[]), r'gt.json: has no annotations; the ground truth of this split is hidden'),
        ('', dict(videos={}), r'gt.json: no YouTube-VIS json'),
        ('videos', dict(height=0), 'video 7: height is 0'),
        ('videos', dict(height=True), 'video 7: height is True'),
        ('videos', dict(length='3'), "video 7: length is '3'"),
        ('videos', dict(length=4), 'video 7: has no list of 4 file_names'),
        ('videos', dict(id='7'), 'video without an integer id'),
        ('videos', dict(id=2), 'video id 2 occurs twice'),
        ('categories', dict(id=4), 'category id 4 occurs twice'),
        ('annotations', dict(id=31), 'annotation id 31 occurs twice'),
        ('annotations', dict(video_id=8), 'annotation 30: video_id 8 is not in'),
        (
            'annotations',
            dict(category_id=5),
            r'annotation 30 \(video 7\): category_id 5 is not in .*, which has \[4, 9\]',
        ),
        ('annotations', dict(segmentations=[None]), r'annotation 30 \(video 7\): has 1 segmentations, the video has 3'),
        ('annotations', dict(segmentations=None), 'has no list of segmentations'),
    ],
)
def test_wrong_lists(tmp_path, place, changes, message):
    data = content()
    (data[place][0] if place else data).update(changes)
    with pytest.raises(ValueError, match=message):
        YouTubeVIS(write(tmp_path, data))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(segmentations=[rle(2), None, {**rle(2), 'size': [6, 4]}]),
            r'frame 2 \(a/10.jpg\), annotation 30: RLE says size',
        ),
        (
            dict(segmentations=[dict(size=[4, 6], counts=[3, 4]), None, None]),
            r'frame 0 \(a/0.jpg\), annotation 30: the runs',
        ),
        (dict(segmentations=[None, [[1, 1]], None]), r'frame 1 \(a/5.jpg\), annotation 30: polygon'),
        (dict(areas=[8, None]), 'annotation 30: has no list areas of 3 entries'),
        (dict(areas=[8, None, 'x']), 'annotation 30: areas are no numbers'),
        (dict(occlusion=['much', None, None]), "annotation 30: occlusion 'much' is none of"),
        (dict(occlusion=None), 'annotation 30: has no list occlusion of 3 entries'),
    ],
)
def test_wrong_annotations(tmp_path, changes, message):
    data = content()
    data['annotations'][0].update(changes)
    truth = YouTubeVIS(write(tmp_path, data), occlusion=True)
    with pytest.raises(ValueError, match=f'gt.json: video 7, {message}'):
        truth.read_video('7')


def test_results(tmp_path):
    truth = YouTubeVIS(write(tmp_path, content()))
    results = truth.read_results(write(tmp_path, [result(), result(category_id=9, score=1)], 'results.json'))
    assert {name: [x['id'] for x in rows] for name, rows in results.items()} == {'7': [0, 1], '2': []}
    video = truth.read_predictions('7', results['7'])
    assert video.tracks == [PredTrack(0, 0, 0.5), PredTrack(1, 1, 1.0)]
    assert [(x.ids, x.areas) for x in video.frames] == [([], []), ([0, 1], [24, 24]), ([], [])]


@pytest.mark.parametrize(
    ('entry', 'message'),
    [
        ('x', 'result 1: expected a dict'),
        (result(video_id=3), 'result 1: video_id 3 is not in'),
        (result(category_id=0), r'result 1 \(video 7\): category_id 0 is not in'),
        (result(score=None), r'result 1 \(video 7\): score is None'),
        (result(score=True), r'result 1 \(video 7\): score is True'),
        (result(score=10**400), r'result 1 \(video 7\): score is 1000'),
        (result(score=float('nan')), r'result 1 \(video 7\): score is nan'),
        (result(segmentations=[None] * 2), r'result 1 \(video 7\): has 2 segmentations, the video has 3 frames'),
        (result(segmentations=[None] * 4), r'result 1 \(video 7\): has 4 segmentations, the video has 3 frames'),
    ],
)
def test_wrong_results(tmp_path, entry, message):
    truth = YouTubeVIS(write(tmp_path, content()))
    with pytest.raises(ValueError, match=message):
        truth.read_results(write(tmp_path, [result(), entry], 'results.json'))


def test_short_results_may_be_allowed_but_not_long_ones(tmp_path):
    truth = YouTubeVIS(write(tmp_path, content()))
    path = write(tmp_path, [result(segmentations=result()['segmentations'][:2])], 'results.json')
    results = truth.read_results(path, allow_short=True)
    assert [x.ids for x in truth.read_predictions('7', results['7']).frames] == [[], [0], []]
    path = write(tmp_path, [result(segmentations=[None] * 4)], 'results.json')
    with pytest.raises(ValueError, match='has 4 segmentations'):
        truth.read_results(path, allow_short=True)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gt.json: json file missing'):
        YouTubeVIS(tmp_path / 'gt.json')
    truth = YouTubeVIS(write(tmp_path, content()))
    with pytest.raises(ValueError, match=r'results.json: expected a list of results, found dict'):
        truth.read_results(write(tmp_path, content(), 'results.json'))
    (tmp_path / 'results.json').write_text('[{"video_id": 7')
    with pytest.raises(ValueError, match=r'results.json: not a json file, perhaps truncated'):
        truth.read_results(tmp_path / 'results.json')


def test_zips_that_are_none(tmp_path):
    truth, path = YouTubeVIS(write(tmp_path, content())), tmp_path / 'results.zip'
    with pytest.raises(FileNotFoundError, match=r'results.zip: zip of results missing'):
        truth.read_results(path)
    path.write_bytes(b'PK')
    with pytest.raises(ValueError, match=r'results.zip: no zip of a results.json'):
        truth.read_results(path)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('folder/results.json', '[]')
    with pytest.raises(ValueError, match=r'results.zip: has no results.json at its top level'):
        truth.read_results(path)


def test_area_source_is_checked(tmp_path):
    with pytest.raises(ValueError, match="area_source is 'png'"):
        YouTubeVIS(write(tmp_path, content()), area_source='png')


def masks(columns, ids=(0, 5)):
    """Two masks of so many columns."""
    frame = np.zeros((2, *SIZE), bool)
    for i, number in enumerate(columns):
        frame[i, :, :number] = True
    return FrameMasks(list(ids), encode_masks(frame))


def test_writer_and_reader_are_inverse(tmp_path):
    data = content()
    writer = YouTubeVISWriter(tmp_path / 'out', (4, 9))
    for t in range(3):
        writer.write_frame('7', FrameName(t, f'{t}.jpg'), masks((t + 1, t + 2)))
    tracks = [
        PredTrack(1, 1, 0.25, mask_id=5),
        PredTrack(2, 0, 0.5, mask_id=5),
        PredTrack(0, 0, 1),
        PredTrack(9, 0, 0.1),
    ]
    writer.finish_video('7', tracks, 3)
    assert not (tmp_path / 'out').exists()
    paths = writer.finish(writer.records())
    assert [x.name for x in paths] == ['results.json', 'results.zip']
    written = json.loads(paths[0].read_text())
    assert [(x['video_id'], x['category_id'], x['score']) for x in written] == [
        (7, 9, 0.25),
        (7, 4, 0.5),
        (7, 4, 1),
        (7, 4, 0.1),
    ]
    assert written[3]['segmentations'] == [None] * 3
    assert written[0]['segmentations'][0]['size'] == [4, 6] and type(written[0]['segmentations'][0]['counts']) is str
    with zipfile.ZipFile(paths[1]) as archive:
        assert archive.namelist() == ['results.json'] and archive.read('results.json') == paths[0].read_bytes()
    truth = YouTubeVIS(write(tmp_path, data))
    for path in paths:
        video = truth.read_predictions('7', truth.read_results(path)['7'])
        assert [(x.label, x.score) for x in video.tracks] == [(x.label, x.score) for x in tracks]
        assert [list(x.areas) for x in video.frames] == [[8, 8, 4], [12, 12, 8], [16, 16, 12]]


def test_records_of_processes_are_joined_in_the_order_of_video_ids(tmp_path):
    writers = [YouTubeVISWriter(tmp_path / str(i), (4, 9)) for i in range(3)]
    for writer, video_id in zip(writers, ('10', '9', '10'), strict=True):
        writer.write_frame(video_id, FrameName(0, 'x.jpg'), masks((1, 2)))
        writer.finish_video(video_id, [PredTrack(0, 0, 0.5)], 1)
        writer.write_frame(video_id, FrameName(0, 'x.jpg'), masks((3, 3)))  # a repeated sample
        writer.finish_video(video_id, [], 1)
    records = {}
    for writer in writers:
        records |= copy.deepcopy(writer.records())
    paths = [writer.finish(records) for writer in writers]
    assert [x['video_id'] for x in json.loads(paths[0][0].read_text())] == [9, 10]
    assert len({x[0].read_bytes() for x in paths}) == len({x[1].read_bytes() for x in paths}) == 1


def test_writer_refuses_what_it_cannot_write(tmp_path):
    writer = YouTubeVISWriter(tmp_path / 'out', (4, 9))
    writer.write_frame('7', FrameName(3, 'x.jpg'), masks((1, 2)))
    with pytest.raises(ValueError, match=r"videos \['7'\] have frames but no tracks"):
        writer.finish({})
    with pytest.raises(ValueError, match="video '7': frame 3 came, but the video has 3 frames"):
        writer.finish_video('7', [PredTrack(0, 0, 0.5)], 3)
    with pytest.raises(ValueError, match="video '8': track 0 has label 2, there are 2 classes"):
        writer.finish_video('8', [PredTrack(0, 2, 0.5)], 3)
    assert not (tmp_path / 'out').exists()
