"""Runs of ordinary, broken and hostile notebooks: what is read, what is lost, and what is not."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from outcomes import failed, stops, text

from autograde.sandbox.isolation import Isolation, Limits
from autograde.sandbox.replies import CellRun
from autograde.sandbox.run import (
    CodeCell,
    HiddenCalls,
    NotebookRun,
    call_functions,
    run_notebook,
)

MIB = 1 << 20


STUBBORN = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""


@pytest.fixture(scope="module")
def ordinary() -> NotebookRun:
    """Run a notebook with outputs of all kinds, errors, and answers of all kinds."""
    cells = [
        CodeCell("print", "import sys\nprint('out'); print('err', file=sys.stderr)\n1 + 1"),
        CodeCell(
            "plot", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", seconds=60
        ),
        CodeCell(
            "titled",
            "from xaikit import checks\nfigure, axis = plt.subplots()\n"
            "axis.set_title('Two <maps>')\nplt.close(figure)\nfigure",
            seconds=60,
        ),
        CodeCell("html", "from IPython.display import HTML, display\ndisplay(HTML('<script>'))"),
        CodeCell("magic", "%timeit -n1 -r1 pass\n!echo shell"),
        CodeCell("raises", "a = 1\n1 / 0\nb = 2", "raises", ("a",)),
        CodeCell("unfinished", "1 / 0\nb = 2", "unfinished", ("b",)),
        CodeCell("half", "def half(x:\n    return (x"),
        CodeCell("input", "input()"),
        CodeCell("exit", "exit()"),
        CodeCell("numbers", "x, y = [1, 2.5], {'k': True}", "numbers", ("x", "y")),
        CodeCell("nothing", "z = None", "nothing", ("z",)),
        CodeCell("object", "o = object()", "object", ("o",)),
        CodeCell("large", "import numpy as np\nl = np.zeros(3 << 20)", "large", ("l",)),
        CodeCell("slow", "import time\ns = 5\ntime.sleep(300)", "slow", ("s",), seconds=2),
        CodeCell("slow2", "while True: pass\nt = 5", "slow2", ("t",), seconds=1),
        CodeCell("flood", "while True: print('0123456789' * 100)", seconds=2),
        CodeCell("clear", "print('old')\nfrom IPython.display import clear_output\nclear_output()"),
        CodeCell("last", "last = 'alive'", "last", ("last",)),
    ]
    return run_notebook(cells)


def cell(run: NotebookRun, id: str) -> CellRun:
    return next(cell for cell in run.cells if cell.id == id)


def test_outputs_are_text_and_pictures(ordinary: NotebookRun) -> None:
    outputs = cell(ordinary, "print").outputs
    assert sorted(out["output_type"] for out in outputs) == ["execute_result", "stream", "stream"]
    assert {out["name"]: out["text"] for out in outputs if "name" in out} == {
        "stdout": "out\n",
        "stderr": "err\n",
    }
    assert [out["data"] for out in outputs if "data" in out] == [{"text/plain": "2"}]
    (plot,) = cell(ordinary, "plot").outputs
    assert plot["data"]["image/png"].startswith("iVBORw0KGgo")  # the signature of a PNG
    assert plot["metadata"] == {}
    (titled,) = cell(ordinary, "titled").outputs
    assert titled["metadata"] == {"image/png": {"alt": "Figure: Two <maps>"}}
    (html,) = cell(ordinary, "html").outputs
    assert list(html["data"]) == ["text/plain"]
    assert "shell" in text(cell(ordinary, "magic"))


def test_outputs_are_valid_in_the_notebook_format(ordinary: NotebookRun) -> None:
    import nbformat

    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(out) for out in run.outputs])
            for run in ordinary.cells
        ]
    )
    nbformat.validate(notebook)


def test_a_cell_that_raises_is_recorded_and_the_run_goes_on(ordinary: NotebookRun) -> None:
    assert text(cell(ordinary, "raises")) == "ZeroDivisionError"
    assert text(cell(ordinary, "half")) == "SyntaxError"
    assert ordinary.answers["raises"] == {"a": np.array(1)}
    assert "`b` is not defined" in failed(ordinary.answers["unfinished"])
    assert "ZeroDivisionError" in failed(ordinary.answers["unfinished"])
    assert text(cell(ordinary, "input")) == "StdinNotImplementedError"
    assert cell(ordinary, "last").stopped == ""


def test_values_are_read_right_after_their_cell(ordinary: NotebookRun) -> None:
    numbers = ordinary.answers["numbers"]
    assert isinstance(numbers, dict)
    np.testing.assert_equal(numbers, {"x": np.array([1, 2.5]), "y": {"k": np.array(True)}})
    assert ordinary.answers["last"] == {"last": "alive"}


def test_what_cannot_be_read_is_explained(ordinary: NotebookRun) -> None:
    assert failed(ordinary.answers["nothing"]) == "`z` is None: no answer was given yet."
    assert "of type object" in failed(ordinary.answers["object"])
    assert "too large" in failed(ordinary.answers["large"])


def test_a_slow_cell_is_interrupted_and_the_kernel_lives_on(ordinary: NotebookRun) -> None:
    assert stops(ordinary) == dict.fromkeys(("slow", "slow2", "flood"), "timeout")
    assert ordinary.answers["slow"] == {"s": np.array(5)}
    assert failed(ordinary.answers["slow2"]) == (
        "The answer's cell took longer than its time limit of 1 s."
    )
    assert cell(ordinary, "slow").seconds < 1  # asleep
    assert 0.5 <= cell(ordinary, "slow2").seconds < 5


def test_printed_floods_are_cut(ordinary: NotebookRun) -> None:
    printed = text(cell(ordinary, "flood"))
    assert 100_000 < len(printed) < 300_000 and "…" in printed
    assert text(cell(ordinary, "clear")) == ""


@pytest.mark.parametrize(
    ("source", "stopped", "reason"),
    [
        ("import os; os._exit(0)", "kernel died", "ended the Python process"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "kernel died", "ended"),
        ("import os, signal; os.kill(-1, signal.SIGKILL)", "kernel died", "ended"),
        (
            "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
            "timeout",
            "time limit of 2 s",
        ),
        (
            # More than one process, so that no limit on a single one sees it.
            "import os, time\n"
            "for _ in range(5):\n"
            "    if os.fork() == 0:\n"
            "        kept = b'x' * (200 << 20)\n"
            "        time.sleep(60)\n"
            "time.sleep(60)",
            "memory",
            "0.8 GB of memory",
        ),
        (
            "for number in range(10**6): open(f'/tmp/{number}', 'w').close()",
            "disk",
            "temporary files",
        ),
    ],
    ids=["exit", "kill", "kill everything", "deaf", "memory", "files"],
)
def test_one_fatal_cell_costs_its_own_task(source: str, stopped: str, reason: str) -> None:
    seconds = 2.0 if stopped == "timeout" else 30.0
    cells = [
        CodeCell("given", "import random\nn = 1"),
        CodeCell("first", "first = n", "first", ("first",)),
        CodeCell("extra", "helper = 5"),
        CodeCell("fatal", source, "fatal", ("first",), seconds=seconds),
        CodeCell(
            "after", "after = n + helper\nearlier = 'first' in dir()", "after", ("after", "earlier")
        ),
    ]
    run = run_notebook(cells, Limits(memory=800 * MIB, files=2000))
    assert stops(run) == {"fatal": stopped}
    assert run.answers["first"] == {"first": np.array(1)}
    assert reason in failed(run.answers["fatal"])
    # The fresh kernel ran all that had run: what comes after may need an answer from before.
    assert run.answers["after"] == {"after": np.array(6), "earlier": np.array(True)}


def test_a_large_allocation_is_an_error_of_its_cell() -> None:
    source = "kept = []\nwhile True: kept.append(bytearray(50 << 20))"
    run = run_notebook(
        [CodeCell("a", source), CodeCell("b", "del kept\nb = 1", "b", ("b",))],
        Limits(memory=1000 * MIB),
    )
    assert stops(run) == {}
    assert text(run.cells[0]) == "MemoryError"
    assert run.answers["b"] == {"b": np.array(1)}


# The program that reports to the host is the kernel's parent, and of the same user: its pipe can be
# taken over and written to.
PIPE = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
parent = libc.syscall(434, os.getppid(), 0)  # pidfd_open
pipes = [libc.syscall(438, parent, number, 0) for number in range(3, 20)]  # pidfd_getfd
kinds = {pipe: os.readlink(f"/proc/self/fd/{pipe}") for pipe in pipes if pipe >= 0}
outwards = os.readlink(f"/proc/{os.getppid()}/fd/2")
def send(data):
    for pipe, kind in kinds.items():
        if kind.startswith("pipe:") and kind != outwards:
            try: os.write(pipe, data)
            except OSError: pass
def record(**fields):
    data = b"d" + struct.pack("<I", len(fields))
    for key, value in fields.items():
        data += struct.pack("<I", len(key)) + key.encode() + value
    send(struct.pack("<I", len(data)) + data)
def t(text): return b"s" + struct.pack("<I", len(text)) + text.encode()
no, empty = b"ab1\\0\\0", b"l\\0\\0\\0\\0"
"""


