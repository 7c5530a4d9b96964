import pytest

from tests.test_datasets.vis_files import box, dataset_args, track, video, write
from videoseg.datasets import OVISDataset, YouTubeVIS2019Dataset, YouTubeVIS2021Dataset
from videoseg.datasets.youtube_vis_names import youtube_vis_names


def data(names, category=1):
    categories = [dict(id=i, name=name) for i, name in enumerate(names, start=1)]
    return dict(
        videos=[video(1, 'a', 1)], categories=categories, annotations=[track(1, 1, category, [box(0, 0, 2, 2)])]
    )


def test_names_are_those_of_mmdet():
    names_2019, names_2021 = youtube_vis_names('2019'), youtube_vis_names('2021')
    assert len(names_2019) == len(names_2021) == 40 and names_2019[:2] == ('person', 'giant_panda')
    assert names_2021[0] == 'airplane' and set(names_2019) != set(names_2021)
    assert YouTubeVIS2019Dataset.METAINFO['classes'] == names_2019
    assert YouTubeVIS2021Dataset.METAINFO['classes'] == names_2021
    with pytest.raises(NotImplementedError, match='2020'):
        youtube_vis_names('2020')


@pytest.mark.parametrize(('dataset', 'year'), [(YouTubeVIS2019Dataset, '2019'), (YouTubeVIS2021Dataset, '2021')])
def test_official_jsons(tmp_path, dataset, year):
    opened = dataset(**dataset_args(write(tmp_path, data(youtube_vis_names(year), category=40))))
    assert opened.get_video(0)['instances'][0][0].label == 39
    assert opened.metainfo['raw_ids'] == tuple(range(1, 41)) and opened.metainfo['num_things'] == 40


def test_the_json_of_the_other_year(tmp_path):
    write(tmp_path, data(youtube_vis_names('2021')))
    with pytest.raises(ValueError, match="category 1 is 'airplane' there but class 'person' here"):
        YouTubeVIS2019Dataset(**dataset_args(tmp_path))


def test_names_of_ovis_come_from_the_json(tmp_path):
    names = [f'Animal {i}' for i in range(25)]
    opened = OVISDataset(**dataset_args(write(tmp_path, data(names, category=25))))
    assert opened.metainfo['classes'] == tuple(names) and opened.metainfo['num_things'] == 25
    assert opened.get_video(0)['instances'][0][0].label == 24
    write(tmp_path, data(names[:20]))
    with pytest.raises(ValueError, match='category 21 is not in it'):
        OVISDataset(**dataset_args(tmp_path))
