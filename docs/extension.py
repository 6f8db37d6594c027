"""What Sphinx does not do by itself: formulas as MathML, and links that README's texts have.

MathML needs no program in the page: it is there without a network, and a screen reader reads it.
README, CONTRIBUTING and SECURITY name files of the repository. Where such a file is a page here,
the link leads to the page; else the file's name stands there without a link.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

from autograde.safety.html import math_html
from docs.reference import home_of

ROOT = Path(__file__).parents[1]

PAGES = {
    "README.md": "index",
    "CONTRIBUTING.md": "authors",
    "autograde/SECURITY.md": "security",
}
"""The page that each file of the repository is."""

_NOTEBOOK = re.compile(r"notebooks/(\w+)\.ipynb")
_CODE = re.compile(r"(``.*?``|`.*?`)|[*|]")
_PAGE = re.compile(r"docs/pages/(\w+)\.md")


def page_of(file: str) -> str:
    """Return the page that a file of the repository is; nothing if it is none."""
    if notebook := _NOTEBOOK.fullmatch(file):
        return f"notebooks/{notebook[1]}"
    if page := _PAGE.fullmatch(file):
        return page[1]
    return PAGES.get(file, "")


def _link(app: Sphinx, doctree: nodes.document) -> None:
    """Let links to files of the repository lead to their pages."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        target = str(node["reftarget"])
        if node["reftype"] == "myst":
            file = target.partition("#")[0]
            if page := page_of(file):
                node.update_all_atts(
                    {"refdomain": "std", "reftype": "doc", "reftarget": f"/{page}"},
                    replace=True,
                )
            elif (ROOT / file).is_file():
                node.replace_self(nodes.literal("", node.astext()))
        elif home := home_of(target):
            node["reftarget"] = f"{home}.{target.removeprefix('xaikit.')}"


def _plain(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let stars and bars in docstrings be what they are: they mark nothing there."""
    for at, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[at] = _CODE.sub(lambda part: part[1] or f"\\{part[0]}", line)


def _math(translator: Any, node: nodes.math) -> None:
    translator.body.append(str(math_html(node.astext())))
    raise nodes.SkipNode


def _displayed(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="formula">{math_html(node.astext(), display=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of all this."""
    app.add_html_math_renderer("mathml", (_math, None), (_displayed, None))
    app.connect("doctree-read", _link)
    app.connect("autodoc-process-docstring", _plain, priority=100)  # before napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