def test_forged_messages_cost_the_forger_and_not_the_host() -> None:
    forgeries = {
        "garbage": "send(os.urandom(1000))",
        "json": 'send(b\'{"kind": "cell"}\' * 100)',
        "huge": "send(struct.pack('<I', 2**32 - 1))",
        "no dictionary": "send(struct.pack('<I', 5) + b'l\\0\\0\\0\\0')",
        "odd outputs": "record(kind=t('cell'), outputs=t('x'), stopped=t(''), lost=no)",
        "odd reason": "record(kind=t('cell'), outputs=empty, stopped=t('<script>'), lost=no)",
        "out of turn": "record(kind=t('answer'), answer=no)",
    }
    cells = [CodeCell("given", PIPE)]
    cells += [CodeCell(name, f"{code}\nok = 1", name, ("ok",)) for name, code in forgeries.items()]
    cells.append(CodeCell("after", "after = 1", "after", ("after",)))
    run = run_notebook(cells)
    assert stops(run) == dict.fromkeys(forgeries, "malformed output")
    assert all("disturbed" in failed(run.answers[name]) for name in forgeries)
    assert run.answers["after"] == {"after": np.array(1)}


def test_a_flood_of_messages_is_ended() -> None:
    flood = "while True: send(struct.pack('<I', 30 << 20) + bytes(29 << 20))"
    run = run_notebook([CodeCell("given", PIPE), CodeCell("a", flood)], Limits(output=20 * MIB))
    assert stops(run) == {"a": "output flood"}


