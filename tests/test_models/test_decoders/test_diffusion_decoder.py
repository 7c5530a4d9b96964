"""Training of the diffusion decoder, and what its arguments do."""

import copy
import sys

import pytest
import torch
from mmengine.structures import PixelData

from tests.test_models.diffusion_models import tiny_diffusion_model
from tests.test_models.tiny_models import batch, video
from videoseg.models.decoders.mask_agreement import mask_agreement
from videoseg.models.decoders.past_frames import frame_generator, order_clip


@pytest.fixture(scope='module')
def model():
    """Tests that change it work on a copy."""
    return tiny_diffusion_model(frame_dropout=0.0)


def clip_of(*positions, item=None):
    """A clip of some frames of a video, in the order given."""
    item = item or video(3, frames=5)
    sample = copy.deepcopy(item['data_samples'])
    sample.video_data_samples = [copy.deepcopy(item['data_samples'].video_data_samples[t]) for t in positions]
    return dict(inputs=item['inputs'][list(positions)], data_samples=sample)


def loss_of(model, *items, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        return model(**batch(model, *items, training=True), mode='loss')['loss_bits'].item()


# ---------------------------------------------------------------- which frames


@pytest.mark.parametrize(
    ('frames', 'predicted', 'past'),
    [
        ([4, 2, 3], 0, [1, 2]),  # the key frame first, as ClipSample gives them
        ([4, 3, 2], 0, [2, 1]),
        ([2, 3, 4], 2, [0, 1]),  # consecutive
        ([1, 0, 1], 0, [None, 1]),  # start of a video: ClipSample repeats the key frame
        ([0, 0, 0], 0, [None, None]),
        ([4, 1, 2, 3], 0, [2, 3]),
    ],
)
def test_the_latest_frame_is_predicted_from_those_before(frames, predicted, past):
    sample = clip_of(*frames)['data_samples']
    assert order_clip(sample, 2, 'refuse') == (predicted, past)


def test_clips_that_are_too_short(model):
    with pytest.raises(ValueError, match=r'video video3: num_past=2 needs clips of 3 frames, got 2: .*num_refs=2'):
        loss_of(model, clip_of(1, 0))
    stills = tiny_diffusion_model(missing_past='void')
    assert order_clip(clip_of(3)['data_samples'], 2, 'void') == (0, [None, None])
    assert loss_of(stills, clip_of(3)) > 0


def test_order_of_the_frames_changes_nothing(model):
    losses = [loss_of(model, clip_of(*order)) for order in ([4, 2, 3], [4, 3, 2], [2, 3, 4])]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)


# ---------------------------------------------------------------- what is learnt from


def test_past_masks_matter_unless_dropped(model):
    """Weak point 6 of the student port: no frame dropout. With a dropout of 1 the past masks have no influence."""
    other = clip_of(4, 2, 3)
    for frame in other['data_samples'].video_data_samples[1:]:
        frame.gt_instances.masks = frame.gt_instances.masks.flip(1)
    assert loss_of(model, clip_of(4, 2, 3)) != pytest.approx(loss_of(model, other), rel=1e-6)
    dropped = tiny_diffusion_model(frame_dropout=1.0)
    assert loss_of(dropped, clip_of(4, 2, 3)) == pytest.approx(loss_of(dropped, other), rel=1e-6)


def seen_past(model, *items):
    """Class and identity codes (B, k, h, w) of the past masks that the denoiser is shown in training."""
    shown, features, codec = [], model.decoder.denoiser.features, model.decoder.codec
    model.decoder.denoiser.features = lambda bits, *args: shown.append(bits) or features(bits, *args)
    try:
        loss_of(model, *items)
    finally:
        del model.decoder.denoiser.features
    past = shown[0][:, codec.num_bits :].unflatten(1, (-1, codec.num_bits))
    return codec.decode_sign(past)


