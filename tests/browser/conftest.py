"""JupyterLab and headless Chromium, each started once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from clicks import NOTEBOOKS
from selenium.webdriver.remote.webdriver import WebDriver

from docs.browser import chromium, jupyter_lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """JupyterLab on a copy of notebooks/, as `make lab` starts it."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    settings = {
        "JUPYTER_CONFIG_DIR": str(folder.parent / "config"),
        "JUPYTER_CONFIG_PATH": str(NOTEBOOKS / ".jupyter"),
    }
    with jupyter_lab(folder, settings) as address:
        yield address, folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver
