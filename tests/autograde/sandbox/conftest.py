"""Zygotes that start at once, with few imports."""

from __future__ import annotations

import pytest

from autograde.sandbox import zygotes


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork already the first run, from a process with fewer imports, which is there sooner."""
    monkeypatch.setattr(zygotes, "PATIENCE", 0)
    monkeypatch.setattr(zygotes, "_IMPORTED", (*zygotes._IMPORTED[:2], "numpy"))
