"""For an appeal: grade one student's upload anew and compare with the audit record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from autograde.commands.grade import solution_timing
from autograde.errors import AutogradeError
from autograde.grading.data import settle_data
from autograde.grading.mark import load_assignment, mark
from autograde.grading.provenance import record_key, software
from autograde.grading.store import Store, only_grader
from autograde.intake.submissions import find
from autograde.lms.names import meaning
from autograde.model.course import Course
from autograde.model.records import SubmissionResult, points
from autograde.notebooks.release import handed_out
from autograde.notebooks.source import sources
from autograde.reports.audit import Line, last_lines
from autograde.safety.sanitize import clean_line
from autograde.sandbox.isolation import Isolation
from autograde.sandbox.proof import prove


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
) -> bool:
    """Grade one upload anew, and say where its marks differ from those in the audit record.

    The results are left as they are.

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
    there = list(sources(course.folder / "solutions"))
    if name not in there:
        raise RerunError(f"There is no notebook {name!r}; there is {', '.join(there)}.")
    if not out.is_dir():
        raise RerunError(f"There is no folder {out}.")
    found = find(submissions, course, handed_out(course, there), [name])
    uploads = {u.student: u for u in found.uploads if u.path}
    who = course.group_of(student) or student
    if who not in uploads:
        near = meaning(uploads)(student)
        hint = f"; do you mean {' or '.join(map(clean_line, near))}?" if near else "."
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
        timing = solution_timing(assignment, course, store, isolation, hidden, say)
        say(f"Running {name} of {clean_line(who)}")
        content, secret = uploads[who].read(), course.secret()
        result, _ = mark(content, who, assignment, secret, timing, isolation, hidden)
    now = {
        "submission": result.submission_hash,
        "checks": assignment.version,
        "software": software(),
        "isolation": isolation,
        "key": record_key(assignment, secret + b"\0" + content, isolation),
    }
    differences = list(_differences(result, recorded))
    for line in recorded.values():
        if line.get("by") == "person":
            say(
                f"{line['task']}: {points(line['score'])} of {points(line['max_score'])} were "
                f"given by a person ({line['time']}); only the grader's part is compared."
            )
    changed = _changed(recorded[""], now)
    if changed:
        say(f"Since the marks of {recorded['']['time']}, {changed}.")
    for difference in differences:
        say(difference)
    count = len(result.tasks)
    if not differences:
        say(f"Same marks, reproduced: {count} of {count} tasks as in the audit record.")
    else:
        say(f"Not the same marks: {len(differences)} of {count} tasks differ.")
    return not differences


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
        "checks": "the notebook's source or its checks have changed",
        "software": "the software has changed (Python, a package, or the grader)",
        "isolation": "submissions are isolated otherwise",
    }
    changed = [said for what, said in words.items() if line[what] != now[what]]
    if not changed and line["key"] != now["key"]:
        changed = ["the course's secret has changed, or where its data lies"]
    return ", ".join(changed)
