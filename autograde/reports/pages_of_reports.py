"""What the text of a report says about whose it is: pages that are alike, and pages without names.

The sandbox reads the text (:mod:`autograde.inside.page`). It may hold anything, or nothing where a
page is a picture. So what is found here is told to a person and changes no mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from nbformat import NotebookNode

from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.notebooks.cells import report_task
from autograde.reports.similarity import Pair, similar

NAMELESS = (
    "The report's page names nobody of this group. It may be another group's, or names are spelled "
    "otherwise: please look. No points were taken off."
)

_WORDS = 20
"""A page of fewer words is a picture: who is named in it cannot be read."""
_FEW = 3
"""Of so many reports none of which names its authors, the class is known by logins."""
_WORD = re.compile(r"\w+")


def alike_reports(
    results: Iterable[SubmissionResult], releases: Mapping[str, NotebookNode], course: Course
) -> list[Pair]:
    """Find reports of different groups that are the same file, or say nearly the same.

    Parameters
    ----------
    results
        The class's submissions; their notebooks are not needed.
    releases
        The notebooks as students got them.
    course
        Who hands in together.

    Returns
    -------
    list of Pair
        The most alike first, notebook by notebook.
    """

    def together(one: str, other: str) -> bool:
        return (course.group_of(one) or one) == (course.group_of(other) or other)

    results, found = [*results], []
    for name, release in releases.items():
        task = report_task(release)
        theirs = [r for r in results if r.assignment == name and r.report_hash]
        pairs = _the_same(name, task, theirs)
        known = {pair.students for pair in pairs}
        # A text of prose, whatever its lines begin with.
        texts = (
            (r.student, {task: f"<!-- -->\n{' '.join(_WORD.findall(r.report_text))}"})
            for r in theirs
        )
        pairs += [pair for pair in similar(name, texts, {}) if pair.students not in known]
        found += [pair for pair in pairs if not together(*pair.students)]
    return found


def _the_same(assignment: str, task: str, results: Sequence[SubmissionResult]) -> list[Pair]:
    """Return each report with the first one that is the same file, or has the same words."""
    first: dict[str, str] = {}
    pairs = []
    for r in results:
        words = " ".join(_words(r.report_text))
        signs = [r.report_hash, *([words] if words else [])]
        one = next((first[sign] for sign in signs if sign in first), r.student)
        if one != r.student:
            pairs.append(Pair(assignment, (min(one, r.student), max(one, r.student)), 1.0, (task,)))
        first |= {sign: one for sign in signs if sign not in first}
    return pairs


def with_notes(
    results: Sequence[SubmissionResult], releases: Mapping[str, NotebookNode], course: Course
) -> list[SubmissionResult]:
    """Return the results; where a report's page names nobody of the group, the marker is told so.

    A name is there if two words of it are, in any order, whatever the case and accents. Where no
    report of a notebook names its authors, people are known by logins, and nothing is said.
    """
    named = [_names_somebody(result, course) for result in results]
    by_login = {
        name
        for name in releases
        if (read := [n for n, r in zip(named, results, strict=True) if r.assignment == name])
        and read.count(False) >= _FEW
        and True not in read
    }
    return [
        _noted(result, report_task(releases[result.assignment]))
        if is_named is False and result.assignment not in by_login
        else result
        for is_named, result in zip(named, results, strict=True)
    ]


def _names_somebody(result: SubmissionResult, course: Course) -> bool | None:
    """Whether the page names a member; None if there is no page, or no text on it."""
    words = _words(result.report_text)
    if len(words) < _WORDS:
        return None
    there = {*words}
    for person in course.groups.get(result.student) or (result.student,):
        name = {*_words(person)}
        if name and len(name & there) >= min(2, len(name)):
            return True
    return False


def _noted(result: SubmissionResult, task: str) -> SubmissionResult:
    tasks = [replace(t, to_marker=NAMELESS) if t.task == task else t for t in result.tasks]
    return replace(result, tasks=tasks)


def _words(text: str) -> list[str]:
    """Return the words of a text without accents and case, a ligature as its letters."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall("".join(c for c in apart if not unicodedata.combining(c)))
