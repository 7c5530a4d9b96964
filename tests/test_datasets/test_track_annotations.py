import json

import pytest

from tests.test_datasets.vis_files import box, content, rle, track, video
from videoseg.datasets.track_annotations import TrackAnnotations

LABELS = {2: 0, 5: 1}


def parse(tmp_path, data):
    (tmp_path / 'gt.json').write_text(data if isinstance(data, str) else json.dumps(data))
    return TrackAnnotations(tmp_path / 'gt.json').videos(tmp_path, LABELS)


def test_instances_of_every_frame(tmp_path):
    second, first = parse(tmp_path, content())
    assert [[x.number for x in frame] for frame in first['instances']] == [[1, 2, 3], [1, 3], [1, 2]]
    assert [[x.number for x in frame] for frame in second['instances']] == [[], [1]]
    assert first['img_size'] == (12, 16) and second['img_paths'][1] == str(tmp_path / 'b/00001.jpg')


def test_areas_are_those_of_the_json(tmp_path):
    data = content()
    data['annotations'][0]['areas'] = [7.5, None, 0]
    frames = parse(tmp_path, data)[1]['instances']
    assert [frame[0].area for frame in frames] == [7.5, 0.0, 0.0]


def annotation(**changes):
    data = content()
    data['annotations'][0] |= changes
    return data


def videos(**changes):
    data = content()
    data['videos'][1] |= changes
    return data


MASKS = [rle(box(0, 0, 2, 2))] * 3
OTHER_SIZE = rle(box(0, 0, 2, 2, (16, 12)))
WHERE = r'gt.json: video 7, annotation 40'


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (annotation(segmentations=[OTHER_SIZE, *MASKS[1:]]), WHERE + r', frame 0 \(a/00000.jpg\): RLE says size'),
        (annotation(segmentations=[*MASKS[:2], dict(size=[12, 16], counts=[5, 3])]), WHERE + ', frame 2 .* add up'),
        (annotation(segmentations=[*MASKS[:2], dict(size=[12, 16], counts='04')]), WHERE + ', frame 2 .* add up'),
        (annotation(segmentations=[None, 'polygon', None]), WHERE + ', frame 1 .* neither an RLE'),
        (annotation(segmentations=[[[1, 2, 3]], None, None]), WHERE + ', frame 0 .* polygon cannot be read'),
        (annotation(segmentations=MASKS[:2]), WHERE + ': segmentations has 2 entries, but the video has 3 frames'),
        (annotation(segmentations=None), WHERE + ': no segmentations'),
        (annotation(areas=[1.0]), WHERE + ': areas has 1 entries'),
        (annotation(areas=['x', 'y', 'z']), WHERE + ': areas are no numbers'),
        (annotation(occlusion=[0.5, 1.5, 0]), WHERE + ', frame 1: occlusion 1.5 is none of'),
        (annotation(occlusion=['none'] * 3), WHERE + ", frame 0: occlusion 'none' is none of"),
        (annotation(category_id=3), WHERE + r': category 3 is not one of the classes \(\[2, 5\]\)'),
        (annotation(video_id=8), 'annotation 40: there is no video 8'),
        (annotation(id=41), 'two annotation entries have the id 41'),
        (annotation(id='40'), 'annotation without an integer id'),
        (videos(id=9), 'two video entries have the id 9'),
        (videos(file_names=[]), 'video 7: no file_names'),
        (videos(length=2), 'video 7: length is 2, but it has 3 file_names'),
        (videos(height=None), 'video 7: height is None'),
        (
            videos(file_names=['a/0.jpg', '../../s.jpg', 'a/2.jpg']),
            "video 7: file name '../../s.jpg' .* refused",
        ),
        (videos(file_names=['a/0.jpg', '/etc/passwd', 'a/2.jpg']), "video 7: file name '/etc/passwd' .* refused"),
        (dict(images=[], annotations=[]), 'no videos in it; expected a json in YouTube-VIS format'),
        ('{"videos": [', 'gt.json: not a json file, perhaps truncated'),
    ],
)
def test_bad_input(tmp_path, data, message):
    with pytest.raises(ValueError, match=message):
        parse(tmp_path, data)


def test_lists_longer_than_the_video(tmp_path):
    data = dict(videos=[video(1, 'a', 1)], categories=[], annotations=[track(1, 1, 2, [box(0, 0, 2, 2)] * 2)])
    with pytest.raises(ValueError, match='segmentations has 2 entries, but the video has 1 frames'):
        parse(tmp_path, data)
