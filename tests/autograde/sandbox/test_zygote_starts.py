"""When runs are forked from a zygote, and when each starts on its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from outcomes import look

from autograde.sandbox import seccomp, zygotes
from autograde.sandbox.isolation import Limits, SandboxError
from autograde.sandbox.proof import prove
from autograde.sandbox.run import CodeCell, HiddenCalls, call_functions

pytestmark = pytest.mark.usefixtures("at_once")


def test_only_a_few_wait() -> None:
    # A run that is over before the grader has looked at it ends its zygote: this takes a second.
    slow = CodeCell("f", "import time\ndef f(): time.sleep(1)", "f")
    for without in (["captum"], ["shap"], ["lime"], ["torch"], ["pandas"]):
        call_functions([slow], {"f": HiddenCalls("f", [()])}, without=without)
    assert len(zygotes._waiting) == zygotes._KEPT
    ended = [process for _, process in zygotes._waiting]
    zygotes.end_all()
    assert not any(process.alive() for process in ended)
    assert zygotes._waiting == []


def test_it_starts_when_the_same_walls_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygotes, "PATIENCE", 1)
    zygotes._asked.clear()
    zygotes.end_all()
    source = "name = open('/proc/1/cmdline').read().split('\\0')"
    alone = look(source, "name")["name"]
    forked = look(source, "name")["name"]
    assert Path(alone[0]).name == "bwrap" and "autograde.inside.zygote" in forked


def test_a_process_whose_imports_start_threads_is_not_forked() -> None:
    source = "name = open('/proc/1/cmdline').read().split('\\0')[0]"
    alone = look(source, "name", limits=Limits(threads=2))  # which OpenBLAS starts at once
    assert Path(alone["name"]).name == "bwrap"
    (reason,) = [str(error) for error in [refusal(Limits(threads=2))] if error]
    assert "started a thread" in reason


def refusal(limits: Limits) -> Exception | None:
    """Return why there is no zygote."""
    try:
        zygotes.start_zygote(
            zygotes.zygote_command(limits, (), (), zygotes._IMPORTED), limits
        ).end()
    except zygotes.ZygoteError as error:
        return error
    return None


@pytest.fixture
def no_rights(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let bubblewrap give the zygote no right to make namespaces."""

    def without(*arguments: Any) -> Any:
        words = list(command_of_zygote(*arguments))
        for right in ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETPCAP"):
            position = len(words) - words[::-1].index(right) - 1
            del words[position - 1 : position + 1]
        return tuple(words)

    command_of_zygote = zygotes.zygote_command
    monkeypatch.setattr(zygotes, "zygote_command", without)
    yield


def test_without_rights_each_run_starts_on_its_own_and_the_proof_says_why(no_rights: None) -> None:
    slower = prove()
    assert slower.startswith("Each run starts a Python of its own")
    assert "unshare: Operation not permitted" in slower and "\n" not in slower
    seen = look("name = open('/proc/1/cmdline').read().split('\\0')[0]", "name")
    assert Path(seen["name"]).name == "bwrap"


def test_without_a_filter_for_this_processor_none_is_forked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "riscv64")
    assert "no list of refused system calls" in prove()


def test_what_a_temporary_folder_holds_stays_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path.parent):
        folder.chmod(0o755)
    (tmp_path / "shown.txt").write_text("shown")
    monkeypatch.setenv("XAIKIT_DATA", str(tmp_path))
    assert "temporary folder" in prove()
    shown = f"shown = open({str(tmp_path / 'shown.txt')!r}).read()"
    assert look(shown, "shown") == {"shown": "shown"}


def test_the_proof_tries_a_forked_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prove() == ""
    honest = zygotes.run_settings
    monkeypatch.setattr(
        zygotes, "run_settings", lambda *arguments: honest(*arguments) | {"disk": 1 << 40}
    )
    with pytest.raises(SandboxError, match="temporary folder has no size"):
        prove()
