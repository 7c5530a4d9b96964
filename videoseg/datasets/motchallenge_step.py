"""MOTChallenge-STEP."""

from videoseg.datasets.base_video_panoptic import BaseVideoPanopticDataset
from videoseg.registry import DATASETS


@DATASETS.register_module()
class MOTChallengeSTEPDataset(BaseVideoPanopticDataset):
    """MOTChallenge-STEP: 7 classes, of which person (raw id 4) is the thing; KITTI-STEP layout.

    ``specs/evaluators.md`` section 11 names only the thing; the stuff classes carry their raw id as name, and
    ``metainfo=dict(classes=...)`` gives them others.

    See :class:`BaseVideoPanopticDataset` for the arguments. Source: Weber et al., STEP, NeurIPS 2021.
    """

    METAINFO = dict(
        name='motchallenge_step',
        classes=('person', 'stuff 0', 'stuff 1', 'stuff 2', 'stuff 3', 'stuff 5', 'stuff 6'),
        num_things=1,
        raw_ids=(4, 0, 1, 2, 3, 5, 6),
        palette=[
            (220, 20, 60),
            (244, 35, 232),
            (70, 70, 70),
            (107, 142, 35),
            (70, 130, 180),
            (255, 0, 0),
            (119, 11, 32),
        ],
    )
