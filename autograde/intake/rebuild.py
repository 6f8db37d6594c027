"""Rebuild a submission from the trusted release: only its answers are taken from the student.

Everything else, metadata, tags, attachments, outputs, given cells and tests, comes from the
release. Answers are recognised by grade id, else by the marker that begins every answer cell
(``# answer: ID``), else by cell id, so that a notebook saved by any front end can be read. The
student's own code cells stay, as untrusted source, before the answer that follows them, or at the
end. So does what somebody added to a given cell: its imports, and the names that it defines anew.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograde.intake.additions import added
from autograde.notebooks.cells import (
    Answer,
    answers,
    given_of,
    grading,
    is_test,
    marker,
    node,
    stubs_of,
)
from xaikit.markers import markers, squeezed
from xaikit.uploads import ParsedCell, ParsedUpload, read_upload

EXTRA_LIMIT = 1_000_000


@dataclass(frozen=True)
class Rebuilt:
    """A submission on the trusted release.

    Attributes
    ----------
    notebook
        The release with the student's answers in place and their own code cells between.
    untouched
        Tasks whose answer is still the stub, or empty.
    absent
        Tasks whose answer cell is not in the upload; their cells hold the stub. They are never
        silently zero: student and instructor are told, and the status is ``partial``.
    extras
        The ids of the student's own cells.
    notices
        What was unusual, a sentence each, for student and instructor.
    task_notices
        What the instructor should know about one answer, by task.
    beside
        Text answers that may stand in the student's own cells: a person decides.
    before_test
        The own cells that stand between an answer and its test in the upload: that task by the
        cell's id.
    """

    notebook: NotebookNode
    untouched: frozenset[str]
    absent: frozenset[str]
    extras: tuple[str, ...]
    notices: tuple[str, ...]
    task_notices: dict[str, str]
    beside: frozenset[str] = frozenset()
    before_test: dict[str, str] = field(default_factory=dict)


def rebuild(content: bytes, released: NotebookNode) -> Rebuilt:
    """Put the answers of an upload into the release.

    Parameters
    ----------
    content
        The uploaded bytes; nothing about them is taken for granted.
    released
        The notebook as students got it.

    Raises
    ------
    BrokenUploadError
        If no notebook can be read from the bytes.
    """
    parts = answers(released)
    stubs = stubs_of(released)
    upload = read_upload(content, stubs, given_of(released))
    cells, chosen, notices = upload.cells, upload.chosen, upload.notices
    before = _extras(cells, chosen, upload.claimed, released, notices)
    notebook, extras = _assemble(released, parts, upload, before)
    task_notices = _recognised(cells, chosen, notices)
    for task in upload.beside:
        task_notices[task] = "The answer may stand in another cell; please look at the upload."
    return Rebuilt(
        notebook,
        untouched=upload.untouched,
        absent=frozenset(stubs) - frozenset(chosen),
        extras=tuple(extras),
        task_notices=task_notices,
        notices=tuple(notices),
        beside=upload.beside,
        before_test={name: task for name, task in extras.items() if task},
    )


def _recognised(
    cells: list[ParsedCell], chosen: dict[str, int], notices: list[str]
) -> dict[str, str]:
    """Return what the instructor should know about how each answer was recognised."""
    doubtful = {task: cells[i] for task, i in chosen.items() if cells[i].grade_id != task}
    if doubtful and len(doubtful) == len(chosen):
        notices.append(
            "The upload holds no nbgrader metadata (as when saved by another program); its "
            "answers were recognised by their first lines."
        )
        return {}
    return {
        task: "The answer was recognised by its "
        + ("first line alone." if task in cell.markers else "cell id alone.")
        for task, cell in doubtful.items()
    }


@dataclass(frozen=True)
class _Own:
    """A code cell of the student's own; ``task`` is the one whose answer it may go on with."""

    source: str
    task: str


_END = ""


