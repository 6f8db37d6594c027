"""Whoever marks a report sees its page in formgrader, below the mark scheme; nothing else opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clicks import needs_chromium
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from docs.browser import TOKEN, jupyter_lab

sys.path.insert(0, str(Path(__file__).parents[1] / "autograde"))

import matplotlib.pyplot as plt
from with_report import course_with_report, graded, hand_in, upload

from xaikit import report

NAME = "01_small"

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    figure, axes = plt.subplots(figsize=(8, 3))
    axes.plot([1, 3, 2])
    axes.set(title="A curve", xlabel="pixels", ylabel="probability")
    made = report(
        "What falls when pixels go?",
        names=["Grace Hopper"],
        notebook="https://colab.research.google.com/drive/1x",
        parts=["We took **pixels** away.", (figure, "The *curve*."), "It falls."],
        path=folder / "report.pdf",
    )
    plt.close(figure)
    course = course_with_report(folder / "course")
    content = made.path.read_bytes()
    hand_in(folder / "in", "Grace Hopper", upload(course), report_pdf=content)
    graded(course, folder / "in", folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def address(out: Path) -> Iterator[str]:
    with jupyter_lab(out, {"JUPYTER_CONFIG_DIR": str(out.parent / "config")}) as found:
        yield found


def test_the_marker_sees_the_page_and_gives_points(
    out: Path, address: str, browser: WebDriver
) -> None:
    wait = WebDriverWait(browser, 240)
    browser.get(f"{address}/lab?token={TOKEN}")
    browser.get(f"{address}/formgrader/gradebook/{NAME}/{NAME}")
    links = wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, "tbody td.name a.name-hidden"))
    links[0].click()
    score = wait.until(lambda d: d.find_element(By.ID, "page"))
    body = browser.find_element(By.TAG_NAME, "body").text
    assert score.is_displayed()
    scheme, points = (
        body.index("Three points for the figure."),
        body.index("Three points for the t"),
    )
    assert scheme < points
    (picture,) = browser.find_elements(By.CSS_SELECTOR, "#notebook img")
    # A4 at 150 dots an inch, shown, and read aloud by its own words.
    assert abs(picture.get_property("naturalWidth") - 1240) < 3
    assert abs(picture.get_property("naturalHeight") - 1754) < 3
    assert picture.is_displayed() and picture.size["width"] == 850
    assert "What falls when pixels go?" in picture.get_attribute("alt")
    place = "return arguments[0].getBoundingClientRect().top"
    assert browser.execute_script(place, picture) > 0
    embedded = browser.find_elements(By.CSS_SELECTOR, "#notebook iframe, embed, object")
    assert not embedded and "application/pdf" not in browser.page_source
    if shots := os.environ.get("XAIKIT_SCREENSHOTS"):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", picture)
        browser.save_screenshot(str(Path(shots) / "formgrader-report.png"))
        browser.get((out / "feedback" / "Grace Hopper" / f"{NAME}.html").as_uri())
        (shown,) = browser.find_elements(By.CSS_SELECTOR, "img")
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", shown)
        browser.save_screenshot(str(Path(shots) / "feedback-report.png"))
