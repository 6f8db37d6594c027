"""Whatever grading takes away from a file, restores or cannot read, its author was told before."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograde.grading.mark import Timing, mark
from autograde.intake.rebuild import rebuild
from autograde.notebooks.release import manifest, to_json
from tests.redteam import unfair, unfair_form  # noqa: F401  # they register their cases
from tests.redteam.case import CASES, before, cell
from tests.redteam.toy import NAME, RIGHT, answered, assignment, write_course
from xaikit.checks import rehearsal
from xaikit.handin import ready
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.obstacles import Code, Surroundings, obstacles
from xaikit.handin.released import Released


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return assignment(write_course(tmp_path_factory.mktemp("course")))


@pytest.fixture(scope="module")
def known(toy: Any) -> dict[str, Released]:
    return {NAME: Released.read(json.loads(json.dumps(manifest(toy.released, {}))))}


def change_given(notebook: NotebookNode) -> None:
    cell(notebook, "given-data").source = "observed = np.array([1.0, 1.0])\nextra = 3\nprint(1)"


def write_into_a_check(notebook: NotebookNode) -> None:
    cell(notebook, "total-test").source += "\nmargin = 4\nnp.random.seed(3)"


def cut_a_given_cell(notebook: NotebookNode) -> None:
    cell(notebook, "given-imports").source = "# import numpy as np"


def delete_a_check(notebook: NotebookNode) -> None:
    notebook.cells.remove(cell(notebook, "total-test"))


def delete_a_given_cell(notebook: NotebookNode) -> None:
    notebook.cells.remove(cell(notebook, "given-data"))


def repeat_a_given_cell(notebook: NotebookNode) -> None:
    before(notebook, "quiz", cell(notebook, "given-data").source)


def move_an_answer(notebook: NotebookNode) -> None:
    moved = cell(notebook, "quiz")
    notebook.cells.remove(moved)
    notebook.cells.insert(notebook.cells.index(cell(notebook, "mean-square")), moved)


def write_a_megabyte(notebook: NotebookNode) -> None:
    for number in range(8):
        before(notebook, "quiz", f"table_{number} = '{'x' * 150_000}'")


def answer_twice(notebook: NotebookNode) -> None:
    twin = deepcopy(cell(notebook, "total"))
    twin.id, twin.source = "twin", "# answer: total\nsum_of_all = 5050\ntotal = sum_of_all"
    notebook.cells.insert(notebook.cells.index(cell(notebook, "total")), twin)


def code_in_a_given_text(notebook: NotebookNode) -> None:
    old = notebook.cells[0]
    notebook.cells[0] = new_code_cell("unit = 2", id=old.id, metadata=old.metadata)


def nest_deeply(notebook: NotebookNode) -> None:
    long = f"total = 5050 + 0 * ({'+'.join(['1'] * 900)})"
    cell(notebook, "total").source = f"# answer: total\n{long}"
    cell(notebook, "given-data").source += f"\n{long}"


MISHAPS: dict[str, Callable[[NotebookNode], bytes | None]] = {
    change.__name__: change
    for change in (
        *(change_given, write_into_a_check, cut_a_given_cell, delete_a_check, delete_a_given_cell),
        *(repeat_a_given_cell, move_an_answer, write_a_megabyte, answer_twice),
        *(code_in_a_given_text, nest_deeply),
    )
} | {case.name: case.change for case in CASES if case.kind == "unfair"}


@pytest.mark.parametrize("name", MISHAPS)
def test_what_grading_takes_away_or_restores_was_told(
    name: str, toy: Any, known: dict[str, Released], tmp_path: Path
) -> None:
    notebook = answered(toy.released, RIGHT)
    content = MISHAPS[name](notebook) or to_json(notebook).encode()
    file = tmp_path / f"{NAME}.ipynb"
    file.write_bytes(content)
    verdict = ready.check(file, known=known)
    told = str(verdict)
    try:
        rebuilt = rebuild(content, toy.released)
    except BrokenUploadError as error:
        assert str(error) in told and not verdict.good
        return
    handed_in, graded = Counter(), Counter(_lines(rebuilt.notebook.cells))
    raw = json.loads(content.decode("utf-16" if content[:2] == b"\xff\xfe" else "utf-8-sig"))
    sheets = raw["worksheets"][0] if "worksheets" in raw else raw
    handed_in.update(_lines(sheets["cells"]))
    for line in handed_in - graded:
        task = next((task for task in RIGHT if line in _copies(sheets, task)), "")
        assert (
            line[:59] in told or f"{task}: 2 cells hold this answer" in told or "characters" in told
        )
    own = {c.id for c in rebuilt.notebook.cells if c.metadata.get("nbgrader") is None}
    for given in rebuilt.notebook.cells:
        meta = given.metadata.get("nbgrader", {})
        if given.id in own or given.cell_type != "code" or meta.get("solution"):
            continue
        if Counter(_lines([given])) - handed_in:
            called = meta["grade_id"].removesuffix("-test") if meta["grade"] else given.source
            assert called.split("\n")[0] in told or " more are not in the file" in told
    assert ("moved" in told) == (name == "move_an_answer")
    assert ("twice" in told) == (name == "repeat_a_given_cell")


def _lines(cells: Any) -> Iterator[str]:
    """Yield the statements of code cells, a line each; comments and magics are none."""
    for each in cells:
        source = each.get("source", each.get("input", ""))
        if each["cell_type"] != "code":
            continue
        for line in "".join(source).replace("\r", "").split("\n"):
            text = line.strip().strip("\u200b")
            if text and not text.startswith(("#", "%", "!")):
                try:
                    yield ast.unparse(ast.parse(text))
                except (SyntaxError, RecursionError):
                    yield text


def _copies(sheets: Any, task: str) -> list[str]:
    """Return the statements of cells with a task's marker, if there are several."""
    marked = [c for c in sheets["cells"] if f"# answer: {task}" in "".join(c.get("source", ""))]
    return [*_lines(marked)] if len(marked) > 1 else []