def _extras(
    cells: list[ParsedCell],
    chosen: dict[str, int],
    claimed: frozenset[int],
    released: NotebookNode,
    notices: list[str],
) -> dict[str, list[_Own]]:
    """Return the student's own code cells by the task whose answer follows them in the upload.

    Those that no answer follows stand under no name.
    """
    given = {grading(c)["grade_id"]: c for c in released.cells if not grading(c)["solution"]}
    by_id = {cell.id: grade_id for grade_id, cell in given.items()}
    texts = {squeezed(cell.source): grading(cell)["grade_id"] for cell in released.cells}
    kept = {name for name, cell in given.items() if _is_kept(cells, name, cell)}
    defined = [cell.source for cell in given.values() if cell.cell_type == "code"]
    following: dict[int, str] = {}
    for task, position in chosen.items():
        following.setdefault(position, task)
    before: dict[str, list[_Own]] = {}
    waiting: list[_Own] = []
    changed: list[str] = []
    size = 0
    current = ""  # the answer whose test has not come yet
    for i, cell in enumerate(cells):
        if i in following:
            current = following[i]
            before[current], waiting = waiting, []
        if i in claimed or cell.kind != "code" or not cell.squeezed:
            continue
        name = cell.grade_id if cell.grade_id in given else by_id.get(cell.cell_id, "")
        if current and f"{current}-test" in (name, texts.get(cell.squeezed)):
            current = ""
        if cell.squeezed in texts:
            continue
        source = cell.source
        # A copy of a given cell, written over, is the student's own; the given cell itself is not.
        if name and (name not in kept or is_test(grading(given[name]))):
            changed.append(name)
            source = added(given[name].source, cell.source, defined)
            if not source:
                continue
        size += len(source)
        if size <= EXTRA_LIMIT:
            waiting.append(_Own(source, current))
    before[_END] = waiting
    if changed:
        names = ", ".join(repr(name) for name in dict.fromkeys(changed))
        notices.append(
            f"Given cells were changed ({names}); grading used the originals, and of the changes "
            "new imports and new names only."
        )
    if size > EXTRA_LIMIT:
        notices.append(
            f"The cells that you added hold more than {EXTRA_LIMIT} characters; the rest was left "
            "out."
        )
    return before


def _is_kept(cells: list[ParsedCell], grade_id: str, given: NotebookNode) -> bool:
    """Whether the upload still holds a given cell as it was."""
    original = squeezed(given.source)
    return any(
        (cell.grade_id == grade_id or cell.cell_id == given.id) and cell.squeezed == original
        for cell in cells
    )


def _assemble(
    released: NotebookNode,
    parts: list[Answer],
    upload: ParsedUpload,
    before: dict[str, list[_Own]],
) -> tuple[NotebookNode, dict[str, str]]:
    """Return the rebuilt notebook, and for each of the student's own cells its task."""
    notebook: NotebookNode = deepcopy(released)
    tasks = {part.cell: part.task for part in parts}
    rebuilt: list[NotebookNode] = []
    extras: dict[str, str] = {}

    def add(own: list[_Own]) -> None:
        for cell in own:
            name = f"extra-{len(extras) + 1}"
            extras[name] = cell.task
            rebuilt.append(_code_cell(name, cell.source))

    for position, cell in enumerate(notebook.cells):
        task = tasks.get(position, "")
        if task in upload.chosen:
            add(before.get(task, []))
            if task not in upload.untouched:
                answer = upload.cells[upload.chosen[task]]
                cell.source = _with_marker(answer.source, task, cell.cell_type)
        rebuilt.append(cell)
    add(before.get(_END, []))
    notebook.cells = rebuilt
    return notebook, extras


def _with_marker(source: str, task: str, cell_type: str) -> str:
    """Return an answer that begins with its marker, once."""
    lines = source.strip("\n").split("\n")
    kept = [line for line in lines if task not in markers(line)]
    return "\n".join([marker(task, cell_type), *kept])


def _code_cell(cell_id: str, source: str) -> NotebookNode:
    return node(
        {
            "id": cell_id,
            "cell_type": "code",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
    )
