"""The small class, for every test of the gradebook."""

from __future__ import annotations

import pytest
from graded_class import Class, small_class


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Class:
    """Return the small class."""
    return small_class(tmp_path_factory.mktemp("course"))
