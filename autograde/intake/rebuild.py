"""Rebuild a submission from the trusted release: only its answers are taken from the student.

Everything else, metadata, tags, attachments, outputs, given cells and tests, comes from the
release. Answers are recognised by grade id, else by the marker that begins every answer cell
(``# answer: ID``), else by cell id, so that a notebook saved by any front end can be read. The
student's own code cells stay, as untrusted source, before the answer that follows them, or at the
end. So does what somebody added to a given cell: its imports, and the names that it defines anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograde.notebooks.cells import (
    Answer,
    answers,
    marker,
    node,
    released_cells,
    stubs_of,
)
from xaikit.handin.left_out import unmarked
from xaikit.handin.markers import markers
from xaikit.handin.own_cells import AT_END, OWN_LIMIT, Own, OwnCell, own_cells
from xaikit.handin.read_cells import ParsedCell
from xaikit.handin.released import ReleasedCell, given_of
from xaikit.handin.statements import ASKS_OTHERS, other_statements, statements
from xaikit.handin.uploads import ParsedUpload, read_upload


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


def rebuild(content: bytes, released: NotebookNode, others: Sequence[ReleasedCell] = ()) -> Rebuilt:
    """Put the answers of an upload into the release.

    Parameters
    ----------
    content
        The uploaded bytes; nothing about them is taken for granted.
    released
        The notebook as students got it.
    others
        The cells of the whole notebook that are not in it, or have another text there.

    Raises
    ------
    BrokenUploadError
        If no notebook can be read from the bytes.
    """
    parts = answers(released)
    cells = released_cells(released)
    stubs = stubs_of(released)
    upload = read_upload(content, stubs, given_of(cells, others))
    notices = upload.notices
    own = own_cells(upload, cells, others)
    another = upload.origin not in ("", released.metadata.get("course", {}).get("release"))
    notices += _of_another(upload, released, another)
    notices += _left_out(own, another)
    notebook, extras = _assemble(released, parts, upload, own.before)
    task_notices = _recognised(upload.cells, upload.chosen, notices)
    for task in upload.beside:
        task_notices[task] = "The answer may stand in another cell; please look at the upload."
    return Rebuilt(
        notebook,
        untouched=upload.untouched,
        absent=frozenset(stubs) - frozenset(upload.chosen),
        extras=tuple(extras),
        task_notices=task_notices,
        notices=tuple(notices),
        beside=upload.beside,
        before_test={name: task for name, task in extras.items() if task},
    )


def _of_another(upload: ParsedUpload, released: NotebookNode, another: bool) -> Iterator[str]:
    """Yield a sentence for what a notebook of another release has otherwise than the course's."""
    texts = (cell.source for cell in released.cells if cell.cell_type == "markdown")
    if labels := other_statements(upload.cells, statements(texts)):
        yield (
            f"{ASKS_OTHERS.format(', '.join(labels))} The answers were marked by this course's "
            "statements: a person should look at them."
        )
    if another and len(upload.chosen) < len(answers(released)):
        yield (
            f"The upload was made from another release of the notebook ({upload.origin}), which "
            "may not have had the tasks that are not in it: is it the notebook of this course and "
            "term?"
        )


def _left_out(own: Own, another: bool) -> Iterator[str]:
    """Yield a sentence for what grading does not run of an upload's other code."""
    if own.longer:
        yield unmarked(own)
    if own.changed:
        cells = ", ".join(dict.fromkeys(_named(changed.cell) for changed in own.changed))
        how = "differ from those of this course's release" if another else "were changed"
        yield (
            f"Given cells {how} ({cells}); grading used the originals, and of the changes new "
            "imports and new names only."
        )
    if own.too_much:
        yield (
            f"The cells that you added hold more than {OWN_LIMIT} characters; the rest was left "
            "out."
        )


def _named(cell: ReleasedCell) -> str:
    """Name a given cell: by its id if an author gave it one, else by how it begins."""
    return f"`{cell.begins}`" if cell.grade_id == f"cell-{cell.cell_id}" else repr(cell.grade_id)


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


def _assemble(
    released: NotebookNode,
    parts: list[Answer],
    upload: ParsedUpload,
    before: dict[str, list[OwnCell]],
) -> tuple[NotebookNode, dict[str, str]]:
    """Return the rebuilt notebook, and for each of the student's own cells its task."""
    notebook: NotebookNode = deepcopy(released)
    tasks = {part.cell: part.task for part in parts}
    rebuilt: list[NotebookNode] = []
    extras: dict[str, str] = {}

    def add(own: list[OwnCell]) -> None:
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
    add(before.get(AT_END, []))
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
