"""What the tests of pages share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from docs.browser import TOKEN, choose_from_menu, has_chromium, kernel_status

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
__all__ = ["TOKEN", "choose_from_menu", "kernel_status"]

needs_chromium = pytest.mark.skipif(
    not has_chromium(),
    reason="needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
)


def screenshot(driver: WebDriver, name: str) -> None:
    """Keep what the browser shows, in the folder that XAIKIT_SCREENSHOTS names, if any."""
    if shots := os.environ.get("XAIKIT_SCREENSHOTS"):
        Path(shots).mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(Path(shots) / f"{name}.png"))
