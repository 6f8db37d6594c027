"""A person marks in nbgrader's formgrader: in headless Chromium, by clicking."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clicks import needs_chromium
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import Select, WebDriverWait

from autograde.model.course_file import read_course
from docs.browser import TOKEN, jupyter_lab

sys.path.insert(0, str(Path(__file__).parents[1] / "autograde"))

from small_course import SOURCE, write_course

from autograde.commands.grade import grade
from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.notebooks.answers import submission
from autograde.notebooks.release import to_json

NAME = "01_small"
COMMENT = "Say where the formula comes from, $n(n-1)/2$.\n</script><b>Then</b> & only then…"
FIGURE = """
# %% nbgrader={"grade_id": "given-figure"}
from PIL import Image
Image.new("RGB", (60, 40), "steelblue")

# %% [markdown] nbgrader={"grade_id": "why\""""
ACTING = """

[paper](https://arxiv.org/abs/1703.01365), [a](javascript:alert(1)), [b](data:text/html,b),
[c](&#106;avascript:alert(1)), [d][e], ![f [g](javascript:alert(1))](http://127.0.0.1:9/x.png),
$\\href{javascript:alert(1)}{h}$, `i`, <img src="http://127.0.0.1:9/y.png">

```mermaid
<img src="http://127.0.0.1:9/z.png">
```

[e]: javascript:alert(1)
"""

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Course, Path, Path]:
    """A class of two, graded with pseudonyms; each answer would write a file if it were run."""
    folder = tmp_path_factory.mktemp("formgrader")
    source = SOURCE.replace('\n# %% [markdown] nbgrader={"grade_id": "why"', FIGURE)
    source = source.replace("the formula, two points", "the formula,\n# two points")
    course = write_course(folder / "course", source)
    course.file.write_text(course.file.read_text() + "\n[grading]\nanonymous = true\n")
    course = read_course(course.file)
    load_assignment.cache_clear()
    assignment = load_assignment(NAME, course.file)
    file = str(folder / "ran")
    trap = f"\ntry:\n    open({file!r}, 'w').close()\nexcept OSError:\n    pass"
    for student in ("Group 1", "Grace Hopper"):
        solutions = assignment.solutions
        texts = {**solutions, "total": solutions["total"] + trap, "why": solutions["why"] + ACTING}
        handed = folder / "submissions" / student / f"{NAME}.ipynb"
        handed.parent.mkdir(parents=True)
        handed.write_text(to_json(submission(assignment.released, texts)), encoding="utf-8")
    out = folder / "graded"
    grade(folder / "submissions", course, out, jobs=2, say=lambda line: None)
    assert not (folder / "ran").exists()
    return course, folder / "submissions", out


@pytest.fixture(scope="module")
def address(graded: tuple[Course, Path, Path]) -> Iterator[str]:
    """JupyterLab in the folder of results, as the README says."""
    _, _, out = graded
    with jupyter_lab(out, {"JUPYTER_CONFIG_DIR": str(out.parent / "config")}) as found:
        yield found


def test_a_person_marks_and_grading_again_keeps_it(
    graded: tuple[Course, Path, Path], address: str, browser: WebDriver
) -> None:
    """From the list to a submission, points and comment, the next one, and back."""
    course, submissions, out = graded
    wait = WebDriverWait(browser, 240)
    browser.get(f"{address}/lab?token={TOKEN}")  # logs in, and gives the cookie that pages need
    browser.get(f"{address}/formgrader/gradebook/{NAME}/{NAME}")
    links = wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, "tbody td.name a.name-hidden"))
    shot(browser, "gradebook")
    assert len(links) == 2
    assert not any(name in browser.page_source for name in ("Grace", "Hopper", "Group 1"))
    links[0].click()
    score = wait.until(lambda d: d.find_element(By.ID, "why"))
    wait.until(lambda d: d.find_element(By.ID, "why-comment").get_attribute("placeholder"))
    page = browser.find_element(By.TAG_NAME, "body").text
    assert "Two points for the formula,\ntwo points" in page, "the mark scheme keeps its lines"
    # What waits is shown, and a click shows the rest.
    assert "1 answer waits here; 1 more submission waits." in page
    assert score.is_displayed() and not browser.find_element(By.ID, "double-test").is_displayed()
    browser.find_element(By.ID, "waiting-all").click()
    assert browser.find_element(By.ID, "double-test").is_displayed()
    browser.find_element(By.ID, "waiting-all").click()
    assert not browser.find_elements(By.CSS_SELECTOR, "select.used-before")
    assert "Because the sum of the first n numbers" in page
    pictures = browser.find_elements(By.CSS_SELECTOR, "#notebook img")
    assert [p.get_property("naturalWidth") for p in pictures] == [60]
    links = browser.find_elements(By.CSS_SELECTOR, "#notebook .nbgrader_cell a[href]")
    links = [a for a in links if not a.get_attribute("href").startswith(f"{address}/formgrader")]
    assert {a.get_attribute("href") for a in links} == {
        "https://arxiv.org/abs/1703.01365",
        *(f"http://127.0.0.1:9/{name}.png" for name in "xy"),
    }, "what is followed leads to web pages, and only pictures of the notebook are shown"
    name = re.search(r"student-[0-9a-f]{12}", browser.page_source)
    assert name and not any(n in browser.page_source for n in ("Grace", "Hopper", "Group 1"))
    score.send_keys("3.5")
    said = browser.find_element(By.ID, "why-comment")
    said.send_keys(COMMENT)
    browser.execute_script("arguments[0].blur()", said)  # leaving a field saves it
    shot(browser, "submission")
    wait.until(lambda _: stored(out) == [("3.5", COMMENT)], f"{stored(out)}")

    first = browser.current_url
    browser.find_element(By.CSS_SELECTOR, "a.next-waiting").click()
    wait.until(lambda d: d.current_url != first and d.find_elements(By.ID, "why"))
    # The comment is offered again, with what it holds of TeX and HTML.
    wait.until(lambda d: d.find_element(By.ID, "why-comment").get_attribute("placeholder"))
    used = browser.find_element(By.CSS_SELECTOR, "select.used-before")
    Select(used).select_by_index(1)
    shot(browser, "offered")
    assert browser.find_element(By.ID, "why-comment").get_attribute("value") == COMMENT
    wait.until(lambda _: comments(out) == [COMMENT, COMMENT])
    browser.get(first)
    wait.until(lambda d: d.find_element(By.ID, "why").get_attribute("value") == "3.5")
    assert browser.find_element(By.ID, "why-comment").get_attribute("value") == COMMENT

    grade(submissions, course, out, say=lambda line: None)
    owners = {r["pseudonym"]: r["student"] for r in rows(out / "pseudonyms.csv")}
    who = owners[name[0]]
    members = course.members(who)
    marks = {r["student"]: (r["score"], r["status"]) for r in rows(out / "grades.csv")}
    assert {marks[m] for m in members} == {("8.5", "graded")}
    assert {m for s, m in marks.items() if s not in members} == {("5", "manual_pending")}
    feedback = (out / "feedback" / who / f"{NAME}.html").read_text(encoding="utf-8")
    assert "Say where the formula comes from" in feedback
    assert "<math" in feedback and "$n" not in feedback, "formulas are set"
    browser.get((out / "feedback" / who / f"{NAME}.html").as_uri())
    shot(browser, "feedback")
    browser.get((out / "report.html").as_uri())
    shot(browser, "report")
    assert "Two points for" not in (out / "feedback" / who / f"{NAME}.html").read_text("utf-8")
    report = (out / "report.html").read_text(encoding="utf-8")
    assert who in report and "8.5" in report
    assert stored(out) == [("3.5", COMMENT)]


