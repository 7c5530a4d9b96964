"""Tube-Link with ResNet-50 for VIS: no link, no embedding; windows of 4 frames whose queries are matched."""

_base_ = './tube_link_r50.py'

model = dict(
    backbone=dict(norm_eval=True),
    decoder=dict(num_things=40, num_stuff=0, stuff_slots=False, link=None, association=None),
    postprocessor=dict(_delete_=True, type='VideoInstancePostprocessor', max_per_video=100, max_per_frame=30),
    tracker=dict(_delete_=True, type='QueryMatchingTracker'),
    test_cfg=dict(window=4, policy='balanced'),
)
sync_bn = None
