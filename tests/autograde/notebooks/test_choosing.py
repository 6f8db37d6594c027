"""course.toml chooses sections, tasks and points; numbers, times and texts follow the choice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat import NotebookNode
from two_sections import NAME, SECTIONS, write_two

from autograde.commands.check import check
from autograde.model.course import CourseError
from autograde.model.course_file import read_course
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import SourceError, answers, grading, mark_scheme
from autograde.notebooks.release import manifest, release, released, to_json
from autograde.notebooks.source import Source, find_source, read_source

REPOSITORY = Path(__file__).parents[3]


def read(folder: Path, chosen: str = "", sections: dict[str, str] = SECTIONS) -> Source:
    course = write_two(folder, chosen, sections)
    return read_source(find_source(folder / "solutions", NAME), course)


def text_of(notebook: NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells)


def headings(notebook: NotebookNode) -> list[str]:
    return re.findall(r"^##+ (?!BEGIN|END).*", text_of(notebook), re.MULTILINE)


WHOLE = [
    *("## 1 · First", "### Task 1: twice (2 points)", "### Task 2: all of them (3 points)"),
    *("## 2 · Second", "### Task 3: the mean of `numbers` (4 points)"),
    *("### Task 4: why (6 points, graded by a person)", "## Hand in"),
]


def test_without_a_choice_all_is_released(tmp_path: Path) -> None:
    source = read(tmp_path)
    assert headings(source.notebook) == WHOLE
    text = text_of(released(source))
    assert "about three hours. One answer is text, and a person marks it.\nSections 1 to 1" in text
    assert "take about one hour and earn a third of the points.\nFirst." in text  # 5 of 15
    assert re.findall(r"\*\*Time:\*\* (.+)\.", text) == ["one hour", "two hours"]
    assert "**Worth:** 15 points" in text and "A part of" not in text


@pytest.mark.parametrize("chosen", ['sections = ["1"]', "core = true", 'sections = ["first"]'])
def test_sections_are_chosen_by_number_by_name_and_as_the_core_path(
    tmp_path: Path, chosen: str
) -> None:
    source = read(tmp_path, chosen)
    notebook = released(source)
    assert headings(notebook) == [*WHOLE[:3], "## Hand in"]
    text = text_of(notebook)
    assert "**Worth:** 5 points" in text
    assert "about one hour. The grader marks all answers.\nA part of the notebook.\nFirst." in text
    assert "The first section ends here." in text and "Section: Second" not in text
    assert set(source.checks.tasks) == {"double", "total"}
    assert source.left_out == {"mean", "why"}
    assert notebook.cells[-1].source == 'print("the end")'


def test_what_is_no_section_may_be_named_and_is_there_in_any_case(tmp_path: Path) -> None:
    named = read(tmp_path / "a", 'sections = ["start", "first", "end"]')
    assert text_of(named.notebook) == text_of(read(tmp_path / "b", 'sections = ["1"]').notebook)
    for chosen, says in (('["end"]', "leaves no task"), ('["0"]', "there is no section '0'")):
        with pytest.raises(SourceError, match=says):
            read(tmp_path / "c", f"sections = {chosen}")


def test_a_range_and_a_number_that_is_no_text_choose_sections(tmp_path: Path) -> None:
    assert headings(read(tmp_path / "a", 'sections = ["1-2"]').notebook) == WHOLE
    assert headings(read(tmp_path / "b", "sections = [2, 1]").notebook) == WHOLE


def test_a_skipped_task_goes_with_its_heading_and_what_is_its_own(tmp_path: Path) -> None:
    source = read(tmp_path, 'skip = ["double"]')
    notebook = released(source)
    assert headings(notebook) == [
        *("## 1 · First", "### Task 1: all of them (3 points)", "## 2 · Second"),
        "### Task 2: the mean of `numbers` (4 points)",
        *("### Task 3: why (6 points, graded by a person)", "## Hand in"),
    ]
    text = text_of(notebook)
    # Of the first section's 60 minutes 3 of 5 points are left: 36 + 120, nearest to 150.
    assert "about two hours and a half. One" in text and "First, without double." in text
    assert re.findall(r"\*\*Time:\*\* (.+)\.", text) == ["35 minutes", "two hours"]
    assert "factor" not in text and "Double it." not in text  # the task's own given cell
    assert "Between the tasks." in text and "numbers = [1, 2, 3]" in text
    assert source.checks.tasks["mean"].read == "task 1"


def test_the_time_of_a_section_is_that_of_its_tasks_and_a_quarter_for_reading(
    tmp_path: Path,
) -> None:
    text = text_of(read(tmp_path, 'skip = ["double", "total", "why"]').notebook)
    # A quarter of 60; 4 of 10 points are left of 120, that is 48.
    assert re.findall(r"\*\*Time:\*\* (.+)\.", text) == ["15 minutes", "50 minutes"]
    points = text_of(read(tmp_path / "b", "points = { why = 1 }").notebook)
    assert re.findall(r"\*\*Time:\*\* (.+)\.", points) == ["one hour", "two hours"]


def test_a_text_says_how_long_some_sections_take(tmp_path: Path) -> None:
    told = "Both: {{ time.first..second }}; one: {{ time.second }}."
    end = f"# %% [markdown]\n# ## End\n#\n# {told}\n"
    sections = {**SECTIONS, "03_end.py": end}
    text = text_of(read(tmp_path / "a", sections=sections).notebook)
    assert "Both: about three hours; one: about two hours." in text
    # Of the second section 4 of 10 points are left, 48 minutes of 120.
    text = text_of(read(tmp_path / "b", 'skip = ["why"]', sections).notebook)
    assert "Both: about two hours; one: about one hour." in text
    with pytest.raises(SourceError, match=r"03_end\.py:4: .*nothing fills .*time\.first\.\.second"):
        read(tmp_path / "c", 'sections = ["1"]', sections)


def test_a_time_that_no_section_says_is_refused(tmp_path: Path) -> None:
    silent = SECTIONS["01_first.py"].replace("minutes=60 core=true", "core=true")
    with pytest.raises(SourceError, match=r"01_first\.py:\d+: .*nothing fills .*\{\{ time \}\}"):
        read(tmp_path, sections={**SECTIONS, "01_first.py": silent})


def test_a_skipped_tasks_given_cell_stays_if_the_rest_needs_it(tmp_path: Path) -> None:
    later = SECTIONS["02_second.py"].replace("print(mean)", "print(mean * factor)")
    source = read(tmp_path, 'skip = ["double"]', {**SECTIONS, "02_second.py": later})
    assert "factor = 2" in text_of(source.notebook) and "Double it." not in text_of(source.notebook)


def test_points_are_those_of_the_course(tmp_path: Path) -> None:
    source = read(tmp_path, "points = { total = 7, why = 12 }")
    assert {a.task: a.points for a in answers(source.notebook)} == {
        **{"double": 2, "total": 7},
        **{"mean": 4, "why": 12},
    }
    assert "### Task 2: all of them (7 points)" in headings(source.notebook)
    text = text_of(source.notebook)
    assert "**Worth:** 25 points" in text
    # Whoever marks by hand reads the author's scheme, which counts 6 points.
    assert "Count as below, of 6 points, and multiply by 2: here the answer is worth 12." in text
    assert "multiply by" not in text_of(released(source))


def test_in_a_cell_of_code_the_scheme_stays_a_comment(tmp_path: Path) -> None:
    """The report's answer cell is one; formgrader shows its scheme as Markdown, without `#`."""
    page = """# %% nbgrader={"grade_id": "page", "solution": true, "grade": true, "points": 6} TAGS
# answer: page
### BEGIN SOLUTION
made = 1
### END SOLUTION
# === BEGIN MARK SCHEME ===
# 6 points.
#
# - Three for the figure.
# === END MARK SCHEME ===
""".replace("TAGS", 'tags=["report"]')
    sections = {**SECTIONS, "02_second.py": f"{SECTIONS['02_second.py']}\n{page}"}
    notebook = read(tmp_path, "points = { page = 9 }", sections).notebook
    (cell,) = [c for c in notebook.cells if grading(c)["grade_id"] == "page"]
    compile(cell.source, "page", "exec")
    assert mark_scheme(cell.source).split("\n") == [
        "Count as below, of 6 points, and multiply by 1.5: here the answer is worth 9.",
        "",
        "6 points.",
        "",
        "- Three for the figure.",
    ]


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (
            'sections = ["3"]',
            "sections: there is no section '3'; there are 1 to 2, or by name first,",
        ),
        ('sections = ["2-5"]', "sections: there is no section '2-5'; there are 1 to 2"),
        ('sections = ["secnod"]', "sections: there is no section 'secnod'; do you mean second?"),
        ('skip = ["doubel"]', "skip: there is no task 'doubel'; do you mean double?"),
        ("points = { totla = 2 }", "points: there is no task 'totla'; do you mean total?"),
        (
            'sections = ["1"]\nskip = ["mean"]',
            "skip names the task 'mean', which is left out with section 2 (Second); please take",
        ),
        ('skip = ["mean"]\npoints = { mean = 1 }', "skips the task 'mean' and gives it points"),
        ('core = true\nsections = ["1"]', "has sections and core = true; please keep one"),
        ("sections = []", "leaves no task; choose one, or leave the notebook out."),
        (
            'sections = ["2"]',
            "leaves out section 1 (First), whose cell 'cell-1d2b' (numbers = [1, 2, 3]) defines "
            "`numbers`; section 2 (Second) needs that in cell 'mean' (# answer: mean): choose "
            "section 1, too, or leave out section 2.",
        ),
    ],
)
def test_a_choice_that_cannot_be_is_one_sentence(tmp_path: Path, chosen: str, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, chosen)
    sentence = re.sub(r"'cell-\w+'", "'cell-1d2b'", str(caught.value))
    assert says in sentence
    assert sentence.startswith(f"{tmp_path / 'course.toml'}: assignments.{NAME}")


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ('sections = "1"', 'sections should be a list of sections, such as ["1-4", "7"]'),
        ("sections = [true]", 'sections should be a list of sections, such as ["1-4", "7"]'),
        ("skip = [1]", 'skip should be a list of ids of tasks, such as ["quiz"]'),
        ("points = { total = 0 }", "points.total should be a number of points above 0, below 1000"),
        ("points = 3", "points should be a table"),
        ('core = "yes"', "core should be true or false"),
        ('skipp = ["total"]', "do you mean skip?"),
    ],
)
def test_what_is_no_choice_is_refused(tmp_path: Path, chosen: str, says: str) -> None:
    with pytest.raises(CourseError) as caught:
        write_two(tmp_path, chosen)
    assert says in str(caught.value)


