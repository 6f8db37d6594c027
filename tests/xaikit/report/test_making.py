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
        ({"path": None}, "path: where to write"),
        ({"title": "\0\ud800"}, "title: a text"),
        ({"parts": [" \n"]}, r"parts\[0\]: a text that says something"),
        ({"parts": ["*a " * 500 + "b*" * 500]}, r"parts\[0\]: this text begins"),
        ({"parts": [plt.Figure()]}, "this figure is empty"),
        ({"parts": [np.array([["a"]])]}, "between 0 and 1"),
        ({"parts": [np.ones((3, 3)) * 1j]}, "between 0 and 1"),
        ({"parts": [[np.eye(28)] * 60]}, "60 figures side by side are too narrow"),
    ],
)
def test_what_is_no_report_gets_one_sentence(tmp_path: Path, changed, said: str) -> None:
    with pytest.raises(ReportError, match=said):
        made(tmp_path, **changed)
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_the_page(tmp_path: Path) -> None:
    picture = made(tmp_path)._repr_png_()
    assert picture is not None and picture.startswith(b"\x89PNG")


def colours(path: Path, part: object) -> np.ndarray:
    """Return a picture as the page shows it, (height, width, 3)."""
    document = pypdfium2.PdfDocument(made(path, parts=[(part, "", 0.5)]).path)
    (found,) = document[0].get_objects([pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=4)
    left, bottom, right, top = found.get_bounds()
    height = document[0].get_height()
    page = document[0].render(scale=1, rev_byteorder=True).to_numpy()[..., :3]
    return page[int(height - top) + 2 : int(height - bottom) - 2, int(left) + 2 : int(right) - 2]


def test_a_photograph_stands_as_the_camera_held_it(tmp_path: Path) -> None:
    told = Image.Exif()
    told[0x0112] = 6  # turn it to the right by a quarter
    picture = Image.new("RGB", (200, 100), "red")
    picture.paste("blue", (0, 0, 100, 100))
    picture.save(tmp_path / "a.jpg", exif=told)
    shown = colours(tmp_path, tmp_path / "a.jpg")
    assert shown.shape[0] / shown.shape[1] == pytest.approx(2, abs=0.1)
    assert shown[5, 5, 2] > 200 and shown[-5, 5, 0] > 200  # blue above red


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_the_paper(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGBA", (500, 300), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (250, 0, 500, 300))
    picture.convert(mode).save(tmp_path / "a.png")
    shown = colours(tmp_path, tmp_path / "a.png")
    assert shown[:, :100].min() == 255 and shown[:, -100:].max() == 0


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_pictures_of_more_than_eight_bits_keep_their_greys(tmp_path: Path, dtype: type) -> None:
    """Pillow's own conversion cuts off all above 255: the picture would be white, or black."""
    grey = np.tile(np.linspace(0, 1, 500), (300, 1)) * (1 if dtype is np.float32 else 65535)
    shown = colours(tmp_path, Image.fromarray(grey.astype(dtype)))[50, :, 0].astype(float)
    assert np.abs(shown - np.linspace(0, 255, len(shown))).max() < 6


def test_a_large_photograph_fits_and_its_pixels_are_those_that_print_can_show(
    tmp_path: Path,
) -> None:
    noise = Image.effect_noise((4000, 3000), 80).convert("RGB")
    path = made(tmp_path, parts=[(noise, "A photograph.", 1.0)]).path
    document = pypdfium2.PdfDocument(path)
    (found,) = document[0].get_objects([pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=4)
    assert found.get_px_size() == (2000, 1500) and path.stat().st_size < 4 << 20


def test_a_figure_of_very_many_points_becomes_pixels(tmp_path: Path) -> None:
    """As vectors the points take the one who marks ten seconds to see."""
    drawn, axes = plt.subplots(figsize=(5, 2))
    axes.scatter(*np.random.default_rng(0).random((2, 100_000)), s=1)
    path = made(tmp_path, parts=[drawn]).path
    plt.close(drawn)
    kinds = {each.type for each in pypdfium2.PdfDocument(path)[0].get_objects(max_depth=4)}
    assert pypdfium2.raw.FPDF_PAGEOBJ_IMAGE in kinds and path.stat().st_size < 1 << 20


@pytest.mark.parametrize(
    "changed", [{"names": ["A" * 300]}, {"parts": ["x" * 400, f"`{'y' * 200}`"]}]
)
def test_a_word_that_is_longer_than_the_line_stays_on_the_page(tmp_path: Path, changed) -> None:
    page = pypdfium2.PdfDocument(made(tmp_path, **changed).path)[0]
    found = page.render(scale=1).to_numpy()[..., :3]
    assert found[:, -50:].min() == 255  # the margin of 2 cm has 56 points


def test_control_characters_in_a_text_are_left_out(tmp_path: Path) -> None:
    found = text_of(made(tmp_path, title="a\0\x1bb\ud800c", parts=["d\x07e"]).path)
    assert "abc" in found and "de" in found


def test_a_picture_s_name_is_not_taken_for_a_text(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 9)).save("figure.png")
    with pytest.raises(ReportError, match=r"write Path\('figure.png'\)"):
        made(tmp_path, parts=["figure.png"])
    assert "other.png" in text_of(made(tmp_path, parts=["other.png"]).path)
