"""The bundled class: its uploads are what they say, and its hostile ones gain nothing."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from autograde.commands import demo_class
from autograde.grading import mark as marking
from autograde.intake.rebuild import rebuild
from autograde.model.course import CourseError
from autograde.model.course_file import read_course
from autograde.model.records import SubmissionResult
from autograde.notebooks.cells import answers
from autograde.notebooks.source import sources
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.one_page import read_page

COURSE = read_course(Path(__file__))
RECIPE = COURSE.folder / "solutions" / "demo_class.toml"
CLASS = {student.name: student for student in demo_class.load_class(RECIPE)}
THEORY = "01_theory"


def assignment(name: str) -> marking.Assignment:
    return marking.load_assignment(name, COURSE.file)


def upload(student: str, name: str = THEORY) -> bytes:
    every = demo_class.load_all_answers({name: assignment(name)}, COURSE)
    return demo_class.make_upload(
        CLASS[student].uploads[name], assignment(name).released, every[name]
    )


def grade(student: str) -> SubmissionResult:
    trusted, timing = assignment(THEORY), marking.Timing()
    result, _ = marking.mark(
        upload(student),
        student,
        trusted,
        b"a secret of tests",
        timing,
        "bubblewrap",
        (COURSE.folder,),
    )
    return result


def lost(result: SubmissionResult) -> set[str]:
    return {t.task for t in result.tasks if t.score not in (t.max_score, None)}


def test_the_class_has_what_a_class_has():
    names = {name for student in CLASS.values() for name in student.uploads}
    assert len(CLASS) >= 12
    assert names <= set(sources(COURSE.folder / "solutions"))
    kinds = [u for student in CLASS.values() for u in student.uploads.values()]
    assert sum(u.hostile for u in kinds) >= 3
    assert {u.damage for u in kinds} >= set(demo_class.DAMAGES)


@pytest.mark.parametrize("student", ["bruno", "farid", "grace"])
def test_a_notebook_that_suffered_on_its_way_has_all_its_answers(student: str):
    every = demo_class.load_all_answers({THEORY: assignment(THEORY)}, COURSE)[THEORY]
    rebuilt = rebuild(upload(student), assignment(THEORY).released)
    assert rebuilt.untouched == rebuilt.absent == frozenset()
    kind = CLASS[student].uploads[THEORY].answers
    for answer in answers(rebuilt.notebook):
        wanted = every[answer.task].get(kind, every[answer.task]["solution"])
        assert rebuilt.notebook.cells[answer.cell].source.strip() == wanted.strip()


def test_the_colab_upload_keeps_nothing_of_nbgrader():
    notebook = json.loads(upload("bruno"))
    assert "nbgrader" not in json.dumps([cell["metadata"] for cell in notebook["cells"]])
    assert notebook["nbformat_minor"] == 0


def test_the_broken_upload_is_broken():
    with pytest.raises(BrokenUploadError):
        rebuild(upload("hugo"), assignment(THEORY).released)
    with pytest.raises(nbformat.reader.NotJSONError):
        nbformat.reads(upload("hugo").decode(), as_version=4)


@pytest.mark.xdist_group("cheat")  # it grades a whole notebook
def test_the_cheat_gains_nothing_and_finds_nothing():
    result = grade("jakob")
    assert result.score == 0
    text = json.dumps(result.notebook)
    assert "solutions and gradebooks in sight: []" in text


@pytest.mark.xdist_group("endless loop")  # it grades a whole notebook
def test_an_endless_loop_loses_its_own_task_and_no_other():
    result = grade("ines")
    assert lost(result) == {"relu-pair"}
    assert result.status == "partial"
    assert "longer than its time limit" in " ".join(result.notices)


@pytest.mark.xdist_group("dead kernel")  # it grades a whole notebook
def test_a_dead_kernel_loses_nothing_that_was_right():
    result = grade("kofi")
    assert lost(result) == set()
    assert result.status == "partial"
    assert "ended the Python process" in " ".join(result.notices)


@pytest.mark.xdist_group("visible example")  # it grades a whole notebook
def test_returning_what_the_visible_example_wants_is_not_enough():
    assert lost(grade("mira")) == {"linear-counterfactual"}


def test_without_a_sandbox_the_hostile_uploads_stay_out(tmp_path: Path):
    names = {name for student in CLASS.values() for name in student.uploads}
    trusted = {name: assignment(name) for name in names}
    left_out = demo_class.write_class(
        list(CLASS.values()),
        tmp_path / "class",
        {name: a.released for name, a in trusted.items()},
        demo_class.load_all_answers(trusted, COURSE),
        hostile=False,
        repository="someone/course",
    )
    assert left_out == ["ines: 01_theory", "jakob: 01_theory", "kofi: 01_theory"]
    assert not (tmp_path / "class" / "jakob" / "01_theory.ipynb").exists()
    assert (tmp_path / "class" / "ada" / "01_theory.ipynb").exists()
    # Of those who hand in notebook 02, two make a report, and one forgets it.
    made = {path.parent.name: path for path in (tmp_path / "class").rglob("*.pdf")}
    assert (
        set(made) == {"ada", "nora and otto"} and "02_local_explanations" in CLASS["bruno"].uploads
    )
    for name, names in (("ada", "Ada"), ("nora and otto", "Nora, Otto")):
        page = read_page(made[name].read_bytes())
        assert (page.fault, page.pages) == ("", 1) and names in page.text.splitlines()
        assert "someone/course" in page.text and "Integrated" in page.text


def test_an_unknown_entry_of_the_recipe_is_named(tmp_path: Path):
    recipe = tmp_path / "class.toml"
    recipe.write_text('[[student]]\nname = "x"\nsubmits.01_theory = { answer = "wrong" }\n')
    with pytest.raises(CourseError, match="x's 01_theory has an unknown entry"):
        demo_class.load_class(recipe)
    recipe.write_text('[[student]]\nname = "x"\nsubmits.01_theory = { damage = "burnt" }\n')
    with pytest.raises(CourseError, match="burnt"):
        demo_class.load_class(recipe)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[student]]\nstory = "x"\n', "student 1 has no name"),
        ('[[students]]\nname = "x"\n', "The class has an unknown entry students"),
        ('[[student]]\nname = "x"\nstroy = "y"\n', r"x has an unknown entry stroy .*mean story\?"),
        (
            '[[student]]\nname = "x"\nsubmits.01_theory = { answers = "solutoin" }\n',
            "x's 01_theory.answers should be solution, alternative, wrong or untouched",
        ),
        (
            '[[student]]\nname = "x"\nsubmits.01_theory = { kinds = { quiz = "rong" } }\n',
            "x's 01_theory.kinds.quiz should be solution",
        ),
        (
            '[[student]]\nname = "x"\nsubmits.01_theory = { hostile = 1 }\n',
            "x's 01_theory.hostile should be true or false",
        ),
        ('[[student]]\nname = "x"\nsubmits = 3\n', "x.submits should be a table"),
    ],
)
def test_a_recipe_with_a_slip_is_one_sentence(tmp_path: Path, text: str, sentence: str):
    recipe = tmp_path / "class.toml"
    recipe.write_text(text)
    with pytest.raises(CourseError, match=sentence) as caught:
        demo_class.load_class(recipe)
    assert str(recipe) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["kinds", "code"])
def test_a_task_that_the_notebook_does_not_have_is_named(what: str):
    every = demo_class.load_all_answers({THEORY: assignment(THEORY)}, COURSE)[THEORY]
    recipe = demo_class.Recipe(**{what: {"shaply": "solution"}})
    with pytest.raises(CourseError, match=r"'shaply' .* do you mean shapley\?"):
        demo_class.make_upload(recipe, assignment(THEORY).released, every)
