"""A notebook of another choice than the course's: the whole one, the one of another term."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from rebuilding import cell_of, check_trusted, code, plain, upload, without_metadata
from two_sections import NAME, SECTIONS, write_two

from autograde.grading.mark import load_assignment
from autograde.intake.rebuild import Rebuilt, rebuild
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.release import manifest, released, rest_of_whole
from autograde.notebooks.source import find_source, read_source
from xaikit.handin.ready import check
from xaikit.handin.released import Released

MEAN = "# answer: mean\nmean = 2\ndef half(x):\n    return x / 2"
WHY = "<!-- answer: why -->\nBecause."
WRITTEN = {
    "double": "# answer: double\ndef double(x):\n    return x + x",
    "total": "# answer: total\ntotal = 6",
    "mean": MEAN,
    "why": WHY,
}
FIRST = 'sections = ["1"]'


def made(course: Course) -> nbformat.NotebookNode:
    return released(read_source(find_source(course.folder / "solutions", NAME), course))


def rebuilt_for(course: Course, data: dict[str, Any]) -> Rebuilt:
    source = read_source(find_source(course.folder / "solutions", NAME), course)
    notebook = released(source)
    rebuilt = rebuild(upload(data), notebook, rest_of_whole(source, notebook, course))
    check_trusted(rebuilt, notebook)
    return rebuilt


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """The whole notebook as students of another course get it."""
    return made(write_two(tmp_path_factory.mktemp("whole")))


def extras(rebuilt: Rebuilt) -> list[str]:
    return [cell.source for cell in rebuilt.notebook.cells if cell.id in rebuilt.extras]


@pytest.mark.parametrize("saved", [dict, without_metadata])
def test_nothing_of_what_the_course_leaves_out_runs(
    whole: nbformat.NotebookNode, tmp_path: Path, saved: Any
) -> None:
    rebuilt = rebuilt_for(write_two(tmp_path, FIRST), saved(plain(whole, WRITTEN)))
    assert not rebuilt.extras and not rebuilt.absent and not rebuilt.untouched
    [said] = [notice for notice in rebuilt.notices if "leaves out" in notice]
    assert "leaves out (mean, why): nobody marks these" in said
    assert not any("were changed" in notice for notice in rebuilt.notices)


def test_what_is_left_out_and_untouched_is_no_answer(
    whole: nbformat.NotebookNode, tmp_path: Path
) -> None:
    some = {task: WRITTEN[task] for task in ("double", "total")}
    rebuilt = rebuilt_for(write_two(tmp_path, FIRST), plain(whole, some))
    [said] = [notice for notice in rebuilt.notices if "leaves out" in notice]
    assert "leaves out: nobody marks these" in said and not rebuilt.extras


def test_a_new_tag_changes_nothing_and_runs_nobody(tmp_path: Path) -> None:
    first = f"# %%\n# {{{{ course.install }}}}\n\n{SECTIONS['00_start.py']}"
    course = write_two(tmp_path, "", {**SECTIONS, "00_start.py": first})
    old, before = made(course), load_assignment(NAME, course.file).version
    text = course.file.read_text(encoding="utf-8")
    course.file.write_text(text.replace('tag = "v1"', 'tag = "v2"'), encoding="utf-8")
    load_assignment.cache_clear()
    assert load_assignment(NAME, course.file).version == before
    new = read_course(course.folder)
    assert "refs/tags/v2" in made(new).cells[0].source
    rebuilt = rebuilt_for(new, plain(old, WRITTEN))
    assert not rebuilt.notices and not rebuilt.extras


def test_a_helper_that_stands_in_what_is_left_out_runs(
    whole: nbformat.NotebookNode, tmp_path: Path
) -> None:
    uses = {**WRITTEN, "double": "# answer: double\ndef double(x):\n    return half(4 * x)"}
    rebuilt = rebuilt_for(write_two(tmp_path, FIRST), plain(whole, uses))
    assert extras(rebuilt) == [MEAN]


def test_a_given_cell_of_what_is_left_out_runs_where_its_names_are_needed(tmp_path: Path) -> None:
    given = "\n# %%\nradius = 2\n\n# %%\narea = 3 * radius**2\n\n# %%\nprint('training', area)\n"
    sections = {**SECTIONS, "02_second.py": f"{SECTIONS['02_second.py']}{given}"}
    whole = made(write_two(tmp_path / "whole", sections=sections))
    course = write_two(tmp_path / "cut", FIRST, sections)
    data = plain(whole, WRITTEN)
    assert not rebuilt_for(course, data).extras
    data["cells"].append(code("print(area)"))
    assert [source.split("\n")[0] for source in extras(rebuilt_for(course, data))] == [
        *("radius = 2", "area = 3 * radius**2", "print(area)"),
    ]


def test_another_number_is_no_change_and_no_answer(tmp_path: Path) -> None:
    """The heading below an untouched text says another number than in the course's notebook."""
    sections = dict(SECTIONS)
    before, _, task = sections["02_second.py"].partition("# ### Task: the mean of `numbers`\n")
    mean, _, why = task.partition("# %% [markdown]\n# ### Task: why\n")
    sections["02_second.py"] = (
        f"{before}# ### Task: why\n{why}\n# %% [markdown]\n"
        f"# ### Task: the mean of `numbers`\n{mean}"
    )
    whole = made(write_two(tmp_path / "whole", sections=sections))
    course = write_two(tmp_path / "cut", 'skip = ["double"]', sections)
    heading = next(cell for cell in whole.cells if "the mean of" in cell.source)
    assert heading.source.startswith("### Task 4") and "### Task 3" in "".join(
        cell.source for cell in made(course).cells if "the mean of" in cell.source
    )
    some = {task: text for task, text in WRITTEN.items() if task != "why"}
    rebuilt = rebuilt_for(course, plain(whole, some))
    assert "why" in rebuilt.untouched and not rebuilt.beside
    assert not any("were changed" in notice for notice in rebuilt.notices)


