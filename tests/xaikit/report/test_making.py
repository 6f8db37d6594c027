"""The one-page report: what it shows, what it refuses, and that it is the same each time."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pypdfium2
import pytest
import torch
from PIL import Image

from xaikit import report
from xaikit.report import ReportError, making

LINK = "https://colab.research.google.com/drive/1x?usp=sharing#cell"


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "group_size", lambda: 3)


@pytest.fixture
def figure():
    drawn, axes = plt.subplots(figsize=(8, 3))
    axes.plot([1, 3, 2])
    axes.set(title="Zürich, a curve", xlabel="pixels", ylabel="probability")
    yield drawn
    plt.close(drawn)


def made(folder: Path, **changed: object):
    given = {"title": "A title", "names": ["Ada Lovelace"], "notebook": LINK, "parts": ["A text."]}
    return report(**{**given, "path": folder / "report.pdf", **changed})


def text_of(path: Path) -> str:
    document = pypdfium2.PdfDocument(path)
    assert len(document) == 1
    return document[0].get_textpage().get_text_bounded().replace("\r\n", "\n")


def test_names_of_all_latin_greek_and_cyrillic_letters_are_read_back(tmp_path: Path) -> None:
    names = ["Đặng Thị Žofie Őry", "Søren Łukasiewicz Ærø", "Ἀριστοτέλης Ковалевская"]
    found = text_of(made(tmp_path, names=names).path)
    assert all(name in found for name in names)
    assert LINK in found and "A title" in found


def test_letters_that_no_font_has_are_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(making, "_NO_LETTER", b"LastResort")
    with pytest.raises(ReportError, match="No font of this computer has 𓀀"):
        made(tmp_path, names=["𓀀"])
    assert not (tmp_path / "report.pdf").exists()


def test_figures_stay_vectors_with_their_fonts_and_nothing_is_dated(tmp_path: Path, figure) -> None:
    before = figure.get_size_inches().tolist()
    path = made(tmp_path, parts=[(figure, "A *curve*.")]).path
    found = text_of(path)
    assert "Zürich, a curve" in found and "probability" in found  # letters, not pixels
    assert "Figure 1: A curve." in found.replace("\xa0", " ")
    document = pypdfium2.PdfDocument(path)
    kinds = {each.type for each in document[0].get_objects(max_depth=4)}
    assert pypdfium2.raw.FPDF_PAGEOBJ_IMAGE not in kinds
    assert pypdfium2.raw.FPDF_PAGEOBJ_PATH in kinds
    dates = document.get_metadata_dict()
    assert (dates["CreationDate"], dates["ModDate"]) == ("", "")
    assert figure.get_size_inches().tolist() == before
    again = made(tmp_path, parts=[(figure, "A *curve*.")], path=tmp_path / "b.pdf").path
    assert again.read_bytes() == path.read_bytes()


def test_what_students_write_is_no_markup_of_the_page(tmp_path: Path) -> None:
    text = '#panic("x") $x^2$ <b>b</b> @a `#let` [go](javascript:alert(1)) \\ "quoted"'
    found = text_of(made(tmp_path, title='#read("/etc/passwd")', parts=[text]).path)
    for part in ('#read("/etc/passwd")', '#panic("x")', "<b>b</b>", "#let"):
        assert part in found.replace("“", '"').replace("”", '"')
    assert b"javascript" not in (tmp_path / "report.pdf").read_bytes()


def test_markdown_is_set(tmp_path: Path) -> None:
    text = "## Question\n\n1. **one**\n2. two\n\n- three [link](https://example.org)\n\n> four"
    found = text_of(made(tmp_path, parts=[text]).path)
    assert [w for w in ("Question", "one", "two", "three link", "four") if w not in found] == []
    assert "**" not in found and "##" not in found


@pytest.mark.parametrize(
    "picture",
    [
        np.full((28, 28), 0.5),
        np.full((28, 28, 3), 7, np.uint8),
        torch.full((1, 28, 28), 0.5),
        torch.full((3, 40, 30), 0.5),
        Image.new("RGB", (500, 300), "steelblue"),
    ],
)
def test_pictures_of_all_kinds_are_shown(tmp_path: Path, picture: object) -> None:
    path = made(tmp_path, parts=[(picture, "A picture.", 0.4)]).path
    document = pypdfium2.PdfDocument(path)
    (shown,) = document[0].get_objects([pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=4)
    left, _, right, _ = shown.get_bounds()
    assert (right - left) / 72 * 2.54 == pytest.approx(0.4 * 17, abs=0.05)


def test_figures_side_by_side_are_as_high_as_one_another(tmp_path: Path) -> None:
    row = [np.zeros((20, 40)), (np.ones((20, 20)), "The other.")]
    path = made(tmp_path, parts=[row]).path
    found = pypdfium2.PdfDocument(path)[0].get_objects(
        [pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=4
    )
    heights = [top - bottom for _, bottom, _, top in (each.get_bounds() for each in found)]
    assert len(heights) == 2 and heights[0] == pytest.approx(heights[1], rel=0.02)


def test_a_second_page_is_refused_with_how_much_is_too_long(tmp_path: Path, figure) -> None:
    with pytest.raises(ReportError) as told:
        made(tmp_path, parts=[(figure, "c", 1.0)] * 3)
    assert "cm too long, about" in str(told.value) and "(figure, caption, " in str(told.value)
    assert not (tmp_path / "report.pdf").exists()
    lines = ["One line of text.\n\n"] * 60
    with pytest.raises(ReportError, match="shorten the texts") as told:
        made(tmp_path, parts=lines)
    # Taking away as much as the sentence says is enough.
    too_much = int(str(told.value).split("about ")[1].split(" ")[0])
    assert 0.9 < made(tmp_path, parts=lines[: 60 - too_much]).full <= 1 or too_much > 25


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"names": list("abcd")}, "up to 3 hand in together"),
        ({"names": ["a", "a"]}, "stands there twice"),
        ({"names": "Ada"}, "names: a list"),
        ({"names": []}, "names: a list"),
        ({"notebook": "colab"}, "an address that begins with https://"),
        ({"notebook": "javascript:alert(1)"}, "an address that begins with https://"),
        ({"title": " "}, "title: a text"),
        ({"parts": []}, "parts: a list"),
        ({"parts": [3]}, r"parts\[0\]: a part is"),
        ({"parts": ["x", np.full((2, 2), 3.0)]}, r"parts\[1\]: .* between 0 and 1"),
        ({"parts": [(np.zeros((2, 2)), "c", 2)]}, "the share of the line"),
        ({"parts": [(np.zeros((2, 2)), 4)]}, "a caption is a text"),
        ({"parts": [Path("nothing.png")]}, "there is no file"),
        ({"path": "report.txt"}, "something.pdf"),
    ],
)
def test_what_is_no_report_gets_one_sentence(tmp_path: Path, changed, said: str) -> None:
    with pytest.raises(ReportError, match=said):
        made(tmp_path, **changed)
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_the_page(tmp_path: Path) -> None:
    picture = made(tmp_path)._repr_png_()
    assert picture is not None and picture.startswith(b"\x89PNG")
