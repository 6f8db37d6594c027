"""What a user does in JupyterLab, as functions of the browser."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TOKEN = "tests"

needs_chromium = pytest.mark.skipif(
    not (shutil.which("chromedriver") and shutil.which("chromium")),
    reason="needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
)


def kernel_status(driver: WebDriver) -> str:
    icons = driver.find_elements(By.CSS_SELECTOR, "[data-status]")
    titles = driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook-ExecutionIndicator")
    return " ".join(i.get_attribute("data-status").capitalize() for i in [*titles, *icons])


def choose_from_menu(driver: WebDriver, menu: str, *entries: str) -> None:
    wait = WebDriverWait(driver, 240)
    selectors = [".lm-MenuBar-itemLabel", *[".lm-Menu-itemLabel"] * len(entries)]
    for selector, text in zip(selectors, (menu, *entries), strict=True):
        item = wait.until(
            lambda d, s=selector, t=text: next(
                (e for e in d.find_elements(By.CSS_SELECTOR, s) if e.text == t), None
            )
        )
        item.click()


def screenshot(driver: WebDriver, name: str) -> None:
    """Keep what the browser shows, in the folder that XAIKIT_SCREENSHOTS names, if any."""
    if shots := os.environ.get("XAIKIT_SCREENSHOTS"):
        Path(shots).mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(Path(shots) / f"{name}.png"))
