"""Fixtures of tests that start sandboxes both ways: forked from a warmed process, and alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograde.sandbox import warm


@pytest.fixture(scope="module")
def forked() -> Iterator[None]:
    """Fork already the first run from a warmed process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm, "PATIENCE", 0)
        yield


@pytest.fixture(scope="module", params=["forked", "alone"])
def start(request: pytest.FixtureRequest, forked: None) -> Iterator[str]:
    """Let runs be forked from a warmed process, or start on their own."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "alone":
            patch.setattr(warm, "PATIENCE", 10**9)
            patch.setattr(warm, "_waiting", [])
        yield request.param
