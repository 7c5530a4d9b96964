import numpy as np
import pytest

from tests.test_datasets.panoptic_files import TEST, TRAIN, arguments, edit_json, maps, truth, write_vps
from videoseg.datasets import CityscapesVPSDataset
from videoseg.datasets.samplers import DrawIndex

LABELLED = (4, 9, 14, 19, 24, 29)


@pytest.fixture
def root(tmp_path):
    return write_vps(tmp_path)


def build(root, **kwargs):
    defaults = dict(test_mode=True, pipeline=TEST)
    return CityscapesVPSDataset(**arguments(root, 'val/img_all', 'val/panoptic_video', **defaults | kwargs))


def test_official_classes():
    info = CityscapesVPSDataset.METAINFO
    assert info['raw_ids'] == (*range(11, 19), *range(11)) and info['num_things'] == 8
    assert info['classes'][:3] == ('person', 'rider', 'car') and info['classes'][8] == 'road'
    assert info['palette'][2] == (0, 0, 142)


def test_all_frames_are_predicted_and_every_fifth_is_scored(root):
    dataset = build(root)
    assert [dataset.get_video(v)['video_id'] for v in range(2)] == ['0000', '0001']
    found = maps(dataset)
    assert [t for t, x in enumerate(found) if x is not None] == list(LABELLED)
    assert all(np.array_equal(found[t], truth(t % 3)) for t in LABELLED)
    sample = dataset[19]['data_samples'][0]
    assert sample.labelled and sample.image_id == '0000_0019_town_000000_000019'
    assert not dataset[20]['data_samples'][0].labelled


def test_training_uses_labelled_frames_only(root):
    dataset = build(root, test_mode=False, pipeline=TRAIN)
    assert len(dataset) == 12 and dataset.video_length(0) == 30
    keys = [dataset.get_data_info(DrawIndex(n, 0))['key_frame'] for n in range(12)]
    assert keys == [*LABELLED, *LABELLED]
    for seed in range(10):
        clip = dataset[DrawIndex(7, seed)]['data_samples']
        assert clip.video_id == '0001' and clip[0].frame_id == 9 and clip[1].frame_id in (4, 14, 19)
        assert len(clip[1].gt_instances)


def test_subset_of_sparse_videos(root):
    dataset = build(root, test_mode=False, pipeline=TRAIN).get_subset([1])
    assert len(dataset) == 6 and dataset[0]['data_samples'].video_id == '0001'


def test_folder_of_the_labelled_images(root):
    for path in (root / 'val/img_all').iterdir():
        if int(path.name.split('_')[4]) % 5 != 4:
            path.unlink()
    dataset = build(root)
    assert dataset.video_length(0) == 6 and all(x is not None for x in maps(dataset))
    assert 'labelled' not in dataset.get_video(0)


def test_without_labels(root):
    args = arguments(root, 'val/img_all', '', ann_file=None, test_mode=True, pipeline=TEST)
    args['data_prefix'].pop('seg')
    dataset = CityscapesVPSDataset(**args)
    assert [dataset.video_length(v) for v in range(2)] == [30, 30] and maps(dataset)[4] is None
    assert dataset[4]['data_samples'][0].image_id == '0000_0004_town_000000_000004'


class TestBadInput:
    def test_missing_image(self, root):
        (root / 'val/img_all/0001_0049_town_000000_000019_leftImg8bit.png').unlink()
        with pytest.raises(FileNotFoundError, match=r"video '0001', frame '0001_0049_.*': image missing"):
            build(root)

    def test_missing_png(self, root):
        (root / 'val/panoptic_video/0000_0019_town_000000_000019_gtFine_color.png').unlink()
        with pytest.raises(FileNotFoundError, match=r"video '0000', frame '0000_0019.*PNG missing"):
            build(root)

    def test_incomplete_video(self, root):
        edit_json(root / 'gt.json', lambda x: (x['images'].pop(), x['annotations'].pop()))
        with pytest.raises(ValueError, match='11 images do not divide into videos of 6'):
            build(root)

    def test_file_name_that_leaves_the_folder(self, root):
        edit_json(root / 'gt.json', lambda x: x['annotations'][0].update(file_name='../../a_final_mask.png'))
        with pytest.raises(ValueError, match='refused'):
            build(root)

    def test_nothing_labelled(self, root):
        edit_json(root / 'gt.json', lambda x: (x['images'].clear(), x['annotations'].clear()))
        with pytest.raises(ValueError, match=r'gt\.json: no annotated frames'):
            build(root)
