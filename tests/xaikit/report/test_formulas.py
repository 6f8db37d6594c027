"""Formulas and tables of the report: what is read back from the page, and where it stands."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pypdfium2
import pytest

from xaikit import report
from xaikit.report import ReportError

PICTURE = np.zeros((8, 8))


def page_of(folder: Path, *parts: object) -> pypdfium2.PdfPage:
    path = folder / "report.pdf"
    report("A title", ["Ada Lovelace"], "https://example.org", list(parts), path=path)
    return pypdfium2.PdfDocument(path)[0]


def read(page: pypdfium2.PdfPage) -> str:
    """Return the page's text; letters of mathematics are those that they stand for."""
    found = page.get_textpage().get_text_bounded()
    return unicodedata.normalize("NFKC", found).replace("\r\n", "\n")


def boxes(page: pypdfium2.PdfPage, letter: str) -> list[tuple[float, float, float, float]]:
    """Return where a letter stands on the page: left, bottom, right, top, in points."""
    text = page.get_textpage()
    letters = [unicodedata.normalize("NFKC", c) for c in text.get_text_range()]
    return [text.get_charbox(i) for i, each in enumerate(letters) if each == letter]


@pytest.mark.parametrize(
    ("tex", "said"),
    [
        (r"$\varepsilon \le 0.1$", "ε≤0.1"),
        (r"$\|\delta\|_\infty \geq \alpha$", "‖δ‖∞≥α"),
        (r"$\mathrm{sign}(\nabla_x \, f)$", "sign(∇xf)"),
        (r"$$\sum_i x_i \implies y$$", "∑ixi⇒y"),
        (r"$\text{Zürich}$", "Zürich"),
    ],
)
def test_a_formula_is_read_back(tmp_path: Path, tex: str, said: str) -> None:
    found = "".join(read(page_of(tmp_path, f"Before {tex} after.")).split())
    letters = found.partition("Before")[2].partition("after")[0]
    assert sorted(letters.replace("ϵ", "ε")) == sorted(said)  # the order of an index may differ
    assert "$" not in found


def test_a_formula_stands_on_the_line_of_its_text(tmp_path: Path) -> None:
    typed, drawn = boxes(page_of(tmp_path, r"w and $w_{i_j}^{2}$"), "w")
    assert drawn[1] == pytest.approx(typed[1], abs=0.35)
    assert drawn[3] - drawn[1] == pytest.approx(typed[3] - typed[1], abs=0.8)


def test_a_formula_of_its_own_stands_in_the_middle_with_large_fractions(tmp_path: Path) -> None:
    page = page_of(tmp_path, "In a line $\\frac{w}{2}$.\n\n$$\n\\frac{w}{2}\n$$\n")
    small, large = boxes(page, "w")
    assert (large[0] + large[2]) / 2 == pytest.approx(page.get_width() / 2, abs=1)
    assert (large[2] - large[0]) > 1.3 * (small[2] - small[0])


def test_captions_and_lists_hold_formulas(tmp_path: Path) -> None:
    found = read(page_of(tmp_path, r"- one $\lambda$", (PICTURE, r"With $\gamma$."), [PICTURE]))
    assert "λ" in found and "γ" in found


@pytest.mark.parametrize(
    "text", ["It costs $5 and $7.", "a $ b $ c", r"\$x\$", "`$x$`", "one $ alone", "$$"]
)
def test_a_dollar_that_begins_no_formula_stays(tmp_path: Path, text: str) -> None:
    assert text.replace("\\", "").replace("`", "") in read(page_of(tmp_path, text))


@pytest.mark.parametrize(
    ("tex", "said"),
    [
        (r"$\foo$", r"parts\[1\]: the formula \$\\foo\$ cannot be set: Unknown symbol: \\foo\."),
        (r"$\frac{1}$", r"Expected \\frac\{num\}\{den\}"),
        (r"$a_{$", "Expected end_group"),
        (r"$\begin{pmatrix}1\end{pmatrix}$", r"\\begin is not known"),
        ("$" + "{" * 600 + "}" * 600 + "$", "nested too deep"),
        ("$中$", "its font has no 中"),
        (r"$\quad$", "it shows nothing"),
        ("$" + "x+" * 90 + "x$", "2.9 times as wide as the line"),
    ],
)
def test_a_formula_that_cannot_be_set_gets_one_short_sentence(
    tmp_path: Path, tex: str, said: str
) -> None:
    with pytest.raises(ReportError, match=said) as told:
        page_of(tmp_path, "A text.", tex)
    assert len(str(told.value)) < 350
    with pytest.raises(ReportError, match=said):
        page_of(tmp_path, "A text.", (PICTURE, tex))
    assert not list(tmp_path.iterdir())


def test_a_table_has_its_columns(tmp_path: Path) -> None:
    page = page_of(
        tmp_path, "| method | score |\n|:---|---:|\n| gradient | 1.5 |\n| lime | $11.5$ |\n"
    )
    ends = [right for _, _, right, _ in boxes(page, "5")]
    assert len(ends) == 2 and ends[0] == pytest.approx(ends[1], abs=0.8)  # to the right
    begins = [boxes(page, letter)[k][0] for letter, k in (("m", 1), ("g", 1), ("l", -1))]
    assert begins == pytest.approx([begins[0]] * 3, abs=0.8)  # to the left
    assert "|" not in read(page)


def test_a_table_that_is_too_wide_is_refused(tmp_path: Path) -> None:
    table = "\n".join("|" + cell * 11 for cell in (" a |", "---|", " 1 |"))
    with pytest.raises(ReportError, match=r"table of 11 columns .* 10 are the most"):
        page_of(tmp_path, f"> A quote.\n>\n{table}")


def test_a_list_begins_where_it_says(tmp_path: Path) -> None:
    found = read(page_of(tmp_path, "3. three\n4. four"))
    assert "3." in found and "4." in found and "1." not in found


def test_the_same_formula_gives_the_same_bytes(tmp_path: Path) -> None:
    page_of(tmp_path, r"$\alpha_i$")
    first = (tmp_path / "report.pdf").read_bytes()
    page_of(tmp_path, r"$\alpha_i$")
    assert (tmp_path / "report.pdf").read_bytes() == first
