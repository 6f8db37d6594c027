"""Am I on track? The visible checks that a notebook runs on an answer.

They look at form and at properties that any right answer has, never at the answer itself, and
a failing one prints a single sentence that says what to try. Passing them is necessary for
marks, not sufficient: grading also calls functions on inputs that nobody has seen. The last cell
of a notebook asks here, too, whether its file can be handed in.
"""

from xaikit import alternatives, threads
from xaikit.checks import run_all
from xaikit.checks.files import rehearse, upload
from xaikit.checks.values import (  # noqa: F401 - notebooks take the three tuples of names, too
    AUTOGRAD,
    COSINE,
    CROSS_ENTROPY,
    CheckFailed,
    choices,
    close,
    expect,
    function,
    numbers,
    passed,
    without,
)

__all__ = [
    "CheckFailed",
    "choices",
    "close",
    "expect",
    "function",
    "numbers",
    "passed",
    "rehearse",
    "upload",
    "without",
]

alternatives.install()
run_all.install()
threads.install()
