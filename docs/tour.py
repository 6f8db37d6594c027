"""Takes the tour's pictures: of what grading writes, and of what students and markers click."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nbformat
from PIL import Image
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from autograde.commands.demo import demo
from autograde.model.course import Course
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.release import to_json
from autograde.notebooks.source import find_source
from autograde.reports.tables import marks_table
from autograde.sandbox.isolation import Isolation
from docs.browser import TOKEN, choose_from_menu, chromium, jupyter_lab, kernel_status
from docs.example import NAME, grade_example, write_example

Say = Callable[[str], object]

PICTURES = ("check", "explorer", "report", "tasks", "feedback", "formgrader")
"""The names of the pictures, in the tour's order."""

MARKS = "marks.txt"
"""The file beside the pictures that holds the marks which ``make demo`` prints."""

_WIDE, _HIGH = 1280, 900
_PASSING = (NoSuchElementException, StaleElementReferenceException)


def take_pictures(course: Course, demo_out: Path, folder: Path, say: Say) -> None:
    """Grade the bundled class and an example, and take the pictures.

    Parameters
    ----------
    course
        The course.
    demo_out
        Where ``autograde demo`` writes; what is graded there is not graded again.
    folder
        Where pictures and the table of marks are written.
    say
        Takes a line of progress.
    """
    results, hostile = demo(course, demo_out, None, say)
    isolation: Isolation = "none" if hostile else "bubblewrap"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKS).write_text(marks_table(results, course) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        example = write_example(Path(place) / "course", course, say)
        graded = Path(place) / "graded"
        grade_example(example, graded, isolation, say)
        say("Pictures: starting Chromium and JupyterLab")
        with chromium(Path(place) / "profile", _WIDE, _HIGH) as driver:
            _of_pages(driver, demo_out, graded, folder)
            say("Pictures: of the report and of the feedback")
            _of_formgrader(driver, graded, Path(place) / "config", folder)
            say("Pictures: of formgrader")
            _of_a_student(driver, course, example, Path(place), folder)
            say("Pictures: of a check and of the explorer")


def _of_pages(driver: WebDriver, demo_out: Path, graded: Path, folder: Path) -> None:
    report = (demo_out / "report.html").resolve().as_uri()
    driver.get(report)
    _take(driver, folder, "report")
    driver.get(f"{report}#tasks")
    _take(driver, folder, "tasks")
    driver.get((graded / "feedback" / "Alan Turing" / f"{NAME}.html").as_uri())
    _take(driver, folder, "feedback")


def _of_formgrader(driver: WebDriver, graded: Path, config: Path, folder: Path) -> None:
    wait = WebDriverWait(driver, 240, ignored_exceptions=_PASSING)
    with jupyter_lab(graded, {"JUPYTER_CONFIG_DIR": str(config)}) as address:
        driver.get(f"{address}/lab?token={TOKEN}")  # logs in
        driver.get(f"{address}/formgrader/gradebook/{NAME}/{NAME}")
        links = wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, "tbody td.name a"))
        for page in [str(link.get_attribute("href")) for link in links]:  # in no known order
            driver.get(page)
            score = wait.until(lambda d: d.find_element(By.ID, "choice"))
            comment = driver.find_element(By.ID, "choice-comment")
            wait.until(partial(_offers_comment, comment))
            if "black sole" in driver.find_element(By.TAG_NAME, "body").text:
                break
        score.send_keys("3")
        comment.send_keys("A good example.")
        driver.execute_script("arguments[0].scrollIntoView({block: 'end'})", score)
        _take(driver, folder, "formgrader")


def _of_a_student(
    driver: WebDriver, course: Course, example: Course, place: Path, folder: Path
) -> None:
    """Take pictures of a check that an answer fails, and of the explorer."""
    notebooks = place / "notebooks"
    notebooks.mkdir()
    released = nbformat.read(example.folder / "notebooks" / f"{NAME}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    answers = load_answers(find_source(example.folder / "solutions", NAME))
    mistaken = submission(released, {"contributions": answers["contributions"]["wrong"]})
    (notebooks / f"{NAME}.ipynb").write_text(to_json(mistaken), encoding="utf-8")
    cell = nbformat.v4.new_code_cell("from xaikit.widgets import explorer\n\nexplorer()")  # type: ignore[no-untyped-call]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=kernel)  # type: ignore[no-untyped-call]
    (notebooks / "explorer.ipynb").write_text(to_json(notebook), encoding="utf-8")
    quiet = place / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    settings = {
        "JUPYTERLAB_SETTINGS_DIR": str(place / "settings"),
        "JUPYTER_CONFIG_DIR": str(place / "student"),
        "JUPYTER_CONFIG_PATH": str(course.folder / "notebooks" / ".jupyter"),
    }
    with jupyter_lab(notebooks, settings) as address:
        _run_all(driver, f"{address}/lab/tree/{NAME}.ipynb?token={TOKEN}&reset")
        said = "Together the features should contribute"
        wait = WebDriverWait(driver, 240, ignored_exceptions=_PASSING)
        found = wait.until(lambda d: _output_with(d, said))
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        _take(driver, folder, "check")
        driver.set_window_size(_WIDE, 1100)
        _run_all(driver, f"{address}/lab/tree/explorer.ipynb?token={TOKEN}&reset")
        wait.until(lambda d: "Done." in d.find_element(By.CSS_SELECTOR, ".xaikit-status").text)
        _take(driver, folder, "explorer")


def _run_all(driver: WebDriver, address: str) -> None:
    """Open a notebook in JupyterLab without the list of files beside it, and run it."""
    driver.get(address)
    wait = WebDriverWait(driver, 240, ignored_exceptions=_PASSING)
    # A cell that runs before the notebook is drawn and its kernel there does nothing at all.
    wait.until(lambda d: d.find_element(By.CSS_SELECTOR, ".jp-CodeCell").text)
    wait.until(lambda d: "Idle" in kernel_status(d))
    if driver.find_elements(By.CSS_SELECTOR, "#jp-left-stack:not(.lm-mod-hidden)"):
        driver.find_element(By.CSS_SELECTOR, ".jp-SideBar.jp-mod-left .lm-mod-current").click()
    choose_from_menu(driver, "Run", "Run All Cells")


def _offers_comment(field: WebElement, _: WebDriver) -> bool:
    return bool(field.get_attribute("placeholder"))


def _output_with(driver: WebDriver, words: str) -> object:
    outputs = driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")
    return next((output for output in outputs if words in output.text), None)


def _take(driver: WebDriver, folder: Path, name: str) -> None:
    """Write what the browser shows, in few colours: a third of the bytes, and no difference."""
    time.sleep(1)  # what moves, such as a fading message, comes to rest
    raw = folder / f"{name}.raw.png"
    driver.save_screenshot(str(raw))
    with Image.open(raw) as shown:
        shown.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            folder / f"{name}.png", optimize=True
        )
    raw.unlink()


def missing_programs() -> list[str]:
    """Return what the pictures need and this machine lacks."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
