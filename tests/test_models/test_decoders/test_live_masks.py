"""At test time the masks of a stage are gone once the next stage has its own."""

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from tests.test_models.test_decoders.semantic_models import vss_model
from tests.test_models.test_decoders.test_clip_knet_decoder import tiny_clip_model
from tests.test_models.tiny_models import batch, tiny_model, video

K_NET = dict(type='KNetDecoder', update_head=dict(feedforward_channels=64), num_things=2, num_stuff=2, num_proposals=8)
MODELS = dict(
    knet=lambda: tiny_model(decoder=dict(K_NET, in_channels=32, num_stages=4, mask_assign_stride=4, _replace=True)),
    video_knet=lambda: tiny_model(decoder=dict(num_stages=4, link_stages=(1, 3))),
    clip_knet=lambda: tiny_clip_model(num_clip_stages=2, num_gather_stages=1),
    semantic_knet=lambda: vss_model(),
)


def masks_alive(decoder):
    """Watches all stages; which earlier stages' masks are in memory whenever a stage has run."""
    made, alive = [], []

    def remember(module, inputs, output):
        alive.append([not ref.expired() for ref in made])
        made.append(StorageWeakRef(output.mask_logits.untyped_storage()))

    stages = [*decoder.stages, *getattr(decoder, 'clip_stages', ())]
    for stage in stages:
        stage.register_forward_hook(remember)
    return alive, made


@pytest.mark.parametrize('name', MODELS)
def test_only_the_input_of_a_stage_is_alive(name):
    model = MODELS[name]()
    decoder = model.decoder
    data = batch(model, video(0, frames=1))
    with torch.no_grad():
        feats = model.extract_feat(data['inputs'])
        state = decoder.decode(feats, {}, [])[1]
        alive, made = masks_alive(decoder)
        prediction, state = decoder.decode(feats, state, [])
    assert len(made) >= 2
    assert alive == [[False] * (i - 1) + [True] * (i > 0) for i in range(len(made))]
    assert [not ref.expired() for ref in made[:-1]] == [False] * (len(made) - 1)
    assert prediction.aux == []
    assert all(value.dim() == 5 and value.shape[-1] == 1 for value in state.values())  # kernels, no masks


def test_training_keeps_them_all():
    """So the count above can tell."""
    model = tiny_model(decoder=dict(num_stages=4)).train()
    alive, _ = masks_alive(model.decoder)
    losses = model(**batch(model, video(0, frames=2), training=True), mode='loss')
    assert alive[3] == [True] * 3 and losses
