"""``autograde course``: what was understood of ``course.toml``, in sentences to read through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from nbformat import NotebookNode

from autograde.errors import AutogradeError
from autograde.model.course import Accommodation, Course
from autograde.model.moments import in_words
from autograde.model.records import points
from autograde.model.terms import late_rule, weight
from autograde.notebooks.agreement import agree, undated, unread
from autograde.notebooks.cells import answers
from autograde.notebooks.choice import described
from autograde.notebooks.source import (
    Source,
    course_assignments,
    course_sources,
    read_source,
    sources,
)

Say = Callable[[str], object]


def describe(course: Course, say: Say = print) -> bool:
    """Say what ``course.toml`` means for notebooks and class; return whether nothing is missing."""
    say(f"{course.name}: what {course.file} says\n")
    paths = course_sources(course)
    read: dict[str, Source] = {}
    mistakes: list[str] = []
    try:
        agree(course, paths)
    except AutogradeError as error:
        mistakes += error.lines or (str(error),)
    for name, path in paths.items():
        try:
            read[name] = read_source(path, course)
        except AutogradeError as error:
            mistakes += error.lines or (str(error),)
    marked = course_assignments(course)
    for title, sentences in (
        ("Course", _course(course)),
        ("Assignments", _assignments(course, read, list(paths), marked)),
        ("Handing in late", [late_rule(course.late)]),
        ("Exceptions", _exceptions(course, marked)),
        ("Class and groups", _class(course)),
        ("Marking by hand", [_marking(course)]),
        ("Tables for checks", _tables(course)),
    ):
        _section(say, title, sentences)
    missing = [*dict.fromkeys(mistakes), *undated(course), *unread(course), *_idle(course)]
    _section(say, "To put right", missing or ["Nothing."])
    return not missing


def _section(say: Say, title: str, sentences: Iterable[str]) -> None:
    say(title)
    for sentence in sentences:
        say(f"  {sentence}")
    say("")


def _course(course: Course) -> Iterator[str]:
    yield f"Notebooks and library are fetched from {course.repository}, tag {course.tag}."
    if course.timezone is not None:
        yield f"Times are those of {course.timezone.key}, summer time included."
    else:
        yield "There is no timezone: each deadline has its own offset, other times are in UTC."
    others = sources(course.folder / "solutions").keys() - course_sources(course).keys()
    if others:
        yield f"It leaves out {', '.join(sorted(others))}."


def _assignments(
    course: Course, read: Mapping[str, Source], names: list[str], marked: list[str]
) -> Iterator[str]:
    for name in names or ["There is no notebook in solutions/."]:
        if name not in read:
            yield f"{name}: could not be read; see below." if name in names else name
            continue
        notebook = read[name].notebook
        if name not in marked:
            yield f"{name}, “{_title(notebook)}”: no task, so it is no assignment."
            continue
        parts = answers(notebook)
        worth = weight(course, name, sum(part.points for part in parts), marked)
        due = course.assignment(name).deadline
        when = f"due on {in_words(due)}" if due else "without a deadline"
        chosen = described(course.assignment(name), read[name].left_out)
        when += f"; chosen: {chosen}" if chosen else ""
        count = f"{len(parts)} {'task' if len(parts) == 1 else 'tasks'}"
        yield f"{name}, “{_title(notebook)}”: {count}, {worth}; {when}."


def _title(notebook: NotebookNode) -> str:
    lines = (line for cell in notebook.cells for line in cell.source.split("\n"))
    return next((line.lstrip("# ") for line in lines if line.startswith("# ")), "no title")


def _exceptions(course: Course, names: list[str]) -> Iterator[str]:
    for who in sorted({*course.extensions, *course.accommodations}):
        granted = [*_extended(course, who), *_granted(course.accommodations.get(who))]
        yield f"{who}: {', '.join(granted) or 'nothing is granted'}. That gives:"
        for name in names:
            due = course.deadline(name, who)
            if due is not None and due != course.assignment(name).deadline:
                yield f"    {name} by {in_words(due)}."
        if who in course.accommodations:
            yield f"    {late_rule(course.late_for(who))}"
        group = course.group_of(who)
        if group:
            yield f"    The same holds for {group}, to which {who} belongs."
    if not course.extensions and not course.accommodations:
        yield "Nobody has one."


def _extended(course: Course, who: str) -> list[str]:
    return [f"an extension for {name}" for name in course.extensions.get(who, {})]


def _granted(grant: Accommodation | None) -> Iterator[str]:
    if grant is None:
        return
    if grant.extra_days:
        yield f"{_counted(grant.extra_days, 'more day')} for every assignment"
    if grant.grace_hours:
        yield f"{_counted(grant.grace_hours, 'hour')} of grace"
    if not grant.late_penalty:
        yield "no late penalty"


def _counted(number: float, what: str) -> str:
    return f"{points(number)} {what}{'' if number == 1 else 's'}"


def _class(course: Course) -> Iterator[str]:
    if course.students:
        yield f"{_counted(len(course.students), 'student')} on the class list."
    else:
        yield "There is no class list, so nobody is listed as missing and no name can be checked."
    yield f"Up to {_counted(course.group_size, 'student')} hand in together."
    for group, members in course.groups.items():
        yield f"{group}: {', '.join(members)}."
    alone = [who for who in course.students if course.group_of(who) is None]
    if course.groups and alone:
        yield f"Without a group: {', '.join(alone)}."


def _marking(course: Course) -> str:
    return f"Those who mark see {'pseudonyms' if course.anonymous else 'names'}."


def _tables(course: Course) -> Iterator[str]:
    for name, table in course.tables.items():
        yield f"[{name}]: {', '.join(f'{key} = {value}' for key, value in table.items())}."
    if not course.tables:
        yield "There is none."


def _idle(course: Course) -> Iterator[str]:
    """Yield a sentence for what has no effect, or hardly the one that is meant."""
    file = course.file.name
    if course.late.grace_hours and not course.late.percent_per_day:
        yield f"{file}: late.grace_hours has no effect, because no percent_per_day is taken off."
    if course.assignments and not any(each.weight for each in course.assignments.values()):
        yield f"{file}: every listed assignment has weight 0, so none of them counts."
    for who, granted in course.extensions.items():
        for name in granted:
            if course.assignment(name).deadline is None:
                yield f"{file}: {who} has an extension for {name}, which has no deadline."
    for who, grant in course.accommodations.items():
        if grant == Accommodation():
            yield f"{file}: the accommodation of {who} grants nothing."
