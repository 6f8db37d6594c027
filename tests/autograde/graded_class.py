"""A small class as the scorer leaves it: what gradebook, feedback, report and tables are given."""

from __future__ import annotations

import base64
import io
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from PIL import Image, ImageDraw
from small_course import ANSWERS, CHECKS, SOURCE, write_course

from autograde.model.course import Course
from autograde.model.records import SubmissionResult, TaskResult
from autograde.notebooks.cells import answers
from autograde.notebooks.release import released, solutions
from autograde.notebooks.source import read_source

NAME = "01_small"


@dataclass
class Class:
    """The course, its one notebook in both versions, and results to choose from."""

    course: Course
    sources: dict[str, NotebookNode]
    releases: dict[str, NotebookNode]
    solutions: dict[str, str]

    def result(
        self,
        student: str = "Grace Hopper",
        scores: dict[str, float | None] | None = None,
        messages: dict[str, str] | None = None,
        **fields: object,
    ) -> SubmissionResult:
        """Return one record: full automatic marks and a waiting text answer unless told."""
        parts = answers(self.releases[NAME])
        marks = {p.task: None if p.manual else p.points for p in parts} | (scores or {})
        tasks = [
            TaskResult(p.task, marks[p.task], p.points, (messages or {}).get(p.task, ""))
            for p in parts
        ]
        record = SubmissionResult(
            student=student,
            assignment=NAME,
            status="manual_pending" if None in marks.values() else "graded",
            tasks=tasks,
            notebook=self.notebook(marks),
            seconds=1.5,
            timestamp="2027-04-29T12:00:00+02:00",
        )
        for name, value in fields.items():
            setattr(record, name, value)
        return record

    def notebook(self, marks: dict[str, float | None]) -> NotebookNode:
        """Return the rebuilt notebook: solutions in, outputs, the scorer's marks in test cells."""
        notebook = deepcopy(self.releases[NAME])
        for part in answers(notebook):
            notebook.cells[part.cell].source = self.solutions[part.task]
            if part.test is not None:
                notebook.cells[part.test].outputs = [mark_output(marks[part.task])]
        return notebook

    def unreadable(self, student: str) -> SubmissionResult:
        """Return the record of an upload that is no notebook."""
        return self.result(
            student,
            dict.fromkeys(self.solutions, 0.0),
            status="broken",
            notebook=None,
            notices=["The file is not a notebook: it ends in the middle."],
        )


def mark_output(score: object) -> NotebookNode:
    """Return a test cell's one output as the scorer writes it."""
    return new_output("execute_result", {"text/plain": str(score)}, execution_count=None)


def small_class(
    folder: Path, source: str = SOURCE, checks: str = CHECKS, answers: str = ANSWERS
) -> Class:
    """Write the small course to a folder and return what its grading works on."""
    course = write_course(folder, source, checks, answers)
    read = read_source(folder / "solutions" / f"{NAME}.py", course)
    return Class(
        course=course,
        sources={NAME: read.notebook},
        releases={NAME: released(read)},
        solutions=solutions(read),
    )


def png(width: int = 240, height: int = 120) -> str:
    """Return a picture as base64."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).ellipse((10, 10, width - 10, height - 10), fill="steelblue")
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def extra_cell(source: str, *outputs: NotebookNode) -> NotebookNode:
    """Return a cell that the student added."""
    return new_code_cell(source, outputs=list(outputs))
