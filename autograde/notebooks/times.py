"""How long a notebook takes and what its core path is, in words, from what its sections say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations_with_replacement

from nbformat import NotebookNode

from autograde.notebooks.cells import grading, is_report
from autograde.notebooks.outline import Outline

_WORDS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
)
_SHARES = {0.25: "a quarter", 1 / 3: "a third", 0.5: "half", 2 / 3: "two thirds"}
_READING = 0.25  # of a section's time
_NEAR = 0.05  # of 1: 22 of 41 points are half of them


def durations(
    whole: Outline, sections: Collection[int], tasks: Collection[str], cells: Sequence[NotebookNode]
) -> dict[str, str]:
    """Return what fills the templates about time, texts to be marked by hand, and the core path.

    Parameters
    ----------
    sections
        The numbers of the chosen sections in the whole notebook.
    tasks
        The chosen tasks.
    cells
        The chosen cells.

    Returns
    -------
    dict
        ``course.time`` ("about six hours"), ``course.by_hand`` ("One answer is text, and a person
        marks it."), and, of the whole notebook, ``core.first`` and ``core.last`` (numbers of
        sections), ``core.time``, ``core.share`` ("half of the points"). A time is there if sections
        say theirs: of what a section takes, the share of its points that is chosen, and a quarter
        at least, for reading. The core path is there if it is one run of sections. Of the chosen
        sections, by their files' names, ``time.FIRST..LAST`` is that of some, ``time.NAME`` of one.
    """
    by_hand = [cell for cell in cells if grading(cell)["solution"] and grading(cell)["grade"]]
    reports = sum(map(is_report, by_hand))
    found = {"course.by_hand": _by_hand(len(by_hand) - reports, bool(reports))}
    worth = _worth(whole)
    minutes = _minutes(whole, sections, tasks)
    if sum(minutes.values()):
        found["course.time"] = in_hours(sum(minutes.values()))
    found |= _times_of_several(whole, minutes)
    core = [section for section in whole.sections if section.core]
    if not core or core[-1].number - core[0].number >= len(core):
        return found
    path = {section.number for section in core}
    found["core.first"], found["core.last"] = str(core[0].number), str(core[-1].number)
    found["core.time"] = in_hours(sum(section.minutes for section in core))
    found["core.share"] = _share(
        sum(w for task, w in worth.items() if whole.homes[task] in path), sum(worth.values())
    )
    return found


def section_times(
    whole: Outline, sections: Collection[int], tasks: Collection[str]
) -> tuple[str, ...]:
    """Return in words how long each of the chosen sections takes with its chosen tasks.

    Of what a section takes, that is the share of its points that is chosen, and a quarter at least,
    to five minutes. The word of a section that says no time is empty.
    """
    return tuple(
        in_minutes(5 * max(1, round(each / 5))) if each else ""
        for each in _minutes(whole, sections, tasks).values()
    )


def _times_of_several(whole: Outline, minutes: Mapping[int, float]) -> dict[str, str]:
    """Return how long the sections from one to another take together, by the names of the two."""
    names = sorted((number, name) for name, number in whole.names.items() if number in minutes)
    found = {}
    for (first, start), (last, end) in combinations_with_replacement(names, 2):
        if together := sum(each for number, each in minutes.items() if first <= number <= last):
            found[f"time.{start}..{end}"] = in_hours(together)
            if start == end:
                found[f"time.{start}"] = in_hours(together)
    return found


def _minutes(whole: Outline, sections: Collection[int], tasks: Collection[str]) -> dict[int, float]:
    """Return how long each of the chosen sections takes, by its number in the whole notebook."""
    worth, found = _worth(whole), {}
    for section in whole.sections:
        if section.number in sections:
            here = {task: w for task, w in worth.items() if whole.homes[task] == section.number}
            kept = sum(w for task, w in here.items() if task in tasks)
            share = kept / sum(here.values()) if here else 1.0
            found[section.number] = section.minutes * max(_READING, share)
    return found


def _worth(whole: Outline) -> dict[str, float]:
    """Return the points of each task, as its author wrote them."""
    found = {}
    for cell in whole.cells:
        value = grading(cell).get("points", 0)
        task = grading(cell)["grade_id"].removesuffix("-test")
        # Of others validation says what is wrong.
        number = isinstance(value, int | float) and 0 < value < 1000  # and not nan
        if grading(cell)["grade"] and task in whole.homes and number:
            found[task] = float(value)
    return found


def in_hours(minutes: float) -> str:
    """Return a time in words: to half an hour, from four hours and a half on to an hour."""
    halves = round(minutes / 30) if minutes < 270 else 2 * round(minutes / 60)
    hours, half = divmod(max(halves, 1), 2)
    if not hours:
        return "about half an hour"
    word = _WORDS[hours] if hours < len(_WORDS) else str(hours)
    return f"about {word} hour{'' if hours == 1 else 's'}{' and a half' if half else ''}"


def in_minutes(minutes: int) -> str:
    """Return a time in words, exactly: ``20 minutes``, ``half an hour``, ``two hours``."""
    hours, rest = divmod(minutes, 60)
    if rest not in (0, 30) or hours >= len(_WORDS):
        return f"{minutes} minutes"
    if not hours:
        return "half an hour"
    half = " and a half" if rest else ""
    return f"{_WORDS[hours]}{half} hour{'s' if minutes > 60 else ''}"


def _share(part: float, every: float) -> str:
    share = part / every if every else 0.0
    near = min(_SHARES, key=lambda known: abs(known - share))
    if abs(near - share) < _NEAR:
        return f"{_SHARES[near]} of the points"
    return f"{round(100 * share)} % of the points"


def _by_hand(texts: int, report: bool) -> str:
    if not texts:
        return f"The grader marks all answers{'; a person marks the report' if report else ''}."
    also = " and the report" if report else ""
    if texts == 1:
        return f"One answer is text, and a person marks it{also}."
    word = _WORDS[texts].capitalize() if texts < len(_WORDS) else str(texts)
    return f"{word} answers are text, and a person marks them{also}."
