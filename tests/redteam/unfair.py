"""Mishaps: every case starts from right answers, and must end with full marks."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograde.notebooks.release import to_json

from .case import answer, case, cell, first
from .toy import NAME, RIGHT


def plain(notebook: NotebookNode) -> Any:
    """Return the notebook as JSON has it."""
    return json.loads(to_json(notebook))


def dumped(data: Any) -> bytes:
    return json.dumps(data).encode()


@case("unfair", "a function that warns")
def warning(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "import warnings\n"
        "def mean_square(numbers):\n"
        "    warnings.warn('slow')\n"
        "    return float(np.square(numbers).mean())",
    )


@case("unfair", "a progress bar on stderr")
def progress_bar(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "import sys\n"
        "def mean_square(numbers):\n"
        "    print('100%', file=sys.stderr)\n"
        "    return float(np.square(numbers).mean())",
    )


@case("unfair", "names of one's own that hide built-ins")
def shadowed_builtins(notebook: NotebookNode) -> None:
    first(notebook, "set = {1, 2}\nabs = 'absolute'\nsum = 0")
    answer(notebook, "quiz", RIGHT["quiz"])


@case("unfair", "an earlier answer overwrites what later tests use")
def overwritten_name(notebook: NotebookNode) -> None:
    answer(notebook, "total", RIGHT["total"] + "\nweights = 0\nnp.allclose = None")


@case("unfair", "an answer cell duplicated", says="found 2 times")
def duplicated_answer(notebook: NotebookNode) -> None:
    twin = deepcopy(cell(notebook, "total"))
    twin.id = "twin"
    twin.source = "# answer: total\ntotal = None"
    notebook.cells.insert(notebook.cells.index(cell(notebook, "total")), twin)


@case("unfair", "a cell split in two")
def split_answer(notebook: NotebookNode) -> None:
    answer(notebook, "total", "half = 2525")
    second = deepcopy(cell(notebook, "total"))
    second.id, second.source = "second", "total = 2 * half"
    notebook.cells.insert(notebook.cells.index(cell(notebook, "total")) + 1, second)


@case("unfair", "tests moved to the top")
def reordered(notebook: NotebookNode) -> None:
    notebook.cells.sort(key=lambda c: not c.metadata.nbgrader["grade_id"].endswith("-test"))


@case("unfair", "all given cells and tests deleted")
def deleted_cells(notebook: NotebookNode) -> None:
    notebook.cells = [c for c in notebook.cells if c.metadata.nbgrader["solution"]]


@case("unfair", "grade ids renamed")
def renamed_ids(notebook: NotebookNode) -> None:
    for each in notebook.cells:
        each.metadata.nbgrader["grade_id"] += "-copy"


@case("unfair", "all metadata stripped")
def stripped_metadata(notebook: NotebookNode) -> bytes:
    data = plain(notebook)
    data["metadata"] = {}
    for each in data["cells"]:
        each["metadata"] = {}
        each.pop("id")
    data["nbformat_minor"] = 4
    return dumped(data)


@case("unfair", "saved in Colab")
def saved_in_colab(notebook: NotebookNode) -> bytes:
    data = plain(notebook)
    for number, each in enumerate(data["cells"]):
        each["metadata"] = {"id": f"aB{number:010d}"}
        each["source"] = each["source"] if isinstance(each["source"], list) else [each["source"]]
        each.pop("id")
    data["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}
    data["nbformat_minor"] = 0
    return dumped(data)


@case("unfair", "Windows line ends in every source, without metadata")
def windows_line_ends(notebook: NotebookNode) -> bytes:
    data = json.loads(stripped_metadata(notebook) or b"")
    for each in data["cells"]:
        each["source"] = "".join(each["source"]).replace("\n", "\r\n")
    return json.dumps(data, indent=1).replace("\n", "\r\n").encode()


@case("unfair", "a byte-order mark")
def byte_order_mark(notebook: NotebookNode) -> bytes:
    return b"\xef\xbb\xbf" + to_json(notebook).encode()


@case("unfair", "saved as UTF-16")
def utf16(notebook: NotebookNode) -> bytes:
    return to_json(notebook).encode("utf-16")


@case("unfair", "notebook format 3")
def format_3(notebook: NotebookNode) -> bytes:
    cells = []
    for each in plain(notebook)["cells"]:
        text = "".join(each["source"])
        if each["cell_type"] == "code":
            cells.append({"cell_type": "code", "input": text, "language": "python", "outputs": []})
        else:
            cells.append({"cell_type": "markdown", "source": text})
        cells[-1]["metadata"] = {}
    sheets = [{"cells": cells, "metadata": {}}]
    return dumped({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": sheets})


@case("unfair", "the file renamed by a browser", file=f"{NAME} (1).ipynb", says="was taken as")
def renamed_file(notebook: NotebookNode) -> None:
    pass


@case("unfair", "a given import deleted by mistake, another written over")
def damaged_given_cell(notebook: NotebookNode) -> None:
    cell(notebook, "given-imports").source = "import nunpy as np"
    cell(notebook, "given-imports").metadata.nbgrader["grade_id"] = "x"


@case("unfair", "two cells with one id, as after copying")
def doubled_ids(notebook: NotebookNode) -> None:
    for each in notebook.cells:
        each.metadata.nbgrader["grade_id"] = "mean-square"


@case("unfair", "a cell of one's own that ends the kernel", says="ended the Python process")
def crashing_extra_cell(notebook: NotebookNode) -> None:
    notebook.cells.insert(
        notebook.cells.index(cell(notebook, "quiz")),
        new_code_cell("import ctypes\nctypes.string_at(0)"),
    )


@case("unfair", "a download cut short", 0.0, "not valid JSON")
def cut_short(notebook: NotebookNode) -> bytes:
    return to_json(notebook).encode()[:-40]
