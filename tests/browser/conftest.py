"""JupyterLab and headless Chromium, each started once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clicks import NOTEBOOKS, TOKEN
from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """JupyterLab on a copy of notebooks/, as `make lab` starts it."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--port=0", "--allow-root"),
            *(f"--notebook-dir={folder}", f"--IdentityProvider.token={TOKEN}"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(folder.parent / "config"),
            "JUPYTER_CONFIG_PATH": str(NOTEBOOKS / ".jupyter"),
        },
    ) as server:
        assert server.stderr is not None
        address = ""
        for line in server.stderr:
            if "http://127.0.0.1:" in line:
                address = "http://127.0.0.1:" + line.split("http://127.0.0.1:")[1].split("/")[0]
                break
        assert address, "JupyterLab did not start"
        yield address, folder
        server.terminate()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1300,1600"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    service = webdriver.ChromeService(shutil.which("chromedriver") or "")
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()
