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
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from autograde.authoring.asked import SEEDS
from autograde.authoring.once import Once
from autograde.authoring.wrong import excused, fault
from tests.mutants.asked import called, look, taken_marks
from tests.sheets import NAMES, source


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
