"""Find submissions of different groups so alike that a person should look at both.

Answers are compared by what was written into them, as overlapping runs of tokens in which names,
texts and layout do not count: renaming variables and reformatting change nothing. What the release
hands out, and what many wrote alike, says nothing and is left out. scikit-learn counts and
compares; the work grows with the number of submissions, not of pairs, because runs of tokens that
many share are gone before pairs are formed.

Two people may well think alike: a pair found here is a reason to look, never a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

import numpy as np
from nbformat import NotebookNode

from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.notebooks.cells import answers, node
from autograde.notebooks.tokens import KEPT, TOKEN, WORD

RUN = 10
"""Number of consecutive tokens that are compared at a time; of prose, words."""
ALIKE = 0.6
"""Notice from this share of the rarer pages on (Jaccard's index of the runs of tokens)."""
LEAST_RUNS = 40
"""Number of runs that have to be common: short answers look alike by themselves."""
MOST_SHARERS = 30
"""What more submissions than these have in common is the class's way, however large the class."""

TOKENS = 20_000
"""Tokens of one answer that are compared: what is written below says no more about a copy."""

_LONG = 100


@dataclass(frozen=True)
class Pair:
    """Two submissions that are alike.

    Attributes
    ----------
    assignment
        The notebook.
    students
        Who handed them in, in the order of their names.
    share
        Of all that either wrote and few others did, what both did: in [0, 1].
    tasks
        In which answers most of it lies, the largest part first.
    """

    assignment: str
    students: tuple[str, str]
    share: float
    tasks: tuple[str, ...]


def similar(
    assignment: str,
    submissions: Iterable[tuple[str, Mapping[str, str]]],
    handed_out: Mapping[str, str],
    together: Callable[[str, str], bool] = lambda one, other: one == other,
) -> list[Pair]:
    """Find pairs of submissions to one notebook that are nearly the same.

    Parameters
    ----------
    assignment
        The notebook's name.
    submissions
        For each submission its student or group and the source of the answers, by task. Read
        once, one after the other: a generator will do.
    handed_out
        The source of the answer cells as students got them, by task.
    together
        Whether two names hand in together, or are the same (a resubmission).

    Returns
    -------
    list of Pair
        The most alike first.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    given = {run for task, source in handed_out.items() for run in _runs(task, source)}
    students: list[str] = []

    def documents() -> Iterator[set[str]]:
        for student, sources in submissions:
            students.append(student)
            yield {r for task, text in sources.items() for r in _runs(task, text)} - given

    counter = CountVectorizer(analyzer=lambda runs: runs, binary=True)
    try:
        table = counter.fit_transform(documents())
    except ValueError:  # nobody wrote anything
        return []
    sharers = np.asarray(table.sum(axis=0)).ravel()
    most = min(MOST_SHARERS, max(2, len(students) // 2))
    columns = ((sharers > 1) & (sharers <= most)).nonzero()[0]
    # Runs of one author alone count as what is different, those of the class do not count at all.
    sizes = np.asarray(table[:, (sharers <= most).nonzero()[0]].sum(axis=1)).ravel()
    shared = table[:, columns]
    common = (shared @ shared.T).tocoo()
    names = counter.get_feature_names_out()
    found = []
    for i, j, both in zip(common.row, common.col, common.data, strict=True):
        share = both / (sizes[i] + sizes[j] - both)
        if (
            i < j
            and both >= LEAST_RUNS
            and share >= ALIKE
            and not together(students[i], students[j])
        ):
            runs = names[columns[shared[i].multiply(shared[j]).indices]]
            pair = (students[i], students[j])
            found.append(
                Pair(
                    assignment,
                    (min(pair), max(pair)),
                    float(share),
                    _tasks(run.split("\n", 1)[0] for run in runs),
                )
            )
    return sorted(found, key=lambda pair: (-pair.share, pair.students))


def similar_in_class(
    results: Iterable[SubmissionResult],
    releases: Mapping[str, NotebookNode],
    course: Course,
) -> list[Pair]:
    """Find the alike pairs of a class, notebook by notebook; members of one group are not asked.

    Parameters
    ----------
    results
        The class's submissions with their notebooks. Read once, one after the other.
    releases
        The notebooks as students got them.
    course
        Who hands in together.
    """

    def together(one: str, other: str) -> bool:
        return (course.group_of(one) or one) == (course.group_of(other) or other)

    written: dict[str, list[tuple[str, dict[str, str]]]] = {name: [] for name in releases}
    for result in results:
        if result.notebook is not None:
            sources = answer_sources(node(result.notebook))
            written[result.assignment].append((result.student, sources))
    return [
        pair
        for name, release in releases.items()
        for pair in similar(name, written[name], answer_sources(release), together)
    ]


def answer_sources(notebook: NotebookNode) -> dict[str, str]:
    """Return the source of each answer cell, by task."""
    return {part.task: notebook.cells[part.cell].source for part in answers(notebook)}


def _tasks(tasks: Iterable[str]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for task in tasks:
        counts[task] = counts.get(task, 0) + 1
    return tuple(sorted(counts, key=lambda task: (-counts[task], task)))


def _runs(task: str, source: str) -> Iterator[str]:
    """Yield the overlapping runs of tokens of an answer, each with its task."""
    found = _prose(source) if source.lstrip().startswith("<!--") else _tokens(source)
    tokens = [token[:_LONG] for token in islice(found, TOKENS)]
    for start in range(len(tokens) - RUN + 1):
        # Told apart by a digest, not kept: a class has millions.
        run = " ".join(tokens[start : start + RUN]).encode()
        yield f"{task}\n{blake2b(run, digest_size=8).hexdigest()}"


def _prose(source: str) -> Iterator[str]:
    for line in source.split("\n"):
        if not line.lstrip().startswith("<!--"):
            yield from (word.casefold() for word in WORD.findall(line))


def _tokens(source: str) -> Iterator[str]:
    """Yield the tokens of code; a student's own names and texts are all the same."""
    before = ""
    for match in TOKEN.finditer(source):
        text = match[0]
        if text[0] == "#":
            continue
        if match["text"]:
            text = '""'
        elif (text[0].isalpha() or text[0] == "_") and before != ".":
            text = text if text in KEPT else "x"
        yield text
        before = text
