"""Runs of tokens that everybody writes, by what the course's library holds itself."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import autograde
from autograde.notebooks.tokens import Run, code_tokens, renamed, runs

RUN = 5
"""Tokens that are compared at a time, layout aside."""


@cache
def idioms() -> frozenset[Run]:
    """Return the runs of tokens that stand in more than two files of the course's library.

    ``with torch.no_grad():`` says nothing about who wrote it, and neither does the way in which
    one loops over pairs.
    """
    counts: Counter[Run] = Counter()
    for file in Path(autograde.__file__).parents[1].joinpath("xaikit").rglob("*.py"):
        tokens = code_tokens(file.read_text(encoding="utf-8"))
        counts.update({run for run, _ in (*runs(tokens, RUN), *runs(renamed(tokens), RUN))})
    return frozenset(run for run, count in counts.items() if count > 2)