def test_a_forged_answer_is_an_answer() -> None:
    # Whoever can forge 1 could have written x = 1: it gains nothing.
    forge = """
value = b"ai8\\0" + struct.pack("<q", 1)
def d(key, item): return b"d" + struct.pack("<II", 1, len(key)) + key.encode() + item
def u1(data): return b"au1\\1" + struct.pack("<I", len(data)) + data
record(kind=t("cell"), outputs=empty, stopped=t(""), lost=no)
record(kind=t("answer"), answer=u1(d("x", d("value", u1(value)))))
"""
    run = run_notebook([CodeCell("given", PIPE), CodeCell("a", forge, "a", ("x",))])
    assert run.answers["a"] == {"x": np.array(1)}


def test_a_run_ends_when_its_time_is_over() -> None:
    first = CodeCell("a", "a = 1", "a", ("a",))
    cells = [first, CodeCell("b", "while True: pass", "b", ("b",), seconds=600)]
    cells.append(CodeCell("c", "c = 1", "c", ("c",)))
    run = run_notebook(cells, Limits(seconds=4))
    assert 3.5 < run.seconds < 8
    assert stops(run) == {"b": "timeout", "c": ""}
    assert run.answers["a"] == {"a": np.array(1)}
    assert "before this answer's cell was reached" in failed(run.answers["c"])


@pytest.mark.parametrize("isolation", ["bubblewrap", "none"])
def test_both_isolations_give_the_same_answers(isolation: Isolation) -> None:
    cells = [
        CodeCell("a", "import sys\na = len(sys.path) > 0", "a", ("a",)),
        CodeCell("b", "import os; os._exit(0)", "b", ("b",)),
        CodeCell("c", "while True: pass", "c", ("c",), seconds=1),
        CodeCell("d", "d = 1", "d", ("d",)),
    ]
    run = run_notebook(cells, isolation=isolation)
    assert stops(run) == {"b": "kernel died", "c": "timeout"}
    assert (run.answers["a"], run.answers["d"]) == ({"a": np.array(True)}, {"d": np.array(1)})
    called = call_functions(
        [CodeCell("f", "def f(x): return x + 1", "f")],
        {"f": HiddenCalls("f", [(1,), (2.5,)])},
        isolation=isolation,
    )
    np.testing.assert_equal(called.results["f"], [np.array(2), np.array(3.5)])


@pytest.mark.parametrize("isolation", ["bubblewrap", "none"])
@pytest.mark.parametrize("ending", ["print('the end')", STUBBORN])
def test_no_kernel_outlives_its_run(isolation: Isolation, ending: str, tmp_path: Path):
    """Also without isolation, whose end would end it: found by the name it gave itself."""
    cells = [
        CodeCell(
            "mark", f"import ctypes; ctypes.CDLL(None).prctl(15, b{tmp_path.name[-15:]!r}, 0)"
        ),
        CodeCell("end", ending, seconds=2),
    ]
    run_notebook(cells, isolation=isolation)
    for _ in range(600):  # what was killed is gone in a moment
        named = [p for p in Path("/proc").glob("[0-9]*/comm") if _text(p) == tmp_path.name[-15:]]
        if not named:
            return
        time.sleep(0.1)
    pytest.fail(f"a kernel is left: {named}")


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
