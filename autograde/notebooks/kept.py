"""What release knows of hidden checks that are as they were: importing them takes PyTorch.

Kept beside what Python has compiled, by a digest of all on which it depends: the files of the
checks and the given cells, ``course.toml``, Python, the installed packages, and our own code. A
notebook whose text alone has changed is released without an import of its checks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import autograde
from autograde.model.course import Course
from autograde.notebooks.checks import Checks, load_checks
from autograde.notebooks.layout import Layout
from autograde.safety.files import WriteError, write_whole
from autograde.tasks import Call, Task, Value


def kept_checks(course: Course, layout: Layout, given: Mapping[str, str]) -> Checks:
    """Return a notebook's checks as :func:`load_checks` does, but none that can be asked.

    Raises
    ------
    SourceError
        If the checks are not as they were, and cannot be imported.
    """
    file = layout.path.parent / "__pycache__" / f"{layout.name}.release.json"
    key = _key(course, layout, given)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return _checks(kept)
    checks = load_checks(layout, given)
    with contextlib.suppress(OSError, WriteError):  # without a cache it takes longer
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps({"key": key, **_plain(checks)}))
    return checks


def _key(course: Course, layout: Layout, given: Mapping[str, str]) -> str:
    digest = hashlib.sha256()

    def add(*parts: str | bytes) -> None:
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8) + data)

    add(platform.python_version(), os.environ.get("XAIKIT_DATA", ""))
    folders = [Path(entry) for entry in sys.path if Path(entry).is_dir()]
    add(*sorted(info.name for folder in folders for info in folder.glob("*.dist-info")))
    ours = Path(autograde.__file__).parents[1]
    own = (path for name in ("autograde", "xaikit") for path in (ours / name).rglob("*.py"))
    scripts = {section.script for section in layout.sections}
    for file in (*sorted(own), course.file, *(f for f in layout.files if f not in scripts)):
        add(str(file), file.read_bytes() if file.exists() else b"")
    add(*(part for item in sorted(given.items()) for part in item))
    return digest.hexdigest()


def _plain(checks: Checks) -> dict[str, Any]:
    return {
        "files": [str(file) for file in checks.files],
        "places": {task: str(place) for task, place in checks.places.items()},
        "text": checks.text,
        "tasks": [
            {"id": task.id, "read": task.read, **_answer(task.answer)}
            for task in checks.tasks.values()
        ],
    }


def _answer(answer: Value | Call) -> dict[str, Any]:
    if isinstance(answer, Value):
        return {"names": answer.names}
    return {
        "call": {
            "function": answer.function,
            "needs": answer.needs,
            "by_hand": answer.by_hand,
            "without": answer.without,
        }
    }


def _checks(kept: Mapping[str, Any]) -> Checks:
    tasks = {task["id"]: _task(task) for task in kept["tasks"]}
    places = {task: Path(place) for task, place in kept["places"].items()}
    return Checks((), tasks, places, kept["text"], tuple(map(Path, kept["files"])))


def _task(kept: Mapping[str, Any]) -> Task:
    answer: Value | Call
    if "names" in kept:
        answer = Value(*kept["names"])
    else:
        call = kept["call"]
        answer = Call(
            call["function"],
            _not_imported,
            tuple(call["needs"]),
            call["by_hand"],
            tuple(call["without"]),
        )
    return Task(kept["id"], answer, _not_imported, kept["read"])


def _not_imported(*_: Any) -> Any:
    raise AssertionError("Release asks no check.")
