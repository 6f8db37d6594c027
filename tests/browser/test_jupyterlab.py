"""A student opens a notebook in JupyterLab and runs it: in headless Chromium, by clicking."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
import requests
from clicks import TOKEN, choose_from_menu, kernel_status, needs_chromium, screenshot
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.sheets import MARKED

pytestmark = needs_chromium


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (number > 0))
        for number, name in enumerate(MARKED)
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
    page = browser.find_element(By.TAG_NAME, "body").text
    assert not {"Nbgrader", "Validate", "Create Assignment"} & {*page.split("\n")}
    first, check = wait.until(
        lambda d: (
            len(found := d.find_elements(By.CSS_SELECTOR, ".jp-InputPlaceholder")) > 1 and found[:2]
        )
    )
    assert first.text.startswith("#@title Given: in Colab this installs the course's package")
    assert re.match(r"#@title Check (and plot )?of Task \d+: ", check.text)
    choose_from_menu(browser, "Run", "Run All Cells")
    # No task is answered yet: each check says so, and the next cells run all the same.
    few = 20 if name.startswith("01") else 2
    failed = wait.until(lambda d: len(found := _failed_checks(d)) >= few and found)
    assert all(text.startswith("✗") and "Traceback" not in text for text in failed)
    screenshot(browser, name)
    choose_from_menu(browser, "File", "Save Notebook")
    # For a moment the file that is being written is empty.
    written = WebDriverWait(browser, 240, ignored_exceptions=[nbformat.reader.NotJSONError])
    saved = written.until(lambda _: _outputs(folder / f"{name}.ipynb"))
    assert "error" not in {output["output_type"] for output in saved}
    end_kernels(address)  # the rest of the notebook takes a minute or two


def end_kernels(address: str) -> None:
    ask = {"headers": {"Authorization": f"token {TOKEN}"}, "timeout": 60}
    for kernel in requests.get(f"{address}/api/kernels", **ask).json():
        requests.delete(f"{address}/api/kernels/{kernel['id']}", **ask)


def _failed_checks(driver: WebDriver) -> list[str]:
    found = driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output [role='alert']")
    return [output.text for output in found]


def _outputs(path: Path) -> list[dict[str, object]]:
    notebook = nbformat.read(path, as_version=4)
    return [o for cell in notebook.cells for o in cell.get("outputs", [])]
