"""``autograde check``: everything that is wrong with a notebook, in one run, for its author."""

from __future__ import annotations

import builtins
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from autograde.authoring.asked import Asked
from autograde.authoring.running import Ran, not_as_meant, run
from autograde.authoring.wrong import Wrongs, fault
from autograde.commands.progress import Progress
from autograde.errors import AutogradeError
from autograde.grading.mark import UNTIMED, load_assignment, mark
from autograde.model.course import Course
from autograde.notebooks.agreement import agree
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.cells import SourceError, answers
from autograde.notebooks.kept import kept_checks
from autograde.notebooks.places import Places
from autograde.notebooks.release import LeakError, released, to_json
from autograde.notebooks.source import Source, course_sources, examine, find_chosen, find_source
from autograde.tasks import Call, Task
from xaikit.names import defined, needed

Say = Callable[[str], object]

SEEDS = 3
"""With so many seeds each broken solution is asked; ``make mutants`` asks with more."""

SECONDS = 120
"""A run of the solution takes no longer."""

_PLACE = re.compile(r"(.+?\.(?:py|toml))(?::(\d+))?:")
_KERNEL = {"__name__", "get_ipython", "display", "In", "Out"}


def check(names: Sequence[str], course: Course, say: Say = print) -> bool:
    """Say all that is wrong with these notebooks, by default with all; return whether nothing is.

    Parameters
    ----------
    names
        Names of notebooks in ``solutions/``.
    course
        The course.
    say
        Takes a line of progress, and each line of the list at the end.

    Raises
    ------
    SourceError
        If there is no such notebook.
    """
    there = course_sources(course)
    for name in names:
        find_chosen(course, name)
    found: list[str] = []
    try:
        agree(course, there)
    except AutogradeError as error:
        found += error.lines or (str(error),)
    for name in names or there:
        say(f"Checking {name}")
        found += _faults(name, course, say)
    found = sorted(dict.fromkeys(found), key=_by_place)
    where = f"in {', '.join(names or there)}"
    if not found:
        say(f"Nothing is wrong {where}.")
        return True
    say(f"\n{len(found)} {'thing' if len(found) == 1 else 'things'} to put right {where}:")
    for sentence in found:
        say(sentence.replace(f"{course.folder}/", ""))
    return False


def _by_place(sentence: str) -> tuple[str, int, str]:
    place = _PLACE.match(sentence)
    return (place[1], int(place[2] or 0), sentence) if place else ("", 0, sentence)


def _faults(name: str, course: Course, say: Say) -> list[str]:
    """Return a sentence for everything that is wrong with one notebook."""
    path = find_source(course.folder / "solutions", name)
    say("  what release looks at: cells, ids, points, hidden checks, leaks")
    try:
        source, found = examine(path, course, partial(kept_checks, course))
    except SourceError as error:
        return [*error.mistakes]
    if source is None:
        return [*found, f"{path}: nothing more can be looked at until this is put right."]
    clean = not found
    try:
        try:
            released(source)
        except LeakError as error:
            found += error.mistakes
            clean = False
        found += _undefined(source)
        found += _unwritten(source)
        if clean:
            found += _of_the_solution(name, course, say)
        found += _of_the_answers(source, course, say)
    except SourceError as error:
        found += error.mistakes
    except Exception:
        if clean:
            raise
        # What is wrong is said already: it comes of that.
        found.append(f"{path}: some of it could not be looked at until this is put right.")
    return found


def _undefined(source: Source) -> Iterator[str]:
    """Yield the names that no cell above defines."""
    places = Places(source, source.notebook)
    known = {*dir(builtins), *_KERNEL}
    for position, cell in enumerate(source.notebook.cells):
        if cell.cell_type != "code":
            continue
        try:
            bound = defined(cell.source)
        except SyntaxError:  # a magic, or what examine has said
            continue
        for name in sorted((needed(cell.source) or frozenset()) - known - bound):
            lines = cell.source.split("\n")
            line = next((i for i, t in enumerate(lines, 1) if re.search(rf"\b{name}\b", t)), 1)
            yield f"{places.of(position, line)}: no cell above defines {name}."
        known |= bound