OBSTACLES = {
    "mean-square": "def mean_square(numbers):\n    return scale_of_all * (numbers**2).mean()",
    "total": "steps = int(input('How many? '))\ntotal = 5050",
    "weights": "import torch\nweights = torch.tensor([0.2, 0.3, 0.5]).to('cuda')",
    "quiz": "with open('words.txt') as file:\n    words = file.read()\n"
    "answers = {'a': words, 'b': 'no'}",
}


def test_what_costs_marks_in_grading_is_marked_as_wrong(
    toy: Any, known: dict[str, Released], tmp_path: Path
) -> None:
    """A name that nothing defines, input(), a GPU, and a file beside the notebook."""
    notebook = answered(toy.released, OBSTACLES)
    (tmp_path / "words.txt").write_text("yes")
    file = tmp_path / f"{NAME}.ipynb"
    file.write_text(to_json(notebook))
    content = file.read_bytes()
    record, _ = mark(content, "Ada", toy, b"secret" * 4, Timing(), "bubblewrap", ())
    lost = {result.task for result in record.tasks if result.score == 0}
    assert lost == set(OBSTACLES)
    verdict = ready.check(file, known=known)
    wrong = [line for line in verdict.lines if line.startswith("✗")]
    assert {task for task in OBSTACLES if any(f"✗ {task}: " in line for line in wrong)} == lost
    assert "line 2 waits for somebody to type" in str(verdict)

    seen = str(rehearsal.rehearse(file, known=known))
    for raised in ("total raised EOFError", "quiz raised FileNotFoundError", "weights raised R"):
        assert f"✗ {raised}" in seen
    # The name is missing when the function is called: its check calls it.
    assert "✗ mean-square: its check says: NameError: name 'scale_of_all'" in seen
    assert "Your file and your kernel are as they were." in seen
    assert file.read_bytes() == content


