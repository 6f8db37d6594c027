"""Release the notebooks and grade the bundled class, as a newcomer sees it first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from autograde.commands.demo_class import fitting, load_all_answers, load_class, write_class
from autograde.commands.grade import grade
from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.notebooks.release import release
from autograde.notebooks.source import course_assignments
from autograde.sandbox.isolation import Isolation, SandboxError
from autograde.sandbox.proof import prove


def demo(
    course: Course, out: Path, jobs: int | None, say: Callable[[str], object]
) -> tuple[list[SubmissionResult], list[str]]:
    """Release all notebooks, write the bundled class's uploads and grade them.

    Where the sandbox does not hold, honest uploads run without isolation and hostile ones not.

    Parameters
    ----------
    course
        The course; its ``solutions/demo_class.toml`` tells who hands in what.
    out
        Where uploads and results are written.
    jobs
        Submissions at a time; by default one a core.
    say
        Takes a line of progress.

    Returns
    -------
    list of SubmissionResult
        See :func:`autograde.commands.grade.grade`.
    list of str
        ``STUDENT: NAME`` of the hostile uploads that were not run.

    Raises
    ------
    AutogradeError
        One sentence that says what to do.
    """
    release([], course, say)
    students = load_class(course.folder / "solutions" / "demo_class.toml")
    handed_in = {name for student in students for name in student.uploads}
    names = sorted(handed_in & {*course_assignments(course)})
    trusted = {name: load_assignment(name, course.file) for name in names}
    students = fitting(students, trusted)
    folder = out / "submissions"
    isolation: Isolation = "bubblewrap"
    try:
        prove((course.folder.resolve(), folder.resolve()), course.software.packages)
    except SandboxError as error:
        say(f"{error} Until then honest submissions run without isolation, hostile ones not.")
        isolation = "none"
    left_out = write_class(
        students,
        folder,
        {name: assignment.released for name, assignment in trusted.items()},
        load_all_answers(trusted, course),
        hostile=isolation == "bubblewrap",
        repository=course.repository,
    )
    say(f"Class: {len(students)} students, uploads in {folder.resolve()}")
    for student in students:
        say(f"  {student.name}: {student.story}")
    course = replace(
        course,
        students=tuple(student.name for student in students if not student.members),
        groups={student.name: student.members for student in students if student.members},
    )
    return grade(folder, course, out, names, jobs, isolation, say), left_out
