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
NAME = "03_adversarial_attacks"
KEPT = ("count", "given-imports")


def test_a_student_looks_at_a_copy_and_rehearses_it(
    lab: tuple[str, Path], browser: WebDriver
) -> None:
    """The notebook's last cell names the original; the copy in which one works is looked at."""
    address, folder = lab
    copy = f"{NAME}-Copy1"
    notebook = nbformat.read(NOTEBOOKS / f"{NAME}.ipynb", as_version=4)
    by_id = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}
    by_id["count"].source = "# answer: count\nimport wandb\nresult = input('Which?')"
    by_id["fgsm"].source = "# answer: fgsm\ndef fgsm(:\n    return x"
    # Few cells, so that neither Run All nor the rehearsal takes long.
    last = notebook.cells[-1]
    kept = [by_id["given-imports"], by_id["count"], by_id["fgsm"]]
    imports = next(c for c in notebook.cells if "import checks" in c.source or "xaikit" in c.source)
    notebook.cells = [*dict.fromkeys([imports.id]), *()] and [imports, *kept, last]
    notebook.cells.append(new_code_cell(f'checks.rehearse("{NAME}.ipynb")'))
    nbformat.write(notebook, folder / f"{copy}.ipynb")
    browser.get(f"{address}/lab/tree/{copy}.ipynb?token={TOKEN}&reset")
    wait = WebDriverWait(browser, 240)
    wait.until(lambda d: "Idle" in kernel_status(d))
    choose_from_menu(browser, "Run", "Run All Cells")
    shown = wait.until(lambda d: _says(d, "Your file and your kernel are as they were"))
    screenshot(browser, "hand_in")
    assert f"You work in {copy}.ipynb, not in {NAME}.ipynb" in shown
