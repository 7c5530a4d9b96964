"""The track-id rule: new, kept, reused codes, and more tracks than codes."""

import pytest
import torch

from videoseg.models.task_modules import TrackIdAllocator
from videoseg.registry import TASK_UTILS


class Follow:
    """One video, frame by frame: codes in, track ids of the same pixels out."""

    def __init__(self, memory=2, max_code=255, first=0):
        self.allocator = TASK_UTILS.build(dict(type='TrackIdAllocator', memory=memory, max_code=max_code))
        self.state, self.frame = self.allocator.init_state(), first

    def __call__(self, *codes):
        ids, self.state = self.allocator.allocate(torch.tensor([[codes]]), [self.frame], self.state)
        self.frame += 1
        return ids[0, 0].tolist()


def test_new_codes_take_the_next_numbers_in_order():
    follow = Follow()
    assert follow(0, 200, 7, 7, 0) == [0, 2, 1, 1, 0]
    assert follow(9, 7, 200, 0, 0) == [3, 1, 2, 0, 0]


def test_a_code_seen_within_the_memory_keeps_its_track():
    follow = Follow(memory=2)
    assert follow(5) == [1]
    assert follow(0) == [0]
    assert follow(5) == [1]


def test_a_code_that_was_away_for_longer_is_another_object():
    follow = Follow(memory=2)
    assert follow(5, 6) == [1, 2]
    assert follow(0, 6) == [0, 2]
    assert follow(0, 6) == [0, 2]
    assert follow(5, 6) == [3, 2]
    assert follow(5, 6) == [3, 2]


def test_the_reference_collision_is_gone():
    """Code 5 is taken over by a second object; the reference would call it 6, and so code 6 when it comes."""
    follow = Follow(memory=1)
    for codes in ((5,), (0,), (0,)):
        follow(*codes)
    assert follow(5, 6) == [2, 3]
    assert follow(6, 5) == [3, 2]


def test_no_memory_means_every_frame_anew():
    follow = Follow(memory=0)
    assert [follow(3, 4) for _ in range(3)] == [[1, 2], [3, 4], [5, 6]]


def test_300_tracks_with_255_codes():
    """One object a frame, going through all codes and round again: 300 frames, 300 tracks, state of one size."""
    follow = Follow(memory=2)
    sizes = {name: value.shape for name, value in follow.state.items()}
    seen = [follow(1 + frame % 255)[0] for frame in range(300)]
    assert seen == list(range(1, 301))
    assert {name: value.shape for name, value in follow.state.items()} == sizes
    assert follow.state['next_id'].tolist() == [301] and follow.state['next_id'].dtype == torch.int64


def test_many_tracks_at_once():
    follow = Follow()
    assert follow(*range(256)) == list(range(256))
    assert follow(*reversed(range(256))) == list(reversed(range(256)))


def test_a_video_may_start_in_the_middle():
    follow = Follow(memory=2, first=1000)
    assert follow(1) == [1] and follow(1, 2) == [1, 2]


def test_batches_are_independent_and_states_are_not_changed():
    allocator = TrackIdAllocator(2, max_code=15)
    codes = torch.randint(0, 16, (6, 3, 4, 5))
    state = allocator.init_state(3)
    singles = [allocator.init_state() for _ in range(3)]
    for step, frame in enumerate(codes):
        before = {name: value.clone() for name, value in state.items()}
        frames = [3 + step, 7 + step, step]
        ids, new = allocator.allocate(frame, frames, state)
        assert all(torch.equal(before[name], state[name]) for name in state)
        for b in range(3):
            own, singles[b] = allocator.allocate(frame[b : b + 1], frames[b : b + 1], singles[b])
            assert torch.equal(own[0], ids[b])
            assert all(torch.equal(singles[b][name][0], new[name][b]) for name in new)
        state = new


def test_bad_input():
    with pytest.raises(ValueError, match='memory'):
        TrackIdAllocator(-1)
    with pytest.raises(ValueError, match='max_code'):
        TrackIdAllocator(2, max_code=0)
    allocator = TrackIdAllocator(2, max_code=15)
    with pytest.raises(ValueError, match='from 16 to 16, expected 0 to 15'):
        allocator.allocate(torch.full((1, 1, 1), 16), [0], allocator.init_state())
