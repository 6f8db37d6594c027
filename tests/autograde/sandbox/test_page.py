"""A PDF becomes a picture in the sandbox, or a word that says why not; nothing else comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pdfs
import pytest

from autograde.sandbox import page as module
from autograde.sandbox.page import LIMITS, picture_of
from xaikit.handin.one_page import fault


def opened(content: bytes, **limits: float):
    return picture_of(content, "bubblewrap", (Path.cwd(),), replace(LIMITS, **limits))


def test_the_picture_shows_what_the_page_shows() -> None:
    page = opened(pdfs.pages())
    assert page.pages == 1 and page.fault == ""
    # 200 × 100 points at 150 dots an inch; the rectangle: 20 to 120 across, 10 to 60 up.
    assert page.picture.shape == (209, 417, 3)
    red = (page.picture == [255, 0, 0]).all(2)
    rows, columns = np.nonzero(red)
    for found, points in (
        (columns.min(), 20),
        (columns.max(), 120),
        (rows.min(), 40),
        (rows.max(), 90),
    ):
        assert abs(found - points * 150 / 72) < 2
    assert red.mean() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b"PK\3\4" + b"x" * 100, "no PDF"),
        (b"%PDF-1.7\n" + b"\0" * 500, "damaged"),
        (pdfs.pages()[:120], "damaged"),
        (pdfs.pages(0), "damaged"),
        (pdfs.encrypted(), "encrypted"),
        (b"%PDF-1.7" + bytes(17 << 20), "large"),
    ],
    ids=["empty", "archive", "zeros", "cut", "no page", "encrypted", "large"],
)
def test_what_is_no_page_is_named(content: bytes, fault: str) -> None:
    page = opened(content)
    assert (page.fault, page.picture) == (fault, None)


def test_scripts_programs_and_addresses_in_a_pdf_do_nothing() -> None:
    plain, page = opened(pdfs.pages()), opened(pdfs.with_script())
    assert page.fault == "" and (page.picture == plain.picture).all()


def test_pages_are_counted_and_the_first_is_shown() -> None:
    page = opened(pdfs.pages(3))
    assert page.pages == 3 and page.picture.shape == (209, 417, 3)


@pytest.mark.parametrize("box", [b"0 0 1e9 1e9", b"0 0 0.001 20000", b"200 100 0 0", b"0 0 0 0"])
def test_a_page_of_any_size_becomes_a_small_picture(box: bytes) -> None:
    page = opened(pdfs.pages(box=box))
    assert page.fault == "damaged" or max(page.picture.shape) <= 1800


def test_what_takes_too_much_is_stopped() -> None:
    """Three gigabytes in six megabytes, and a page that is drawn for a million years."""
    assert opened(pdfs.bomb(3000)).fault == "costly"
    assert opened(pdfs.slow(), seconds=2.0).fault == "costly"


RECORD = {
    "fault": "",
    "pages": np.array(1),
    "picture": np.zeros((5, 5, 3), np.uint8),
    "text": "",
    "size": np.array([21.0, 29.7]),
}


@pytest.mark.parametrize(
    "changed",
    [
        {"pages": np.array([1])},
        {"pages": np.array(1.0)},
        {"picture": np.zeros((5, 5))},
        {"picture": np.zeros((9999, 5, 3), np.uint8)},
        {"text": []},
        {"size": np.array([21.0])},
        {"size": np.array([21.0, np.nan])},
        {"size": [21.0, 29.7]},
        {"fault": "<script>"},
    ],
)
def test_a_record_is_believed_by_its_form_only(changed: dict[str, object]) -> None:
    assert module._page(RECORD).size == (21.0, 29.7)
    assert module._page(RECORD | changed) == module.Page("damaged")
    lacking = {key: value for key, value in RECORD.items() if key not in changed}
    assert module._page(lacking) == module._page("page") == module.Page("damaged")


@pytest.mark.parametrize("appearance", [b"", b"/AP << /N 6 0 R >>"], ids=["none", "its own"])
def test_what_is_typed_into_a_form_is_seen(appearance: bytes) -> None:
    """Some programs leave it to the reader to draw the fields."""
    page = opened(pdfs.form(appearance))
    blue = (page.picture[60:, :] == [0, 0, 255]).all(2)
    assert page.fault == "" and "typed" in page.text and blue.sum() > 20


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (b"0 0 595 842", ""),
        (b"0 0 842 1191", ""),
        (b"0 0 612 6000", "22 × 212 cm"),
        (b"0 0 14400 14400", "508 × 508 cm"),
        (b"0 0 0.1 0.1", "0 × 0 cm"),
    ],
    ids=["A4", "A3", "a notebook on one page", "a poster", "a dot"],
)
def test_a_page_that_cannot_be_read_is_named(box: bytes, said: str) -> None:
    sentence = fault(opened(pdfs.pages(box=box)), "report.pdf")
    assert said in sentence and ("make it one page of A4" in sentence) == bool(said)
