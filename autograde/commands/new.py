"""``autograde new``: the files of a notebook with one whole task, for an author to begin with."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from autograde.authoring.first_task import first_files
from autograde.errors import AutogradeError
from autograde.model.course import Course
from autograde.notebooks.source import sources
from autograde.safety.files import write_together

_NAME = re.compile(r"\d{2}_[a-z0-9]+(_[a-z0-9]+)*")

_TESTS = '''\
"""Notebook @NAME@: its four kinds of answers."""

from __future__ import annotations

from kinds import (  # noqa: F401 - tests
    test_a_message_tells_nothing_of_a_reference,
    test_a_plausible_mistake_costs,
    test_a_right_answer_earns_all,
    test_a_right_answer_passes_the_visible_checks,
    test_an_answer_of_another_type_is_wrong_not_an_error,
    test_the_visible_check_says_one_thing_of_any_answer,
    test_what_costs_no_thought_earns_nothing,
    test_what_the_visible_check_accepts_grading_reads,
)

NAME = "@NAME@"
'''


def new(name: str, course: Course, say: Callable[[str], object] = print) -> list[Path]:
    """Write ``solutions/NAME/`` with a section, its hidden check and its answers.

    ``course.toml`` holds remarks, so its author adds the lines that are said.

    Parameters
    ----------
    name
        Such as ``09_concepts``.
    course
        The course.
    say
        Takes what is said.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    AutogradeError
        If it is no name of a notebook, or one of that name or number is there.
    """
    if not _NAME.fullmatch(name):
        raise AutogradeError(
            f"{name!r} is no name of a notebook: write two digits, '_' and lower-case words, such "
            "as 09_concepts."
        )
    solutions = course.folder / "solutions"
    there = sources(solutions)
    taken = next((other for other in there if other[:3] == name[:3]), "")
    if taken or (solutions / name).exists():
        raise AutogradeError(
            f"{solutions / (taken or name)} is there already; choose another number."
        )
    say(f"Writing {solutions / name}")
    files = {solutions / name / place: text for place, text in first_files(name).items()}
    tests = course.folder / "tests" / "solutions"
    if (tests / "kinds.py").is_file():  # the course has the tests of every kind of answer
        files[tests / f"test_{name}.py"] = _TESTS.replace("@NAME@", name)
    write_together(files)
    for file in files:
        say(f"  {file.relative_to(course.folder)}")
    say(f"Add to {course.file.name}, if it has a deadline or another weight than 1:")
    say(f'\n[assignments.{name}]\ndeadline = "YEAR-MONTH-DAYT23:59"\nweight = 1\n')
    say(f"Then write your own task over the one that is there, and run: autograde check {name}")
    return list(files)
