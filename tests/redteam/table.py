"""Print the table of attacks: ``python -m tests.redteam.table``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from autograde.sandbox.proof import prove

from .case import CASES
from .grading import grade_class, grade_plainly, grade_tightly
from .toy import FULL, write_course

KINDS = {
    "theft": "Points for wrong answers (deserved: 0)",
    "page": "Acting on a page that somebody opens (deserved: 0)",
    "denial": f"Harm by somebody whose answers are right (at most {FULL:g})",
    "unfair": f"Mishaps of somebody whose answers are right (deserved: {FULL:g})",
}


def lines() -> Iterator[str]:
    """Yield the table in Markdown."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        prove([folder])
        course = write_course(folder / "course")
        plain = grade_plainly(course, CASES, folder / "plain")
        ours = grade_class(course, [c for c in CASES if not c.tight], folder / "ours")
        ours |= grade_tightly(course, [c for c in CASES if c.tight], folder)
    for kind, title in KINDS.items():
        yield f"\n| {title} | plain nbgrader | ours |\n|---|---|---|"
        for case in (case for case in CASES if case.kind == kind):
            mark = plain[case.name]
            there = "grading fails" if mark.score is None else f"{mark.score:g}"
            here = f"{ours[case.name].record.score:g}"
            if case.silent:
                there += ", on the page" if mark.shown else ""
                here += ", on the page" if case.silent in ours[case.name].written else ", not there"
            yield f"| {case.story} | {there} | {here} |"


if __name__ == "__main__":
    print("\n".join(lines()))