SAID = [
    ("total", "total = (5050", "✗ total: Python cannot run this answer's cell (line 2"),
    ("total", "total = helper(100)", "✗ total: it uses `helper`, which is defined by no cell"),
    ("total", "import helper\ntotal = 5050", "✗ total: line 2 imports `helper`, a file beside"),
    ("total", "!pip install wandb\ntotal = 5050", "– total: `!pip install wandb` in line 2 inst"),
    (
        "total",
        "%tensorboard --logdir x\ntotal = 5050",
        "– total: `%tensorboard --logdir x` in line 2",
    ),
    ("total", "import wandb\ntotal = 5050", "– total: line 2 imports `wandb`, which xaikit does"),
    ("total", "breakpoint()\ntotal = 5050", "✗ total: `breakpoint()` in line 2 waits"),
    (
        "total",
        "from urllib.request import urlopen\ntotal = len(urlopen('http://a.b').read())",
        "✗ total: `urlopen` in line 3 needs the network",
    ),
]


@pytest.mark.parametrize(("task", "source", "says"), SAID)
def test_each_obstacle_is_one_line_with_its_cure(
    task: str, source: str, says: str, toy: Any, known: dict[str, Released], tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("def helper(n): return n")
    file = tmp_path / f"{NAME}.ipynb"
    file.write_text(to_json(answered(toy.released, {**RIGHT, task: source})))
    verdict = ready.check(file, known=known)
    (line,) = [line for line in verdict.lines if f" {task}: " in line]
    assert line.startswith(says) and line.endswith(".")
    assert verdict.good == line.startswith("–")


@pytest.mark.parametrize(
    "source",
    [
        "total = sum(n for n in range(101))",
        "%matplotlib inline\n%time total = 5050",
        "import torch\nd = 'cuda' if torch.cuda.is_available() else 'cpu'\ntotal = 5050",
        "try:\n    total = answer_of_colab\nexcept NameError:\n    total = 5050",
        "display(observed)\nget_ipython()\n_ = [x for x in observed]\ntotal = 5050",
        "from math import *\ntotal = floor(5050.5)",
        f"from xaikit import checks\nchecks.rehearse('{NAME}.ipynb')\ntotal = 5050",
        "class Sum:\n    def of(self, n: int) -> int:\n        return n\ntotal = Sum().of(5050)",
        "def total_of(n):\n    global found\n    found = n\ntotal_of(5050)\ntotal = found",
    ],
)
def test_ordinary_code_is_not_complained_of(
    source: str, toy: Any, known: dict[str, Released], tmp_path: Path
) -> None:
    file = tmp_path / f"{NAME}.ipynb"
    file.write_text(to_json(answered(toy.released, {**RIGHT, "total": source})))
    verdict = ready.check(file, known=known)
    assert [line[0] for line in verdict.lines] == ["–", "✓", "✓", "✓"], str(verdict)


@pytest.mark.parametrize(
    ("around", "why"),
    [
        (Surroundings(tests=("shown = 1",)), "only a check, and grading runs no checks"),
        (Surroundings(lost=("shown = 1",)), "only a given cell as you changed it"),
        (Surroundings(kernel=frozenset({"shown"})), "no cell of the file, though your kernel"),
    ],
)
def test_it_says_why_a_name_is_missing(around: Surroundings, why: str) -> None:
    (found,) = obstacles([Code("total", "total = 2 * shown", "total", True)], around)
    assert found.costs and f"total: it uses `shown`, which is defined by {why}" in found.text
    given = Surroundings(given=("shown = 1",), tests=("shown = 1",))
    assert not [*obstacles([Code("total", "total = 2 * shown", "total", True)], given)]


def test_an_untouched_notebook_earns_nothing(
    toy: Any, known: dict[str, Released], tmp_path: Path
) -> None:
    file = tmp_path / f"{NAME}.ipynb"
    file.write_text(to_json(toy.released))
    verdict = ready.check(file, known=known)
    assert verdict.lines[-1] == (
        "✗ 0 of 5 tasks are answered: it can be uploaded, but earns nothing."
    )
    assert not verdict.good


def test_another_copy_beside_it_is_named(
    toy: Any, known: dict[str, Released], tmp_path: Path
) -> None:
    text = to_json(answered(toy.released, RIGHT))
    (tmp_path / f"{NAME}-Copy1.ipynb").write_text(text)
    (tmp_path / f"{NAME} (2).ipynb").write_text(to_json(toy.released))  # nothing to lose in it
    (tmp_path / f"{NAME}.ipynb").write_text(text)
    told = str(ready.check(tmp_path / f"{NAME}.ipynb", known=known))
    assert f"– {NAME}-Copy1.ipynb beside it is another copy, saved on" in told
    assert "(2)" not in told
    told = str(ready.check(tmp_path / f"{NAME}-Copy1.ipynb", known=known))
    assert "✓ It is the notebook 01_toy, in a file called 01_toy-Copy1.ipynb" in told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("See ![my plot](plot.png).", "– why: the picture plot.png is a file that is not handed"),
        ("<img src='plot.png'>", "– why: the picture plot.png is a file that is not handed in"),
        ("![x](https://a.b/c.png)", "– why: the picture https://a.b/c.png is shown as a link"),
        ("<table><tr><td>1</td></tr></table>", "– why: HTML (<table>, <tr>, <td>) is shown as"),
        ("If a < b and c > d, `<b>` says nothing; see <https://a.b>.", ""),
    ],
)
def test_what_a_marker_does_not_see_of_a_text_is_said(
    text: str, says: str, toy: Any, known: dict[str, Released], tmp_path: Path
) -> None:
    notebook = answered(toy.released, RIGHT)
    cell(notebook, "why").source = f"<!-- answer: why -->\n{text}"
    file = tmp_path / f"{NAME}.ipynb"
    file.write_text(to_json(notebook))
    lines = [line for line in ready.check(file, known=known).lines if " why: " in line]
    assert len(lines) == bool(says) and all(line.startswith(says) for line in lines)


