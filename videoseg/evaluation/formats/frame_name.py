"""How a frame is called in result files."""

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class FrameName:
    """Name of a frame, for the writers of submissions.

    Attributes:
        frame_id: Position in the video, from 0.
        image: File name of the image as the dataset lists it, for example ``'00000405.jpg'``; folders are dropped.
        image_id: Id in the json of the ground truth. Default: the file name without suffix.
    """

    frame_id: int
    image: str
    image_id: str | int | None = None

    @property
    def stem(self) -> str:
        """File name of the image without folder and suffix."""
        return PurePosixPath(self.image.replace('\\', '/')).stem

    @property
    def json_id(self) -> str | int:
        """``image_id``, or the stem."""
        return self.stem if self.image_id is None else self.image_id
