"""What students' tools do: it costs no answer, neither a value nor a function."""

from __future__ import annotations

import numpy as np
import pytest
from outcomes import stops, text

from autograde.sandbox.isolation import Limits
from autograde.sandbox.run import (
    CallRun,
    CodeCell,
    HiddenCalls,
    NotebookRun,
    call_functions,
    run_notebook,
)

NETWORK = {
    "pip": "!pip install a-package-of-nobody",
    "pip_magic": "%pip install a-package-of-nobody",
    "uninstall": "!pip uninstall numpy",
    "wget": "!wget -q https://example.org/data.csv\n!wget -q http://192.0.2.1/data.csv",
    "curl": "!curl -s https://example.org/data.csv -o data.csv",
    "git": "!git clone https://example.org/data.git",
    "urllib": "import urllib.request\n"
    "try: urllib.request.urlopen('https://example.org')\nexcept OSError: pass",
    "requests": "import requests\ntry: requests.get('http://192.0.2.1')\nexcept OSError: pass",
    "shell": "!ls /\n!nvidia-smi\nfound = !echo {1 + 1}\nassert found == ['2']",
    "script": "get_ipython().run_cell_magic('bash', '', 'echo shell; no-such-program || true')",
    "myself": "import getpass, pwd, socket, os\nassert pwd.getpwuid(os.getuid()).pw_name\n"
    "assert socket.gethostbyname('localhost') == socket.gethostbyname(socket.gethostname())",
}
TOOLS = {
    "indented": "    marked = 1\n    for _ in range(2):\n        marked += 1",
    "tabs": "if True:\n    marked = 1\n\tmarked = 2",
    "quotes": "word = “typographic”",
    "main": "marked = 0\nif __name__ == '__main__':\n    marked = 1\nassert marked",
    "sleep": "import time\ntime.sleep(3)",
    "tqdm": "from tqdm import tqdm\nfrom tqdm.auto import trange\n"
    "from tqdm.notebook import tqdm as bar\n"
    "assert sum(tqdm([1])) + sum(trange(2)) + sum(bar([1])) == 3",
    "files": "import os\nos.makedirs('mine', exist_ok=True)\nos.chdir('mine')\n"
    "open('table.txt', 'w').write('1')\nassert open('table.txt').read() == '1'",
    "errors": "import warnings, numpy as np, torch\nwarnings.simplefilter('error')\n"
    "np.seterr(all='raise')",
    "figure": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "seeds": "import random\nrandom.seed(1); np.random.seed(1); torch.manual_seed(1)",
    "task": "import asyncio\nasync def later(): return 1\nstarted = asyncio.create_task(later())",
    "awaits": "assert await started == 1\nasyncio.get_running_loop()",
    "torch": "torch.set_default_dtype(torch.float64)\ntorch.set_default_device('meta')\n"
    "torch.set_grad_enabled(False)",
}


def cells_of(sources: dict[str, str], seconds: float = 60.0) -> list[CodeCell]:
    """Return for each an own cell's text and a value in one cell, then a last answer."""
    cells = []
    for name, source in sources.items():
        indent = " " * (len(source) - len(source.lstrip()))
        source = f"# answer: {name}\n{source}\n{indent}value_{name} = 1.5"
        cells.append(CodeCell(name, source, name, (f"value_{name}",), seconds))
    last = "import torch\nimport numpy as np\nlast = torch.ones(2, device='cpu')"
    last += "\nsmall = np.float64(1e-300)"
    return [*cells, CodeCell("last", last, "last", ("last", "small"), seconds)]


def called(sources: dict[str, str], seconds: float = 60.0) -> CallRun:
    function = "\n\ndef total(tensor):\n    import torch\n"
    function += "    weights = torch.ones(3, requires_grad=True)\n"
    function += "    out = (tensor @ weights)\n    out.backward()\n    return weights.grad"
    cells = [CodeCell(name, source, seconds=seconds) for name, source in sources.items()]
    cells.append(CodeCell("total", function, "total"))
    import torch

    return call_functions(cells, {"total": HiddenCalls("total", [(torch.ones(3),)] * 2)})


