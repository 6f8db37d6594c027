"""Mishaps of form and of the run: cells that copying damaged, and a crash amid right answers."""

from __future__ import annotations

from nbformat import NotebookNode

from .case import answer, before, case
from .toy import RIGHT


@case("unfair", "an answer indented as a whole", says="is indented as a whole")
def indented_answer(notebook: NotebookNode) -> None:
    answer(notebook, "total", "    numbers = range(101)\n    total = sum(numbers)")


@case("unfair", "a first line that lost its indentation in copying", says="is indented as a whole")
def indented_rest(notebook: NotebookNode) -> None:
    answer(notebook, "mean-square", RIGHT["mean-square"].replace("    ", "        "))
    answer(notebook, "total", "numbers = range(101)\n    total = sum(numbers)")


@case("unfair", "tabs mixed with spaces", says="mixes tabs with spaces")
def tabs_and_spaces(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n\tsquares = np.square(numbers)\n"
        "        return float(squares.mean())",
    )


@case("unfair", "typographic quotes, as a word processor writes them", says="typographic quotes")
def typographic_quotes(notebook: NotebookNode) -> None:
    answer(notebook, "quiz", "answers = {“a”: ‘yes’, “b”: ‘no’}")


@case("unfair", "a crash amid answers, the last of which needs the first", says="ended the Python")
def crash_amid_answers(notebook: NotebookNode) -> None:
    answer(notebook, "quiz", "if total == 5050:\n    answers = {'a': 'yes', 'b': 'no'}")
    before(notebook, "quiz", "import os\nos._exit(1)")
