"""Tube-Link with ResNet-50 for VSS: one tube a class, nothing is tracked; windows of 6 frames."""

_base_ = './tube_link_r50.py'

model = dict(
    decoder=dict(num_things=0, num_stuff=124, stuff_slots=False, link=None, association=None),
    postprocessor=dict(_delete_=True, type='SemanticPostprocessor', resize='logits'),
    tracker=dict(_delete_=True, type='KernelIndexTracker'),
    test_cfg=dict(window=6),
)
