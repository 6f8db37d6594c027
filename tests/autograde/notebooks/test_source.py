"""Sources: metadata completed, ids stable, templates filled, authors' slips named."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator
from small_course import CHECKS, SOURCE, small_source, write_course

from autograde.model.course_file import read_course
from autograde.notebooks.cells import SourceError, answers
from autograde.notebooks.checks import load_checks
from autograde.notebooks.folded import TITLE
from autograde.notebooks.layout import find_layout
from autograde.notebooks.release import release
from autograde.notebooks.source import find_source, read_source, sources
from tests.sheets import MARKED

REPOSITORY = Path(__file__).parents[3]


def test_cells_are_those_that_jupytext_reads(tmp_path: Path) -> None:
    notebook = small_source(tmp_path).notebook
    plain = jupytext.read(tmp_path / "solutions" / "01_small.py")
    assert [c.cell_type for c in notebook.cells] == [c.cell_type for c in plain.cells]
    for ours, theirs in zip(notebook.cells, plain.cells, strict=True):
        if "{{" not in theirs.source:
            source = ours.source
            if source.startswith(TITLE):  # a test cell, which is folded
                source = source.split("\n", 1)[1]
            assert source == theirs.source.strip("\n")


def test_metadata_is_complete_by_nbgraders_own_validator(tmp_path: Path) -> None:
    notebook = small_source(tmp_path).notebook
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    assert notebook.metadata == {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    flags = {
        c.metadata.nbgrader.grade_id: tuple(
            c.metadata.nbgrader[k] for k in ("solution", "grade", "locked", "schema_version")
        )
        for c in notebook.cells
    }
    assert flags["given-imports"] == (False, False, True, 3)
    assert flags["double"] == (True, False, False, 3)
    assert flags["double-test"] == (False, True, True, 3)
    assert flags["why"] == (True, True, False, 3)
    tests = ("double-test", "total-test")  # which are folded
    plain = [c for c in notebook.cells if c.metadata.nbgrader.grade_id not in tests]
    assert all(set(c.metadata) == {"nbgrader"} for c in plain)


def test_ids_are_the_same_every_time_and_unlike_each_other(tmp_path: Path) -> None:
    ids = [c.id for c in small_source(tmp_path / "a").notebook.cells]
    assert ids == [c.id for c in small_source(tmp_path / "b").notebook.cells]
    assert len(set(ids)) == len(ids)
    # A cell with a grade id keeps its id when another cell is put before it.
    moved = SOURCE.replace("# %% [markdown]\n# # A", "# %%\nprint()\n\n# %% [markdown]\n# # A")
    again = {
        c.metadata.nbgrader.grade_id: c.id for c in small_source(tmp_path, moved).notebook.cells
    }
    first = {
        c.metadata.nbgrader.grade_id: c.id for c in small_source(tmp_path / "a").notebook.cells
    }
    assert all(again[task] == first[task] for task in ("double", "double-test", "total", "why"))


def test_templates_are_filled_from_course_and_checks(tmp_path: Path) -> None:
    text = "\n".join(c.source for c in small_source(tmp_path).notebook.cells)
    assert "Part of A small course, found at https://github.com/someone/course." in text
    assert "Read slowly." in text


def test_braces_of_tex_are_no_templates(tmp_path: Path) -> None:
    tex = r"$\begin{cases}x_{\text{if }} & \frac{ a }{ b }}\end{cases}$"
    made = small_source(tmp_path, SOURCE.replace("# {{ hint }}", f"# {{{{ hint }}}} {tex}"))
    assert any(cell.source.endswith(tex) for cell in made.notebook.cells)


def test_a_filled_text_is_not_filled_again(tmp_path: Path) -> None:
    checks = CHECKS.replace("Read slowly.", "{{ course.name }}")
    text = "\n".join(c.source for c in small_source(tmp_path, checks=checks).notebook.cells)
    assert "{{ course.name }}" in text


def test_answers_are_listed_with_their_points(tmp_path: Path) -> None:
    listed = [(a.task, a.manual, a.points) for a in answers(small_source(tmp_path).notebook)]
    assert listed == [("double", False, 2.0), ("total", False, 3.0), ("why", True, 4.0)]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# answer: double\n", "# answer: duoble\n", "'# answer: double'"),
        ("# <!-- answer: why -->\n", "", "'<!-- answer: why -->'"),
        (
            '"grade_id": "double-test", "grade": true',
            '"grade_id": "double-tset", "grade": true',
            "'double-test'",
        ),
        ('"grade_id": "total-test", "grade": true, "points": 3', '"grade_id": "t"', "'total-test'"),
        ('"grade_id": "given-imports"', '"grade_id": "double"', "another cell has this grade_id"),
        ('"grade_id": "given-imports"', '"grade_id": "a b"', "'a b'"),
        ("{{ hint }}", "{{ hind }}", "{{ hind }}"),
        ("# === BEGIN MARK SCHEME ===\n", "", "mark scheme"),
        ("# === END MARK SCHEME ===\n", "", "mark scheme"),
        ("import math", "# === END MARK SCHEME ===", "mark scheme"),
        ('"points": 2', '"points": 0', "points"),
        ('"points": 2', '"poinst": 2', "'poinst'"),
        ("    ### END SOLUTION\n", "", "BEGIN SOLUTION"),
        ("import math", "import math\n### BEGIN SOLUTION\n### END SOLUTION", "solution true"),
        ('"solution": true, "grade": true, "points": 4', '"solution": true', "grade true"),
        (
            '"grade_id": "given-imports"',
            '"grade_id": "x-test", "grade": true, "points": 1',
            "x-test",
        ),
        ('print("the end")', 'print("the end")\n\n# %% nbgrader=3\n1', "dictionary"),
    ],
)
def test_an_authors_slip_is_one_sentence(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in SOURCE
    with pytest.raises(SourceError) as caught:
        small_source(tmp_path, SOURCE.replace(old, new))
    assert says in str(caught.value)
    assert "01_small" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_of_an_authors_mistakes_are_told_in_one_run(tmp_path: Path) -> None:
    """Two notebooks, both files of one, cells and a leak: each with its place, once."""
    source = SOURCE
    for old, new in (
        ("# answer: double\n", "# answer: duoble\n"),
        ('"points": 4', '"points": 0'),
        ("{{ hint }}", "{{ hind }} {{ course.nam }}"),
        ('print("the end")', "total = sum(range(5))"),
    ):
        assert old in source
        source = source.replace(old, new)
    course = write_course(
        tmp_path, source, CHECKS + "\n@task('third', Value('x'))\ndef f(v): ...\n"
    )
    second = SOURCE.replace('"grade_id": "given-imports"', '"grade_id": "total"')
    (tmp_path / "solutions" / "02_other.py").write_text(second)
    (tmp_path / "solutions" / "02_other_checks.py").write_text("import nothing_of_this_name\n")
    (tmp_path / "solutions" / "02_other_answers.py").write_text("")
    with pytest.raises(SourceError) as caught:
        release([], course, print)
    said = [line.replace(f"{tmp_path}/solutions/", "") for line in str(caught.value).split("\n")]
    expected = [
        "8 things have to be corrected.",
        r"01_small.py:16: cell 'cell-.*nothing fills the template {{ hind }}",
        r"01_small.py:16: cell 'cell-.*nothing fills the template {{ course.nam }}",
        "01_small.py: cell 'double' .*its first line should be the marker",
        "01_small.py: cell 'why' .*points should be a number above 0",
        "01_small_checks.py: the task 'third' has no answer cell",
        r"01_small.py:\d+: cell 'cell-.* resembles the solution of 'total'",
        "cannot be imported: ModuleNotFoundError",
        "02_other.py: cell 'total' .*another cell has this grade_id",
    ]
    assert len(said) == len(expected), said
    for line, pattern in zip(said, expected, strict=True):
        assert re.search(pattern, line), (pattern, said)
    assert not (tmp_path / "notebooks").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('@task("total"', '@task("totally"', "no task for the answer cell 'total'"),
        ('@task("total", Value("total"))\n', "", "no task for the answer cell 'total'"),
        ('("given-imports",)', '("given",)', "'given'"),
        ('("given-imports",)', '("double-test",)', "'double-test'"),
        ('("given-imports",)', '("total",)', "'total'"),
        ('{"hint": "Read slowly."}', '["hint"]', "TEXT"),
        ("from autograde.tasks", "from autograde.taskz", "cannot be imported"),
        ('@task("total"', '@task("double"', "two tasks"),
    ],
)
def test_a_slip_in_the_checks_is_one_sentence(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in CHECKS
    with pytest.raises(SourceError) as caught:
        small_source(tmp_path, checks=CHECKS.replace(old, new))
    assert says in str(caught.value)
    assert "01_small_checks.py" in str(caught.value)


def test_a_task_without_cell_is_named(tmp_path: Path) -> None:
    checks = CHECKS + '\n@task("third", Value("x"))\ndef third(values):\n    return 1.0\n'
    with pytest.raises(SourceError, match="'third' has no answer cell"):
        small_source(tmp_path, checks=checks)


def test_what_a_task_by_hand_needs_imports_no_library_that_is_out_of_reach(tmp_path: Path) -> None:
    source = SOURCE.replace(
        "import math", "%matplotlib inline\nimport math\nfrom xaikit import load"
    )
    with pytest.raises(SourceError, match="imports xaikit"):
        small_source(tmp_path, source)
    checks = CHECKS.replace('needs=("given-imports",)', 'needs=("given-imports",), by_hand=False')
    assert small_source(tmp_path, source, checks).notebook.cells


def test_what_a_task_does_without_is_there_and_is_named_to_students(tmp_path: Path) -> None:
    def without(name: str) -> str:
        return CHECKS.replace(
            'needs=("given-imports",)', f'needs=("given-imports",), without=("{name}",)'
        )

    for name in ("numpy.doubled", "no_package.double", "numpy"):
        with pytest.raises(SourceError, match=f"does without {name}, which is no function"):
            small_source(tmp_path, checks=without(name))
    with pytest.raises(SourceError, match="let its test cell say so"):
        small_source(tmp_path, checks=without("numpy.multiply"))
    start = SOURCE.index('{"grade_id": "double-test"')
    end = SOURCE.index("\n", start)
    told = SOURCE[:end] + '\nchecks.without(double, "numpy.multiply")' + SOURCE[end:]
    assert small_source(tmp_path, told, without("numpy.multiply")).notebook.cells


def test_checks_are_loaded_by_path(tmp_path: Path) -> None:
    write_course(tmp_path)
    checks = load_checks(find_layout(tmp_path / "solutions" / "01_small.py"))
    assert list(checks.tasks) == ["double", "total"]
    assert checks.text == {"hint": "Read slowly."}
    assert load_checks(find_layout(tmp_path / "none.py")).tasks == {}


def test_only_notebooks_are_sources(tmp_path: Path) -> None:
    write_course(tmp_path)
    (tmp_path / "solutions" / "_draft.py").write_text("")
    assert list(sources(tmp_path / "solutions")) == ["01_small"]


@pytest.mark.parametrize("name", list(sources(REPOSITORY / "solutions")))
def test_our_own_sources_are_valid(name: str) -> None:
    course = read_course(REPOSITORY)
    source = read_source(find_source(REPOSITORY / "solutions", name), course)
    MetadataValidator().validate_nb(source.notebook)
    due = course.assignment(name).deadline is not None
    assert due == (name in MARKED), "course.toml should give a deadline to every assignment"