@pytest.mark.parametrize(
    'options',
    [
        dict(),
        dict(num_stuff=0),
        dict(codec=dict(num_class_bits=3, num_id_bits=0, scale=0.3)),
        dict(codec=dict(num_class_bits=0, num_id_bits=3, scale=0.3), num_things=1, num_stuff=0),
    ],
    ids=['VPS', 'VIS', 'VSS', 'VOS'],
)
def test_past_masks_do_not_depend_on_the_batch(options):
    """Beside a larger and longer clip, at any position: the same masks, identities named anew."""
    model = tiny_diffusion_model(frame_dropout=0.0, **options)
    clip, other = clip_of(4, 2, 3), clip_of(5, 3, 2, 4, item=video(8, frames=6, size=(96, 128)))
    for frame in (*clip['data_samples'], *other['data_samples']):
        if not model.decoder.num_stuff:
            del frame.gt_sem_seg
        frame.gt_instances.labels.clamp_(max=model.decoder.num_things - 1)
    classes, ids = seen_past(model, clip)
    assert classes.shape == (1, 2, 16, 24) and len(torch.stack([classes, ids]).flatten(1).unique(dim=1).T) > 2
    assert not torch.equal(classes[:, 0] + ids[:, 0], classes[:, 1] + ids[:, 1])  # oldest and newest
    for items, row in (((clip, other), 0), ((other, clip), 1), ((clip, clip), 1)):
        found, names = (codes[row, :, :16, :24] for codes in seen_past(model, *items))
        assert torch.equal(found, classes[0])
        pairs = torch.stack([ids[0], names]).flatten(1).unique(dim=1).T.tolist()
        assert len(pairs) == len({old for old, _ in pairs}) == len({new for _, new in pairs}) and pairs[0] == [0, 0]


def test_corruption_is_part_of_training_only():
    spoilt = tiny_diffusion_model(frame_dropout=0.0, corruption=dict(drop_prob=1.0))
    dropped = tiny_diffusion_model(frame_dropout=1.0)
    calls = []
    corruption = spoilt.decoder.corruption
    spoilt.decoder.corruption = lambda labels, ids, g: calls.append(corruption(labels, ids, g)) or calls[-1]
    loss_of(spoilt, clip_of(4, 2, 3))
    assert len(calls) == 1 and not calls[0][0].any() and not calls[0][1].any()
    assert dropped.decoder.corruption.drop_prob == 0
    spoilt.predict(**batch(spoilt, clip_of(0)))
    assert len(calls) == 1


def test_padding_is_not_trained_and_void_is_unless_told(model):
    """Weak point 8: void was an ordinary code. Padding (weight 0) can hold any label."""
    item = clip_of(4, 2, 3)
    for frame in item['data_samples'].video_data_samples:
        frame.set_metainfo(dict(img_shape=(64, 64)))
    changed = copy.deepcopy(item)
    for frame in changed['data_samples'].video_data_samples[:1]:
        frame.gt_sem_seg.sem_seg[..., 64:] = 3
        frame.gt_instances.masks[..., 64:] = 0
    one, other = (tiny_diffusion_model(frame_dropout=1.0) for _ in range(2))
    # the target enters the noisy bits as well: look at the weights
    codes = [
        one.decoder.codes.of_clip(x['data_samples'], order_clip(x['data_samples'], 2, 'refuse'), (16, 24))
        for x in (item, changed)
    ]
    assert not codes[0].valid[:, 16:].any() and codes[0].valid[:, :16].all()
    assert not torch.equal(codes[0].classes[:, 16:], codes[1].classes[:, 16:])
    weights = other.decoder.loss_bits.weights(codes[0].classes[None], codes[0].ids[None], codes[0].valid[None])
    assert not weights[..., 16:].any() and weights[..., :16].all()
    assert one.decoder.loss_bits.train_void


