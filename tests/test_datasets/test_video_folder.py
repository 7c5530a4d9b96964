import numpy as np
import pytest

from tests.test_datasets.panoptic_files import METAINFO, TEST, TRAIN, edit_json, maps, truth, write_video_folder
from videoseg.datasets import VideoFolderDataset
from videoseg.datasets.samplers import DrawIndex


@pytest.fixture
def root(tmp_path):
    return write_video_folder(tmp_path, {'farm': 3, 'hill': 2})


def build(root, **kwargs):
    return VideoFolderDataset(**dict(data_root=str(root), test_mode=True, pipeline=TEST, serialize_data=False) | kwargs)


def test_everything_comes_from_the_folder(root):
    dataset = build(root)
    assert dataset.metainfo['classes'] == ('cow', 'dog', 'sky', 'grass') and dataset.metainfo['num_things'] == 2
    assert [dataset.video_length(v) for v in range(dataset.num_videos)] == [3, 2]
    for t, found in enumerate(maps(dataset)):
        assert np.array_equal(found, truth(t))


def test_iscrowd_may_be_left_out(root):
    def change(content):
        for segment in content['videos'][0]['frames'][0]['segments']:
            del segment['iscrowd']

    edit_json(root / 'annotations.json', change)
    assert 1 << 16 < maps(build(root))[0][11, 19] < 2 << 16  # an instance of the second class


def test_frames_without_segments_are_not_labelled(root):
    def change(content):
        del content['videos'][0]['frames'][0]
        del content['videos'][0]['frames'][0]['segments']
        content['videos'].pop()

    edit_json(root / 'annotations.json', change)
    dataset = build(root)
    assert [x is None for x in maps(dataset)] == [True, True, False]
    assert maps(dataset, 1) == [None, None]
    training = build(root, test_mode=False, pipeline=TRAIN)
    assert len(training) == 1 and training[DrawIndex(0, 3)]['data_samples'][1].frame_id == 2


def test_without_labels(root):
    (root / 'annotations.json').unlink()
    dataset = build(root, ann_file=None, metainfo=METAINFO)
    assert dataset.num_videos == 2 and maps(dataset) == [None] * 3
    with pytest.raises(FileNotFoundError, match=r'annotations\.json: json file missing'):
        build(root)
    with pytest.raises(ValueError, match='metainfo lacks classes'):
        build(root, ann_file=None)


class TestBadInput:
    def change(self, root, action):
        edit_json(root / 'annotations.json', lambda content: action(content['videos'][0]))

    @pytest.mark.parametrize(
        ('action', 'message'),
        [
            (lambda v: v.update(name='../farm'), r"video 0: name '\.\./farm' is not the name of a folder; refused"),
            (lambda v: v.update(name='hill'), "video 'hill' is there twice"),
            (lambda v: v.update(frames=3), "video 'farm': 'frames' is missing or no list"),
            (lambda v: v['frames'][1].update(file_name='../1.jpg'), r"frame 1: file name '\.\./1\.jpg' .* refused"),
            (lambda v: v['frames'][1].update(file_name='a/1.jpg'), r"frame 'a/1\.jpg': .* refused"),
            (lambda v: v['frames'][1].update(file_name=4), 'file name 4 is not a plain relative path'),
            (lambda v: v['frames'][1].update(file_name='0.jpg'), r"frame '0\.jpg': is there twice"),
            (lambda v: v['frames'][1]['segments'][0].update(id=0), r"frame '1\.jpg': segment id 0 is not in \[1"),
            (lambda v: v['frames'][1]['segments'].append(dict(id=9, category_id=7)), 'segment id 9 is there twice'),
            (lambda v: v['frames'][1]['segments'][0].update(category_id=3), 'segment id 5 has the unknown category 3'),
            (
                lambda v: v['frames'][1]['segments'][0].update(category_id=7),
                'category 7, but 8 in an earlier frame',
            ),
            (lambda v: v['frames'][1]['segments'][0].update(iscrowd='no'), "has iscrowd 'no', expected 0 or 1"),
        ],
    )
    def test_json(self, root, action, message):
        self.change(root, action)
        with pytest.raises(ValueError, match=rf'annotations\.json: .*{message}'):
            build(root)

    def test_files(self, root):
        (root / 'panoptic/farm/1.png').unlink()
        with pytest.raises(FileNotFoundError, match=r"video 'farm', frame '1': PNG missing: .*farm/1\.png"):
            build(root)
        write_video_folder(root, {'farm': 3, 'hill': 2})
        (root / 'frames/farm/2.jpg').unlink()
        with pytest.raises(FileNotFoundError, match=r"video 'farm', frame '2': image missing: .*farm/2 with"):
            build(root)

    def test_id_that_the_json_lacks(self, root):
        self.change(root, lambda v: v['frames'][2]['segments'].pop())
        with pytest.raises(ValueError, match=r'farm/2\.png: id 70001 is in the PNG but not in the json'):
            build(root)[2]

    def test_unknown_argument(self, root):
        with pytest.raises(TypeError, match='layouts'):
            build(root, layouts='x')
