"""JupyterLab and headless Chromium, started for a while: by the site's tour, and by tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

TOKEN = "here"


def has_chromium() -> bool:
    """Return whether Chromium can be driven."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextmanager
def jupyter_lab(folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Serve a folder by JupyterLab, with :data:`TOKEN`, and give its address.

    Parameters
    ----------
    folder
        Where it starts, and what it shows.
    settings
        Variables of its environment, such as ``JUPYTER_CONFIG_DIR``.
    """
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--port=0", "--allow-root"),
            f"--IdentityProvider.token={TOKEN}",
        ],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings},
    ) as server:
        assert server.stderr is not None
        found = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in server.stderr)
        address = next(filter(None, found), None)
        if address is None:
            raise RuntimeError("JupyterLab did not start.")
        # Unread, what the server says would fill the pipe, and it would wait.
        drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
        try:
            yield address[0]
        finally:
            server.terminate()
            drain.wait(120)


@contextmanager
def chromium(profile: Path, width: int = 1300, height: int = 1600) -> Iterator[WebDriver]:
    """Start headless Chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    size = f"--window-size={width},{height}"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", size):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver") or "")
    )
    try:
        yield driver
    finally:
        driver.quit()


def kernel_status(driver: WebDriver) -> str:
    """Return what JupyterLab says of the kernel, such as ``Idle``."""
    icons = driver.find_elements(By.CSS_SELECTOR, "[data-status]")
    titles = driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook-ExecutionIndicator")
    return " ".join(str(i.get_attribute("data-status")).capitalize() for i in [*titles, *icons])


def choose_from_menu(driver: WebDriver, menu: str, *entries: str) -> None:
    """Click an entry of JupyterLab's menu, or of a menu in it."""
    wait = WebDriverWait(driver, 240)
    selectors = [".lm-MenuBar-itemLabel", *[".lm-Menu-itemLabel"] * len(entries)]
    for selector, text in zip(selectors, (menu, *entries), strict=True):
        wait.until(partial(_entry, selector, text)).click()


def _entry(selector: str, text: str, driver: WebDriver) -> WebElement | Literal[False]:
    found = driver.find_elements(By.CSS_SELECTOR, selector)
    return next((entry for entry in found if entry.text == text), False)
