"""Looking images up by name."""

import re
from collections.abc import Sequence
from pathlib import Path

from videoseg.datasets.frame_folders import Frames, list_frames
from videoseg.evaluation.formats.files import natural_key, safe_join


class ImageIndex:
    """Images by path without file name ending; folders are listed once, files not looked up one by one.

    Args:
        root: Folder of all images.
        suffixes: File name endings.

    Raises:
        FileNotFoundError: If there is no such folder.
    """

    def __init__(self, root: str, suffixes: Sequence[str]) -> None:
        self.root = Path(root)
        self.suffixes = tuple(suffixes)
        if not self.root.is_dir():
            raise FileNotFoundError(f'{root}: no such folder; check data_root and data_prefix')
        self._folders: dict[str, Frames] = {}
        self._groups: dict[re.Pattern[str], dict[str, list[str]]] = {}

    def folder(self, name: str = '') -> Frames:
        """Images of a folder below the root; none if it does not exist.

        Raises:
            ValueError: If two files have the same name but for the suffix.
        """
        if name not in self._folders:
            path = self.root / name
            self._folders[name] = list_frames(path, self.suffixes) if path.is_dir() else {}
        return self._folders[name]

    def find(self, name: str, where: str) -> str:
        """Path of an image.

        Args:
            name: Path below the root without file name ending.
            where: Video and frame, for messages.

        Raises:
            FileNotFoundError: If it is missing.
            ValueError: If the path leads out of the folder, or two files have that name.
        """
        relative = safe_join('', name, where)
        folder = '' if str(relative.parent) == '.' else str(relative.parent)
        found = self.folder(folder).get(relative.name)
        if found is None:
            raise FileNotFoundError(
                f'{where}: image missing: {self.root / name} with {" or ".join(self.suffixes)}; check data_prefix.img'
            )
        return found

    def subfolders(self) -> list[str]:
        """Names of the folders directly below the root that are not hidden, in natural order."""
        names = (p.name for p in self.root.iterdir() if p.is_dir() and not p.name.startswith('.'))
        return sorted(names, key=natural_key)

    def groups(self, pattern: re.Pattern[str]) -> dict[str, list[str]]:
        """Images of the root folder by what group 1 of a pattern finds at the start of the name; natural order."""
        if pattern not in self._groups:
            groups = self._groups[pattern] = {}
            for name, path in self.folder().items():
                if match := pattern.match(name):
                    groups.setdefault(match[1], []).append(path)
        return self._groups[pattern]

    def unused(self, used: set[str]) -> list[str]:
        """Images in the folders that were listed which are not in ``used``, ascending."""
        return sorted(path for frames in self._folders.values() for path in frames.values() if path not in used)
