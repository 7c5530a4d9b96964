import pytest

from tests.test_datasets.test_synthetic.test_layouts import truth


@pytest.fixture(autouse=True, scope='module')
def remembered_scenes():
    """Drawing the scenes takes most of the time of these tests, and they are the same in every layout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('videoseg.datasets.synthetic.synthetic_writer.sample_scene', truth.sample)
        yield
