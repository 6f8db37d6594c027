"""What students get: ``solutions/NAME.py`` without its solutions, as ``notebooks/NAME.ipynb``.

nbgrader's own preprocessors take the solutions out; this module refuses to write a notebook in
which one is still to be found.
"""

from __future__ import annotations

import ast
import hashlib
import json
import keyword
import logging
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

from autograde.course import Course
from autograde.rebuild import stubs_of
from autograde.source import (
    Checks,
    Source,
    SourceError,
    answers,
    grading,
    read_source,
    sources,
)

CODE_STUB = "# YOUR CODE HERE\npass"
TEXT_STUB = "YOUR ANSWER HERE"

_DELIMITER = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)", re.IGNORECASE)
# A line of code that two people would hardly write alike has at least so many names, numbers,
# strings and operators; a sentence at least so many words.
_TELLING_TOKENS = 8
_TELLING_WORDS = 8
_TELLING_LETTERS = 12
_NEUTRAL = frozenset("()[]{},:;.=")


def release(
    names: Sequence[str],
    course: Course,
    report: Callable[[str], object] = print,
) -> list[Path]:
    """Write ``notebooks/NAME.ipynb`` for these notebooks, by default for all.

    All are made before the first is written: an error leaves everything as it was. The same
    source gives the same bytes.

    Parameters
    ----------
    names
        Names of files in ``solutions/`` without ending, such as ``01_theory``; none means all.
    course
        Where ``solutions/`` and ``notebooks/`` are, and what fills the templates.
    report
        Takes a line for each notebook.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    SourceError
        If a source has to be mended, or a solution or hidden check would leak.
    """
    there = sources(course.folder / "solutions")
    for name in names:
        if name not in there:
            known = ", ".join(there) or "nothing"
            raise SourceError(
                f"There is no {course.folder / 'solutions' / name}.py; there is {known}."
            )
    made = []
    for name in names or there:
        notebook = released(read_source(there[name], course))
        made.append((course.folder / "notebooks" / f"{name}.ipynb", notebook))
    for path, notebook in made:
        path.parent.mkdir(exist_ok=True)
        path.write_text(to_json(notebook), encoding="utf-8", newline="\n")
        tasks = answers(notebook)
        report(f"{path}: {len(tasks)} tasks, {sum(t.points for t in tasks):g} points")
    _write_manifest({path.stem: notebook for path, notebook in made}, list(there), course)
    return [path for path, _ in made]


def released(source: Source) -> NotebookNode:
    """Return the notebook that students get.

    Raises
    ------
    SourceError
        If a solution or hidden check would leak.
    """
    notebook: NotebookNode = deepcopy(source.notebook)
    for preprocessor in (
        LockCells(),
        ClearSolutions(code_stub={"python": CODE_STUB}, text_stub=TEXT_STUB),
        ClearOutput(),
        # Our mark schemes stand in manually graded answers, nbgrader's in its task cells.
        ClearMarkScheme(enforce_metadata=False),
        ClearHiddenTests(),
    ):
        preprocessor.log.setLevel(logging.CRITICAL)  # what is wrong is said by the exception
        try:
            notebook, _ = preprocessor.preprocess(notebook, {})
        except (RuntimeError, ValueError) as error:
            raise SourceError(f"{source.file}: {error}") from None
    for cell in notebook.cells:
        cell.source = cell.source.strip("\n")
    ComputeChecksums().preprocess(notebook, {})
    _refuse_leaks(source, notebook)
    digest = hashlib.sha256(to_json(notebook).encode()).hexdigest()[:12]
    notebook.metadata["course"] = {"notebook": source.name, "release": digest}
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    return notebook


def _write_manifest(
    notebooks: Mapping[str, NotebookNode], there: Sequence[str], course: Course
) -> None:
    """Bring what the course's library knows of its notebooks up to date."""
    file = course.folder / "xaikit" / "assets" / "notebooks.json"
    if file.parent.is_dir():  # else the course uses the library as it is installed
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        entries = kept | manifest(notebooks)
        known = {name: entries[name] for name in there if name in entries}
        file.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8", newline="\n")


def manifest(notebooks: Mapping[str, NotebookNode]) -> dict[str, Any]:
    """Return what students' copies of the library know of these releases, as JSON has it.

    By it a student's file is looked at before it is handed in: see :mod:`xaikit.handin`.
    """
    return {
        name: {
            "release": notebook.metadata["course"]["release"],
            "answers": {
                task: {"marker": s.marker, "cell_id": s.cell_id, "blank": sorted(s.blank)}
                for task, s in stubs_of(notebook).items()
            },
        }
        for name, notebook in notebooks.items()
    }


def solutions(source: Source) -> dict[str, str]:
    """Return the source text of every answer cell with its solution in place, by task."""
    return {
        answer.task: _without_scheme(source.notebook.cells[answer.cell].source)
        for answer in answers(source.notebook)
    }


def solved(source: Source) -> NotebookNode:
    """Return the notebook of a student who answers everything as the author does."""
    notebook = released(source)
    texts = solutions(source)
    for answer in answers(notebook):
        notebook.cells[answer.cell].source = texts[answer.task]
    return notebook


def to_json(notebook: NotebookNode) -> str:
    """Return the notebook as text: the same bytes for the same cells."""
    text: str = nbformat.writes(notebook, version=4)  # type: ignore[no-untyped-call]
    return text.rstrip("\n") + "\n"


