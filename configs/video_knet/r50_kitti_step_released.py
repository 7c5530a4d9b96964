"""Video K-Net R50 as the released KITTI-STEP weights have it: embedding and linking, no fusion.

Starts from: the authors' weights, converted with tools/model_converters/convert_weights.py. ``compat`` brings back
what the original did at test time: ids paired by position after suppression, low-score things that leave holes, and
void painted as the first class (road). Published: STQ 71, AQ 70, SQ 71, VPQ 46 (main table); STQ 70.2, AQ 71.2, SQ
69.7 (ablation table, without fusion). Reproduced: not run; the modules give the original's recorded tensors
(tests/test_models/test_segmentors/test_video_knet_parity.py).
"""

_base_ = './r50_kitti_step.py'

model = dict(
    decoder=dict(fusion=None),
    postprocessor=dict(void_fill='none', compat=True),
    tracker=dict(compat=True),
    void_label=2,
)
load_from_allow = ['decoder.embedding_head', 'decoder.stages.2.linking']
