"""Videos of your own under data/my_videos/{train,val}: frames/<video>/, panoptic/<video>/ and annotations.json.

See docs/datasets.md, "Your own videos". The classes come from the json; give the model as many.
"""

_base_ = ['./vipseg.py']

data_root = 'data/my_videos/'
dataset_type = 'VideoFolderDataset'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='train/annotations.json',
        data_prefix=dict(img='train/frames', seg='train/panoptic'),
    )
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='val/annotations.json',
        data_prefix=dict(img='val/frames', seg='val/panoptic'),
    )
)
test_dataloader = val_dataloader
