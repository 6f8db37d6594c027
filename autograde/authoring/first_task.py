"""What ``autograde new`` writes: a small notebook with one task, to be replaced piece by piece.

The task is whole: it releases, grades, and passes ``autograde check`` and all tests.
"""

from __future__ import annotations

from collections.abc import Mapping

_INTRODUCTION = """\
# %% [markdown]
# # @TITLE@: what students ask, in one line
#
# {{ course.badge }}
#
# {{ course.terms }}
#
# Why does anybody want to know this? Say it in three sentences.
#
# **After it you can**
#
# 1. say what each feature of a linear function contributes, and against which baseline.
#
# **Time:** {{ course.time }} for a group.
#
# **How it works.** Cells that begin with `# answer: …` are yours: replace `# YOUR CODE HERE` and
# keep the first line. The cell below each answer checks its form and says what to try. The marks
# come from further checks that run after you hand in; they call your functions on inputs that
# nobody has seen.

# %%
# {{ course.install }}

# %% nbgrader={"grade_id": "given-imports"}
# Given: all that your functions can use when the hidden checks call them.
import numpy as np

# %%
# Given: figures and visible checks.
import matplotlib.pyplot as plt

from xaikit import checks
"""

_SECTION = """\
# %% [markdown] minutes=30 core=true
# ## Section: What each feature contributes
#
# Text that a student needs for the task: what is asked, in which notation, and where to read on.
#
# A linear function $f(x) = w \\cdot x + b$ is compared at two points: the input $x$ and a baseline
# $x'$, which stands for "feature absent". Feature $i$ contributes what $f$ loses when $x_i$ alone
# is replaced by $x'_i$.

# %% tags=["figure"]
# Given: a linear function of one feature, and what the feature contributes at x = 2.
line = np.linspace(0, 3, 50)
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(line, 0.5 * line + 1, color="#0072B2", label="f(x) = x/2 + 1")
axis.plot([0, 2], [1, 2], "o", color="#D55E00", label="baseline 0 and input 2")
axis.set(title="From the baseline to the input f grows by 1", xlabel="x", ylabel="f(x)")
axis.legend()
plt.show()

# %% [markdown]
# ### Task: contributions
#
# Write `contributions(w, x, baseline)`, which returns the contribution of every feature: an array
# (n,). All three arguments are arrays (n,).


# %% nbgrader={"grade_id": "contributions", "solution": true}
# answer: contributions
def contributions(w, x, baseline):
    \"\"\"Return what each feature contributes to w · x + b, compared with the baseline.\"\"\"
    ### BEGIN SOLUTION
    return w * (x - baseline)
    ### END SOLUTION


# %% nbgrader={"grade_id": "contributions-test", "grade": true, "points": 2}
two = contributions(np.array([3.0, -1.0]), np.array([2.0, 5.0]), np.array([1.0, 1.0]))
two = checks.numbers(two, (2,), "contributions")
checks.expect(
    abs(two.sum() + 1) < 1e-6,
    "Together the features should contribute what f gains from the baseline to the input: −1 for "
    "w = (3, −1), x = (2, 5) and the baseline (1, 1).",
)
checks.passed("contributions", "two features")
"""

_HAND_IN = """\
# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below. It reads the saved file as grading does and says what
# grading will not find, leaves out or cannot run, with what to do. What you hand in is the file
# `@NAME@.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("@NAME@.ipynb")
"""

_CHECKS = '''\
"""Checks: each feature is put to its baseline, and the function is computed anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograde.tasks import Call, Called, expect_close, expect_unchanged, task


def _inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return weights, an input and a baseline, four times; no two features are alike."""
    return [tuple(rng.normal(size=(3, 4))) for _ in range(4)]


def _by_replacing(w: Any, x: Any, baseline: Any) -> Any:
    """Return what the function loses when one feature after the other is replaced."""
    found = []
    for feature in range(len(x)):
        replaced = x.copy()
        replaced[feature] = baseline[feature]
        found.append(sum(w * x) - sum(w * replaced))
    return np.array(found)


@task(
    "contributions",
    Call("contributions", _inputs, needs=("given-imports",)),
    read="section {{ section }}",
)
def contributions(calls: list[Called]) -> None:
    for name, position in (("w", 0), ("x", 1), ("baseline", 2)):
        expect_unchanged(calls, position, name)
    for call in calls:
        expect_close(
            call.returned,
            _by_replacing(*call.arguments),
            "contributions",
            "Which feature is replaced, and by what?",
        )
'''

_ANSWERS = """\
# %% answer="contributions" kind="alternative"
# answer: contributions
def contributions(w, x, baseline):
    with_it = [weight * value for weight, value in zip(w, x)]
    without_it = [weight * value for weight, value in zip(w, baseline)]
    return np.array(with_it) - np.array(without_it)


# %% answer="contributions" kind="wrong"
# answer: contributions
def contributions(w, x, baseline):
    # forgets the baseline
    return w * x
"""

_FILES = {
    "00_introduction.py": _INTRODUCTION,
    "01_contributions.py": _SECTION,
    "02_hand_in.py": _HAND_IN,
    "checks/01_contributions.py": _CHECKS,
    "answers/01_contributions.py": _ANSWERS,
}


def first_files(name: str) -> Mapping[str, str]:
    """Return the texts of a new notebook's files by their places in its folder.

    Parameters
    ----------
    name
        The notebook's name, such as ``09_concepts``.
    """
    number, _, words = name.partition("_")
    title = f"{number} · {words.replace('_', ' ').capitalize()}"
    return {
        place: text.replace("@NAME@", name).replace("@TITLE@", title)
        for place, text in _FILES.items()
    }