def test_a_hidden_check_keeps_what_it_calls_with(tmp_path: Path) -> None:
    """The call needs a cell of the other section, which no name in the notebook tells."""
    write_two(tmp_path)
    file = tmp_path / "solutions" / NAME / "checks" / "02_second.py"
    second = SECTIONS["02_second.py"].replace(
        "mean = sum(number / len(numbers) for number in numbers)", "def mean():\n    return 2"
    )
    first = SECTIONS["01_first.py"].replace('name="numbers"', 'nbgrader={"grade_id": "numbers"}')
    course = write_two(
        tmp_path, 'sections = ["2"]', SECTIONS | {"01_first.py": first, "02_second.py": second}
    )
    file.write_text(
        file.read_text()
        .replace("import Value", "import Call")
        .replace('Value("mean")', 'Call("mean", lambda rng: [()], needs=("numbers",))')
        .replace('values["mean"] == 2', "all(call.returned == 2 for call in values)")
    )
    with pytest.raises(SourceError, match=r"what its hidden check calls it with \(numbers\); sec"):
        read_source(find_source(tmp_path / "solutions", NAME), course)


def test_a_text_that_names_what_is_left_out_is_refused_with_its_line(tmp_path: Path) -> None:
    first = SECTIONS["01_first.py"].replace(
        "# Some numbers.", "# Some.\n# See task {{ task.mean }}."
    )
    with pytest.raises(SourceError) as caught:
        read(tmp_path, 'sections = ["1"]', {**SECTIONS, "01_first.py": first})
    assert re.search(
        r"01_first\.py:5: cell 'cell-\w+' \(## 1 · First\): \{\{ task\.mean \}\}: course\.toml "
        r"leaves this task out; choose it, too, or write the text that names it between "
        r"\{\{ if task\.mean \}\} and \{\{ end \}\}\.$",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("minutes=-1", "minutes should be a number from 0 on, not -1."),
        ('core="yes"', "core should be true or false, not 'yes'."),
    ],
)
def test_what_a_section_says_of_itself_is_checked(tmp_path: Path, header: str, says: str) -> None:
    first = SECTIONS["01_first.py"].replace("minutes=60 core=true", header)
    with pytest.raises(SourceError, match=re.escape(says)):
        read(tmp_path / "a", "", {**SECTIONS, "01_first.py": first})
    elsewhere = SECTIONS["00_start.py"].replace("# %% [markdown]", f"# %% [markdown] {header}")
    with pytest.raises(SourceError, match="stand in the header of the cell that holds a section's"):
        read(tmp_path / "b", "", {**SECTIONS, "00_start.py": elsewhere})


