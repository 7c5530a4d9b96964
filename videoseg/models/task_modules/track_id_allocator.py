"""Track ids of the identity codes that a decoder gives frame by frame."""

from collections.abc import Sequence

import torch
from torch import Tensor

from videoseg.registry import TASK_UTILS
from videoseg.structures.video_state import StateDict


@TASK_UTILS.register_module()
class TrackIdAllocator:
    """Which code of this frame goes on with which track.

    There are few codes, and a long video has many objects. A code seen in one of the last k frames goes on with its
    track. A code that was never seen, or not in the last k frames (another object took it over), starts a new one.
    Source: ``specs/pix2seq_d.md`` section 7. The reference calls the first track of code v v, which can collide with
    the number of a track that took another code over, and gives 0 when numbers run out; here every new track takes the
    next number of a 64-bit counter, in ascending order of the codes.

    Args:
        memory: k, frames that the decoder is conditioned on; 0: every frame starts anew.
        max_code: Largest identity code; 0 is none.

    Raises:
        ValueError: If ``memory`` is negative or ``max_code`` less than 1.
    """

    def __init__(self, memory: int, max_code: int = 255) -> None:
        if memory < 0 or max_code < 1:
            raise ValueError(
                f'TrackIdAllocator: memory must be at least 0 and max_code at least 1, got {memory} and {max_code}'
            )
        self.memory = memory
        self.max_code = max_code

    def init_state(self, batch_size: int = 1, device: torch.device | str | None = None) -> StateDict:
        """State before the first frame of B videos; its size does not depend on their length.

        Returns:
            ``track_of_code`` (B, max_code + 1) int64, 0 = never seen; ``last_seen`` (B, max_code + 1) int64 frame
            number; ``next_id`` (B,) int64.
        """
        table = torch.zeros((batch_size, self.max_code + 1), dtype=torch.long, device=device)
        return dict(track_of_code=table, last_seen=table.clone(), next_id=table.new_ones(batch_size))

    def allocate(self, codes: Tensor, frames: Sequence[int] | Tensor, state: StateDict) -> tuple[Tensor, StateDict]:
        """Give track ids to one frame of each of B videos.

        Args:
            codes: (B, h, w) identity codes, 0 = none.
            frames: B frame numbers.
            state: State after the frame before; not changed.

        Returns:
            (B, h, w) int64 track ids, counted from 1, 0 = none; and the new state.

        Raises:
            ValueError: If a code is not in [0, ``max_code``].
        """
        codes = codes.long()
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) <= self.max_code:
            raise ValueError(
                f'identity codes from {int(codes.min())} to {int(codes.max())}, expected 0 to {self.max_code}: set '
                'max_code to the largest code of the codec'
            )
        flat = codes.flatten(1)
        table, last_seen = state['track_of_code'], state['last_seen']
        now = torch.as_tensor(frames, dtype=torch.long).to(codes.device)[:, None]
        present = torch.zeros_like(table, dtype=torch.bool).scatter(1, flat, True)
        present[:, 0] = False
        goes_on = (table > 0) & (now - last_seen <= self.memory)
        starts = present & ~goes_on
        fresh = state['next_id'][:, None] + starts.long().cumsum(1) - 1
        table = torch.where(starts, fresh, table)
        new = dict(
            track_of_code=table,
            last_seen=torch.where(present, now, last_seen),
            next_id=state['next_id'] + starts.sum(1),
        )
        return table.gather(1, flat).view_as(codes), new
