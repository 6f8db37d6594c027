"""What surrounds a visible check: the commonest mistakes, each with a sentence of its own."""

from __future__ import annotations

import contextlib
import linecache
from typing import Any
from unittest.mock import patch

import pytest

from xaikit.checks.session import GivenCell, Known, Session
from xaikit.checks.visible import checking
from xaikit.handin.markers import squeezed
from xaikit.handin.unseen import ByHand
from xaikit.handin.uploads import digest

IMPORTS = "import numpy as np\nimport torch\nfrom xaikit import checks"
DATA = """images = torch.full((2, 1, 4, 4), 0.5)
classes = ["a", "b", "c"]
model = torch.nn.Flatten()"""
HALVE = """
found = halve(torch.tensor([1.0, 2.0, 4.0]))
checks.close(found, [0.5, 1.0, 2.0], "halve", "the half of each.")
checks.close(halve(images), np.full((2, 1, 4, 4), 0.25), "halve", "the half of each pixel.")
checks.expect(len(classes) == 3, "Three classes are given.")
checks.passed("halve", "three numbers")
"""
PAIR = """
checks.expect(low < high, "The lower end comes first.")
checks.expect(abs(np.asarray(pair[1])).sum() > 0 and len(pair[1]) == 2, "Two numbers.")
checks.passed("pair")
"""


def _given(source: str, *names: str) -> GivenCell:
    return GivenCell(digest(squeezed(source)), source.split("\n")[0], frozenset(names))


KNOWN = Known(
    functions={"halve": "halve"},
    variables={"pair": ("low", "high", "pair")},
    given=(
        _given(IMPORTS, "np", "torch", "checks"),
        _given(DATA, "images", "classes", "model"),
    ),
    tests=frozenset(digest(squeezed(text)) for text in (HALVE, PAIR)),
    by_hand=(
        ByHand(("halve",), frozenset({"numpy", "torch"}), frozenset({"images", "model", "checks"})),
    ),
)


def run(source: str, space: dict[str, Any], file: str) -> None:
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), space)


def says(*cells: str, task: str = "halve", given: tuple[str, ...] = (IMPORTS, DATA)) -> str:
    """Run cells and a task's check as a kernel does, and return what the check says."""
    space: dict[str, Any] = {"__name__": "__main__"}
    ran = [*given, *cells]
    for place, cell in enumerate(ran):
        with contextlib.suppress(SyntaxError):  # the kernel goes on after it
            run(cell.removeprefix("%%time\n"), space, f"<cell {place} of {task}>")
    test = HALVE if task == "halve" else PAIR
    lines: list[str] = []
    with (
        patch("xaikit.checks.visible.shown", lambda line: not lines.append(line)),
        checking(task, space, Session(KNOWN, [*ran, test])) as attempt,
    ):
        attempt.begin()
        run(test, space, f"<test of {task}>")
        lines.append("✓")
    (line,) = lines
    assert "\n" not in line
    return line


