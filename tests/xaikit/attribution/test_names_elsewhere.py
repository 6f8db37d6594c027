"""Notebook 02's table of what methods are called in libraries, against these and the adapters."""

from __future__ import annotations

import importlib
import inspect
import re
import sys

from tests.sheets import ROOT
from xaikit import methods
from xaikit.attribution.registry import METHODS

LIBRARIES = ("captum", "shap", "lime", "zennit")
MODULES = {
    "captum": ("captum.attr",),
    "shap": ("shap",),
    "lime": ("lime.lime_image",),
    "zennit": ("zennit.attribution", "zennit.composites"),
}


def _table() -> dict[str, dict[str, str]]:
    text = (ROOT / "solutions" / "02_local_explanations" / "11_summary.py").read_text()
    rows = re.findall(r"^# \| `(\w+)` \|(.*)\|$", text, flags=re.MULTILINE)
    cells = {method: [each.strip() for each in row.split("|")] for method, row in rows}
    return {m: dict(zip(LIBRARIES, row, strict=False)) for m, row in cells.items()}


def test_the_table_has_every_method_and_its_libraries() -> None:
    table = _table()
    assert sorted(table) == sorted(method.name for method in methods())
    for method in methods():
        named = {library for library, cell in table[method.name].items() if cell != "–"}
        assert named == set(method.backends) - {"native"}, method.name


def test_each_name_is_the_libraries_and_the_adapter_calls_it() -> None:
    for method, row in _table().items():
        for library, cell in row.items():
            if cell == "–":
                continue
            name = cell.strip("`")
            found = [importlib.import_module(module) for module in MODULES[library]]
            assert any(inspect.isclass(getattr(module, name, None)) for module in found), cell
            adapter = METHODS[method].adapters[library]
            assert f".{name}(" in inspect.getsource(sys.modules[adapter.__module__]), (method, cell)
