"""Hidden calls of students' functions: every call answered, in our words where it fails."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from outcomes import failed, stops

from autograde.inside.networks import Network
from autograde.sandbox.run import (
    CallRun,
    CodeCell,
    HiddenCalls,
    call_functions,
)

BY_HAND = ("xaikit", "captum", "shap", "lime", "alibi")


@pytest.fixture(scope="module")
def called() -> CallRun:
    """Call functions that are right, wrong, slow, rude and missing, in one run."""
    sources = {
        "given": "import random, time\nimport numpy as np, torch\n%matplotlib inline",
        "helper": "def double(x): return 2 * x",
        "doubled": "def doubled(x): return double(x)",
        "mutates": "def mutates(array, items):\n    array += 1\n    items.append(1)\n"
        "    return array.sum() + len(items)",
        "draws": "def draws(): return [random.random(), np.random.rand(), torch.rand(1).item()]",
        "network": "def network(model, x): return model(x), model.training",
        "raises": "def raises(x):\n    if x: raise type('<b>', (ValueError,), {})\n    return 1",
        "quits": "import sys\ndef quits(): sys.exit(1)",
        "prints": "def prints():\n    print('flood' * 10**6)\n    return 'quiet'",
        "untouched": "def untouched(x):\n    ...",
        "broken": "def broken(x)\n    return 1",
        "by_hand": "import captum.attr as ca\nfrom xaikit import load\ndef by_hand(): return 1",
        "uses": "from captum import attr\ndef uses(): return attr.Saliency(None)",
        "overrides": "def double(x): return -x\ndef overrides(): return double(1)",
        "tries": "def tries():\n    found = []\n"
        "    for name in ('xaikit', 'captum', 'shap', 'lime', 'alibi', 'torch', 'numpy'):\n"
        "        try: __import__(name); found.append(name)\n"
        "        except ImportError: pass\n"
        "    return found",
    }
    arguments: dict[str, list[tuple[Any, ...]]] = {
        "doubled": [(3,), (torch.ones(2),)],
        "mutates": [(np.zeros(2), [])] * 2,
        "draws": [(), ()],
        "network": [(Network.random(np.random.default_rng(0), (2, 3, 2)), torch.ones(1, 2))],
        "raises": [(0,), (1,), (0,)],
        "quits": [()],
        "prints": [()],
        "untouched": [(1,)],
        "broken": [(1,)],
        "by_hand": [()],
        "uses": [()],
        "overrides": [()],
        "tries": [()],
    }
    cells = [
        CodeCell(name, source, name if name in arguments else "")
        for name, source in sources.items()
    ]
    calls = {name: HiddenCalls(name, inputs) for name, inputs in arguments.items()}
    return call_functions(cells, calls, without=BY_HAND)


def test_every_call_has_a_result(called: CallRun) -> None:
    first, second = called.results["doubled"]
    assert first == 6 and second.tolist() == [2, 2]
    assert [len(results) for results in called.results.values()] == [
        2, 2, 2, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1,
    ]  # fmt: skip


def test_calls_get_their_own_copies(called: CallRun) -> None:
    assert [float(result) for result in called.results["mutates"]] == [3.0, 3.0]


def test_what_a_call_changed_is_known(called: CallRun) -> None:
    changed = {name: places for name, places in called.changed.items() if any(places)}
    assert changed == {"mutates": [frozenset({0, 1})] * 2}


def test_calls_start_from_the_same_seeds(called: CallRun) -> None:
    random.seed(0)
    np.random.seed(0)  # the oracle for the sandbox's global generators
    torch.manual_seed(0)
    wanted = [random.random(), np.random.rand(), torch.rand(1).item()]
    for result in called.results["draws"]:
        np.testing.assert_array_equal(result, wanted)


def test_networks_arrive_as_modules(called: CallRun) -> None:
    ((outputs, training),) = called.results["network"]
    module = Network.random(np.random.default_rng(0), (2, 3, 2)).module()
    wanted = module(torch.ones(1, 2)).detach().numpy()
    np.testing.assert_allclose(outputs, wanted, rtol=1e-6)
    assert not training


def test_a_call_that_fails_says_why_in_our_words(called: CallRun) -> None:
    before, failing, after = called.results["raises"]
    assert before == 1 and after == 1
    assert failed(failing) == "`raises` raised an exception on a hidden input."  # not <b>
    assert failed(called.results["quits"][0]) == "`quits` raised SystemExit on a hidden input."
    assert "is None: no answer" in failed(called.results["untouched"][0])
    assert "which raised SyntaxError" in failed(called.results["broken"][0])
    assert called.results["by_hand"] == [1]  # an import is no use
    assert "raised ModuleNotFoundError" in failed(called.results["uses"][0])
    assert called.results["prints"] == ["quiet"]


def test_later_cells_may_reuse_names(called: CallRun) -> None:
    assert called.results["overrides"] == [-1]  # and "doubled" was called before
    assert stops(called) == {}


def test_slow_and_deadly_calls_cost_their_own_task() -> None:
    sources = {
        "helper": "def helper(n): return n",
        "slow": "def slow(n):\n    while n > 1: pass\n    return n",
        "dies": "def dies():\n    import os; os._exit(0)",
        "never": "while True: pass",
        "after": "def after(n): return helper(n)",
    }
    inputs: dict[str, list[tuple[Any, ...]]] = {
        "slow": [(0,), (5,), (1,)],
        "dies": [()],
        "never": [(1,)],
        "after": [(1,)],
    }
    endless = {"slow", "never"}  # the others get the time that a busy machine may need
    limits = {name: 2.0 if name in endless else 60.0 for name in sources}
    cells = [
        CodeCell(name, source, name if name in inputs else "", seconds=limits[name])
        for name, source in sources.items()
    ]
    run = call_functions(
        cells, {name: HiddenCalls(name, inputs[name], seconds=limits[name]) for name in inputs}
    )
    quick, *rest = run.results["slow"]
    assert quick == 0
    assert [failed(result) for result in rest] == [
        "`slow` took longer than its time limit of 2 s."
    ] * 2
    assert failed(run.results["dies"][0]) == "`dies` ended the Python process."
    assert "The answer's cell took longer" in failed(run.results["never"][0])
    assert run.results["after"] == [1]
    assert stops(run) == {"slow": "timeout", "dies": "kernel died", "never": "timeout"}


def test_tasks_by_hand_do_without_the_packages(called: CallRun) -> None:
    assert called.results["tries"] == [["torch", "numpy"]]


def test_other_tasks_may_use_the_packages() -> None:
    source = "import xaikit, captum\ndef f(): return captum.__version__ + xaikit.__name__"
    cells = [CodeCell("f", source, "f", seconds=120)]
    (result,) = call_functions(cells, {"f": HiddenCalls("f", [()])}).results["f"]
    assert result.endswith("xaikit") and result[0].isdigit()


COSINE = ("torch.nn.functional.cosine_similarity", "torch.cosine_similarity")
BY_LIBRARY = {
    "import": "from torch import cosine_similarity as c\ndef f(a, b): return c(a, b, 0)",
    "attribute": "import torch\ndef f(a, b): return torch.cosine_similarity(a, b, 0)",
    "inside": "def f(a, b):\n    import torch as t\n    return t.cosine_similarity(a, b, 0)",
    "module": "import torch\ndef f(a, b): return torch.nn.CosineSimilarity(0)(a, b)",
    "by hand": "def f(a, b): return a @ b / a.norm() / b.norm()",
}


def test_a_function_that_does_the_task_raises_during_its_calls_alone() -> None:
    arguments = [(torch.ones(2), torch.tensor([1.0, 0.0]))]
    cells = [CodeCell(name, source, name) for name, source in BY_LIBRARY.items()]
    cells.append(CodeCell("free", BY_LIBRARY["attribute"], "free"))
    calls = {name: HiddenCalls("f", arguments, without=COSINE) for name in BY_LIBRARY}
    results = call_functions(cells, calls | {"free": HiddenCalls("f", arguments)}).results
    for name in set(BY_LIBRARY) - {"by hand"}:
        (result,) = results[name]
        assert "cosine_similarity`, which is out of reach in this task" in failed(result), name
    for name in ("by hand", "free"):
        assert results[name][0] == pytest.approx(0.5**0.5)
