"""A student opens a notebook in JupyterLab and runs it: in headless Chromium, by clicking."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TOKEN = "tests"

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromedriver") and shutil.which("chromium")),
    reason="needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
)


@pytest.fixture(scope="module")
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
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(folder.parent / "config")},
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


@pytest.fixture(scope="module")
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


@pytest.mark.parametrize("name", sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
def test_a_student_opens_a_notebook_and_runs_it(
    lab: tuple[str, Path], browser: WebDriver, name: str
):
    address, folder = lab
    browser.get(f"{address}/lab/tree/{name}.ipynb?token={TOKEN}&reset")
    wait = WebDriverWait(browser, 90)
    title = wait.until(lambda d: d.find_element(By.CSS_SELECTOR, ".jp-Notebook h1"))
    assert name[:2] in title.text
    assert browser.find_element(By.CSS_SELECTOR, ".jp-Notebook img[src*='colab']")
    wait.until(lambda d: "Idle" in _kernel_status(d))
    _menu(browser, "Run", "Run All Cells")
    # A failing visible check stops "Run All", as it should: the first task is not answered yet.
    output = wait.until(lambda d: _failed_check(d))
    assert "Traceback" not in output
    if shots := os.environ.get("XAIKIT_SCREENSHOTS"):
        Path(shots).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(shots) / f"{name}.png"))
    _menu(browser, "File", "Save Notebook")
    saved = wait.until(lambda _: _outputs(folder / f"{name}.ipynb"))
    assert saved[0]["output_type"] != "error"


def _kernel_status(driver: WebDriver) -> str:
    icons = driver.find_elements(By.CSS_SELECTOR, "[data-status]")
    titles = driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook-ExecutionIndicator")
    return " ".join(i.get_attribute("data-status").capitalize() for i in [*titles, *icons])


def _menu(driver: WebDriver, menu: str, entry: str) -> None:
    wait = WebDriverWait(driver, 30)
    for selector, text in ((".lm-MenuBar-itemLabel", menu), (".lm-Menu-itemLabel", entry)):
        item = wait.until(
            lambda d, s=selector, t=text: next(
                (e for e in d.find_elements(By.CSS_SELECTOR, s) if e.text == t), None
            )
        )
        item.click()


def _failed_check(driver: WebDriver) -> str:
    found = driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output[data-mime-type$='stderr']")
    return next((output.text for output in found if "✗" in output.text), "")


def _outputs(path: Path) -> list[dict[str, object]]:
    notebook = nbformat.read(path, as_version=4)
    return [o for cell in notebook.cells for o in cell.get("outputs", [])]
