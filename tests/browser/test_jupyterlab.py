"""A student opens a notebook in JupyterLab and runs it: in headless Chromium, by clicking."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from clicks import NOTEBOOKS, TOKEN, choose_from_menu, kernel_status, needs_chromium, screenshot
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = needs_chromium


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (number > 0))
        for number, name in enumerate(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
    ],
)
def test_a_student_opens_a_notebook_and_runs_it(
    lab: tuple[str, Path], browser: WebDriver, name: str
):
    address, folder = lab
    browser.get(f"{address}/lab/tree/{name}.ipynb?token={TOKEN}&reset")
    wait = WebDriverWait(browser, 240)
    title = wait.until(lambda d: d.find_element(By.CSS_SELECTOR, ".jp-Notebook h1"))
    assert name[:2] in title.text
    assert browser.find_element(By.CSS_SELECTOR, ".jp-Notebook img[src*='colab']")
    wait.until(lambda d: "Idle" in kernel_status(d))
    choose_from_menu(browser, "Run", "Run All Cells")
    # A failing visible check stops "Run All", as it should: the first task is not answered yet.
    output = wait.until(lambda d: _failed_check(d))
    assert "Traceback" not in output
    screenshot(browser, name)
    choose_from_menu(browser, "File", "Save Notebook")
    saved = wait.until(lambda _: _outputs(folder / f"{name}.ipynb"))
    assert saved[0]["output_type"] != "error"


def _failed_check(driver: WebDriver) -> str:
    found = driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output[data-mime-type$='stderr']")
    return next((output.text for output in found if "✗" in output.text), "")


def _outputs(path: Path) -> list[dict[str, object]]:
    notebook = nbformat.read(path, as_version=4)
    return [o for cell in notebook.cells for o in cell.get("outputs", [])]
