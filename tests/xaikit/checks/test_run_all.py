"""*Run All* goes on past a check that failed, where a person looks, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FROM_LAB = {"cellId": "a1", "deletedCells": [], "recordTiming": False}
FAILS = 'checks.expect(2 < 1, "Look at <2> & 1.")\nchecks.passed("less")'


@pytest.fixture(scope="module")
def client() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(kernel_name="python3")
    ask(client, "from xaikit import checks", FROM_LAB)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def ask(
    client: BlockingKernelClient, code: str, metadata: dict[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    """Run a cell as a front end does, and return the reply's status and the outputs."""
    content = {"code": code, "silent": False, "store_history": True, "stop_on_error": True}
    message = client.session.msg(
        "execute_request", {**content, "user_expressions": {}, "allow_stdin": False}
    )
    message["metadata"] = metadata
    client.shell_channel.send(message)
    outputs = []
    while True:
        heard = client.get_iopub_msg(timeout=60)
        if heard["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        if heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle":
            break
        outputs.append(heard)
    while True:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            return reply["content"]["status"], outputs


def test_a_failed_check_is_shown_and_the_queue_goes_on(client: BlockingKernelClient) -> None:
    status, outputs = ask(client, FAILS, FROM_LAB)
    (shown,) = [o["content"]["data"] for o in outputs if o["msg_type"] == "display_data"]
    assert status == "ok"
    assert shown["text/plain"] == "✗ Look at <2> & 1."
    assert "✗ Look at &lt;2&gt; &amp; 1." in shown["text/html"]
    assert not [o for o in outputs if o["msg_type"] in ("error", "stream")]


def test_a_program_that_runs_the_cell_hears_of_the_error(client: BlockingKernelClient) -> None:
    status, outputs = ask(client, FAILS, {})
    assert status == "error"
    assert [o["content"]["ename"] for o in outputs if o["msg_type"] == "error"] == ["CheckFailed"]


def test_nbgrader_hears_of_the_error(client: BlockingKernelClient) -> None:
    ask(client, "import os; os.environ['NBGRADER_EXECUTION'] = 'validate'", FROM_LAB)
    assert ask(client, FAILS, FROM_LAB)[0] == "error"
    ask(client, "del os.environ['NBGRADER_EXECUTION']", FROM_LAB)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ('1 / 0\nchecks.passed("x")', "ok"),  # in the check's own line: a sentence says so
        ("1 / 0", "error"),
        ('checks.expect(False, "no check\'s cell")', "error"),
        ('x = 5\nchecks.passed("x")', "ok"),
        ("x", "ok"),
    ],
)
def test_other_cells_are_as_they_were(client: BlockingKernelClient, code: str, status: str) -> None:
    assert ask(client, code, FROM_LAB)[0] == status


def test_names_that_a_checks_cell_binds_stay(client: BlockingKernelClient) -> None:
    ask(client, 'bound = 7\nchecks.passed("x")', FROM_LAB)
    _, outputs = ask(client, "bound", FROM_LAB)
    assert [
        o["content"]["data"]["text/plain"] for o in outputs if o["msg_type"] == "execute_result"
    ] == ["7"]


def test_nbclient_stops_at_a_failed_check() -> None:
    cells = [nbformat.v4.new_code_cell(code) for code in ("from xaikit import checks", FAILS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with pytest.raises(CellExecutionError, match=r"Look at <2> & 1\."):
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()


def lines(outputs: list[dict[str, Any]]) -> list[str]:
    """Return what was shown, a line each."""
    shown = [o["content"]["data"]["text/plain"] for o in outputs if o["msg_type"] == "display_data"]
    return [line for text in shown for line in text.splitlines()]


def test_an_error_of_a_checks_own_line_is_a_sentence(client: BlockingKernelClient) -> None:
    """Without a word from release, which knows the notebook's tasks: no traceback even so."""
    status, outputs = ask(client, 'len(3)\nchecks.passed("x")', FROM_LAB)
    assert status == "ok" and not [o for o in outputs if o["msg_type"] == "error"]
    (line,) = lines(outputs)
    assert line.startswith("✗ The check cannot run (TypeError: object of type 'int' has no len()")


def test_below_a_missing_name_stands_which_cell_defines_it(client: BlockingKernelClient) -> None:
    """In a cell that is no check's, too."""
    ask(
        client,
        "import xaikit.checks.session as s\n"
        "cell = s.GivenCell('', 'images = 1', frozenset({'images'}))\n"
        "s._notebooks = lambda: [s.Known({}, {}, (cell,), frozenset())]",
        FROM_LAB,
    )
    status, outputs = ask(client, "images.mean()", FROM_LAB)
    assert status == "error" and "begins with `images = 1` defines it" in lines(outputs)[-1]
