"""Notebooks as students hand them in, of a course of two: what the tests of intake find."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograde.intake.submissions import Found
from autograde.intake.upload import Upload
from xaikit.handin.uploads import Stub

EARLY = datetime(2027, 4, 1, 12, tzinfo=UTC)
LATER = datetime(2027, 4, 2, 12, tzinfo=UTC)

TASKS = {"01_small": ("double", "total", "why"), "02_large": ("predict", "total")}
"""Both have a task of the same name."""

HANDED_OUT = {
    name: {
        task: Stub.of(
            f"# answer: {task}", f"{number}{position}abcdef0123", f"# answer: {task}\npass"
        )
        for position, task in enumerate(tasks)
    }
    for number, (name, tasks) in enumerate(TASKS.items())
}


def notebook(name: str = "01_small", **written: str) -> dict[str, Any]:
    """Return a notebook of the course, untouched but for these answers."""
    cells = []
    for task, stub in HANDED_OUT[name].items():
        source = f"{stub.marker}\n{written.get(task, 'pass')}"
        cells.append(
            {
                "cell_type": "code",
                "id": stub.cell_id,
                "metadata": {"nbgrader": {"grade_id": task}},
                "outputs": [],
                "source": source.splitlines(keepends=True),
            }
        )
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def saved(name: str = "01_small", **written: str) -> bytes:
    """Return the bytes that a front end saves."""
    return json.dumps(notebook(name, **written), indent=1, ensure_ascii=False).encode()


UNTOUCHED = saved()
WORKED = saved(double="def double(x):\n    return x + x", total="total = 10")
LESS = saved(total="total = 10")
LARGE = saved("02_large", predict="predict = max")


def put(path: Path, content: bytes, moment: datetime = EARLY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    return path


def pack(
    file: Path, content: Mapping[str, bytes], moments: Mapping[str, datetime] | None = None
) -> Path:
    """Write an archive; the times of its files are in this machine's zone, as zip has them."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            moment = (moments or {}).get(name, EARLY).astimezone()
            info = zipfile.ZipInfo(name, moment.timetuple()[:6])
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return file


def packed(content: Mapping[str, bytes], folder: Path) -> bytes:
    """Return an archive's bytes."""
    return pack(folder / "packed.zip", content).read_bytes()


def handed(found: Found) -> dict[tuple[str, str], Upload]:
    uploads = [u for u in found.uploads if u.path is not None]
    by_key = {(u.student, u.assignment): u for u in uploads}
    assert len(by_key) == len(uploads)
    return by_key


def contents(found: Found) -> dict[tuple[str, str], bytes]:
    return {key: upload.read() for key, upload in handed(found).items()}
