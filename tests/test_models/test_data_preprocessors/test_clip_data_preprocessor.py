import pytest
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData, PixelData

from videoseg.models.data_preprocessors import ClipDataPreprocessor
from videoseg.registry import MODELS

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def item(length, height, width, num=2, img_shape=None):
    frames = []
    for _ in range(length):
        frame = DetDataSample(metainfo=dict(img_shape=img_shape or (height, width), ori_shape=(height, width)))
        frame.gt_instances = InstanceData(
            labels=torch.zeros(num, dtype=torch.long), masks=torch.ones(num, height, width, dtype=torch.uint8)
        )
        frame.gt_sem_seg = PixelData(sem_seg=torch.full((1, height, width), 3, dtype=torch.uint8))
        frames.append(frame)
    clip = TrackDataSample(metainfo=dict(video_id='v'))
    clip.video_data_samples = frames
    return dict(inputs=torch.randint(0, 256, (length, 3, height, width), dtype=torch.uint8), data_samples=clip)


def test_normalised_rgb_padded_with_zeros():
    clip = item(2, 30, 40)
    batch = MODELS.build(dict(type='ClipDataPreprocessor', mean=MEAN, std=STD, pad_size_divisor=32))(
        pseudo_collate([clip]), training=True
    )
    inputs = batch['inputs']
    assert inputs.shape == (1, 2, 3, 32, 64) and inputs.dtype == torch.float32
    rgb = clip['inputs'].flip(1).float()
    expected = (rgb - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    assert torch.allclose(inputs[0, :, :, :30, :40], expected, rtol=0, atol=1e-6)
    assert inputs[..., 30:, :].abs().max() == inputs[..., 40:].abs().max() == 0


def test_clips_of_different_size_and_length():
    items = [item(2, 30, 40), item(5, 64, 33, num=0), item(1, 20, 100, num=3)]
    batch = ClipDataPreprocessor(pad_size_divisor=16)(pseudo_collate(items), training=True)
    inputs, samples = batch['inputs'], batch['data_samples']
    assert inputs.shape == (3, 5, 3, 64, 112)
    for b, (length, height, width) in enumerate([(2, 30, 40), (5, 64, 33), (1, 20, 100)]):
        assert len(samples[b]) == length and inputs[b, length:].abs().sum() == 0
        assert inputs[b, :length, :, :height, :width].abs().min(dim=2).values.max() > 0
        outside = inputs[b].clone()
        outside[:length, :, :height, :width] = 0
        assert outside.abs().sum() == 0
        for frame in samples[b].video_data_samples:
            assert frame.batch_input_shape == (64, 112)
            masks, semantic = frame.gt_instances.masks, frame.gt_sem_seg.sem_seg
            assert masks.shape[-2:] == semantic.shape[-2:] == (64, 112)
            assert masks.sum((1, 2)).tolist() == [height * width] * len(masks)
            assert (semantic == 3).sum() == height * width and set(semantic.unique().tolist()) == {3, 255}
    assert [s[0].pad_shape for s in samples] == [(32, 48), (64, 48), (32, 112)]


def test_batch_equals_single_clips():
    items = [item(2, 32, 32), item(2, 16, 32)]
    processor = ClipDataPreprocessor()
    batch = processor(pseudo_collate(items))['inputs']
    for b, clip in enumerate(items):
        alone = processor(pseudo_collate([clip]))['inputs']
        assert torch.equal(batch[b : b + 1, :, :, : alone.shape[-2], : alone.shape[-1]], alone)


def test_padding_inside_a_clip_is_the_mean_colour():
    clip = item(2, 32, 32)
    clip['data_samples'][1].set_metainfo(dict(img_shape=(20, 32)))
    clip['inputs'][1, :, 20:] = 0
    inputs = ClipDataPreprocessor()(pseudo_collate([clip]))['inputs']
    assert inputs[0, 1, :, 20:].abs().sum() == 0 and inputs[0, 0, :, 20:].abs().min(0).values.max() > 0


def test_pad_value_and_raw_pixels():
    clip = item(1, 30, 32)
    processor = ClipDataPreprocessor(mean=None, std=None, pad_value=-7, bgr_to_rgb=False)
    inputs = processor(pseudo_collate([clip, item(2, 30, 32)]))['inputs']
    assert torch.equal(inputs[0, 0, :, :30], clip['inputs'][0].float())
    assert (inputs[0, 0, :, 30:] == -7).all() and (inputs[0, 1] == 0).all()


def test_caller_keeps_its_samples():
    clip = item(1, 30, 40)
    ClipDataPreprocessor()(pseudo_collate([clip]), training=True)
    assert clip['data_samples'][0].gt_instances.masks.shape == (2, 30, 40)
    assert clip['data_samples'][0].gt_sem_seg.sem_seg.shape == (1, 30, 40)


def test_evaluation_truth_and_missing_samples():
    frame = DetDataSample(metainfo=dict(img_shape=(30, 40)))
    frame.gt_panoptic_seg = PixelData(panoptic_seg=torch.zeros(1, 60, 80, dtype=torch.int32))
    clip = TrackDataSample()
    clip.video_data_samples = [frame]
    images = torch.zeros(1, 3, 30, 40, dtype=torch.uint8)
    out = ClipDataPreprocessor()(dict(inputs=[images], data_samples=[clip]))
    assert out['data_samples'][0][0].gt_panoptic_seg.panoptic_seg.shape == (1, 60, 80)
    assert out['data_samples'][0][0].pad_shape == (32, 64)
    bare = ClipDataPreprocessor()(dict(inputs=[images]))
    assert bare['data_samples'] is None and torch.equal(bare['inputs'], out['inputs'])


def test_truth_of_tests_stays_as_it_is():
    frame = DetDataSample(metainfo=dict(img_shape=(30, 40)))
    frame.gt_sem_seg = PixelData(sem_seg=torch.zeros(1, 30, 40), raw_seg=torch.ones(1, 30, 40))
    frame.gt_instances = InstanceData(masks=[dict(size=[30, 40], counts=b'`T1')])
    clip = TrackDataSample()
    clip.video_data_samples = [frame]
    images = torch.zeros(1, 3, 30, 40, dtype=torch.uint8)
    (out,) = ClipDataPreprocessor()(dict(inputs=[images], data_samples=[clip]))['data_samples'][0].video_data_samples
    assert out.gt_sem_seg.sem_seg.shape == out.gt_sem_seg.raw_seg.shape == (1, 30, 40)
    assert out.gt_instances.masks == frame.gt_instances.masks


def test_errors():
    with pytest.raises(ValueError, match=r'input 0 must be \(T, 3, H, W\), got \(3, 8, 8\)'):
        ClipDataPreprocessor()(dict(inputs=[torch.zeros(3, 8, 8)]))
    clip = item(2, 8, 8)
    with pytest.raises(ValueError, match='clip 0 of video v has 1 frames but 2 data samples'):
        ClipDataPreprocessor()(dict(inputs=[clip['inputs'][:1]], data_samples=[clip['data_samples']]))
    with pytest.raises(ValueError, match='both mean and std'):
        ClipDataPreprocessor(std=None)
    with pytest.raises(ValueError, match='pad_size_divisor must be at least 1'):
        ClipDataPreprocessor(pad_size_divisor=0)
    with pytest.raises(TypeError, match='pad_mask'):
        ClipDataPreprocessor(pad_mask=True)
