"""A source that is a folder: the same notebook, each section's files beside each other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from small_course import ANSWERS, CHECKS, SOURCE, write_course

from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.notebooks.answers import load_answers
from autograde.notebooks.cells import SourceError
from autograde.notebooks.idioms import idioms
from autograde.notebooks.leaks import leaks
from autograde.notebooks.release import released, to_json
from autograde.notebooks.source import Source, find_source, read_source, sources
from autograde.tasks import given

NAME = "01_small"
FIRST, LAST = (part for part in SOURCE.split('\n# %% nbgrader={"grade_id": "total", '))
SECTIONS = {
    "01_double.py": FIRST + "\n",
    "02_total.py": '# %% nbgrader={"grade_id": "total", ' + LAST,
}
IMPORTS, DOUBLE, TOTAL = (
    CHECKS.split("\nTEXT")[0],
    CHECKS[CHECKS.index("TEXT") : CHECKS.index('@task("total"')],
    CHECKS[CHECKS.index('@task("total"') :],
)
HELPER = "def twice(number):\n    return 2 * number\n"
CHECKS_OF = {
    "01_double.py": f"{IMPORTS}\nfrom .helpers import twice\n\n{DOUBLE}".replace(
        "2 * call.arguments[0]", "twice(call.arguments[0])"
    ),
    "02_total.py": f"{IMPORTS}\n\n{TOTAL}",
    "helpers.py": HELPER,
}
ANSWERS_OF = {
    "01_double.py": ANSWERS[: ANSWERS.index('# %% answer="total"')],
    "02_total.py": ANSWERS[ANSWERS.index('# %% answer="total"') :],
}


def write_folder(
    folder: Path,
    sections: dict[str, str] = SECTIONS,
    checks: dict[str, str] = CHECKS_OF,
    answers: dict[str, str] = ANSWERS_OF,
) -> Course:
    """Write the small course with its notebook as a folder."""
    course = write_course(folder)
    home = folder / "solutions" / NAME
    for place, files in ((home, sections), (home / "checks", checks), (home / "answers", answers)):
        place.mkdir(parents=True)
        for name, text in files.items():
            (place / name).write_text(text)
    for file in (folder / "solutions").glob(f"{NAME}*.py"):
        file.unlink()
    return course


def folder_source(folder: Path, **files: dict[str, str]) -> Source:
    course = write_folder(folder, **files)
    return read_source(find_source(folder / "solutions", NAME), course)


def edited(files: dict[str, str], name: str, old: str, new: str) -> dict[str, str]:
    assert old in files[name]
    return {**files, name: files[name].replace(old, new)}


def test_a_folder_makes_the_same_notebook_as_a_file(tmp_path: Path) -> None:
    course = write_course(tmp_path / "file")
    one = read_source(tmp_path / "file" / "solutions" / f"{NAME}.py", course)
    other = folder_source(tmp_path / "folder")
    assert to_json(released(other)) == to_json(released(one))
    assert other.notebook == one.notebook
    assert list(other.checks.tasks) == list(one.checks.tasks)
    assert load_answers(tmp_path / "folder" / "solutions" / NAME) == load_answers(
        tmp_path / "file" / "solutions" / f"{NAME}.py"
    )


def test_sections_are_sorted_by_number_and_letter(tmp_path: Path) -> None:
    names = ("2_b.py", "10_c.py", "1_a.py", "2a_ab.py")
    cells = {name: f"# %% [markdown]\n# {name}\n" for name in names}
    source = folder_source(tmp_path, sections=cells, checks={}, answers={})
    assert [c.source for c in source.notebook.cells] == ["1_a.py", "2_b.py", "2a_ab.py", "10_c.py"]


def test_the_same_names_in_two_courses_stay_apart(tmp_path: Path) -> None:
    one = folder_source(tmp_path / "one")
    three = edited(CHECKS_OF, "helpers.py", "2 * number", "3 * number")
    other = folder_source(tmp_path / "other", checks=three)
    functions = [
        next(m.twice for m in source.checks.modules if hasattr(m, "twice"))
        for source in (one, other)
    ]
    assert [twice(7) for twice in functions] == [14, 21]


def test_dataclasses_in_a_shared_module_know_their_module(tmp_path: Path) -> None:
    more = "\nfrom __future__ import annotations\nfrom dataclasses import KW_ONLY, dataclass\n\n"
    more += "@dataclass\nclass Pair:\n    a: int\n    _: KW_ONLY\n    b: int = 1\n\n"
    checks = {**CHECKS_OF, "helpers.py": more + HELPER}
    assert folder_source(tmp_path, checks=checks).checks.tasks


def test_text_of_several_sections_is_merged(tmp_path: Path) -> None:
    sections = edited(SECTIONS, "02_total.py", 'print("the end")', 'print("{{ end }}")')
    checks = edited(CHECKS_OF, "02_total.py", "\n\n@task", '\n\nTEXT = {"end": "fin"}\n\n@task')
    source = folder_source(tmp_path / "a", sections=sections, checks=checks)
    assert source.checks.text == {"hint": "Read slowly.", "end": "fin"}
    assert source.notebook.cells[-1].source == 'print("fin")'
    twice = edited(checks, "02_total.py", '"end": "fin"', '"end": "fin", "hint": "No."')
    with pytest.raises(SourceError, match=r"checks/02_total\.py: another TEXT has 'hint'"):
        folder_source(tmp_path / "b", sections=sections, checks=twice)


MOVED = {
    "01_double.py": CHECKS_OF["01_double.py"] + "\n\n" + TOTAL,
    "helpers.py": HELPER,
}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"checks": MOVED}, "checks/01_double.py: the task 'total' is answered in 02_total.py"),
        (
            {"checks": {**CHECKS_OF, "03_more.py": ""}},
            "checks/03_more.py: there is no section 03_more.py",
        ),
        (
            {"checks": {n: t for n, t in CHECKS_OF.items() if n != "02_total.py"}},
            "checks/02_total.py: there is no task for the answer cell 'total'",
        ),
        (
            {"checks": edited(CHECKS_OF, "helpers.py", "return", "retrun")},
            "checks/helpers.py:2 cannot be imported: SyntaxError",
        ),
        (
            {"checks": edited(CHECKS_OF, "02_total.py", "import Call", "import Cole")},
            "cannot be imported: ImportError",
        ),
        (
            {"sections": {**SECTIONS, "notes.py": ""}},
            "01_small/notes.py: the name of a section begins with a number",
        ),
        (
            {"sections": {**SECTIONS, "01_other.py": ""}},
            "01_small/01_other.py: 01_double.py has the same number",
        ),
        (
            {
                "sections": edited(
                    SECTIONS, "02_total.py", 'print("the end")\n', "\n# %% nbgrader=3\n1"
                )
            },
            "01_small/02_total.py: cell 5: nbgrader should be a dictionary",
        ),
        (
            {"sections": edited(SECTIONS, "02_total.py", '"points": 3', '"points": 0')},
            "01_small/02_total.py: cell 'total-test'",
        ),
    ],
)
def test_a_slip_names_the_sections_file(
    tmp_path: Path, files: dict[str, dict[str, str]], says: str
) -> None:
    with pytest.raises(SourceError) as caught:
        folder_source(tmp_path, **files)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_answer_in_another_section_is_named(tmp_path: Path) -> None:
    both = {"01_double.py": ANSWERS_OF["01_double.py"] + ANSWERS_OF["02_total.py"]}
    write_folder(tmp_path, answers=both)
    with pytest.raises(SourceError, match=r"answers/01_double\.py: cell 3: .* no task 'total'"):
        load_answers(tmp_path / "solutions" / NAME)


def test_a_notebook_is_a_file_or_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "solutions" / "shared").mkdir()
    (tmp_path / "solutions" / "shared" / "helpers.py").write_text("")
    assert list(sources(tmp_path / "solutions")) == [NAME]
    (tmp_path / "solutions" / f"{NAME}.py").write_text("")
    with pytest.raises(SourceError, match="01_small is both a file and a folder"):
        sources(tmp_path / "solutions")


def test_hidden_checks_of_a_folder_do_not_leak(tmp_path: Path) -> None:
    source = folder_source(tmp_path)
    notebook = released(source)
    for cell in (
        "from solutions.01_small.checks.helpers import twice",
        'open("01_small/checks/02_total.py")',
        'Path("01_small") / "checks"',
        'expect_close(call.returned, twice(call.arguments[0]), "double", "Twice as much, please.")',
    ):
        notebook.cells[-1].source = cell
        (found,) = leaks(source, notebook, idioms())
        assert "02_total.py:" in found
    notebook.cells[-1].source = 'checks.upload("01_small.ipynb")'
    assert leaks(source, notebook, idioms()) == []


def version(course: Course) -> str:
    load_assignment.cache_clear()
    return load_assignment(NAME, course.file).version


@pytest.mark.parametrize("layout", ["file", "folder"])
def test_marks_depend_on_what_checks_do_in_every_file(tmp_path: Path, layout: str) -> None:
    """A comment changes no version; a value that a check reaches does, wherever it stands."""
    shared = "solutions/shared/arithmetic.py"
    if layout == "file":
        checks = CHECKS.replace("2 * call.arguments", "(four - 2) * call.arguments")
        course = write_course(tmp_path, checks="from .shared.arithmetic import four\n" + checks)
        edits = [(f"solutions/{NAME}_checks.py", "== 9", "== 8")]
    else:
        helpers = HELPER.replace("def", "from ...shared.arithmetic import four\n\ndef", 1)
        helpers = helpers.replace("return ", "return four - 4 + ")
        course = write_folder(tmp_path, checks={**CHECKS_OF, "helpers.py": helpers})
        edits = [
            (f"solutions/{NAME}/checks/helpers.py", "four - 4", "four - 3"),
            (f"solutions/{NAME}/checks/02_total.py", "== 9", "== 8"),
        ]
    edits.append((shared, "four = 4", "four = 5"))
    (tmp_path / shared).parent.mkdir()
    (tmp_path / shared).write_text("four = 4\n")
    seen = [version(course)]
    for file, old, new in edits:
        text = (tmp_path / file).read_text()
        assert old in text
        (tmp_path / file).write_text(f"# Corrected.\n{text}")
        assert version(course) == seen[-1]
        (tmp_path / file).write_text(text.replace(old, new))
        seen.append(version(course))
    assert len(set(seen)) == len(seen)
    other = tmp_path / "solutions" / "02_other.py"
    other.write_text("# %%\n1\n")
    assert version(course) == seen[-1]  # what is another notebook's changes nothing here


# --- given cells ----------------------------------------------------------------------------------

GIVEN = """