def test_cells_keep_their_ids_and_what_a_check_runs_whatever_is_chosen(tmp_path: Path) -> None:
    whole = {cell.id: cell.cell_type for cell in read(tmp_path / "a").notebook.cells}
    part = read(tmp_path / "b", 'skip = ["double", "total"]')
    assert {cell.id for cell in part.notebook.cells} < set(whole)
    assert part.given["numbers"] == "numbers = [1, 2, 3]"


def test_students_copies_of_the_library_know_the_chosen_tasks(tmp_path: Path) -> None:
    source = read(tmp_path, 'skip = ["double"]')
    known = manifest(released(source), source.checks.tasks)
    assert "double" not in str(known) and "total" in str(known)


def test_the_course_has_the_notebooks_that_it_names(tmp_path: Path) -> None:
    course = write_two(tmp_path, "[quiz]")
    file = course.file
    release([], course, lambda line: None)
    other = tmp_path / "solutions" / "02_other.py"
    other.write_text("# %% [markdown]\n# # Another one\n")
    file.write_text('notebooks = ["02_other"]\n' + file.read_text())
    said: list[str] = []
    course = read_course(file)
    assert [path.name for path in release([], course, said.append)] == ["02_other.ipynb"]
    note = (
        f"of an earlier release and not of this course: {tmp_path / 'notebooks' / '01_two.ipynb'};"
    )
    assert any(note in line for line in said)
    named = file.read_text()
    file.write_text(named.replace('["02_other"]', "[]"))
    with pytest.raises(CourseError, match="notebooks should be a list of notebooks, such as"):
        read_course(file)
    file.write_text(named)
    with pytest.raises(SourceError, match="notebooks leaves 01_two out; add it there"):
        release([NAME], course, said.append)
    file.write_text(file.read_text().replace("02_other", "02_othr"))
    with pytest.raises(CourseError, match=r"notebooks: 02_othr is no .*; do you mean 02_other\?"):
        release([], read_course(file), said.append)


def test_authors_check_the_chosen_part(tmp_path: Path) -> None:
    said: list[str] = []
    course = write_two(tmp_path, 'skip = ["total"]\npoints = { mean = 5 }')
    notes = tmp_path / "tests" / "mutants" / f"{NAME}.toml"
    notes.parent.mkdir(parents=True)
    notes.write_text('[[mistake]]\ntask = "total"\nwhat = "nothing"\ntext = "total = 0"\n')
    check([NAME], course, said.append)
    listed = "\n".join(said).partition("to put right")[2]
    assert "total" not in listed and "course.toml" not in listed, said


def test_an_answer_of_a_task_that_is_left_out_has_no_place(tmp_path: Path) -> None:
    source = read(tmp_path, 'skip = ["total"]')
    with pytest.raises(SourceError, match="no answer cell 'total'"):
        submission(released(source), {"total": "# answer: total\ntotal = 6"})
    assert "total" not in to_json(released(source)).replace("totally", "")
