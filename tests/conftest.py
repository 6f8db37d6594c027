"""What holds for all tests: which of them share a worker, and which environment each one finds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import pytest


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Give the next test the environment that this one found: nbgrader leaves variables behind."""
    before = dict(os.environ)
    yield
    now = os.environ.pop("PYTEST_CURRENT_TEST", None)
    os.environ.clear()
    os.environ.update(before)
    if now is not None:
        os.environ["PYTEST_CURRENT_TEST"] = now


@pytest.fixture(scope="module", autouse=True)
def drawing() -> Iterator[None]:
    """Give the next module matplotlib's settings: a notebook's first cell changes them."""
    with mpl.rc_context():
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests together, because they share fixtures, unless they have a group.

    Groups come first: they take longest, and a worker that begins one last works on alone.
    """
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """End where xdist passes no group on in a test's id: all would pass, in twice the time."""
    if node.config.getoption("dist") == "loadgroup" and not all("@" in name for name in ids):
        pytest.exit("pytest-xdist groups no tests: see pytest in pyproject.toml", returncode=4)
