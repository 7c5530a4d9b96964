import numpy as np
import pytest

from tests.test_datasets.listed_files import SIZE, TEST, TRAIN, davis_args, davis_mask, save, write_davis
from videoseg.datasets import DAVISDataset
from videoseg.datasets.samplers import WindowIndex
from videoseg.evaluation.formats.davis import DAVIS_VOID_ID
from videoseg.structures.ids import VOID_ID, VOID_LABEL, decode_ids


@pytest.fixture
def root(tmp_path):
    return write_davis(tmp_path, {'dog': 3, 'bear': 2})


def test_object_ids_are_kept(root):
    dataset = DAVISDataset(**davis_args(root, pipeline=TEST, test_mode=True))
    assert [dataset.get_video(v)['video_id'] for v in range(2)] == ['dog', 'bear']  # as listed
    frames = dataset[WindowIndex(0, 0, 3, 0)]['data_samples'].video_data_samples
    for t, frame in enumerate(frames):
        wanted = davis_mask(t).astype(int)
        wanted[wanted == 0], wanted[wanted == 255] = VOID_ID, DAVIS_VOID_ID
        assert np.array_equal(frame.gt_panoptic_seg.panoptic_seg[0].numpy(), wanted)
    assert decode_ids(DAVIS_VOID_ID)[0] == VOID_LABEL  # for all metrics but J&F, void is like the background


def test_training(root):
    dataset = DAVISDataset(**davis_args(root, pipeline=TRAIN))
    for frame in dataset[0]['data_samples'].video_data_samples:
        assert frame.gt_instances.instances_ids.tolist() == [1, 2] and frame.gt_instances.labels.tolist() == [0, 0]
    assert dataset.metainfo['classes'] == ('object',) and dataset.metainfo['gt_kinds'] == ('instance',)


def test_grey_masks_and_wrong_ones(root):
    dataset = DAVISDataset(**davis_args(root, pipeline=TEST, test_mode=True))
    path = root / 'Annotations/480p/dog/00000.png'
    save(path, davis_mask(0) // 2 * 127)
    assert 127 in dataset[0]['data_samples'][0].gt_panoptic_seg.panoptic_seg
    save(path, np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(ValueError, match='dog/00000.png: image mode is RGB, expected P or L'):
        dataset[0]
