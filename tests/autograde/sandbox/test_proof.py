"""The proof of the isolation, and what is said where the sandbox cannot be had."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

import autograde
from autograde.sandbox import isolation as isolated
from autograde.sandbox.isolation import SandboxError
from autograde.sandbox.proof import prove

REPOSITORY = Path(autograde.__file__).resolve().parents[1]


def test_the_isolation_can_be_proved(tmp_path: Path) -> None:
    prove(hidden=[REPOSITORY, tmp_path])


def test_the_proof_finds_what_is_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solutions = tmp_path / "data" / "solutions"
    solutions.mkdir(parents=True)
    (solutions / "answer.py").write_text("42")
    (tmp_path / "data" / "gradebook.db").write_text("42")
    monkeypatch.setenv("XAIKIT_DATA", str(solutions.parent))
    prove(hidden=[solutions, tmp_path / "data" / "gradebook.db"])
    # The same under another name.
    (tmp_path / "link").symlink_to("data")
    monkeypatch.setenv("XAIKIT_DATA", str(tmp_path / "link"))
    prove(hidden=[solutions, tmp_path / "link" / "gradebook.db"])
    monkeypatch.setattr(isolated, "_view", without_hiding(isolated._view))
    with pytest.raises(SandboxError, match=r"answer.py is visible to students"):
        prove(hidden=[solutions])


def without_hiding(view: Any) -> Any:
    """Break the sandbox: nothing is hidden any more."""
    return lambda hidden, without: view((), without)


def fake_bwrap(folder: Path, monkeypatch: pytest.MonkeyPatch, complaint: str) -> None:
    """Put a bwrap that only complains first on the path."""
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\necho 'bwrap: {complaint}' >&2\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("complaint", "cure"),
    [
        ("setting up uid map: Permission denied", "user namespaces"),
        ("Creating new namespace failed: Operation not permitted", "user namespaces"),
        ("No permissions to create a new namespace", "user namespaces"),
        ("Can't mount proc on /newroot/proc: Operation not permitted", "systempaths=unconfined"),
        ("Can't find source path /home/me/.venv: Permission denied", "readable"),
        ("Unknown option --size", "0.7 or newer"),
    ],
)
def test_a_sandbox_that_does_not_start_names_the_cure(
    complaint: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_bwrap(tmp_path, monkeypatch, complaint.replace("'", "'\\''"))
    with pytest.raises(SandboxError, match=cure) as raised:
        prove()
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_without_bubblewrap_the_cure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "prlimit").symlink_to("/usr/bin/prlimit")
    with pytest.raises(SandboxError, match="install the package bubblewrap"):
        prove()


def test_a_data_folder_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAIKIT_DATA", str(tmp_path / "absent"))
    with pytest.raises(SandboxError, match=r"XAIKIT_DATA names .*absent"):
        prove()


def test_data_that_the_sandbox_cannot_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir(mode=0o000)
    monkeypatch.setenv("XAIKIT_DATA", str(tmp_path / "data"))
    with pytest.raises(SandboxError, match=r"data cannot be read by other users"):
        prove()


def test_python_in_the_course_folder_itself_is_refused() -> None:
    with pytest.raises(SandboxError, match=r"folder of its own, such as \.venv"):
        prove(hidden=[Path(sys.prefix)])
