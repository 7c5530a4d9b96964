"""Finding the frames of sequences on disk, and telling what is missing."""

from collections.abc import Sequence
from pathlib import Path

from videoseg.evaluation.formats.files import natural_key

Frames = dict[str, str]


def list_sequences(folder: str, layout: str, suffixes: Sequence[str]) -> dict[str, Frames]:
    """Frame files by sequence.

    Args:
        folder: Folder of sequence folders (``layout='sequences'``) or of single images (``layout='images'``).
        layout: See ``folder``; a single image counts as a sequence of one frame.
        suffixes: File name endings of frames; other files and hidden ones are left alone.

    Returns:
        Sequence name -> {frame name without suffix -> path}, both in natural order (2 before 10).

    Raises:
        FileNotFoundError: If the folder is missing or holds no sequence, or a sequence holds no frame.
        ValueError: If two files of a sequence have the same name but for the suffix.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f'{folder}: no such folder; check data_root and data_prefix')
    if layout == 'images':
        sequences = {name: {name: path} for name, path in list_frames(root, suffixes).items()}
    else:
        entries = (p for p in root.iterdir() if p.is_dir() and not p.name.startswith('.'))
        folders = sorted(entries, key=lambda p: natural_key(p.name))
        sequences = {p.name: list_frames(p, suffixes) for p in folders}
        if empty := [name for name, frames in sequences.items() if not frames]:
            raise FileNotFoundError(
                f'{root / empty[0]}: sequence without frames ({", ".join(suffixes)})'
                + (f', and {len(empty) - 1} more like it' if len(empty) > 1 else '')
            )
    if not sequences:
        kind = 'images' if layout == 'images' else 'sequence folders'
        raise FileNotFoundError(f'{folder}: no {kind} in it; check data_prefix and layout')
    return sequences


def check_pairs(images: dict[str, Frames], labels: dict[str, Frames], img_root: str, seg_root: str) -> None:
    """Every image must have a label file and the other way round.

    Raises:
        FileNotFoundError: Naming the first missing files and both counts.
    """
    img_names = [(seq, name) for seq, frames in images.items() for name in frames]
    seg_names = [(seq, name) for seq, frames in labels.items() for name in frames]
    no_label = [f'{seq}/{name}' for seq, name in img_names if name not in labels.get(seq, {})]
    no_image = [f'{seq}/{name}' for seq, name in seg_names if name not in images.get(seq, {})]
    if not no_label and not no_image:
        return
    parts = [f'{len(img_names)} images in {img_root}, {len(seg_names)} label files in {seg_root}']
    for missing, what in ((no_label, 'label file'), (no_image, 'image file')):
        if missing:
            more = f' and {len(missing) - 5} more' if len(missing) > 5 else ''
            parts.append(f'{what} missing for {", ".join(missing[:5])}{more}')
    raise FileNotFoundError('; '.join(parts))


def list_frames(folder: Path, suffixes: Sequence[str]) -> Frames:
    """Frame files of one folder.

    Returns:
        Frame name without suffix -> path, in natural order.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If two files have the same name but for the suffix.
    """
    endings = tuple(s.lower() for s in suffixes)
    frames: Frames = {}
    for path in folder.iterdir():
        if path.suffix.lower() not in endings or path.name.startswith('.'):
            continue
        if path.stem in frames:
            raise ValueError(f'{path} and {frames[path.stem]}: two files for one frame; remove one')
        frames[path.stem] = str(path)
    return {name: frames[name] for name in sorted(frames, key=natural_key)}
