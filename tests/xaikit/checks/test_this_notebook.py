"""The look before handing in finds the file of the notebook that runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from xaikit.checks.this_notebook import FROM_COLAB, IN_COLAB, this_notebook


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A kernel's shell, in a folder with two notebooks."""
    shell = SimpleNamespace(user_ns={})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("01_toy.ipynb", "01_toy-Copy1.ipynb"):
        (tmp_path / name).write_text("{}")
    return shell


def test_it_is_the_file_that_the_notebook_names(shell: Any) -> None:
    assert this_notebook("01_toy.ipynb") == (Path("01_toy.ipynb"), "")


def test_in_a_copy_it_is_the_copy(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "01_toy-Copy1.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(copy))
    file, remark = this_notebook("01_toy.ipynb")
    assert file == copy and "You work in 01_toy-Copy1.ipynb, not in 01_toy.ipynb" in remark
    monkeypatch.setenv("JPY_SESSION_NAME", "renamed-since.ipynb")
    assert this_notebook("01_toy.ipynb") == (Path("01_toy.ipynb"), "")
    shell.user_ns["__vsc_ipynb_file__"] = str(copy)  # as Visual Studio Code says
    assert this_notebook("01_toy.ipynb")[0] == copy


def colab(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Stand in for Colab's own module, which asks the page."""

    def blocking_request(kind: str, **options: Any) -> Any:
        assert kind == "get_ipynb"
        if isinstance(answer, Exception):
            raise answer
        return answer

    for name in ("google.colab", "google.colab._message"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(
        sys.modules["google.colab._message"], "blocking_request", blocking_request, raising=False
    )


def test_colab_hands_over_the_notebook_on_the_screen(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = {"cells": [], "metadata": {"colab": {"name": "Copy of 01_toy.ipynb"}}}
    colab(monkeypatch, {"ipynb": notebook})
    file, remark = this_notebook("01_toy.ipynb")
    assert file is not None and file.name == "Copy of 01_toy.ipynb" and remark == FROM_COLAB
    assert json.loads(file.read_text()) == notebook


@pytest.mark.parametrize("answer", [TimeoutError(), None, {"error": "x"}])
def test_where_colab_does_not_answer_it_is_the_file_dragged_there(
    shell: Any, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    colab(monkeypatch, answer)
    assert this_notebook("01_toy.ipynb") == (Path("01_toy.ipynb"), "")
    assert this_notebook("02_other.ipynb") == (None, IN_COLAB)