def test_a_changed_given_cell_is_still_named(whole: nbformat.NotebookNode, tmp_path: Path) -> None:
    data = plain(whole, WRITTEN)
    cell_of(data, "double-test")["source"] = "print('mine')"
    rebuilt = rebuilt_for(write_two(tmp_path, FIRST), data)
    assert any("'double-test'" in notice for notice in rebuilt.notices)


def test_the_student_reads_it_before_the_upload(
    whole: nbformat.NotebookNode, tmp_path: Path
) -> None:
    course = write_two(tmp_path, FIRST)
    source = read_source(find_source(course.folder / "solutions", NAME), course)
    notebook = released(source)
    known = manifest(notebook, source.checks.tasks, 1, rest_of_whole(source, notebook, course))
    file = tmp_path / f"{NAME}.ipynb"
    file.write_bytes(upload(plain(whole, WRITTEN)))
    lines = check(file, known={NAME: Released.read(known)}).lines
    assert any("2 of 2 tasks are answered" in line for line in lines)
    [said] = [line for line in lines if "leaves out" in line]
    assert "leaves out (mean, why): nobody marks these" in said


def test_a_notebook_of_an_older_release_lacks_tasks(tmp_path: Path) -> None:
    """The course took a section more after students had got the notebook."""
    old = made(write_two(tmp_path / "old", FIRST))
    rebuilt = rebuilt_for(write_two(tmp_path / "new"), plain(old, WRITTEN))
    assert rebuilt.absent == {"mean", "why"}
    release = old.metadata["course"]["release"]
    assert any(f"another release of the notebook ({release})" in n for n in rebuilt.notices)
    [missing] = [notice for notice in rebuilt.notices if "are not in the upload" in notice]
    assert missing.endswith("mean, why.")


QUIZ = """
# Yes or no?
#
# - **A1** {}
# - **A2** Three is odd.
"""


@pytest.mark.parametrize(
    "asked, said", [("Two is even.", False), ("Two is  even.", False), ("Two is odd.", True)]
)
def test_a_quiz_with_other_statements_is_named(tmp_path: Path, asked: str, said: bool) -> None:
    first = SECTIONS["01_first.py"]
    texts = {
        statement: first.replace("# Double it.\n", f"# Double it.\n#{QUIZ.format(statement)}")
        for statement in ("Two is even.", asked)
    }
    course = write_two(tmp_path / "a", "", {**SECTIONS, "01_first.py": texts["Two is even."]})
    other = write_two(tmp_path / "b", "", {**SECTIONS, "01_first.py": texts[asked]})
    data = without_metadata(plain(made(other), WRITTEN))
    found = [n for n in rebuilt_for(course, data).notices if "The quiz in the file" in n]
    assert bool(found) == said and all("under A1," in notice for notice in found)
    source = read_source(find_source(course.folder / "solutions", NAME), course)
    known = {NAME: Released.read(manifest(released(source), source.checks.tasks))}
    file = tmp_path / f"{NAME}.ipynb"
    file.write_bytes(upload(data))
    verdict = check(file, known=known)
    assert verdict.good != said
    assert any(line.startswith("✗ The quiz in the file") for line in verdict.lines) == said


@pytest.mark.parametrize("copied", ["mean", "given"])
def test_a_copy_of_a_cell_that_is_left_out_written_over_is_the_students_own(
    tmp_path: Path, copied: str
) -> None:
    """Editors copy a cell with its metadata; what the copy does may have no name to ask for."""
    sections = {**SECTIONS, "02_second.py": f"{SECTIONS['02_second.py']}\n# %%\nradius = 2\n"}
    data = plain(made(write_two(tmp_path / "whole", sections=sections)), WRITTEN)
    begins = {"mean": "# answer: mean", "given": "radius = 2"}[copied]
    position, original = next(
        (i, cell)
        for i, cell in enumerate(data["cells"])
        if "".join(cell["source"]).startswith(begins)
    )
    own = "import numpy as np\nnp.random.seed(3)"
    data["cells"].insert(position + 1, {**original, "source": own})
    course = write_two(tmp_path / "cut", FIRST, sections)
    assert extras(rebuilt_for(course, data)) == [own]
    data["cells"][position + 1]["source"] = original["source"]  # unchanged: nobody needs it
    assert not extras(rebuilt_for(course, data))


def test_names_that_a_left_out_answer_imports_with_a_star_are_there(
    whole: nbformat.NotebookNode, tmp_path: Path
) -> None:
    star = f"{MEAN}\nfrom operator import *"
    uses = "# answer: double\ndef double(x):\n    return add(x, x)"
    written = {**WRITTEN, "double": uses, "mean": star}
    assert extras(rebuilt_for(write_two(tmp_path, FIRST), plain(whole, written))) == [star]
