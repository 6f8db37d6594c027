"""Fixtures of tests that start sandboxes both ways: forked from a zygote, and alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograde.sandbox import zygotes


@pytest.fixture(scope="module")
def forked() -> Iterator[None]:
    """Fork already the first run from a zygote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zygotes, "PATIENCE", 0)
        yield


@pytest.fixture(scope="module", params=["forked", "alone"])
def start(request: pytest.FixtureRequest, forked: None) -> Iterator[str]:
    """Let runs be forked from a zygote, or start on their own."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "alone":
            patch.setattr(zygotes, "PATIENCE", 10**9)
            patch.setattr(zygotes, "_waiting", [])
        yield request.param
