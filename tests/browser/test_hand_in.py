"""A student looks at the file before handing it in, in JupyterLab: in a copy of the notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
from clicks import NOTEBOOKS, TOKEN, choose_from_menu, kernel_status, needs_chromium, screenshot
from nbformat.v4 import new_code_cell
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = needs_chromium
NAME = "01_theory"
COPY = f"{NAME}-Copy1"
ANSWERS = {
    "taxonomy": "import wandb\ntaxonomy = input('Which? ')",
    "finite-differences": "def finite_differences(f, x):\n    return (f(x",
    "input-gradient": "def input_gradient(*arguments):\n    return gradient_of(*arguments)",
}


def test_a_student_looks_at_a_copy_and_rehearses_it(
    lab: tuple[str, Path], browser: WebDriver
) -> None:
    """The notebook's last cell names the original; the copy in which one works is looked at."""
    address, folder = lab
    notebook = nbformat.read(NOTEBOOKS / f"{NAME}.ipynb", as_version=4)
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}
    for task, source in ANSWERS.items():
        cells[task].source = f"# answer: {task}\n{source}"
    # The look comes first here: the cells that raise would end Run All before it.
    ready = next(i for i, cell in enumerate(notebook.cells) if "import checks" in cell.source)
    looks = [notebook.cells.pop(), new_code_cell(f'checks.rehearse("{NAME}.ipynb")')]
    notebook.cells[ready + 1 : ready + 1] = looks
    nbformat.write(notebook, folder / f"{COPY}.ipynb")
    browser.get(f"{address}/lab/tree/{COPY}.ipynb?token={TOKEN}&reset")
    wait = WebDriverWait(browser, 400)
    wait.until(lambda d: "Idle" in kernel_status(d))
    choose_from_menu(browser, "Run", "Run All Cells")
    shown = wait.until(lambda d: _text_with(d, "Your file and your kernel are as they were"))
    screenshot(browser, "hand_in")
    look = _text_with(browser, "Please mend what is marked by")
    assert f"You work in {COPY}.ipynb, not in {NAME}.ipynb" in look
    assert "✗ taxonomy: `input()` in line 3 waits" in look
    assert "✗ finite-differences: Python cannot run this answer's cell (line 3" in look
    assert "✗ input-gradient: it uses `gradient_of`, which is defined by no cell" in look
    assert "✗ taxonomy raised " in shown and "✗ finite-differences raised SyntaxError" in shown
    assert "✗ input-gradient: its check says: " in shown


def _text_with(driver: WebDriver, words: str) -> str:
    """Return the text of the output that says this; nothing if there is none yet."""
    outputs = driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")
    found = [output for output in outputs if words in output.text]
    if not found:
        return ""
    driver.execute_script("arguments[0].scrollIntoView({block: 'end'})", found[-1])
    return found[-1].text
