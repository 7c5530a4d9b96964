import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData

from videoseg.models.task_modules.map_targets import draw_id_codes, make_map_targets


def frame(sem, instances, img_shape=None):
    """A sample of a label map (H, W) and {id: (label, (H, W) bool)}."""
    sample = DetDataSample(metainfo=dict(img_shape=img_shape or sem.shape))
    masks = [mask for _, mask in instances.values()]
    sample.gt_instances = InstanceData(
        labels=torch.tensor([label for label, _ in instances.values()], dtype=torch.long),
        masks=torch.stack(masks).byte() if masks else torch.zeros((0, *sem.shape), dtype=torch.uint8),
        instances_ids=torch.tensor(list(instances), dtype=torch.long),
    )
    sample.gt_sem_seg = PixelData(sem_seg=sem[None].to(torch.uint8))
    return sample


def scene(seed=0, size=(32, 48)):
    generator = torch.Generator().manual_seed(seed)
    sem = torch.randint(2, 4, size, generator=generator)
    sem[torch.rand(size, generator=generator) < 0.2] = 255
    masks = torch.rand(3, *size, generator=generator) < 0.2
    masks[1:] &= ~masks[0]
    masks[2] &= ~masks[1]
    labels = {65537: 0, 65538: 1, 70000: 1}
    instances = {key: (label, mask) for (key, label), mask in zip(labels.items(), masks, strict=True)}
    for label, mask in instances.values():
        sem[mask] = label
    return frame(sem, instances)


@pytest.mark.parametrize('size', [(8, 12), (7, 11), (32, 48)])
def test_no_label_or_identity_is_invented(size):
    """Weak points 1 and 3 of the student port: targets that were averaged. Pairs of label and identity stay pairs."""
    sample = scene()
    targets = make_map_targets([sample], size, 2, 2)
    assert targets.labels.shape == targets.keys.shape == (1, *size)
    pairs = set(map(tuple, torch.stack([targets.labels, targets.keys], -1).flatten(0, 2).tolist()))
    assert pairs <= {(0, 65537), (1, 65538), (1, 70000), (2, 0), (3, 0), (255, 0)}
    assert len(pairs) >= 4


def test_full_size_is_the_ground_truth():
    sample = scene()
    targets = make_map_targets([sample], (32, 48), 2, 2)
    assert torch.equal(targets.labels[0], sample.gt_sem_seg.sem_seg[0].long())
    for key, mask in zip(sample.gt_instances.instances_ids, sample.gt_instances.masks, strict=True):
        assert torch.equal(targets.keys[0] == key, mask.bool())
    assert bool(targets.valid.all())


def test_conventions_of_identities():
    sample = scene()
    things = make_map_targets([sample], (32, 48), 2, 2, 'things')
    everything = make_map_targets([sample], (32, 48), 2, 2, 'segments')
    assert bool((things.keys[things.labels >= 2] == 0).all())
    assert bool((everything.keys[everything.labels != 255] != 0).all())
    assert bool((everything.keys[everything.labels == 255] == 0).all())
    for label in (2, 3):
        assert len(everything.keys[everything.labels == label].unique()) == 1
    assert torch.equal(everything.keys[things.labels < 2], things.keys[things.labels < 2])


def test_padding_is_not_valid_and_void_is():
    sem = torch.full((16, 16), 2)
    sem[:, 8:] = 255
    sem[:4] = 255
    targets = make_map_targets([frame(sem, {}, img_shape=(16, 8))], (4, 4), 2, 2)
    assert targets.valid[0].tolist() == [[True, True, False, False]] * 4
    assert targets.labels[0, 0].tolist() == [255] * 4


def test_no_stuff_classes():
    """Instance data: what is no object is void."""
    targets = make_map_targets([scene()], (32, 48), 2, 0)
    assert targets.labels.unique().tolist() == [0, 1, 255]


KEYS = torch.tensor([[[0, 5, -3], [9, 9, 70000]], [[0, 70000, -3], [4, 5, 5]]])


@pytest.mark.parametrize('draw', ['random', 'shuffle'])
def test_one_draw_for_all_frames(draw):
    """Weak point 6: identities were the raw ids. Here they change from draw to draw, together in all frames."""
    torch.manual_seed(0)
    draws = [draw_id_codes(KEYS, 31, draw) for _ in range(20)]
    for codes in draws:
        assert len(torch.stack([KEYS, codes], -1).flatten(0, 2).unique(dim=0)) == len(KEYS.unique())
        assert len(codes.unique()) == len(KEYS.unique()) and bool(((codes == 0) == (KEYS == 0)).all())
    assert len({tuple(codes.flatten().tolist()) for codes in draws}) > 10
    highest = max(int(codes.max()) for codes in draws)
    assert highest == 5 if draw == 'shuffle' else highest > 20


def test_a_seeded_draw_is_repeatable():
    first, second = (draw_id_codes(KEYS, 31, 'random', torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)


def test_too_many_identities_are_refused():
    """Weak point 7: codes were clamped, so that all instances became one."""
    assert draw_id_codes(KEYS, 5, 'random').unique().tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match='video a, frame 3: 5 identities, but the code book has 4: .*num_id_bits'):
        draw_id_codes(KEYS, 4, 'random', where='video a, frame 3')
