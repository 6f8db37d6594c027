"""The small course's release, for every test of rebuilding."""

from __future__ import annotations

import nbformat
import pytest
from small_course import small_source

from autograde.notebooks.release import released


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return released(small_source(tmp_path_factory.mktemp("course")))