def test_a_rehearsal_goes_on_where_grading_does(
    toy: Any, known: dict[str, Released], tmp_path: Path
) -> None:
    """After an import of a package that is not there, and after a statement that failed."""
    total = "from nowhere_at_all import drive\nimport nobodys.package as np2, math\nn = drive.of\n"
    notebook = answered(toy.released, {**RIGHT, "total": f"{total}total = math.floor(5050.5)"})
    notebook.cells.append(new_code_cell("class A(list):\n    of = n\n1 / 0\nkept = 3"))
    notebook.cells.append(new_code_cell("assert kept == 3\ndrive.mount('/content')"))
    file = tmp_path / f"{NAME}.ipynb"
    file.write_text(to_json(notebook))
    verdict = rehearsal.rehearse(file, known=known)
    *wrong, ran = [line for line in verdict.lines if line.startswith("✗")]
    assert ran.endswith("2 of them raised.")
    assert [line.split(": do")[0].split(": mend")[0] for line in wrong] == [
        "✗ your cell `class A(list):` raised ZeroDivisionError: division by zero (line 3)",
        "✗ your cell `assert kept == 3` raised ModuleNotFoundError: No module named "
        "'nowhere_at_all' (line 2)",
    ]
    assert "– total imports `nobodys.package`, `nowhere_at_all`, which is not there" in str(verdict)
    assert "4 of 4 answers pass their visible checks there" in str(verdict)


def test_a_rehearsal_runs_what_grading_runs(
    toy: Any, known: dict[str, Released], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given cells as handed out, own cells in their places, the checks without a trace."""
    notebook = answered(toy.released, {**RIGHT, "quiz": "answers = {'a': 'yes', 'b': 'no'}"})
    cell(notebook, "given-data").source = "observed = None"
    cell(notebook, "mean-square").source = "# answer: mean-square\nmean_square = None"
    notebook.cells.append(new_code_cell("import os\nassert not os.listdir()\nfrom_before"))
    notebook.cells.append(new_code_cell("import os\nos._exit(3)"))
    notebook.cells.append(new_code_cell("print('never')"))
    file = tmp_path / f"{NAME}.ipynb"
    file.write_text(to_json(notebook))
    monkeypatch.chdir(tmp_path)
    verdict = rehearsal.rehearse(file, known=known)
    told = str(verdict)
    assert "✗ mean-square: its check says: TypeError" in told
    assert "✗ your cell `import os` raised NameError: name 'from_before' is not" in told
    assert "✗ It stopped in your cell `import os` after" in told
    assert "the Python process ended there; 7 of 9 cells had run." in told
    assert "3 of 4 answers pass their visible checks there" in told
    assert not verdict.good
