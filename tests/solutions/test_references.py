"""Texts, checks and model answers name tasks and sections by id, so that the numbers follow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOLUTIONS = Path(__file__).parents[2] / "solutions"
FILES = sorted([*SOLUTIONS.glob("*/[0-9]*.py"), *SOLUTIONS.glob("*/checks/*.py")])

# A paper's section has a year before it: "Ribeiro 2016, section 3".
_NUMBER = re.compile(r"(?<!\d\d\d\d, )\b([Tt]asks?|[Ss]ections?)[ \n#]+\d|# ## \d|\(\d+ points?\b")


def test_the_pattern_finds_what_it_should() -> None:
    for text in ("as in task 3", "sections 1 to 3", "# ## 2 · Sums", "(3 points, …)", "task\n# 3"):
        assert _NUMBER.search(text), text
    assert not _NUMBER.search("Ribeiro 2016, section 3; task {{ task.lime }}")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parents[0].name}/{f.name}")
def test_no_number_is_written_out(file: Path) -> None:
    found = [m[0] for m in _NUMBER.finditer(file.read_text(encoding="utf-8"))]
    assert not found