def test_void_pixels_have_code_zero(model):
    item = clip_of(4, 2, 3)
    frame = item['data_samples'].video_data_samples[0]
    frame.gt_sem_seg = PixelData(sem_seg=torch.full((1, 64, 96), 255, dtype=torch.uint8))
    codes = model.decoder.codes.of_clip(item['data_samples'], order_clip(item['data_samples'], 2, 'refuse'), (64, 96))
    objects = frame.gt_instances.masks.bool().any(0)
    assert not codes.classes[~objects].any() and not codes.ids[~objects].any()
    assert sorted(codes.classes[objects].unique().tolist()) == [1, 2]
    # identities are the same in all frames of the clip
    past = item['data_samples'].video_data_samples[1].gt_instances.masks
    now = [codes.ids[mask.bool()].unique().tolist() for mask in frame.gt_instances.masks]
    before = [codes.past_ids[0][mask.bool()].unique().tolist() for mask in past]
    assert now == before and now[0] != now[1]


def test_identities_are_drawn_anew(model):
    """Weak point 6: raw ids were the targets."""
    sample = clip_of(4, 2, 3)['data_samples']
    order = order_clip(sample, 2, 'refuse')
    torch.manual_seed(0)
    drawn = {tuple(model.decoder.codes.of_clip(sample, order, (16, 24)).ids.unique().tolist()) for _ in range(12)}
    assert len(drawn) > 4


def test_the_defaults_are_those_of_the_paper():
    """Weak point 4: squared error, b = 1 and no weights, together."""
    decoder = tiny_diffusion_model(codec=dict(num_class_bits=3, num_id_bits=3)).decoder
    assert (decoder.loss_bits.kind, decoder.loss_bits.power, decoder.codec.scale) == ('softmax', 0.2, 0.1)
    assert decoder.sampler.schedule.kind == 'cosine' and decoder.corruption.frame_dropout == 0.2


def test_draws_follow_the_global_generator(model):
    item = clip_of(4, 2, 3)
    assert loss_of(model, item, seed=1) == loss_of(model, item, seed=1)
    assert loss_of(model, item, seed=1) != loss_of(model, item, seed=2)


@pytest.mark.parametrize('kind', ['softmax', 'sigmoid', 'l2'])
@pytest.mark.parametrize('extra', [dict(), dict(self_conditioning=True, frame_difference=True, input_norm='formula')])
def test_every_parameter_learns(kind, extra):
    model = tiny_diffusion_model(loss_bits=dict(kind=kind), **extra)
    torch.manual_seed(0)
    losses = model.train()(**batch(model, clip_of(4, 2, 3), clip_of(1, 0, 1), training=True), mode='loss')
    assert losses['loss_bits'].isfinite()
    losses['loss_bits'].backward()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    channels = 6 * (3 + bool(extra)) + 3 * bool(extra)
    assert model.decoder.denoiser.bit_channels == channels


@pytest.mark.parametrize('frame_difference', [False, True])
def test_training_encodes_only_the_frames_it_looks_at(frame_difference):
    model = tiny_diffusion_model(frame_difference=frame_difference)
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    data = batch(model, clip_of(4, 2, 3), clip_of(2, 3, 4), training=True)
    model(**data, mode='loss')
    wanted = [data['inputs'][0, 0], data['inputs'][1, 2]]
    if frame_difference:
        wanted = [data['inputs'][0, 2], wanted[0], data['inputs'][1, 1], wanted[1]]
    assert torch.equal(seen[0], torch.stack(wanted))


@pytest.mark.parametrize('frame_difference', [False, True])
def test_features_of_whole_clips_are_refused(frame_difference):
    model = tiny_diffusion_model(frame_difference=frame_difference)
    data = batch(model, clip_of(4, 2, 3), clip_of(2, 3, 4), training=True)
    wanted = model.decoder.seen_frames(data['data_samples'])
    with torch.no_grad():
        reason = rf'needs the features of seen_frames \({1 + frame_difference} of a clip\), got those of 3'
        with pytest.raises(ValueError, match=f'DiffusionDecoder.loss {reason}'):
            model.decoder.loss(model.extract_feat(data['inputs']), data['data_samples'])
        chosen = torch.stack([clip[frames] for clip, frames in zip(data['inputs'], wanted, strict=True)])
        torch.manual_seed(0)
        losses = model.decoder.loss(model.extract_feat(chosen), data['data_samples'])
        torch.manual_seed(0)
        assert losses['loss_bits'] == model(**data, mode='loss')['loss_bits']


