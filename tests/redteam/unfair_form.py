"""Mishaps of form: other markers, other cells, damage by copying, what is not there, a crash."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograde.notebooks.release import to_json

from .case import answer, before, case, cell
from .toy import RIGHT
from .unfair import stripped_metadata


def below(notebook: NotebookNode, source: str, grade_id: str = "") -> None:
    """Add a code cell of the student's after another, or at the end."""
    cells = notebook.cells
    position = cells.index(cell(notebook, grade_id)) + 1 if grade_id else len(cells)
    cells.insert(position, new_code_cell(source))


def marked(notebook: NotebookNode, markers: dict[str, str]) -> bytes | None:
    """Write other first lines over answers, and save as Colab does."""
    for task, marker in markers.items():
        cell(notebook, task).source = f"{marker}\n{RIGHT[task]}"
    return stripped_metadata(notebook)


@case("unfair", "cell magics, comments and blank lines above the markers, saved elsewhere")
def cell_magics(notebook: NotebookNode) -> bytes | None:
    return marked(
        notebook,
        {
            "mean-square": "%%time\n# answer: mean-square",
            "total": "\n%%capture out\n%%time\n\n# at last\n# answer: total",
            "weights": "%%timeit -n 1 -r 1\n# answer: weights",
            "quiz": "# answer: quiz\n%%heat",
        },
    )


@case("unfair", "markers with a remark behind them, saved elsewhere")
def remarks(notebook: NotebookNode) -> bytes | None:
    return marked(
        notebook,
        {
            "mean-square": "# answer: mean-square - works now",
            "total": "# answer: total (my second try)",
            "weights": "# answer: weights, see the lecture",
            "quiz": "# answer: quiz.",
        },
    )


@case("unfair", "markers with other signs, capitals and spaces, saved elsewhere")
def retyped_markers(notebook: NotebookNode) -> bytes | None:
    return marked(
        notebook,
        {
            "mean-square": "#Answer:mean_square",
            "total": "#\xa0answer\xa0:\xa0`total`",
            "weights": "\u200b## ANSWER weights",
            "quiz": "# answer\uff1a quiz",
        },
    )


@case("unfair", "a marker in a string of a cell of one's own, saved elsewhere")
def marker_in_a_string(notebook: NotebookNode) -> bytes | None:
    below(notebook, 'note = """\n# answer: total\n"""\ntotal = 0')
    return stripped_metadata(notebook)


@case("unfair", "a helper in a cell below the answer's test")
def helper_below(notebook: NotebookNode) -> None:
    answer(notebook, "mean-square", "def mean_square(numbers):\n    return squares(numbers).mean()")
    below(notebook, "def squares(numbers):\n    return numbers**2", "mean-square-test")


@case("unfair", "the rest of each answer in a cell below, the names used again at the end")
def rest_below(notebook: NotebookNode) -> bytes | None:
    answer(notebook, "mean-square", "def mean_square(numbers):\n    return None  # see below")
    below(notebook, RIGHT["mean-square"], "mean-square-test")
    answer(notebook, "total", "half = 2525")
    below(notebook, "total = 2 * half", "total")
    below(notebook, "mean_square = total = None")
    return stripped_metadata(notebook)


@case("unfair", "every answer in a cell below the untouched one")
def untouched_answers(notebook: NotebookNode) -> None:
    for task, stub in (
        ("mean-square", "def mean_square(numbers):\n    # YOUR CODE HERE\n    pass"),
        ("total", "total = None\n# YOUR CODE HERE\npass"),
        ("weights", "weights = None\n# YOUR CODE HERE\npass"),
        ("quiz", 'answers = {"a": None, "b": None}\n# YOUR CODE HERE\npass'),
    ):
        docstring = '    """Return the mean of the squares of an array."""\n'
        answer(notebook, task, stub.replace("    # YOUR", f"{docstring}    # YOUR"))
        below(notebook, RIGHT[task], f"{task}-test")


@case("unfair", "an import and a helper in another answer, a function written anew below")
def help_from_another_answer(notebook: NotebookNode) -> None:
    answer(notebook, "mean-square", "def mean_square(numbers):\n    return 0.0")
    answer(
        notebook,
        "total",
        "import statistics as st\ndef square(x): return float(x) ** 2\ntotal = 5050",
    )
    below(notebook, "def mean_square(numbers):\n    return st.fmean(map(square, numbers))")


@case("unfair", "an import added to a given cell", says="imports and new names")
def import_in_a_given_cell(notebook: NotebookNode) -> None:
    cell(
        notebook, "given-imports"
    ).source += "\nimport statistics as st\nfrom xaikit.checks import quiz"
    source = "def mean_square(numbers):\n    return st.fmean(float(n) ** 2 for n in numbers)"
    answer(notebook, "mean-square", source)


@case("unfair", "packages and magics that are not there, in cells whose rest is needed")
def absent_packages(notebook: NotebookNode) -> None:
    colab = "from google.colab import drive, files\ndrive.mount('/content/drive')\n"
    before(notebook, "mean-square", f"{colab}import xaikit, tensorflow as tf\nunit = 1.0")
    answer(
        notebook,
        "mean-square",
        f"import captum.attr\n%tensorboard --logdir logs\n{RIGHT['mean-square']}"
        "\ndrive.flush_and_unmount()",
    )
    answer(notebook, "weights", f"{colab}{RIGHT['weights']}")
    answer(notebook, "total", f"%load_ext nb_black\nimport cv2\ncv2.setNumThreads(1)\n"
           f"{RIGHT['total']}")  # fmt: skip


@case("unfair", "a given name used before and in the function, after what is not there")
def given_global(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "import wandb\nwandb.init()\nscale = observed.size\n"
        "def mean_square(numbers, unit=observed / observed):\n"
        "    return float((numbers**2).mean()) * scale / len(observed)",
    )


@case("unfair", "a name of the answers used for something else in cells below")
def names_used_again(notebook: NotebookNode) -> bytes | None:
    answer(notebook, "mean-square", "power = 2\ndef mean_square(numbers):\n"
           "    return float((numbers**power).mean())")  # fmt: skip
    below(notebook, "power = 3\nmean_square = mean_square(observed)\ntotal = weights = 0")
    return to_json(notebook).replace("grade_id", "id_of_grade").encode()


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
