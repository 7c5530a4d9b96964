import numpy as np
import pytest
import torch

from tests.test_datasets.step_files import METAINFO
from videoseg.datasets import LabelMap
from videoseg.datasets.transforms import ClipCrop, PackClipInputs
from videoseg.structures.ids import VOID_ID, encode_ids

P7, C3, C9, CROWD, ROAD = encode_ids(0, 7), encode_ids(1, 3), encode_ids(1, 9), encode_ids(1, 0), encode_ids(2, 0)
SCENE = np.array([[C9, C9, P7, ROAD], [C9, VOID_ID, CROWD, CROWD], [ROAD, ROAD, ROAD, C3]], dtype=np.int32)


def clip(*maps, ori_shape=None, images=None):
    n = len(maps)
    images = images or [np.full((*m.shape, 3), 10 + t, dtype=np.uint8) for t, m in enumerate(maps)]
    return dict(
        img=images,
        gt_seg_map=list(maps),
        label_map=[LabelMap.from_metainfo(METAINFO)] * n,
        img_path=[f'{t}.png' for t in range(n)],
        img_shape=[i.shape[:2] for i in images],
        ori_shape=[ori_shape or m.shape for m in maps],
        video_id=['v'] * n,
        frame_id=list(range(4, 4 + n)),
        video_length=[9] * n,
        window_start=[4] * n,
        num_overlap=[0] * n,
        is_last_window=[False] * n,
    )


def frame(panoptic=SCENE, **kwargs):
    return PackClipInputs(**kwargs)(clip(panoptic))['data_samples'][0]


def test_instances_of_a_frame():
    truth = frame()
    instances = truth.gt_instances
    assert instances.labels.tolist() == [0, 1, 1] and instances.instances_ids.tolist() == [P7, C3, C9]
    assert (
        instances.masks.dtype == torch.uint8 and instances.labels.dtype == instances.instances_ids.dtype == torch.int64
    )
    assert np.array_equal(instances.masks.numpy(), np.stack([np.equal(SCENE, i) for i in (P7, C3, C9)]))
    assert truth.gt_sem_seg.sem_seg.tolist() == [[[1, 1, 0, 2], [1, 255, 255, 255], [2, 2, 2, 1]]]
    assert truth.gt_sem_seg.sem_seg.dtype == torch.uint8


def test_crowd_as_in_the_reference():
    truth = frame(crowd='instance')
    assert truth.gt_instances.instances_ids.tolist() == [P7, CROWD, C3, C9]
    assert truth.gt_sem_seg.sem_seg.tolist() == [[[1, 1, 0, 2], [1, 255, 1, 1], [2, 2, 2, 1]]]


def test_what_a_crop_leaves_has_pixels():
    """Defect 13 of the original: an instance stays if its box does, though no pixel of it may be left."""
    scene = np.full((20, 30), ROAD, dtype=np.int32)
    scene[:2, :2] = scene[18:, 28:] = P7  # one object in two opposite corners: its box is the whole frame
    scene[9:11, 14:16] = C3
    seen = set()
    for _ in range(30):
        packed = PackClipInputs()(ClipCrop((8, 8), max_tries=300)(clip(scene, scene)))
        for t in range(2):
            instances = packed['data_samples'][t].gt_instances
            assert instances.masks.flatten(1).any(1).all()
            seen.add(tuple(instances.instances_ids.tolist()))
    assert (C3,) in seen


def test_a_number_that_changes_its_class_is_another_object():
    key, reference = PackClipInputs()(clip(SCENE, np.where(SCENE == C9, encode_ids(0, 9), SCENE)))['data_samples']
    assert set(key.gt_instances.instances_ids.tolist()) & set(reference.gt_instances.instances_ids.tolist()) == {P7, C3}


def test_small_instances_are_ignored():
    truth = frame(min_area=2)
    assert truth.gt_instances.instances_ids.tolist() == [C9]
    assert truth.gt_sem_seg.sem_seg.tolist() == [[[1, 1, 255, 2], [1, 255, 255, 255], [2, 2, 2, 255]]]


@pytest.mark.parametrize(('value', 'label'), [(ROAD, 2), (VOID_ID, 255), (CROWD, 255)])
def test_nothing_to_see(value, label):
    packed = PackClipInputs()(clip(*[np.full((5, 6), value, dtype=np.int32)] * 2))
    for t in range(2):
        truth = packed['data_samples'][t]
        assert truth.gt_instances.masks.shape == (0, 5, 6) and truth.gt_instances.labels.dtype == torch.int64
        assert truth.gt_instances.instances_ids.shape == (0,)
        assert truth.gt_sem_seg.sem_seg.unique().tolist() == [label]


def test_clip_and_frame_information():
    packed = PackClipInputs()(clip(SCENE, SCENE, SCENE))
    samples = packed['data_samples']
    assert packed['inputs'].shape == (3, 3, 3, 4) and packed['inputs'].dtype == torch.uint8
    assert packed['inputs'][:, 0, 0, 0].tolist() == [10, 11, 12]
    assert (samples.key_frames_inds, samples.ref_frames_inds, len(samples)) == ([0], [1, 2], 3)
    assert [f.frame_id for f in samples.get_ref_frames()] == [5, 6]
    assert samples[2].img_path == '2.png' and samples[0].video_length == samples.video_length == 9