def test_no_button_runs_a_submission(
    graded: tuple[Course, Path, Path], address: str, browser: WebDriver
) -> None:
    """The list shows what was handed in; autograde, assign and validate refuse and say why."""
    _, _, out = graded
    wait = WebDriverWait(browser, 240)
    browser.get(f"{address}/lab?token={TOKEN}")
    browser.get(f"{address}/formgrader/manage_assignments")
    count = wait.until(lambda d: d.find_element(By.CSS_SELECTOR, "td.num-submissions a"))
    shot(browser, "assignments")
    assert count.text == "2"
    count.click()
    buttons = wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, "td.autograde a"))
    shot(browser, "submissions")
    assert "needs autograding" not in browser.page_source
    before = folder_content(out)
    buttons[0].click()
    dialog = wait.until(
        lambda d: next((e for e in d.find_elements(By.CSS_SELECTOR, ".modal.in") if e.text), None)
    )
    wait.until(lambda _: "only in the sandbox" in dialog.text)
    shot(browser, "refusal")
    assert "error autograding" in dialog.text

    student = next((out / "autograded").iterdir()).name
    for path in (
        f"formgrader/api/submission/{NAME}/{student}/autograde",
        f"formgrader/api/assignment/{NAME}/assign",
        f"assignments/validate?path=autograded/{student}/{NAME}/{NAME}.ipynb",
        f"assignments/validate?path=source/{NAME}/{NAME}.ipynb",
    ):
        answer = post(browser, f"{address}/{path}")
        assert answer["success"] is False, path
        assert "sandbox" in str(answer) or "autograde release" in str(answer), path
    assert not (out.parent / "ran").exists()
    assert folder_content(out) == before


def post(driver: WebDriver, url: str) -> dict[str, Any]:
    """Return what the server answers to a click's request, in the page's own session."""
    script = """
        const done = arguments[1], xsrf = document.cookie.match(/_xsrf=([^;]+)/)[1];
        fetch(arguments[0], {method: "POST", headers: {"X-XSRFToken": xsrf}})
            .then(r => r.text()).then(done).catch(e => done(String(e)));
    """
    answer: dict[str, Any] = json.loads(driver.execute_async_script(script, url))
    return answer


def stored(out: Path) -> list[tuple[str, str]]:
    """Return the marks and comments that nbgrader exports as given by hand."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        notebooks = gradebook.notebook_submissions(NAME, NAME)
        return [
            (str(grade.manual_score), comment.manual_comment)
            for n in notebooks
            for grade in n.grades
            for comment in n.comments
            if grade.manual_score is not None and comment.name == grade.name
        ]


def comments(out: Path) -> list[str]:
    """Return all comments on the text answer."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        found = [c for n in gradebook.notebook_submissions(NAME, NAME) for c in n.comments]
        return [c.manual_comment for c in found if c.name == "why" and c.manual_comment]


def folder_content(out: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(out)): p.read_bytes()
        for kind in ("autograded", "release", "source")
        for p in sorted((out / kind).rglob("*"))
        if p.is_file()
    } | {"gradebook.db": (out / "gradebook.db").read_bytes()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shot(driver: WebDriver, name: str) -> None:
    if shots := os.environ.get("XAIKIT_SCREENSHOTS"):
        Path(shots).mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(Path(shots) / f"formgrader-{name}.png"))
