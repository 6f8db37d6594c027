"""The site as its pages' sources make it: built anew, without the figures and pictures of a run."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from autograde.notebooks.release import solutions
from autograde.notebooks.source import course_sources, read_source
from docs.build import SiteError, build, gather
from docs.figures import Shown
from docs.tour import MARKS, PICTURES
from docs.verify import broken, leaks, read_page, traces
from tests.sheets import COURSE

NAME = "01_theory"


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30, 20), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, with one worked figure; it is built in a process of its own, as `make site` is."""
    place = tmp_path_factory.mktemp("site")
    pictures = place / "pictures"
    pictures.mkdir()
    for name in PICTURES:
        (pictures / f"{name}.png").write_bytes(png("grey"))
    (pictures / MARKS).write_text("student  01  02\nada      78  80\n", encoding="utf-8")
    source = read_source(course_sources(COURSE)[NAME], COURSE)
    test = next(c for c in source.notebook.cells if c.metadata.get("nbgrader", {}).get("grade"))
    shown = Shown(base64.b64encode(png("red")).decode(), "Figure: a red box; < & >")
    gather(COURSE, {NAME: {test.id: (shown,)}}, pictures, place / "source")
    program = "import sys; from pathlib import Path; from docs.build import build; "
    program += "build(*map(Path, sys.argv[1:]))"
    command = [sys.executable, "-c", program, str(place / "source"), str(place / "html")]
    done = subprocess.run(command, cwd=COURSE.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return place / "html"


@pytest.fixture
def copy(site: Path, tmp_path: Path) -> Iterator[Path]:
    yield Path(shutil.copytree(site, tmp_path / "copy"))


def test_every_link_leads_somewhere_and_nothing_comes_from_elsewhere(site: Path) -> None:
    assert broken(site) == []


def test_the_site_says_nothing_of_solutions_and_of_this_machine(site: Path) -> None:
    read = [read_source(path, COURSE) for path in course_sources(COURSE).values()]
    assert leaks(site, read, COURSE) == []
    assert traces(site, COURSE.folder) == []


def test_it_has_a_page_for_everybody(site: Path) -> None:
    pages = {file.relative_to(site).as_posix() for file in site.rglob("*.html")}
    for name in ("index", "tour", "students", "instructors", "authors", "library", "security"):
        assert f"{name}.html" in pages
    assert {f"notebooks/{name}.html" for name in course_sources(COURSE)} <= pages
    reference = read_page((site / "reference" / "attribution.html").read_text(encoding="utf-8"))
    assert "xaikit.attribution.explain" in reference.anchors
    assert "`" not in read_page((site / "students.html").read_text(encoding="utf-8")).text


def test_a_link_of_readme_leads_to_the_page_and_a_file_that_is_no_page_is_named(
    site: Path,
) -> None:
    first = (site / "index.html").read_text(encoding="utf-8")
    assert f'href="notebooks/{NAME}.html"' in first and "01_theory.ipynb" not in first
    instructors = (site / "instructors.html").read_text(encoding="utf-8")
    assert 'href="security.html"' in instructors
    assert '<span class="pre">course.toml</span>' in instructors


def test_a_notebook_shows_formulas_figures_and_folded_checks(site: Path) -> None:
    page = (site / "notebooks" / f"{NAME}.html").read_text(encoding="utf-8")
    assert page.count("<math") > 50 and "\\frac" not in read_page(page).text
    assert 'alt="Figure: a red box; &lt; &amp; &gt;"' in page
    source = read_source(course_sources(COURSE)[NAME], COURSE)
    tasks = len([1 for task in solutions(source) if task in source.checks.tasks])
    assert page.count("<details") >= tasks > 10
    assert page.count("Check of Task ") + page.count("Check and plot of Task ") >= 2 * tasks


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ('<a href="nowhere.html">x</a>', "nowhere.html leads nowhere"),
        ('<a href="index.html#nothing">x</a>', "does not have"),
        ('<a href="#nothing">x</a>', "does not have"),
        ('<a href="/index.html">x</a>', "begins at the server's root"),
        ('<a href="../../index.html">x</a>', "leads nowhere"),
        ('<a href="file:///etc/passwd">x</a>', "leads out of the site"),
        ('<img alt="x" src="https://example.org/x.png">', "loaded from elsewhere"),
        ('<script src="//example.org/x.js"></script>', "loaded from elsewhere"),
        ('<img src="_static/course.css">', "no alternative text"),
    ],
)
def test_what_is_broken_is_found(copy: Path, damage: str, said: str) -> None:
    page = copy / "index.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</article>", f"{damage}</article>"), encoding="utf-8")
    (found,) = broken(copy)
    assert found.startswith("index.html: ") and said in found


def test_a_solution_in_the_site_is_found_whatever_its_colours(site: Path, copy: Path) -> None:
    source = read_source(course_sources(COURSE)[NAME], COURSE)
    text = max(solutions(source).values(), key=len)
    spans = "".join(f"<span>{part}</span> " for part in text.replace("<", "&lt;").split())
    page = copy / "tour.html"
    whole = page.read_text(encoding="utf-8")
    page.write_text(whole.replace("</article>", f"{spans}</article>"), encoding="utf-8")
    found = leaks(copy, [source], COURSE)
    assert found and all("tour.html holds" in each for each in found)


def test_the_machine_s_folders_are_found(copy: Path) -> None:
    (copy / "note.txt").write_text(f"made in {COURSE.folder}", encoding="utf-8")
    (found,) = traces(copy, COURSE.folder)
    assert found.startswith("note.txt names this machine")


def test_sphinx_stops_at_a_link_to_a_file_that_is_not_there(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text("# Title\n\n[x](nothing.md)\n", encoding="utf-8")
    with pytest.raises(SiteError, match=r"nothing\.md"):
        build(source, tmp_path / "html")