from autograde.tasks import given

HERE = given("given-imports", "numbers", ten=10)
"""
NUMBERS = '# %% name="numbers"\nfive = math.floor(5.5)\nfifty = five * ten\nprint("ran")\n\n'


def with_given(folder: Path, cells: str = NUMBERS, asks: str = GIVEN) -> Source:
    last = '# %%\nprint("the end")'
    sections = edited(SECTIONS, "02_total.py", last, cells + last)
    return folder_source(
        folder, sections=sections, checks={**CHECKS_OF, "helpers.py": HELPER + asks}
    )


def test_a_check_uses_what_given_cells_define(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = with_given(tmp_path / "a")
    (here,) = (m.HERE for m in source.checks.modules if hasattr(m, "HERE"))
    assert (here.five, here.fifty, here.ten) == (5, 50, 10)
    assert here.math.pi > 3
    assert capsys.readouterr().out == ""  # nobody reads what a scorer prints
    with pytest.raises(AttributeError, match="no 'six' is defined there"):
        here.six  # noqa: B018
    plain = with_given(tmp_path / "b", NUMBERS.replace(' name="numbers"', ""), "")
    assert to_json(released(source)) == to_json(released(plain))


def test_given_cells_run_once_and_only_when_they_are_needed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    cells = f'# %% name="numbers"\nopen({str(trace)!r}, "a").write("ran")\nfive = 5\n\n'
    source = with_given(tmp_path / "a", cells)
    released(source)
    assert not trace.exists()
    (here,) = (m.HERE for m in source.checks.modules if hasattr(m, "HERE"))
    assert here.five + here.five == 10
    assert trace.read_text() == "ran"


@pytest.mark.parametrize(
    ("cells", "asks", "says"),
    [
        (NUMBERS, GIVEN.replace('"numbers"', '"nubmers"'), "asks for 'nubmers'"),
        (NUMBERS, GIVEN.replace('"numbers"', '"double"'), "asks for 'double'"),
        (NUMBERS, GIVEN.replace('"numbers"', '"total-test"'), "asks for 'total-test'"),
        (NUMBERS + "a = '{{ hint }}'\n\n", GIVEN, "holds the template {{ hint }}"),
        (NUMBERS + NUMBERS, GIVEN, "another cell is called 'numbers', too"),
        ('# %% [markdown] name="numbers"\n# 5\n\n', GIVEN, "only a given code cell has a name"),
    ],
)
def test_a_slip_about_given_cells_is_one_sentence(
    tmp_path: Path, cells: str, asks: str, says: str
) -> None:
    with pytest.raises(SourceError) as caught:
        with_given(tmp_path, cells, asks)
    assert says in str(caught.value)
    assert "cannot be imported" not in str(caught.value)


def test_given_cells_are_those_of_the_notebook_whose_checks_are_imported() -> None:
    with pytest.raises(LookupError):
        given("given-imports")


def test_checks_corrected_within_a_second_are_asked_as_corrected(tmp_path: Path, monkeypatch):
    """Python takes stored bytecode for a file's own if its size and second of change agree."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    course = write_folder(tmp_path)
    file = tmp_path / "solutions" / NAME / "checks" / "helpers.py"

    def twice_of_three() -> int:
        load_assignment.cache_clear()
        modules = load_assignment(NAME, course.file).checks.modules
        (helpers,) = (module for module in modules if module.__name__.endswith("helpers"))
        return helpers.twice(3)

    assert twice_of_three() == 6
    before = file.stat()
    file.write_text(HELPER.replace("2 *", "4 *"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert twice_of_three() == 12
    assert sys.dont_write_bytecode is False
