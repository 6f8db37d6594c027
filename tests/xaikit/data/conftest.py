"""What the tests of the data share: a machine that has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torchvision

from data.idx_files import publish, tiny_contents
from xaikit.data import idx_sets, places


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be on a machine without data, variable, cache, Debian package or network."""
    for variable in ("XAIKIT_DATA", "XAIKIT_OFFLINE"):  # Grading in this process sets both.
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    for kind in (torchvision.datasets.FashionMNIST, torchvision.datasets.MNIST):
        # Port 9 (discard) of this machine: refused at once.
        monkeypatch.setattr(kind, "mirrors", ["http://127.0.0.1:9/"])
    publish(monkeypatch, tiny_contents(), debian=tmp_path / "debian")
    places.download.cache_clear()
    idx_sets._announce_sample.cache_clear()
    yield tmp_path
    places.download.cache_clear()
    idx_sets._announce_sample.cache_clear()
