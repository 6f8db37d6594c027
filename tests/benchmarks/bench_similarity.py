"""What the notice of alike submissions costs: seconds and memory for classes that double.

Usage: ``python -m tests.benchmarks.bench_similarity``. Every imaginary student writes some forty
lines of an own in each of thirty answers; one in a hundred is a copy. Twice the class should take
about twice the time, and every copy be found, and nobody else.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator

from autograde.reports.similarity import similar

ANSWERS = 30
LINES = 12
WORDS = ("x", "+", "*", "@", "[0]", "(1)", ".sum()", ".mean(0)", "-", "np.exp(x)", "if x else y")


def answers(number: int) -> dict[str, str]:
    rng = random.Random(number)
    return {
        f"task-{task}": "\n".join(
            f"v{line} = " + " ".join(rng.choices(WORDS, k=6)) for line in range(LINES)
        )
        for task in range(ANSWERS)
    }


def students(count: int) -> Iterator[tuple[str, dict[str, str]]]:
    for number in range(count):
        yield f"s{number}", answers(number - 1 if number % 100 == 1 else number)


def main() -> None:
    for count in (250, 500, 1000):
        start = time.perf_counter()
        pairs = similar("toy", students(count), {})
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        copies = {tuple(sorted((f"s{i}", f"s{i + 1}"))) for i in range(0, count, 100)}
        right = {pair.students for pair in pairs} == copies
        print(
            f"{count} submissions of {ANSWERS} answers: {seconds:.1f} s, {memory:.2f} GB in all, "
            f"{len(pairs)} pairs, exactly the copies: {right}",
            flush=True,
        )


if __name__ == "__main__":
    main()