def _without_scheme(source: str) -> str:
    """Return an answer cell's text without delimiters and without its mark scheme."""
    kept, scheme = [], False
    for line in source.split("\n"):
        if "BEGIN MARK SCHEME" in line:
            scheme = True
        elif "END MARK SCHEME" in line:
            scheme = False
        elif not scheme and "BEGIN SOLUTION" not in line and "END SOLUTION" not in line:
            kept.append(line)
    return "\n".join(kept).strip("\n")


def _refuse_leaks(source: Source, notebook: NotebookNode) -> None:
    """Raise SourceError if the released notebook holds what only the author should see.

    Delimiters, or hidden checks imported, are always a leak. A line of a solution that stands
    elsewhere too is one if it is telling: ``optimizer.step()`` is everybody's, a formula is not.
    A solution of short lines is one if all of it is repeated.
    """
    where = {i: f"{source.file}: cell {grading(c)['grade_id']!r}" for i, c in _enumerated(notebook)}
    for i, cell in _enumerated(notebook):
        left = _DELIMITER.search(cell.source)
        if left:
            raise SourceError(f"{where[i]}: {left[0]!r} would be left in the released notebook.")
        if cell.cell_type == "code" and re.search(
            rf"\bautograde\b|\b{source.checks.file.stem}\b", cell.source
        ):
            raise SourceError(f"{where[i]} mentions the hidden checks or autograde itself.")
    code = {i: _lines(c.source) for i, c in _enumerated(notebook) if c.cell_type == "code"}
    text = {i: _sentences(c.source) for i, c in _enumerated(notebook) if c.cell_type != "code"}
    for answer in answers(source.notebook):
        cell = source.notebook.cells[answer.cell]
        for region in _regions(cell.source):
            if cell.cell_type == "code":
                _refuse_code(region, code, where, f"the solution of {answer.task!r}")
            else:
                for i, sentences in text.items():
                    _refuse(
                        _sentences(region) & sentences,
                        f"{where[i]} holds a line of the model answer to {answer.task!r}",
                    )
    _refuse_keys(source, notebook, where)
    for name, check in _scoring(source.checks):
        _refuse_code(check, code, where, f"the hidden check of {name!r}")


def _enumerated(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return list(enumerate(notebook.cells))


def _refuse(leaked: set[str], sentence: str) -> None:
    if leaked:
        line = min(leaked)
        raise SourceError(f"{sentence}: {line[:80]!r}; please take it out or write it differently.")


def _refuse_code(
    region: str, code: dict[int, list[tuple[str, int]]], where: dict[int, str], owner: str
) -> None:
    lines = _lines(region)
    telling = {line for line, weight in lines if weight >= _TELLING_TOKENS}
    whole = "\n".join(line for line, _ in lines)
    for i, others in code.items():
        _refuse(telling & {line for line, _ in others}, f"{where[i]} holds a line of {owner}")
        repeated = f"\n{whole}\n" in "\n".join(["", *(line for line, _ in others), ""])
        if sum(weight for _, weight in lines) >= _TELLING_TOKENS and repeated:
            raise SourceError(f"{where[i]} holds all of {owner}; please take it out.")


def _refuse_keys(source: Source, notebook: NotebookNode, where: dict[int, str]) -> None:
    """Refuse text of the checks that belongs into solutions: used in one, or named ``…_key``."""
    regions = [
        region
        for answer in answers(source.notebook)
        for region in _regions(source.notebook.cells[answer.cell].source)
    ]
    for key, value in source.checks.text.items():
        used = any(value in region for region in regions)
        if len(value) < _TELLING_LETTERS or not (used or key.endswith("_key")):
            continue
        for i, cell in enumerate(notebook.cells):
            if value in cell.source:
                raise SourceError(f"{where[i]} holds TEXT[{key!r}], which belongs into solutions.")


def _regions(source: str) -> Iterator[str]:
    """Yield the solutions and mark schemes of an answer cell."""
    for kind in ("SOLUTION", "MARK SCHEME"):
        for match in re.finditer(rf"BEGIN {kind}[^\n]*\n(.*?)[^\n]*END {kind}", source, re.DOTALL):
            yield match[1]


def _scoring(checks: Checks) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each scoring function of a checks module."""
    if not checks.tasks:
        return
    text = checks.file.read_text(encoding="utf-8")
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef) and any(
            isinstance(call, ast.Call) and getattr(call.func, "id", "") == "task"
            for call in function.decorator_list
        ):
            yield function.name, ast.get_source_segment(text, function) or ""


def _lines(source: str) -> list[tuple[str, int]]:
    """Return the logical lines of code, spacing and comments aside, with how telling each is.

    Imports and the heads of functions and classes tell nothing: tasks name them in the open.
    """
    found: list[tuple[str, int]] = []
    words: list[str] = []
    weight = 0
    lines = iter([line + "\n" for line in _dedented(source)])
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                if words:
                    head = words[0] in ("import", "from", "def", "class", "async", "@")
                    found.append((" ".join(words), 0 if head else weight))
                words, weight = [], 0
            elif token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.OP):
                words.append(token.string)
                if token.type == tokenize.OP:
                    weight += token.string not in _NEUTRAL
                else:
                    weight += not keyword.iskeyword(token.string)
    except (tokenize.TokenError, SyntaxError):
        pass  # an unfinished cell: what was read of it counts
    return found


def _dedented(source: str) -> list[str]:
    """Return the lines without indentation and magics, so that a fragment can be tokenized."""
    return ["" if line.lstrip()[:1] in ("%", "!") else line.lstrip() for line in source.split("\n")]


def _sentences(text: str) -> set[str]:
    """Return the lines of prose that are long enough to tell something."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return {line for line in lines if len(line.split()) >= _TELLING_WORDS}
