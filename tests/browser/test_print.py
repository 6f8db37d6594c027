"""On paper nothing is cut: the feedback page, and what JupyterLab's File → Print makes."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import nbformat
import pytest
from clicks import TOKEN, needs_chromium
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from autograde.model.records import SubmissionResult, TaskResult
from autograde.reports.feedback import feedback_html
from tests.sheets import COURSE

pytestmark = needs_chromium

PAPER = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
"""A4 in CSS pixels, without margins of 1 cm."""

CUT = """
return [...document.body.querySelectorAll("*")].filter(element => {
  const box = element.getBoundingClientRect(), style = getComputedStyle(element);
  const hidden = (over, whole, part) => over !== "visible" && whole > part + 1;
  return box.width && box.height && (
    box.right > document.documentElement.clientWidth + 1
    || hidden(style.overflowX, element.scrollWidth, element.clientWidth)
    || hidden(style.overflowY, element.scrollHeight, element.clientHeight)
  );
}).map(element => `${element.tagName} ${element.className}: ${element.textContent.slice(0, 60)}`)
"""
"""What reaches over the paper's edge, or is larger than the box that shows it."""


def wide_picture() -> str:
    """Return a picture that is wider than the paper, as base64."""
    file = io.BytesIO()
    Image.new("RGB", (1400, 300), "steelblue").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    """A notebook in which everything is wide or long."""
    columns = ["method", "what an input is compared with", "gradients", "cost", "adds up to"]
    columns += ["you choose", r"beware $\\sum_i \\phi_i = f(x) - f(x')$", "known since", "library"]
    rule = "|".join("---" for _ in columns)
    table = "\n".join(
        [f"| {' | '.join(columns)} |", f"|{rule}|", *[f"| {' | '.join(columns)} |"] * 3]
    )
    long_line = "values = combined(" + ", ".join(f"argument_{i}=value_{i}" for i in range(12)) + ")"
    figure = new_output(
        "display_data",
        {"image/png": wide_picture()},
        metadata={"image/png": {"alt": 'Figure: a "wide" <picture>'}},
    )
    said = new_output("stream", text="\n".join(["x" * 300, *map(str, range(80))]))
    folded = new_code_cell(f"#@title Check of Task 1: a <wide> case\n{long_line}\nunseen = 1")
    folded.metadata["jupyter"] = {"source_hidden": True}
    numbered = new_code_cell("1", execution_count=1234)
    return new_notebook(
        cells=[
            new_markdown_cell(f"# Wide\n\n{table}\n\n$$\\frac{{a}}{{b}} = \\sum_{{i=1}}^n x_i$$"),
            new_code_cell(long_line, outputs=[said, figure]),
            folded,
            numbered,
        ]
    )


def on_paper(browser: WebDriver, address: str) -> list[str]:
    """Open a page as it is printed, and return what is cut."""
    browser.get(address)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})  # type: ignore[attr-defined]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PAPER)  # type: ignore[attr-defined]
    cut: list[str] = browser.execute_script(CUT)
    return cut


@pytest.fixture(autouse=True)
def back_on_screen(browser: WebDriver) -> Any:
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})  # type: ignore[attr-defined]
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})  # type: ignore[attr-defined]


def test_what_is_cut_is_found(browser: WebDriver, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<pre style='overflow: hidden'>" + "long " * 99 + "</pre><b style='width: 999px; "
        "display: inline-block'>wide</b><p style='height: 9px; overflow: auto'>deep<br>down</p>ok"
    )
    assert [what.partition(" ")[0] for what in on_paper(browser, f"file://{page}")] == [
        "PRE",
        "B",
        "P",
    ]


def test_a_feedback_page(
    browser: WebDriver, notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    message = "`grid['integrated_gradients']` should be an array of shape (2, 4, 1, 28, 28). " * 3
    tasks = [TaskResult(f"task-{i}", 0.5, 2.0, message) for i in range(20)]
    result = SubmissionResult("anna", "01_theory", "graded", tasks, notebook=dict(notebook))
    page = tmp_path / "anna.html"
    page.write_text(feedback_html(result, COURSE), encoding="utf-8")
    assert on_paper(browser, f"file://{page}") == []
    # The table of tasks begins on the first page: rows stay whole, the card need not.
    assert browser.find_element(By.ID, "tasks").location["y"] < PAPER["height"] / 2


def test_what_jupyterlab_prints(
    lab: tuple[str, Path], browser: WebDriver, notebook: nbformat.NotebookNode
) -> None:
    """File → Print shows this page, and File → Save and Export → HTML saves it."""
    address, folder = lab
    nbformat.write(notebook, folder / "wide.ipynb")
    assert on_paper(browser, f"{address}/nbconvert/html/wide.ipynb?token={TOKEN}") == []
    body = browser.find_element(By.TAG_NAME, "main").text
    assert "Check of Task 1: a <wide> case" in body and "unseen" not in body
    texts = [i.get_attribute("alt") for i in browser.find_elements(By.TAG_NAME, "img")]
    assert texts == ['Figure: a "wide" <picture>']
