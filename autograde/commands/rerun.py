"""For an appeal: grade one student's upload anew and compare with the audit record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from autograde.commands.grade import solution_timing
from autograde.errors import AutogradeError
from autograde.grading.data import settle_data
from autograde.grading.jobs import upload_key
from autograde.grading.mark import Assignment, Timing, by_the_solution, load_assignment, mark
from autograde.grading.provenance import software
from autograde.grading.recorded import unpack
from autograde.grading.reports import report_of
from autograde.grading.score import CheckError, hidden_inputs, worth
from autograde.grading.store import Store, only_grader
from autograde.intake.submissions import find
from autograde.lms.names import suggested
from autograde.model.course import Course
from autograde.model.kinds import known_as, meant
from autograde.model.records import SubmissionResult, TaskResult, points
from autograde.notebooks.release import handed_out
from autograde.notebooks.source import course_assignments, course_sources
from autograde.reports import audit
from autograde.reports.appeal import Row, write_appeal
from autograde.reports.audit import Line, last_lines
from autograde.safety.sanitize import clean_line
from autograde.sandbox.isolation import Isolation, Limits
from autograde.sandbox.proof import prove
from autograde.sandbox.replies import Failed
from autograde.tasks import Call, noting_comparisons


class RerunError(AutogradeError):
    """Nothing can be compared: one sentence that says why."""


def rerun(
    student: str,
    name: str,
    submissions: Path,
    course: Course,
    out: Path,
    isolation: Isolation = "bubblewrap",
    say: Callable[[str], object] = print,
    show: str = "",
) -> bool:
    """Grade one upload anew, and say where its marks differ from those in the audit record.

    The results are left as they are; the outcome goes into the audit record.

    Parameters
    ----------
    student
        A student or group, by the name in ``grades.csv``.
    name
        The notebook's name.
    submissions
        The folder or zip file that was graded.
    course
        The course.
    out
        The folder that ``grade`` wrote.
    isolation
        How to run the upload.
    say
        Takes a line of progress, and of the outcome.
    show
        A task, of which a page and a cell show hidden inputs, what was expected, what came back.

    Returns
    -------
    bool
        Whether every mark that the grader gave is the same again.

    Raises
    ------
    RerunError
        If there is no such upload, or no mark of it.
    GradeError, SubmissionsError, StoreError, SandboxError, SourceError, CheckError, AuditError
    WriteError
        One sentence that says what to do.
    """
    there = list(course_sources(course))
    if name not in there:
        raise RerunError(f"There is no notebook {name!r}; there is {', '.join(there)}.")
    if not out.is_dir():
        raise RerunError(f"There is no folder {out}.")
    marked = course_assignments(course)
    if name not in marked:
        raise RerunError(f"{name} has no task, so there is nothing to grade in it.")
    unmarked = {*there} - {*marked}
    found = find(submissions, course, handed_out(course, there), [name], unmarked)
    uploads = {u.student: u for u in found.uploads if u.path}
    people = {*uploads, *(member for who in uploads for member in course.members(who))}
    student = known_as(student, people)
    who = course.group_of(student) or student
    if who not in uploads:
        hint = suggested(student, people)
        raise RerunError(f"{submissions} holds no {name} of {clean_line(student)}{hint}")
    recorded = last_lines(who, name, out)
    if not recorded:
        raise RerunError(f"{out} holds no mark of {clean_line(who)} for {name}: grade it first.")
    store = Store(out)
    with only_grader(out):
        hidden = (course.folder.resolve(), submissions.resolve(), out.resolve())
        if isolation == "bubblewrap":
            say("Sandbox: proving that it holds")
            prove(hidden, course.software.packages)
        settle_data(course, say)
        assignment = load_assignment(name, course.file)
        if show and show not in assignment.checks.tasks:
            hint = meant(show, assignment.checks.tasks)
            raise RerunError(f"{name} has no automatic task {clean_line(show)!r}{hint}")
        timing = solution_timing(assignment, course, store, isolation, hidden, say)
        say(f"Running {name} of {clean_line(who)}")
        content, secret, report = uploads[who].read(), course.secret(), report_of(uploads[who])
        result, _ = mark(content, who, assignment, secret, timing, isolation, hidden, report=report)
    now = {
        "submission": result.submission_hash,
        "checks": assignment.version,
        "software": software(),
        "isolation": isolation,
        "report": result.report_hash,
        "key": audit.key_of_tasks(result)
        or upload_key(assignment, secret, content, report, isolation),
    }
    differences = list(_differences(result, recorded))
    for line in recorded.values():
        if line.get("by") == "person":
            say(
                f"{line['task']}: {points(line['score'])} of {points(line['max_score'])} were "
                f"given by a person ({line['time']}); only the grader's part is compared."
            )
    changed = _changed(recorded[""], now)
    count = len(result.tasks)
    outcome = [
        f"Not the same marks: {len(differences)} of {count} tasks differ."
        if differences
        else f"Same marks, reproduced: {count} of {count} tasks as in the audit record."
    ]
    reasons = [f"Since the marks of {recorded['']['time']}, {changed}."] if changed else []
    for sentence in (*reasons, *differences, *outcome):
        say(sentence)
    noted: dict[str, Any] = {
        "outcome": "other marks" if differences else "same marks",
        "reason": " ".join(reasons) or "nothing that marks depend on has changed",
        "differences": differences,
        **now,
    }
    if show:
        task = next(each for each in result.tasks if each.task == show)
        say(f"Running the solution on the hidden inputs of {show}")
        where = (Limits(), isolation, hidden)
        for path in _show(task, result, assignment, secret, timing, where, outcome + reasons, out):
            say(f"Written: {path}")
        noted["shown"] = {"task": show, "score": task.score, "message": task.message}
    audit.note_appeal(who, name, noted, out)
    say(f"Noted in {out / audit.FILE}")
    return not differences


def _show(
    task: TaskResult,
    result: SubmissionResult,
    assignment: Assignment,
    secret: bytes,
    timing: Timing,
    where: tuple[Limits, Isolation, tuple[Path, ...]],
    outcome: list[str],
    out: Path,
) -> tuple[Path, Path]:
    """Write what happened in one task: a page, and a cell to paste."""
    check, given = assignment.checks.tasks[task.task], unpack(result.answers)
    answer = check.answer
    if isinstance(answer, Call):
        function, inputs = answer.function, hidden_inputs(check, secret, result.submission_hash)
        nothing = [(Failed(task.message), frozenset[int]())] * len(inputs)
        came = given.calls[check.id][1] if check.id in given.calls else nothing
        expected = by_the_solution(assignment, check.id, inputs, timing, where)
        rows = [
            Row(f"Call {i}", arguments, wanted, returned, changed)
            for i, (arguments, wanted, (returned, changed)) in enumerate(
                zip(inputs, expected, came, strict=True), start=1
            )
        ]
        values = None
    else:
        function, inputs = "", []
        values = given.values[check.id][1] if check.id in given.values else Failed(task.message)
        wanted = by_the_solution(assignment, check.id, [], timing, where)
        lost = values if isinstance(values, Failed) else None
        rows = [
            Row(name, (), wanted[name], lost or values[name])  # type: ignore[index]
            for name in answer.names
        ]
    outcomes = [(row.arguments, row.returned, row.changed) for row in rows] if inputs else None
    with noting_comparisons() as compared, contextlib.suppress(CheckError):
        worth(check, values, outcomes)
    return write_appeal(
        result.student, assignment.name, task, function, rows, compared, outcome, out
    )


def _differences(result: SubmissionResult, recorded: Mapping[str, Line]) -> Iterator[str]:
    """Yield a sentence for every task whose mark by the grader differs."""
    now = {task.task: task.score for task in result.tasks}
    for task in dict.fromkeys([*now, *(task for task in recorded if task)]):
        if task not in recorded:
            yield f"{task}: {_words(now[task])} now; the audit record has no such task."
        elif task not in now:
            yield f"{task}: {_words(recorded[task]['grader'])} then; there is no such task now."
        elif now[task] != recorded[task]["grader"]:
            yield f"{task}: {_words(now[task])} now, {_words(recorded[task]['grader'])} then."


def _words(score: float | None) -> str:
    return "no points yet (a person marks it)" if score is None else f"{points(score)} points"


def _changed(line: Line, now: Mapping[str, str]) -> str:
    """Say which of the things that marks depend on have changed."""
    words = {
        "submission": "the submission is another one",
        "report": "the report is another one",
        "checks": "the notebook's checks, points or given cells have changed",
        "software": "the software has changed (Python, a package, or the grader)",
        "isolation": "submissions are isolated otherwise",
    }
    changed = [said for what, said in words.items() if line.get(what, "") != now[what]]
    if not changed and line["key"] != now["key"]:
        changed = ["the course's secret, its data or a package has changed"]
    return ", ".join(changed)
