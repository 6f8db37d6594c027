"""What plain nbgrader made of the cases, kept: a version of it says the same of the same bytes.

``python -m tests.redteam.recorded`` grades all cases by plain nbgrader and writes the record. A
case that is new or changed, and every case once nbgrader's version changes, is graded anew by the
tests until then.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autograde.model.course import Course
from autograde.notebooks.release import to_json
from autograde.sandbox.proof import prove

from .case import CASES, Case
from .grading import Plain, grade_plainly
from .toy import assignment, write_course

FILE = Path(__file__).with_name("plain_nbgrader.json")


def digest(case: Case, course: Course) -> str:
    """Return a digest of what nbgrader sees: its version, the source, and all that is handed in."""
    trusted = assignment(course)
    parts = [
        version("nbgrader").encode(),
        _plain(to_json(trusted.instructor).encode()),
        _plain(case.upload(trusted.released)),
        json.dumps([case.file, case.beside, case.link, case.silent]).encode(),
    ]
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _plain(content: bytes) -> bytes:
    """Return an upload without the ids of its cells: those that a case adds are random."""
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):  # some uploads are no notebook, and some are hostile
        return content
    return json.dumps(_without_ids(notebook), sort_keys=True).encode()


def _without_ids(notebook: Any) -> Any:
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return notebook
    bare = [{k: v for k, v in c.items() if k != "id"} if isinstance(c, dict) else c for c in cells]
    return {**notebook, "cells": bare}


def recorded(course: Course, cases: Sequence[Case]) -> dict[str, Plain]:
    """Return what is known of these cases as they are now."""
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    found = {}
    for case in cases:
        entry = kept.get(case.name, {})
        if entry.get("digest") == digest(case, course):
            found[case.name] = Plain(entry["score"], entry["shown"])
    return found


def main() -> None:
    """Grade all cases by plain nbgrader and write the record."""
    print(f"Grading {len(CASES)} cases by plain nbgrader {version('nbgrader')}, some minutes")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        prove([folder])
        course = write_course(folder / "course")
        found = grade_plainly(course, CASES, folder / "plain")
        kept = {
            case.name: {"digest": digest(case, course), **asdict(found[case.name])}
            for case in CASES
        }
    FILE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"The record: {FILE}")


if __name__ == "__main__":
    main()
