import logging
from unittest import mock

import pytest
from mmengine.logging import MMLogger


@pytest.fixture
def log(caplog):
    """Text of what the current logger says."""
    logger = MMLogger.get_instance('test_metrics')
    logger.addHandler(caplog.handler)
    with mock.patch.object(MMLogger, 'get_current_instance', return_value=logger), caplog.at_level(logging.INFO):
        yield caplog
    logger.removeHandler(caplog.handler)
