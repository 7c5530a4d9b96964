"""Video K-Net Swin-L on KITTI-STEP, the other released model: plain linking, fusion, one layer less in the embedding.

The authors call it ``update_conv_short_track_fc``; otherwise as swin-l_kitti_step.py. Starts from: as there. Published:
no number. Reproduced: not run.
"""

_base_ = './swin-l_kitti_step.py'

model = dict(decoder=dict(linking=dict(update='none'), embedding_head=dict(num_fcs=1)))