@pytest.fixture(scope="module")
def run() -> NotebookRun:
    return run_notebook(cells_of(TOOLS))


def test_no_tool_costs_a_value(run: NotebookRun) -> None:
    assert stops(run) == {}
    for name in TOOLS:
        assert run.answers[name] == {f"value_{name}": np.array(1.5)}, (name, run.cells)
    last = run.answers["last"]
    assert isinstance(last, dict)
    np.testing.assert_array_equal(last["last"], [1, 1])


def test_what_was_mended_is_told(run: NotebookRun) -> None:
    remarks = {cell.id: cell.remarks for cell in run.cells if cell.remarks}
    assert remarks == {"indented": ["indentation"], "tabs": ["tabs"], "quotes": ["quotes"]}


def test_no_tool_costs_a_function() -> None:
    run = called(TOOLS)
    assert stops(run) == {}
    np.testing.assert_array_equal(run.results["total"], np.ones((2, 3)))


def test_a_network_that_is_not_there_is_not_waited_for() -> None:
    """pip used to try five times, for thirteen seconds on the wall."""
    run = run_notebook(cells_of(NETWORK, seconds=30))
    assert stops(run) == {}
    for name in NETWORK:
        assert run.answers[name] == {f"value_{name}": np.array(1.5)}, (name, run.cells)
    cells = {cell.id: cell for cell in run.cells}
    assert "Retrying" not in text(cells["pip"]) + text(cells["pip_magic"])
    assert "shell" in text(cells["script"])
    assert stops(called(NETWORK)) == {}


def test_asyncio_run_is_refused_as_in_every_kernel() -> None:
    source = "import asyncio\nasync def f(): return 1\nx = asyncio.run(f())"
    run = run_notebook([CodeCell("a", source)])
    assert text(run.cells[0]).endswith("RuntimeError")
    lenient = f"{source[: source.rindex('x')]}\ndef g(): return asyncio.run(f())"
    lenient += "\ndef h():\n    loop = asyncio.get_event_loop()"
    lenient += "\n    result = loop.run_until_complete(f())\n    loop.close()\n    return result"
    calls = {"g": HiddenCalls("g", [()] * 2), "h": HiddenCalls("h", [()])}
    calls["last"] = HiddenCalls("g", [()])
    cells = [CodeCell("g", lenient, "g"), CodeCell("h", "1", "h"), CodeCell("last", "1", "last")]
    results = call_functions(cells, calls).results
    assert results == {"g": [np.array(1)] * 2, "h": [np.array(1)], "last": [np.array(1)]}


def test_a_full_temporary_folder_costs_no_other_answer() -> None:
    fill = "before = 1\nwith open('/tmp/large', 'wb') as file: file.write(bytes(200 << 20))"
    cells = [
        CodeCell("first", "first = 1", "first", ("first",)),
        CodeCell("own", fill),
        CodeCell("second", "second = before + 1", "second", ("second",)),
        CodeCell(
            "third",
            "import numpy as np\nnp.save('own.npy', np.arange(9))\nthird = np.load('own.npy')",
            "third",
            ("third",),
        ),
    ]
    limits = Limits(disk=64 << 20)
    run = run_notebook(cells, limits)
    assert (run.answers["first"], run.answers["second"]) == (
        {"first": np.array(1)},
        {"second": np.array(2)},
    )
    np.testing.assert_equal(run.answers["third"], {"third": np.arange(9)})
    assert {cell.id: cell.remarks for cell in run.cells if cell.remarks} == {"own": ["full"]}
    function = CodeCell("f", "def f(): return before", "f")
    calls = call_functions([cells[1], function], {"f": HiddenCalls("f", [()])}, limits)
    assert calls.results["f"] == [np.array(1)]
    assert calls.cells[0].remarks == ["full"]


def test_many_processes_for_a_moment_are_no_crowd() -> None:
    source = "from joblib import Parallel, delayed\n"
    source += "x = sum(Parallel(n_jobs=16)(delayed(abs)(-1) for _ in range(64)))"
    run = run_notebook([CodeCell("a", source, "a", ("x",), 120)])
    assert run.answers["a"] == {"x": np.array(64)}, stops(run)
