"""A text is not lost for its form: long pictures, cells beside it, a cell that is gone."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from rebuilding import WRITTEN, cell_of, check_trusted, code, plain, taken, upload
from small_course import small_source

from autograde.grading.score import score
from autograde.intake.rebuild import Rebuilt, rebuild
from autograde.notebooks.source import Source
from xaikit.handin.read_cells import SOURCE_LIMIT

UNTOUCHED = {task: text for task, text in WRITTEN.items() if task != "why"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return small_source(tmp_path_factory.mktemp("course"))


def text(words: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": words}


def why(source: Source, rebuilt: Rebuilt) -> tuple[float | None, str]:
    results = {result.task: result for result in score(source.checks.tasks, rebuilt, {}, {})}
    return results["why"].score, results["why"].notice


@pytest.mark.parametrize("size", [1_000, SOURCE_LIMIT + 1, 4_000_000])
def test_a_picture_in_the_source_costs_no_text(
    release: nbformat.NotebookNode, source: Source, size: int
) -> None:
    picture = f"![image.png](data:image/png;base64,{'iVBORw0K' * (size // 8 + 1)})"
    written = f"<!-- answer: why -->\nBecause.\n{picture}\nTherefore."
    data = plain(release, {**WRITTEN, "why": written})
    rebuilt = rebuild(upload(data), release)
    check_trusted(rebuilt, release)
    assert why(source, rebuilt)[0] is None
    kept = taken(rebuilt)["why"]
    assert "Because." in kept and "Therefore." in kept
    large = size > SOURCE_LIMIT
    assert ("base64" in kept) != large
    assert any("pictures" in notice for notice in rebuilt.notices) == large


def test_a_long_text_is_cut(release: nbformat.NotebookNode, source: Source) -> None:
    data = plain(release, {**WRITTEN, "why": "<!-- answer: why -->\n" + "Because. " * 50_000})
    rebuilt = rebuild(upload(data), release)
    assert why(source, rebuilt)[0] is None
    assert len(taken(rebuilt)["why"]) <= SOURCE_LIMIT + 100


def test_code_that_is_too_long_is_named(release: nbformat.NotebookNode) -> None:
    data = plain(release, {**WRITTEN, "total": f"# answer: total\ntotal = {'1+' * SOURCE_LIMIT}1"})
    rebuilt = rebuild(upload(data), release)
    assert rebuilt.absent == {"total"}
    assert any("'total' holds more than" in notice for notice in rebuilt.notices)
    assert not any("its first line" in notice for notice in rebuilt.notices)


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("step", [0, 1])
def test_a_text_in_an_own_cell_beside_the_untouched_one(
    release: nbformat.NotebookNode, source: Source, step: int, metadata: bool
) -> None:
    data = plain(release, UNTOUCHED)
    at = data["cells"].index(cell_of(data, "why")) + step
    data["cells"][at:at] = [text("Because of Gauß."), text(" "), text("And so on.")]
    if not metadata:
        for cell in data["cells"]:
            cell["metadata"] = {}
            cell.pop("id", None)
    rebuilt = rebuild(upload(data), release)
    check_trusted(rebuilt, release)
    assert taken(rebuilt)["why"] == ("<!-- answer: why -->\nBecause of Gauß.\n\nAnd so on.")
    points, notice = why(source, rebuilt)
    assert points is None and "look at the upload" in notice
    assert any("a person decides" in notice for notice in rebuilt.notices)


def test_given_cells_beside_it_are_no_answer(
    release: nbformat.NotebookNode, source: Source
) -> None:
    rebuilt = rebuild(upload(plain(release, UNTOUCHED)), release)
    assert why(source, rebuilt)[0] == 0
    assert rebuilt.notices == ()


def test_code_below_the_untouched_text_is_looked_at(
    release: nbformat.NotebookNode, source: Source
) -> None:
    data = plain(release, UNTOUCHED)
    data["cells"].insert(data["cells"].index(cell_of(data, "why")) + 1, code("# Because of Gauß."))
    assert why(source, rebuild(upload(data), release))[0] is None


def test_an_own_text_beside_a_written_one_changes_nothing(
    release: nbformat.NotebookNode, source: Source
) -> None:
    data = plain(release)
    data["cells"].insert(data["cells"].index(cell_of(data, "why")) + 1, text("A remark."))
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    assert rebuilt.notices == ()


def test_a_text_whose_cell_is_gone_waits_if_there_is_another(
    release: nbformat.NotebookNode, source: Source
) -> None:
    data = plain(release)
    data["cells"].remove(cell_of(data, "why"))
    assert why(source, rebuild(upload(data), release))[0] == 0
    data["cells"].append(text("Because of Gauß."))
    rebuilt = rebuild(upload(data), release)
    assert why(source, rebuilt)[0] is None
    assert rebuilt.absent == {"why"}
