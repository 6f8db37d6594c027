"""``make mutants``: break every reference function in one place, and ask its hidden check.

``python -m tests.mutants [NOTEBOOK] [TASK …] [--seeds N]`` looks at some of them. It prints what
does not lose on every seed, then a table by notebook. It ends with status 1 if a mutant is decided
by the seed, or survives without a reason in ``tests/mutants/NOTEBOOK.toml``, or if a right answer
loses marks.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.mutants.asked import SEEDS, Verdict, called, texts, verdict
from tests.mutants.wrong import wrong_answers
from tests.once import Once
from tests.sheets import NAMES, source, written

Row = tuple[str, str, str, Verdict]
"""Whether a mutant or a mistake, what it is, why it may survive, what it earned."""


def look(name: str, task: str, seeds: int) -> list[Row]:
    """Ask for every wrong answer to one task."""
    return [
        (kind, what, reason, verdict(name, task, text, range(seeds)))
        for kind, what, reason, text in wrong_answers(name, task)
    ]


def excused(row: Row) -> bool:
    """Say whether a wrong answer survives for a reason."""
    _, _, reason, found = row
    return bool(reason) and found.kind == "survives"


def fault(row: Row) -> str:
    """Return what is wrong with a check, or with a reason; empty if nothing is."""
    kind, what, reason, found = row
    if found.kind != "every seed" and not excused(row):
        return f"{kind} {found.kind} ({found.full} of {found.seeds}): {what}"
    if found.kind == "every seed" and reason:
        return f"{kind} loses and is called equivalent: {what}"
    return ""


def taken_marks(name: str, task: str, seeds: Sequence[int]) -> list[str]:
    """Return the right answers that lose marks with some seed."""
    right = {
        "the solution": texts(name)[task],
        "the alternative": written(name)[task]["alternative"],
    }
    return [
        f"{what} loses marks ({found.seeds - found.full} of {found.seeds})"
        for what, text in right.items()
        if (found := verdict(name, task, text, seeds)).kind != "survives"
    ]


def main(arguments: list[str]) -> int:
    """Print what survives, and a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("notebook", nargs="?", choices=NAMES)
    parser.add_argument("task", nargs="*")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(arguments)
    names = [asked.notebook] if asked.notebook else list(NAMES)
    work = [
        (name, task.id)
        for name in names
        for task in called(name)
        if not asked.task or task.id in asked.task
    ]
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    bad = 0
    print(f"Asking {len(work)} hidden checks with {asked.seeds} seeds each", flush=True)
    once = Once(module for name in names for module in source(name).checks.modules)
    with once.remembering(), ProcessPoolExecutor(asked.processes, get_context("fork")) as pool:
        running = [pool.submit(look, name, task, asked.seeds) for name, task in work]
        right = [pool.submit(taken_marks, name, task, range(asked.seeds)) for name, task in work]
        for place, ((name, task), future) in enumerate(zip(work, running, strict=True)):
            rows = future.result()
            print(f"[{place + 1}/{len(work)}] {name} {task}: {len(rows)} wrong answers", flush=True)
            for row in rows:
                counts[name][f"{row[0]}s"] += 1
                counts[name][f"{row[0]}: {row[3].kind}"] += 1
                counts[name]["with a reason"] += excused(row)
            for said in [*filter(None, map(fault, rows)), *right[place].result()]:
                bad += 1
                print(f"    {said}")
    _print_table(counts)
    return 1 if bad else 0


_COLUMNS = (
    *("mutants", "mutant: every seed", "mutant: the seed", "mutant: survives", "with a reason"),
    *("mistakes", "mistake: every seed", "mistake: the seed", "mistake: survives"),
)


def _print_table(counts: dict[str, Counter[str]]) -> None:
    print("\n| notebook | " + " | ".join(_COLUMNS) + " |")
    print("|---|" + "---:|" * len(_COLUMNS))
    everything: Counter[str] = Counter()
    for name, count in counts.items():
        everything.update(count)
        print(f"| {name} | " + " | ".join(str(count[column]) for column in _COLUMNS) + " |")
    print("| all | " + " | ".join(str(everything[column]) for column in _COLUMNS) + " |")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
