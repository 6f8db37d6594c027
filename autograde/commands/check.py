"""``autograde check``: everything that is wrong with a notebook, in one run, for its author."""

from __future__ import annotations

import builtins
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from autograde.authoring.asked import Asked
from autograde.authoring.named import unconditional
from autograde.authoring.once import Once
from autograde.authoring.pieces import OWN_FAULT, Looking, Pieces, beside, one_thread
from autograde.authoring.running import run
from autograde.authoring.wrong import Wrongs
from autograde.commands.progress import Progress
from autograde.errors import AutogradeError
from autograde.grading.mark import UNTIMED, load_assignment, mark
from autograde.model.course import Course
from autograde.notebooks.agreement import agree
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.cells import SourceError, answers
from autograde.notebooks.places import Places
from autograde.notebooks.release import LeakError, released, to_json
from autograde.notebooks.source import Source, course_sources, examine, find_chosen, find_source
from xaikit.handin.markers import without_magics
from xaikit.handin.names import defined, needed

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
        with one_thread():
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
        source, found = examine(path, course)
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
        found += unconditional(source)
        if clean:
            say("  the solution, graded beside the rest (yours, so without isolation)")
            with beside(_of_the_solution, name, course) as graded:
                found += _of_the_answers(source, course, say)
                try:
                    found += _graded(graded, say)
                except Exception:
                    if not any(OWN_FAULT in sentence for sentence in found):
                        raise
        else:
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
        text = without_magics(cell.source)
        try:
            bound = defined(text)
        except SyntaxError:  # which examine has said
            continue
        for name in sorted((needed(text) or frozenset()) - known - bound):
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


def _of_the_solution(name: str, course: Course) -> tuple[float, list[str]]:
    """Return how long the solution's run took, and what the grader takes off and notices."""
    assignment = load_assignment(name, course.file)
    content = to_json(submission(assignment.released, assignment.solutions)).encode()
    source = examine(find_source(course.folder / "solutions", name), course)[0]
    assert source is not None
    places, cells = Places(source, source.notebook), {a.task: a for a in answers(source.notebook)}
    began = time.monotonic()
    result, _ = mark(content, "solution", assignment, b"check", UNTIMED, "none", ())
    # Other programs make the clock's time longer, and several cores the processors'.
    seconds = min(time.monotonic() - began, result.seconds)
    found = []
    for task in result.tasks:
        if cells[task.task].manual:
            continue
        if task.score is not None and task.score < task.max_score:
            where = places.of(cells[task.task].cell, 1)
            found.append(
                f"{where}: the solution earns {task.score:g} of {task.max_score:g} points: "
                f"{task.notice or task.message}"
            )
    found += [f"{source.layout.path}: the solution's run: {notice}" for notice in result.notices]
    if seconds > SECONDS:
        found.append(
            f"{source.layout.path}: the solution's run took {seconds:.0f} s, and should take at "
            f"most {SECONDS} s."
        )
    return seconds, found


def _graded(graded: Future[tuple[float, list[str]]], say: Say) -> list[str]:
    seconds, found = graded.result()
    say(f"  the solution's run, graded, took {seconds:.0f} s")
    return found


def _of_the_answers(source: Source, course: Course, say: Say) -> Iterator[str]:
    """Yield what is wrong with figures, with answers of each kind, and with hidden checks."""
    notes = course.folder / "tests" / "mutants" / f"{source.name}.toml"
    places = Places(source, source.notebook)
    cells = {each.task: each.cell for each in answers(source.notebook)}
    tasks = [task for task in source.checks.tasks.values() if task.id in cells]
    with Once(source.checks.modules).remembering():
        wrongs = Wrongs(Asked(source), notes)
        say("  each cell in turn: visible checks, titles of figures")
        ran = run(source, wrongs.asked.texts)
        yield from ran.faults
        pieces = Pieces(Looking(wrongs, ran, SEEDS), tasks)
        say(f"  {pieces.wrong} wrong answers, and answers without thought, of tasks: {len(tasks)}")
        progress = Progress(pieces.count)
        for task, whats in pieces.looked(lambda t, n: say(f"    {t} is done{progress.left(n)}")):
            for what in whats:
                cell = cells[task]
                yield f"{places.of(cell, _line(source, cell, what))}: {what.rstrip('.')}."


def _line(source: Source, cell: int, what: str) -> int:
    """Return the line of a cell that a broken solution differs in, else its first one."""
    for number, line in enumerate(source.notebook.cells[cell].source.split("\n"), start=1):
        if line.strip() and what.endswith(f"[{line.strip()}]"):
            return number
    return 1
