"""Whose a report is: a person is shown copies, and pages that name nobody of the group."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import pytest
from with_report import course_with_report

from autograde.grading.mark import load_assignment
from autograde.model.records import SubmissionResult, TaskResult
from autograde.reports.pages_of_reports import NAMELESS, alike_reports, with_notes

NAME = "01_small"
WORDS = """
We covered the pixels that each method calls important and watched what the network said about the
image afterwards. With Integrated Gradients the probability of the coat fell after twenty pixels
while random pixels needed more than two hundred of them. The map of the gradient did no better than
chance for this image so that we trust it least. Ten images are few and another network may answer
otherwise which we did not try for lack of time.
"""
OTHER = " ".join(f"{word}{number}" for number, word in enumerate(WORDS.split()))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    course = course_with_report(tmp_path_factory.mktemp("course") / "course")
    course = replace(course, students=(), groups={"Group 1": ("Ada Lovelace", "Zoë Müller")})
    released = load_assignment(NAME, course.file).released
    return SimpleNamespace(course=course, releases={NAME: released})


def handed(student: str, text: str, content: str = "") -> SubmissionResult:
    tasks = [
        TaskResult("double", 2, 2, ""),
        TaskResult("page", None, 6, "A person will mark this."),
    ]
    digest = sha256((content or student).encode()).hexdigest()
    return SubmissionResult(
        student, NAME, "manual_pending", tasks, report_hash=digest, report_text=text
    )


def pairs(small: SimpleNamespace, *results: SubmissionResult) -> list[tuple[str, str]]:
    found = alike_reports(results, small.releases, small.course)
    assert all(pair.tasks == ("page",) and pair.assignment == NAME for pair in found)
    return [pair.students for pair in found]


def test_a_copy_is_found_with_other_names_on_it(small: SimpleNamespace) -> None:
    results = [
        handed("Max", f"A title Max Planck {WORDS}"),
        handed("Group 1", f"Another one Ada Lovelace, Zoë Müller {WORDS}"),
        handed("Eve", OTHER),
        handed("Tim", OTHER.replace("e", "a")),
    ]
    assert pairs(small, *results) == [("Group 1", "Max")]
    (pair,) = alike_reports(results, small.releases, small.course)
    assert 0.8 < pair.share < 1


@pytest.mark.parametrize("text", ["", "Few words", WORDS])
def test_the_same_file_is_found_whatever_can_be_read_in_it(
    small: SimpleNamespace, text: str
) -> None:
    one, two = handed("Max", text, "the same"), handed("Eve", text, "the same")
    assert pairs(small, one, two, handed("Tim", OTHER)) == [("Eve", "Max")]


def test_the_same_few_words_in_another_file_are_found(small: SimpleNamespace) -> None:
    one, two = handed("Max", "It falls.", "a"), handed("Eve", "it  FALLS", "b")
    assert pairs(small, one, two) == [("Eve", "Max")]


def test_pictures_without_text_and_other_texts_are_not(small: SimpleNamespace) -> None:
    assert pairs(small, handed("Max", ""), handed("Eve", ""), handed("Tim", OTHER)) == []
    assert pairs(small, handed("Max", WORDS), handed("Eve", OTHER)) == []
    nothing = replace(handed("Max", ""), report_hash="")
    assert pairs(small, nothing, replace(nothing, student="Eve")) == []


def test_lines_that_look_like_comments_hide_nothing(small: SimpleNamespace) -> None:
    hidden = "\n".join(f"<!-- {line}" for line in WORDS.split(". "))
    assert pairs(small, handed("Max", hidden), handed("Eve", f"My {hidden}")) == [("Eve", "Max")]


def test_members_of_one_group_are_not_asked(small: SimpleNamespace) -> None:
    one, two = handed("Ada Lovelace", WORDS), handed("Zoë Müller", WORDS)
    assert pairs(small, one, two) == []


def test_forty_times_the_same_file_are_thirty_nine_pairs(small: SimpleNamespace) -> None:
    assert len(pairs(small, *[handed(f"s{i:02}", WORDS, "one") for i in range(40)])) == 39


@pytest.mark.parametrize(
    ("names", "noted"),
    [
        ("Ada Lovelace", False),
        ("LOVELACE, ADA", False),
        ("Zoe\u0308 Mu\u0308ller", False),  # decomposed, as a Mac writes it
        ("zoe muller", False),
        ("Ada Countess of Lovelace", False),
        ("Ada Byron", True),  # half a name is many people's
        ("Grace Hopper", True),
        ("", True),
    ],
)
def test_a_page_that_names_nobody_of_the_group_is_noted(
    small: SimpleNamespace, names: str, noted: bool
) -> None:
    before = handed("Group 1", f"{names} {WORDS}")
    (after,) = with_notes([before], small.releases, small.course)
    assert [task.to_marker for task in after.tasks] == ["", NAMELESS if noted else ""]
    # Nothing else moves, least of all a mark.
    assert [replace(task, to_marker="") for task in after.tasks] == before.tasks
    assert (after.score, after.status, after.notices) == (before.score, before.status, [])


def test_what_cannot_be_read_is_not_noted(small: SimpleNamespace) -> None:
    """A page that is a picture has no words; without a report there is nothing to look at."""
    missing = replace(handed("Eve", ""), report_hash="")
    results = [handed("Max", ""), handed("Group 1", "It falls."), missing]
    assert with_notes(results, small.releases, small.course) == results


def test_where_people_are_known_by_logins_nothing_is_said(small: SimpleNamespace) -> None:
    logins = [handed(login, f"Person {login[::-1]} {WORDS}") for login in ("xz12", "xz13", "xz14")]
    assert with_notes(logins, small.releases, small.course) == logins
    one = handed("Max Planck", f"Planck, Max {WORDS}")
    noted = with_notes([*logins, one], small.releases, small.course)
    assert [r.tasks[1].to_marker for r in noted] == [NAMELESS] * 3 + [""]
