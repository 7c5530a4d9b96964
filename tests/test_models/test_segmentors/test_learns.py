"""A tiny Video K-Net and a tiny Tube-Link overfit one clip."""

import pytest
import torch

from tests.test_models.tiny_models import batch, tiny_model, tiny_tube_model, video
from videoseg.evaluation.functional import STQ, joint_histogram
from videoseg.structures.ids import VOID_LABEL, encode_ids


def score(model, item, name):
    """STQ of one clip."""
    data = batch(model, item)
    (result,) = model.eval().predict(**data)
    stq = STQ(num_classes=4, things=[0, 1], ignore_label=VOID_LABEL)
    for frame in result.video_data_samples:
        sem = frame.gt_sem_seg.sem_seg[0].long()
        instances = torch.zeros_like(sem)
        for mask, number in zip(frame.gt_instances.masks.bool(), frame.gt_instances.instances_ids, strict=True):
            instances[mask] = number
        truth = encode_ids(sem, instances).numpy()
        predicted = frame.pred_panoptic_seg.panoptic_seg[0].numpy()
        stq.update(name, int(frame.frame_id), joint_histogram(truth, predicted))
    return stq.compute()


@pytest.mark.learns
def test_overfits_one_clip():
    item = video(3, frames=4, size=(64, 96), name='clip')
    model = tiny_model(
        backbone=dict(norm_eval=False),
        postprocessor=dict(instance_score_thr=0.25, overlap_thr=0.6, void_fill='kept'),
        tracker=dict(init_score_thr=0.35, obj_score_thr=0.3),
    )
    before = score(model, item, 'clip')['STQ']
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for step in range(150):
        pair = dict(inputs=item['inputs'][[step % 4, (step + 1) % 4]], data_samples=item['data_samples'].clone())
        frames = item['data_samples'].video_data_samples
        pair['data_samples'].video_data_samples = [frames[step % 4], frames[(step + 1) % 4]]
        total, _ = model.parse_losses(model(**batch(model, pair, training=True), mode='loss'))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    after = score(model, item, 'clip')
    assert before < 0.3
    assert after['STQ'] > 0.8, after


@pytest.mark.learns
def test_tube_link_overfits_one_clip():
    """Two tubes of two frames, linked; the embeddings of the same object become alike."""
    item = video(3, frames=4, name='clip')
    model = tiny_tube_model(num_layers=2, num_points=128)
    model.backbone.norm_eval = False
    model.postprocessor.object_mask_thr, model.postprocessor.overlap_thr = 0.3, 0.5
    before, losses = score(model, item, 'clip')['STQ'], []
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    data = batch(model, item, training=True)
    model.train()
    for _ in range(60):
        total, log = model.parse_losses(model(**data, mode='loss'))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(log['loss_track'].item())
    after = score(model, item, 'clip')
    assert before < 0.3
    assert after['STQ'] > 0.7, after
    assert losses[-1] < 0.8 * losses[0]
