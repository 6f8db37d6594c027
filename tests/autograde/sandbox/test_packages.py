"""What a task by hand can import: an allow-list, whose requirements come with it."""

from __future__ import annotations

import pytest

from autograde.sandbox.packages import out_of_reach
from autograde.sandbox.run import CodeCell, HiddenCalls, call_functions

LIBRARIES = ("foolbox", "eagerpy", "sklearn", "scipy", "skimage", "torchvision", "captum", "pandas")


def test_what_is_not_on_the_list_is_out_of_reach() -> None:
    hidden = out_of_reach(frozenset({"math"}), ("xaikit",))
    assert {*LIBRARIES, "xaikit"} <= {*hidden}
    for kept in ("numpy", "torch", "sympy", "matplotlib", "PIL", "tqdm", "IPython", "autograde"):
        assert kept not in hidden


@pytest.mark.parametrize("never", [(), ("sklearn",)])
def test_what_a_task_names_comes_with_what_it_requires(never: tuple[str, ...]) -> None:
    hidden = out_of_reach(frozenset({"sklearn"}), never)
    assert ("scipy" in hidden) == ("joblib" in hidden) == ("sklearn" in hidden) == bool(never)
    assert "foolbox" in hidden


def test_packages_that_ask_for_others_do_not_find_them() -> None:
    """torch asks for dill in this way, and imports it if it is there."""
    source = "from importlib.util import find_spec\nimport torch.utils.data\ndef f(name):\n"
    source += "    return [find_spec(each) is not None for each in ('scipy', 'six', 'numpy')]"
    calls = {"f": HiddenCalls("f", [(1,)])}
    without = out_of_reach(frozenset(), ("six",))
    returned = call_functions([CodeCell("f", source, "f")], calls, without=without)
    assert returned.results["f"][0].tolist() == [False, False, True]