def test_colours_stay_bgr_and_floats_are_cut():
    image = np.zeros((3, 4, 3), dtype=np.float32)
    image[0, 0], image[0, 1] = (-4.0, 300.0, 7.6), (1.4, 2.0, 255.0)
    inputs = PackClipInputs()(clip(SCENE, images=[image]))['inputs']
    assert inputs[0, :, 0, 0].tolist() == [0, 255, 8] and inputs[0, :, 0, 1].tolist() == [1, 2, 255]


def test_frames_of_different_size_are_padded():
    packed = PackClipInputs()(clip(SCENE, SCENE[:2, :3]))
    small = packed['data_samples'][1]
    assert packed['inputs'].shape == (2, 3, 3, 4) and small.img_shape == (2, 3)
    assert packed['inputs'][1, 0].tolist() == [[11, 11, 11, 0], [11, 11, 11, 0], [0, 0, 0, 0]]
    assert small.gt_sem_seg.sem_seg.tolist() == [[[1, 1, 0, 255], [1, 255, 255, 255], [255] * 4]]
    assert small.gt_instances.masks.sum((1, 2)).tolist() == [1, 3]


def test_truth_for_evaluation():
    results = clip(SCENE, images=[np.zeros((6, 8, 3), dtype=np.uint8)])
    truth = PackClipInputs(test_mode=True)(results)['data_samples'][0]
    assert truth.gt_panoptic_seg.panoptic_seg.dtype == torch.int32
    assert np.array_equal(truth.gt_panoptic_seg.panoptic_seg[0].numpy(), SCENE)
    assert 'gt_instances' not in truth and (truth.img_shape, truth.ori_shape) == ((6, 8), (3, 4))


def test_semantic_truth_for_evaluation():
    raw = np.arange(12, dtype=np.uint8).reshape(3, 4)
    truth = PackClipInputs(test_mode=True)(clip(SCENE) | dict(gt_raw_seg=[raw]))['data_samples'][0]
    assert truth.gt_sem_seg.sem_seg.tolist() == [[[1, 1, 0, 2], [1, 255, 1, 1], [2, 2, 2, 1]]]
    assert np.array_equal(truth.gt_sem_seg.raw_seg[0].numpy(), raw) and 'gt_panoptic_seg' not in truth


def test_instance_truth_for_evaluation():
    tracks = dict(
        ids=np.array([4, 9]),
        labels=np.array([0, 1]),
        is_crowd=np.array([False, True]),
        areas=np.array([2.5, 1.0]),
        occlusion=np.array([0.25, np.nan]),
        masks=[dict(size=[3, 4], counts=b'a'), dict(size=[3, 4], counts=b'b')],
    )
    frames = clip(SCENE, SCENE) | dict(gt_tracks=[tracks, tracks | dict(occlusion=None)])
    frames.pop('gt_seg_map')
    packed = PackClipInputs(test_mode=True)(frames)['data_samples']
    truth = packed[0].gt_instances
    assert truth.instances_ids.tolist() == [4, 9] and truth.labels.tolist() == [0, 1]
    assert truth.instances_ids.dtype == truth.labels.dtype == torch.int64
    assert truth.is_crowd.dtype == torch.bool and truth.is_crowd.tolist() == [False, True]
    assert truth.areas.dtype == torch.float64 and truth.areas.tolist() == [2.5, 1.0]
    assert truth.occlusion[0] == 0.25 and truth.masks == tracks['masks']
    assert 'occlusion' not in packed[1].gt_instances and 'gt_panoptic_seg' not in packed[0]


def test_frames_without_labels():
    maps = clip(SCENE, SCENE) | dict(gt_seg_map=[SCENE, None])
    first, second = PackClipInputs(test_mode=True)(maps)['data_samples'].video_data_samples
    assert 'gt_panoptic_seg' in first and 'gt_panoptic_seg' not in second
    with pytest.raises(ValueError, match='1.png: this frame has no labels to train on'):
        PackClipInputs()(maps)
    tracks = {key: values for key, values in maps.items() if key != 'gt_seg_map'} | dict(gt_tracks=[None, None])
    assert 'gt_instances' not in PackClipInputs(test_mode=True)(tracks)['data_samples'][0]


def test_misplaced_or_missing_loading():
    with pytest.raises(ValueError, match=r'0.png: panoptic map \(3, 4\), expected \(6, 8\); in test .* after Resize'):
        PackClipInputs(test_mode=True)(clip(SCENE, ori_shape=(6, 8)))
    with pytest.raises(ValueError, match='in training LoadPanopticMap stands before Resize'):
        PackClipInputs()(clip(SCENE, images=[np.zeros((6, 8, 3), dtype=np.uint8)]))
    unlabelled = clip(SCENE)
    unlabelled.pop('gt_seg_map')
    with pytest.raises(KeyError, match='training pipelines need LoadPanopticMap'):
        PackClipInputs()(unlabelled)
    assert 'gt_panoptic_seg' not in PackClipInputs(test_mode=True)(unlabelled)['data_samples'][0]


def test_bad_arguments():
    with pytest.raises(ValueError, match="'ignore' or 'instance', got 'void'"):
        PackClipInputs(crowd='void')
    with pytest.raises(ValueError, match='min_area must be at least 1'):
        PackClipInputs(min_area=0)