def halve(body: str) -> str:
    return f"# answer: halve\ndef halve(values):\n    {body}"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("return values / 2", "✓"),
        ("return (values / 2).requires_grad_()", "✓"),
        ("return (values / 2).tolist()", "✓"),
        ("pass", "returned None: is there a `return`?"),
        ("print(values / 2)", "prints something and returned None"),
        ("values /= 4; return values", "`halve` changes what it is given: work on a copy"),
        ("return values", "Yours: [1., 2., 4.]."),
        ("return 255 * values / 2", "Pixels lie in [0, 1] here"),
        ("return 100 * values / 2", "Is it in percent?"),
        ("return (values / 2).long()", "It holds whole numbers"),
        ("return (values / 2)[None]", "One dimension too many is at the front"),
        ("return (values / 2)[..., None]", "One dimension too many is at the end"),
        ("return values / 0", "nan or infinity"),
        ("return str(values)", "should hold numbers"),
        ("return [0.5, None, 2]", "Its entry 1 is None."),
        ("return [0.5, [1, 2], 2]", "Its entry 1 is a list of length 2."),
        ("yield values / 2", "not generator"),
        ("return lambda: values", "should hold numbers"),
        ("return values / 2 + 0j", "✓"),
        ("return values / 2 + 1j", "holds complex numbers: grading reads real ones"),
        ("return {np.int64(3): 1.5}", "returned {3: 1.5}."),
        (
            "return values / two",
            "stopped in line 3 of your cell, `return values / two`, w",
        ),
        ("return model(values) / 2", "`halve` uses `model`, which grading does not have"),
        ("from xaikit import load; return values / 2", "`halve` uses `xaikit`"),
    ],
)
def test_a_mistake_in_a_function_has_its_sentence(body: str, sentence: str) -> None:
    assert sentence in says(halve(body))


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        ("np.random.default_rng(seed)", "✓"),
        ("torch.rand(2, generator=torch.Generator().manual_seed(seed))", "✓"),
        ("np.random.seed(seed)", "global generator of `np.random`: take all random numbers"),
        ("np.random.default_rng(np.random.randint(9))", "global generator of `np.random`"),
        ("torch.nn.Linear(2, 2)", "✓"),
    ],
)
def test_a_function_with_a_seed_draws_from_the_seeds_generator(draw: str, sentence: str) -> None:
    answer = halve(f"{draw}; return values / 2")
    assert sentence in says(answer.replace("(values)", "(values, seed=3)", 1))
    assert says(answer.replace("seed)", "3)")).startswith("✓")  # where nothing is said of a seed


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            [halve("return values / 2"), "# answer: halve\ndef halve(values)\n    return 1"],
            "The cell that begins with `# answer: halve` did not run (line 2: expected ':')",
        ),
        (
            ["# answer: halve\ndef halve(values)\n    return 1", halve("return values / 2")],
            "✓",
        ),
        (
            ["# answer: halve\n%%time\ndef halve(values):\n    return values / 2"],
            "did not run (line 2: `%%time` has to stand above all else in a cell)",
        ),
        (
            ["# answer: halve\ndef halve(values)", "%%time\n" + halve("return values / 2")],
            "✓",
        ),
        ([halve("return values / 2").replace("def", "async def")], "a coroutine (write `def`"),
        (["halve = 3"], "`halve` is the number 3, but should be a function"),
        (["class halve:\n    pass"], "`halve` is the class `halve`"),
        (["def halve():\n    return 1"], "`halve()` cannot be called as the task's text says"),
        (["def halve(x, y):\n    return x"], "missing a required argument: 'y'"),
        (
            ["half = 3"],
            "`halve` is not there: run the cell above that begins with",
        ),
        ([halve("return values / 2"), "classes = 3"], "your cell that begins with `classes = 3`"),
        (["torch = 4", halve("return values / 2")], "`torch` no longer has the value"),
        (["for images in 'ab':\n    pass", halve("return values / 2")], "`images` no longer"),
        ([halve("return values / 2"), "images *= 255"], "`images` no longer has the value"),
        ([halve("return values / 2"), "del images"], "deleted since: run that cell"),
        ([halve("return values / 2"), "classes = 3", DATA], "✓"),
        (["unused = 3", "model = 5", halve("return values / 2")], "✓"),
    ],
)
def test_a_mistake_around_a_function_has_its_sentence(cells: list[str], sentence: str) -> None:
    assert sentence in says(*cells)


def test_a_given_cell_that_has_not_run_is_named() -> None:
    said = says(halve("return values / 2"), given=(IMPORTS,))
    assert said == (
        "`images` is not there: the given cell that begins with `images = torch.full((2, 1, 4, 4), "
        "0.5)` defines it. Run that cell, then this one."
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("low, high, pair = 1, 2, (1, [2, 3])", "✓"),
        ("low, high, pair = 2, 1, (1, [2, 3])", "comes first. (`low` is 2, `high` is 1"),
        ("low, high, pair = None, 1, (1, [2, 3])", "`low` is None, `high` is the number 1, with"),
        ("low, high, pair = 1, 2, ([2, 3], 1)", "`pair` is a tuple of length 2, with which"),
        ("low, high, pair = 1, 2, (n for n in [])", "`pair` is a generator"),
        ("low, high = 1, 2", "`pair` is not there: run the cell above"),
    ],
)
def test_a_mistake_in_variables_has_its_sentence(answer: str, sentence: str) -> None:
    assert sentence in says(f"# answer: pair\n{answer}", task="pair")


def test_the_function_is_the_students_own_again_afterwards() -> None:
    space: dict[str, Any] = {"halve": len, "values": []}
    with checking("halve", space, Session(KNOWN, ())):
        assert space["halve"] is not len and space["halve"]([1, 2]) == 2
    assert space["halve"] is len
