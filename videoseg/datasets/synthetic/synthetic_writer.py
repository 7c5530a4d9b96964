"""Writes synthetic videos to disk in any of the layouts."""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from videoseg.datasets.synthetic.integrity import (
    DESCRIPTION_NAME,
    MANIFEST_NAME,
    exclusive_writer,
    manifest_bytes,
    read_description,
    read_manifest,
    write_atomically,
)
from videoseg.datasets.synthetic.layouts.encoding import json_bytes
from videoseg.datasets.synthetic.layouts.sequence_info import SequenceInfo
from videoseg.datasets.synthetic.layouts.table import get_layout
from videoseg.datasets.synthetic.presets import CLASSES
from videoseg.datasets.synthetic.sampling import SPLITS, sample_scene
from videoseg.datasets.synthetic.scene_preset import GENERATOR_VERSION, ScenePreset

_WORK_FOLDER = '.incomplete'
Progress = Callable[[int, int, str], None]


class SyntheticWriter:
    """Makes (or completes) one data set.

    Sequences are rendered into a work folder and moved into place, so an interrupted run leaves only whole sequences
    behind and the next run goes on after them. Files over many sequences (jsons, lists of videos) are written last.

    Args:
        root: Folder of the data set; made if missing.
        preset: Kind of scenes, and how many.
        seed: Seed of the data set, at least 0.
        progress: Called after each sequence with the sequences done, their total and the sequence's name.
        layout: Name of the on-disk layout.

    Raises:
        KeyError: If there is no such layout.
        ValueError: If the seed is negative or the sequences are too short for the layout.
    """

    def __init__(
        self,
        root: str | Path,
        preset: ScenePreset,
        seed: int = 0,
        progress: Progress | None = None,
        layout: str = 'kitti_step',
    ) -> None:
        if seed < 0:
            raise ValueError(f'seed must be at least 0, got {seed}')
        self.root = Path(root)
        self.preset = preset
        self.seed = seed
        self.progress = progress
        self.layout = get_layout(layout)
        shortest = min((preset.frames(split) for split in SPLITS if preset.count(split)), default=None)
        if shortest is not None and shortest < self.layout.min_frames:
            raise ValueError(f'layout {layout} needs sequences of {self.layout.min_frames} frames, got {shortest}')
        self._sequences = [
            SequenceInfo(split, index, preset.frames(split), preset.size)
            for split in SPLITS
            for index in range(preset.count(split))
        ]

    def write(self) -> dict:
        """Write all sequences that are not there yet.

        Returns:
            The description of the data set, with ``written``: the number of sequences made by this call, which is
            0 if the same data set was already complete.

        Raises:
            FileExistsError: If the folder holds something else: other files, another layout, preset, seed or size, or
                more sequences than wanted.
            RuntimeError: If another process is writing to the folder, or no scene meets the preset's guarantees.
            ValueError: If the layout cannot hold a scene, for example because of too many objects.
            OSError: If the folder cannot be written.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with exclusive_writer(self.root):
            self._refuse_other_content()
            wanted = {sequence: self.layout.files(sequence) for sequence in self._sequences}
            known = read_manifest(self.root)
            self._refuse_surplus(known, wanted)
            pending = [sequence for sequence, names in wanted.items() if not self._are_there(names, known)]
            description = read_description(self.root)
            if not pending and self._is_finished(description, known):
                return dict(description, written=0)
            skipped = set(pending)
            hashes = {n: known[n] for sequence, names in wanted.items() if sequence not in skipped for n in names}
            self._prepare(hashes)
            self._write_pending(pending, hashes)
            hashes.update(self._write_summaries())
            manifest = manifest_bytes(hashes)
            write_atomically(self.root / MANIFEST_NAME, manifest)
            description = self._describe(hashlib.sha256(manifest).hexdigest())
            self._write_description(description)
            return dict(description, written=len(pending))

    # ------------------------------------------------------------- what is there

    def _refuse_other_content(self) -> None:
        """Raise unless the folder is empty or holds a data set of this layout, preset, size and seed."""
        description = read_description(self.root)
        if description is None:
            names = sorted(path.name for path in self.root.iterdir())
            if names:
                raise FileExistsError(
                    f'{self.root} holds other files ({", ".join(names[:3])}) and no {DESCRIPTION_NAME}; '
                    'choose an empty folder'
                )
            return
        found = tuple(description.get(key) for key in ('description_sha256', 'seed', 'layout'))
        if found != (self.preset.digest(), self.seed, self.layout.name):
            preset = description['preset']
            raise FileExistsError(
                f'{self.root} holds another data set (layout {description.get("layout")}, preset '
                f'{preset.get("name")!r}, seed {description.get("seed")}, size {preset.get("size")}, frames '
                f'{preset.get("train_frames")}/{preset.get("val_frames")}, generator '
                f'{description.get("generator_version")}); choose another folder or delete it'
            )

    def _refuse_surplus(self, known: dict[str, str], wanted: dict[SequenceInfo, list[str]]) -> None:
        """Raise if the data set has sequences beyond the wanted ones."""
        surplus = set(known) - {name for names in wanted.values() for name in names} - set(self._all_summary_paths())
        if surplus:
            raise FileExistsError(
                f'{self.root} has more sequences than wanted (e.g. {min(surplus)}); ask for at least as many, choose '
                'another folder or delete it'
            )

    def _all_summary_paths(self) -> list[str]:
        """Files over many sequences, of all splits that have sequences."""
        paths = [path for split in SPLITS if self.preset.count(split) for path in self.layout.summary_paths(split)]
        return [*paths, *self.layout.common_files()]

    def _are_there(self, names: Iterable[str], known: dict[str, str]) -> bool:
        return all(name in known and (self.root / name).is_file() for name in names)

    def _is_finished(self, description: dict | None, known: dict[str, str]) -> bool:
        finished = description is not None and bool(description.get('manifest_sha256'))
        return finished and self._are_there(self._all_summary_paths(), known)

    # ------------------------------------------------------------------- writing

    def _prepare(self, hashes: dict[str, str]) -> None:
        """Leave the folder with the complete sequences only, described as unfinished."""
        shutil.rmtree(self.root / _WORK_FOLDER, ignore_errors=True)
        self._write_description(self._describe(None))
        write_atomically(self.root / MANIFEST_NAME, manifest_bytes(hashes))
        for path in self._all_summary_paths():
            (self.root / path).unlink(missing_ok=True)

    def _write_pending(self, pending: list[SequenceInfo], hashes: dict[str, str]) -> None:
        """Make the sequences and add their files to ``hashes`` and to the manifest."""
        done = len(self._sequences) - len(pending)
        try:
            for number, sequence in enumerate(pending, start=done + 1):
                new = self._write_sequence(sequence)
                hashes.update(new)
                with (self.root / MANIFEST_NAME).open('ab') as file:
                    file.write(manifest_bytes(new))
                if self.progress is not None:
                    self.progress(number, len(self._sequences), f'{sequence.split}/{sequence.name}')
        finally:
            shutil.rmtree(self.root / _WORK_FOLDER, ignore_errors=True)

    def _write_sequence(self, sequence: SequenceInfo) -> dict[str, str]:
        """Render one sequence and move it to its place.

        Returns:
            Relative path -> SHA-256 of its files.
        """
        scene = sample_scene(self.preset, self.seed, sequence.split, sequence.index)
        shutil.rmtree(self.root / _WORK_FOLDER, ignore_errors=True)
        hashes, record = {}, []
        for time in range(scene.num_frames):
            frame = scene.render(time)
            for path, content in self.layout.encode_frame(sequence, time, frame).items():
                hashes[path] = self._store(f'{_WORK_FOLDER}/{path}', content)
            if self.layout.has_records:
                record.append(self.layout.describe_frame(sequence, time, frame))
        if self.layout.has_records:
            path = self.layout.record_path(sequence)
            hashes[path] = self._store(f'{_WORK_FOLDER}/{path}', json_bytes(record))
        self._move_into_place(sequence, hashes)
        return hashes

    def _store(self, path: str, content: bytes) -> str:
        """Write a file into the work folder; returns its SHA-256."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def _move_into_place(self, sequence: SequenceInfo, paths: Iterable[str]) -> None:
        """Rename the folders that belong to the sequence alone, then its files in shared folders one by one."""
        work = self.root / _WORK_FOLDER
        folders = self.layout.folders(sequence)
        shared = [path for path in paths if not path.startswith(tuple(f'{folder}/' for folder in folders))]
        for name in (*folders, *shared):
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name in folders:
                shutil.rmtree(target, ignore_errors=True)
            os.replace(work / name, target)

    def _write_summaries(self) -> dict[str, str]:
        """Write the files over many sequences.

        Returns:
            Relative path -> SHA-256.
        """
        files = dict(self.layout.common_files())
        for split in SPLITS:
            sequences = [sequence for sequence in self._sequences if sequence.split == split]
            if sequences:
                records = [self._read_record(s) for s in sequences] if self.layout.has_records else []
                files.update(self.layout.summary_files(split, sequences, records))
        for path, content in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.root / path, content)
        return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}

    def _read_record(self, sequence: SequenceInfo) -> list:
        return json.loads((self.root / self.layout.record_path(sequence)).read_bytes())

    # --------------------------------------------------------------- description

    def _describe(self, manifest_sha256: str | None) -> dict:
        """Content of ``synthetic.json``; without a manifest hash the data set counts as unfinished."""
        counts = {
            split: dict(sequences=self.preset.count(split), frames=self.preset.count(split) * self.preset.frames(split))
            for split in SPLITS
        }
        return dict(
            layout=self.layout.name,
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