def _unwritten(source: Source) -> Iterator[str]:
    """Yield the tasks that lack another answer, with which tests try their check."""
    written = load_answers(source.layout.path)
    beside = {section.script: section.answers for section in source.layout.sections}
    for each in answers(source.notebook):
        if each.manual:
            continue
        for kind, what in (("alternative", "other right answer"), ("wrong", "plausible mistake")):
            if kind not in written.get(each.task, {}):
                yield (
                    f"{beside[source.files[each.cell]]}: the task {each.task!r} is not tested with "
                    f'a {what}; add a cell # %% answer="{each.task}" kind="{kind}".'
                ).replace("a other", "another")


def _of_the_solution(name: str, course: Course, say: Say) -> Iterator[str]:
    """Yield what the grader takes off the solution, and whether it takes too long."""
    say("  the solution, graded (it is yours, so it runs without isolation)")
    assignment = load_assignment(name, course.file)
    content = to_json(submission(assignment.released, assignment.solutions)).encode()
    source = examine(find_source(course.folder / "solutions", name), course)[0]
    assert source is not None
    places, cells = Places(source, source.notebook), {a.task: a for a in answers(source.notebook)}
    began = time.monotonic()
    result, _ = mark(content, "solution", assignment, b"check", UNTIMED, "none", ())
    for task in result.tasks:
        if cells[task.task].manual:
            continue
        if task.score is not None and task.score < task.max_score:
            where = places.of(cells[task.task].cell, 1)
            yield (
                f"{where}: the solution earns {task.score:g} of {task.max_score:g} points: "
                f"{task.notice or task.message}"
            )
    yield from (f"{source.layout.path}: the solution's run: {notice}" for notice in result.notices)
    # Other programs make the clock's time longer, and several cores the processors'.
    seconds = min(time.monotonic() - began, result.seconds)
    say(f"    it took {seconds:.0f} s")
    if seconds > SECONDS:
        yield (
            f"{source.layout.path}: the solution's run took {seconds:.0f} s, and should take at "
            f"most {SECONDS} s."
        )


def _of_the_answers(source: Source, course: Course, say: Say) -> Iterator[str]:
    """Yield what is wrong with figures, with answers of each kind, and with hidden checks."""
    asked = Asked(source)
    notes = course.folder / "tests" / "mutants" / f"{source.name}.toml"
    wrongs = Wrongs(asked, notes)
    say("  each cell in turn: visible checks, titles of figures")
    ran = run(source, asked.texts)
    yield from ran.faults
    places = Places(source, source.notebook)
    cells = {each.task: each.cell for each in answers(source.notebook)}
    tasks = [task for task in source.checks.tasks.values() if task.id in cells]
    progress = Progress(len(tasks))
    for done, task in enumerate(tasks):
        say(f"  {task.id}: wrong answers, and answers without thought{progress.left(done)}")
        cell = cells[task.id]
        for what in _of_the_task(wrongs, ran, task):
            yield f"{places.of(cell, _line(source, cell, what))}: {what}."


def _of_the_task(wrongs: Wrongs, ran: Ran, task: Task) -> Iterator[str]:
    yield from not_as_meant(wrongs, ran, task)
    if isinstance(task.answer, Call) and wrongs.asked.define(task.id, wrongs.asked.texts[task.id]):
        yield from filter(None, map(fault, wrongs.look(task.id, SEEDS)))
        yield from wrongs.taken_marks(task.id, range(SEEDS))


def _line(source: Source, cell: int, what: str) -> int:
    """Return the line of a cell that a broken solution differs in, else its first one."""
    for number, line in enumerate(source.notebook.cells[cell].source.split("\n"), start=1):
        if line.strip() and what.endswith(f"[{line.strip()}]"):
            return number
    return 1
