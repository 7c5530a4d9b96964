"""Writes synthetic videos in the on-disk layout of KITTI-STEP (specs/evaluators.md section 8, KITTI-STEP)."""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from videoseg.datasets.synthetic.integrity import (
    DESCRIPTION_NAME,
    MANIFEST_NAME,
    exclusive_writer,
    manifest_bytes,
    read_description,
    read_manifest,
    write_atomically,
)
from videoseg.datasets.synthetic.presets import CLASSES
from videoseg.datasets.synthetic.sampling import SPLITS, sample_scene
from videoseg.datasets.synthetic.scene_preset import GENERATOR_VERSION, ScenePreset

FOLDERS = ('panoptic_maps', 'images')
"""In the order in which a finished sequence is moved to its place."""

FIRST_SEQUENCE = {'train': 0, 'val': 5000}
"""Names of train and val sequences never coincide, as in KITTI-STEP, and do not depend on how many there are."""

_WORK_FOLDER = '.incomplete'
Progress = Callable[[int, int, str], None]


def encode_panoptic_png(raw_map: np.ndarray, instance_map: np.ndarray) -> np.ndarray:
    """Colours of a KITTI-STEP panoptic PNG.

    Args:
        raw_map: (H, W) uint8 raw class ids, 255 = void.
        instance_map: (H, W) instance ids in [0, 65535].

    Returns:
        (H, W, 3) uint8 RGB: class id, instance // 256, instance % 256.

    Raises:
        ValueError: If an instance id does not fit into 16 bits.
    """
    ids = instance_map.astype(np.int64)
    if ids.size and (ids.min() < 0 or ids.max() > 65535):
        raise ValueError(f'instance ids must be in [0, 65535], got {ids.min()}..{ids.max()}')
    return np.stack([raw_map, ids // 256, ids % 256], axis=-1).astype(np.uint8)


class KittiStepWriter:
    """Makes (or completes) one data set.

    Sequences are rendered into a work folder and renamed into place, so an interrupted run leaves only whole
    sequences behind and the next run goes on after them.

    Args:
        root: Folder of the data set; made if missing.
        preset: Kind of scenes, and how many.
        seed: Seed of the data set, at least 0.
        progress: Called after each sequence with the sequences done, their total and the sequence's name.

    Raises:
        ValueError: If the seed is negative.
    """

    def __init__(self, root: str | Path, preset: ScenePreset, seed: int = 0, progress: Progress | None = None) -> None:
        if seed < 0:
            raise ValueError(f'seed must be at least 0, got {seed}')
        self.root = Path(root)
        self.preset = preset
        self.seed = seed
        self.progress = progress

    def write(self) -> dict:
        """Write all sequences that are not there yet.

        Returns:
            The description of the data set, with ``written``: the number of sequences made by this call, which is
            0 if the same data set was already complete.

        Raises:
            FileExistsError: If the folder holds something else: other files, another preset, seed or size, or more
                sequences than wanted.
            RuntimeError: If another process is writing to the folder, or no scene meets the preset's guarantees.
            OSError: If the folder cannot be written.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with exclusive_writer(self.root):
            self._refuse_other_content()
            wanted = {(split, i): self._files(split, i) for split in SPLITS for i in range(self.preset.count(split))}
            known = read_manifest(self.root)
            self._refuse_surplus(known, wanted)
            done = [key for key, names in wanted.items() if self._is_complete(names, known)]
            pending = [key for key in wanted if key not in done]
            description = read_description(self.root)
            if not pending and description is not None and description.get('manifest_sha256'):
                return dict(description, written=0)
            hashes = {name: known[name] for key in done for name in wanted[key]}
            self._prepare(hashes)
            try:
                for number, (split, index) in enumerate(pending, start=len(done) + 1):
                    new = self._write_sequence(split, index)
                    hashes.update(new)
                    with (self.root / MANIFEST_NAME).open('ab') as file:
                        file.write(manifest_bytes(new))
                    if self.progress is not None:
                        self.progress(number, len(wanted), f'{split}/{self._sequence_name(split, index)}')
            finally:
                shutil.rmtree(self.root / _WORK_FOLDER, ignore_errors=True)
            manifest = manifest_bytes(hashes)
            write_atomically(self.root / MANIFEST_NAME, manifest)
            description = self._describe(hashlib.sha256(manifest).hexdigest())
            self._write_description(description)
            return dict(description, written=len(pending))

    def _prepare(self, hashes: dict[str, str]) -> None:
        """Leave the folder with the complete sequences only, described as unfinished."""
        shutil.rmtree(self.root / _WORK_FOLDER, ignore_errors=True)
        self._write_description(self._describe(None))
        write_atomically(self.root / MANIFEST_NAME, manifest_bytes(hashes))

    def _refuse_other_content(self) -> None:
        """Raise unless the folder is empty or holds a data set of this preset, size and seed."""
        description = read_description(self.root)
        if description is None:
            names = sorted(path.name for path in self.root.iterdir())
            if names:
                raise FileExistsError(
                    f'{self.root} holds other files ({", ".join(names[:3])}) and no {DESCRIPTION_NAME}; '
                    'choose an empty folder'
                )
            return
        same = (description.get('description_sha256'), description.get('seed')) == (self.preset.digest(), self.seed)
        if not same:
            found = description['preset']
            raise FileExistsError(
                f'{self.root} holds another data set (preset {found.get("name")!r}, seed {description.get("seed")}, '
                f'size {found.get("size")}, frames {found.get("train_frames")}/{found.get("val_frames")}, generator '
                f'{description.get("generator_version")}); choose another folder or delete it'
            )

    def _refuse_surplus(self, known: dict[str, str], wanted: dict) -> None:
        """Raise if the data set has sequences beyond the wanted ones."""
        surplus = set(known) - {name for names in wanted.values() for name in names}
        if surplus:
            raise FileExistsError(
                f'{self.root} has more sequences than wanted (e.g. {min(surplus)}); ask for at least as many, choose '
                'another folder or delete it'
            )

    def _sequence_name(self, split: str, index: int) -> str:
        return f'{FIRST_SEQUENCE[split] + index:04d}'

    def _files(self, split: str, index: int) -> list[str]:
        """Relative paths of all files of a sequence."""
        name = self._sequence_name(split, index)
        frames = range(self.preset.frames(split))
        return [f'{folder}/{split}/{name}/{frame:06d}.png' for folder in FOLDERS for frame in frames]

    def _is_complete(self, names: list[str], known: dict[str, str]) -> bool:
        return all(name in known and (self.root / name).is_file() for name in names)

    def _write_sequence(self, split: str, index: int) -> dict[str, str]:
        """Render one sequence and move it to its place.

        Returns:
            Relative path -> SHA-256 of its files.
        """
        scene = sample_scene(self.preset, self.seed, split, index)
        work = self.root / _WORK_FOLDER
        shutil.rmtree(work, ignore_errors=True)
        for folder in FOLDERS:
            (work / folder).mkdir(parents=True)
        hashes = {}
        place = f'{split}/{self._sequence_name(split, index)}'
        for time in range(scene.num_frames):
            frame = scene.render(time)
            pictures = {
                'images': frame.image,
                'panoptic_maps': encode_panoptic_png(frame.raw_map, frame.instance_map),
            }
            for folder, picture in pictures.items():
                _, encoded = cv2.imencode('.png', picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
                content = encoded.tobytes()
                (work / folder / f'{time:06d}.png').write_bytes(content)
                hashes[f'{folder}/{place}/{time:06d}.png'] = hashlib.sha256(content).hexdigest()
        for folder in FOLDERS:
            target = self.root / folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            os.rename(work / folder, target)
        return hashes

    def _describe(self, manifest_sha256: str | None) -> dict:
        """Content of ``synthetic.json``; without a manifest hash the data set counts as unfinished."""
        counts = {
            split: dict(sequences=self.preset.count(split), frames=self.preset.count(split) * self.preset.frames(split))
            for split in SPLITS
        }
        return dict(
            layout='kitti_step',
            generator_version=GENERATOR_VERSION,
            preset=dataclasses.asdict(self.preset),
            seed=self.seed,
            counts=counts,
            classes=[info._asdict() for info in CLASSES],
            description_sha256=self.preset.digest(),
            manifest_sha256=manifest_sha256,
        )

    def _write_description(self, description: dict) -> None:
        write_atomically(self.root / DESCRIPTION_NAME, (json.dumps(description, indent=2) + '\n').encode())
