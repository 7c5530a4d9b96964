"""The small K-Net with embedding, linking and fusion."""

_base_ = './knet_effnet_lite0.py'

model = dict(
    decoder=dict(
        type='VideoKNetDecoder',
        embedding_head=dict(type='AssociationEmbeddingHead'),
        linking=dict(type='PreviousKernelAttention', update='none', feedforward_channels=384),
        fusion=dict(type='PreviousKernelAttention', update='group_features', feedforward_channels=384),
    ),
    tracker=dict(_delete_=True, type='QuasiDenseEmbeddingTracker'),
)
