"""JupyterLab as students see it: `make lab` starts it without what nbgrader adds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from jupyterlab_server.config import get_page_config, get_static_page_config

ROOT = Path(__file__).parents[1]


def test_nbgrader_and_news_are_off_for_students_and_nbgrader_on_for_instructors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("JUPYTER_CONFIG_PATH", raising=False)
    assert "@jupyter/nbgrader" not in get_page_config([])["disabledExtensions"]
    recipe = subprocess.run(["make", "-n", "lab"], capture_output=True, text=True, check=True)
    variable = re.search(r"JUPYTER_CONFIG_PATH=(\S+) \S+jupyter lab", recipe.stdout)
    assert variable, recipe.stdout
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", variable[1])
    assert {"@jupyter/nbgrader", "@jupyterlab/apputils-extension:announcements"} <= {
        *get_page_config([])["disabledExtensions"]
    }
    assert get_static_page_config(level="all")["disabledExtensions"]["@jupyter/nbgrader"] is True
    assert (
        "@jupyterlab/apputils-extension:announcements" in get_page_config([])["disabledExtensions"]
    )
