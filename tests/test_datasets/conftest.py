import pytest
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def videoseg_scope():
    """Configs in these tests are resolved as they are in a run: from the registries of videoseg upwards."""
    import videoseg.datasets  # noqa: F401

    DefaultScope.get_instance('test_datasets', scope_name='videoseg')
    with DefaultScope.overwrite_default_scope('videoseg'):
        yield