def test_chunks_give_the_same_loss(model):
    item = clip_of(4, 2, 3)
    chunked = tiny_diffusion_model(frame_dropout=0.0, loss_bits=dict(chunk=5))
    assert loss_of(chunked, item) == pytest.approx(loss_of(model, item), rel=1e-5)


def test_more_objects_than_codes(model):
    """Weak point 7: codes beyond the book were clamped, so that all instances became one."""
    item = clip_of(4, 2, 3)
    few = tiny_diffusion_model(codec=dict(num_class_bits=3, num_id_bits=1))
    reason = r'video video3, frame 4: 2 identities, but the code book has 1: raise decoder\.codec\.num_id_bits'
    with pytest.raises(ValueError, match=reason):
        loss_of(few, item)
    with pytest.raises(ValueError, match=r'the code book has 1: .*\(and max_ids, if it is set\)'):
        loss_of(tiny_diffusion_model(max_ids=1), item)
    assert loss_of(model, item) > 0


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_things=5, num_stuff=3), r'9 class codes .* do not fit into 3 bits, .*: set num_class_bits=4'),
        (dict(max_ids=9), r'10 identity codes .* do not fit into 3 bits, .*: set num_id_bits=4'),
        (dict(identities='both'), "identities must be one of .*'both'"),
        (dict(id_draw='raw'), 'id_draw'),
        (dict(missing_past='zero'), 'missing_past'),
        (dict(decoding='best'), 'decoding'),
        (dict(decoding='no_void', loss_bits=dict(kind='l2')), 'softmax'),
        (
            dict(decoding='no_void', num_things=1, num_stuff=0, codec=dict(num_class_bits=0, num_id_bits=3)),
            'without class bits',
        ),
        (dict(feed_back='raw'), 'feed_back'),
        (dict(feed_back='filtered', identities='segments'), 'feed_back'),
        (dict(num_past=-1), 'num_past must be at least 0'),
        (dict(codec=dict(num_class_bits=0, num_id_bits=3)), 'one thing class and no stuff'),
        (dict(codec=dict(num_class_bits=0, num_id_bits=3), num_things=1, num_stuff=0, loss_bits=dict(train_void=False)),
         'train_void'),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny_diffusion_model(**arguments)


def test_missing_diffusers_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'diffusers', None)
    with pytest.raises(ImportError, match='needs DDIMScheduler of diffusers.*pip install .*optional'):
        tiny_diffusion_model()


def test_seeds_of_frames():
    draws = [
        torch.rand(4, generator=frame_generator(*key)).tolist()
        for key in ((0, 'a', 1), (0, 'a', 1), (1, 'a', 1), (0, 'b', 1), (0, 'a', 2), (0, 'a', 1, 1), (0, 'a/1', 1))
    ]
    assert draws[0] == draws[1] and len({tuple(draw) for draw in draws}) == 6


def test_agreement_does_not_look_at_names():
    labels = torch.tensor([[0, 0, 0, 2], [0, 0, 0, 2], [0, 0, 1, 2]])[:, None]
    ids = torch.tensor([[1, 1, 2, 0], [5, 5, 3, 0], [7, 7, 7, 0]])[:, None]
    assert mask_agreement(labels[:2], ids[:2]).tolist() == [[1, 1, 1, 1]]
    expected = [(1 + 2 / 2) / 2, (1 + 2 / 2) / 2, (1 + 0) / 2, 1]
    assert mask_agreement(labels, ids)[0].tolist() == pytest.approx(expected)
    merged = mask_agreement(torch.zeros(2, 1, 4), torch.tensor([[[1, 1, 2, 2]], [[3, 3, 3, 3]]]))
    assert merged.tolist() == [[0.5] * 4]
