"""The student's own cells, and given cells that were changed."""

from __future__ import annotations

from copy import deepcopy

import nbformat
import pytest
from rebuilding import (
    DOUBLE,
    TOTAL,
    WRITTEN,
    cell_of,
    check_trusted,
    code,
    plain,
    taken,
    upload,
    without_metadata,
)

from autograde.intake.rebuild import rebuild


def test_own_code_stays_before_the_answer_that_follows(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    tags = {"tags": ["skip-execution"], "nbgrader": {"grade_id": "mine", "points": 9}}
    data["cells"].insert(0, code("import random", metadata=tags, attachments={}, id="abc"))
    at = data["cells"].index(cell_of(data, "total"))
    data["cells"][at:at] = [code(["a = 1\n", "b = 2"]), {**code("text"), "cell_type": "markdown"}]
    rebuilt = rebuild(upload(data), release)
    check_trusted(rebuilt, release)
    sources = [c.source for c in rebuilt.notebook.cells]
    assert len(rebuilt.extras) == 2
    assert sources.index("import random") + 1 == sources.index(DOUBLE)
    assert sources.index("a = 1\nb = 2") + 1 == sources.index(TOTAL)
    assert "text" not in sources
    assert rebuilt.notices == ()


def test_own_code_follows_its_answer_when_cells_are_reordered(
    release: nbformat.NotebookNode,
) -> None:
    data = without_metadata(plain(release))
    by_marker = {"".join(c["source"]): c for c in data["cells"]}
    data["cells"] = [code("c = 3"), by_marker[TOTAL], code("d = 4"), by_marker[DOUBLE]]
    sources = [c.source for c in rebuild(upload(data), release).notebook.cells]
    assert sources.index("d = 4") + 1 == sources.index(DOUBLE) < sources.index("c = 3")
    assert sources.index("c = 3") + 1 == sources.index(TOTAL)


def test_code_after_the_last_answer_stands_at_the_end(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    data["cells"].append(code("print('later')"))
    rebuilt = rebuild(upload(data), release)
    assert rebuilt.notebook.cells[-1].source == "print('later')"
    assert rebuilt.extras == (rebuilt.notebook.cells[-1].id,)
    assert rebuilt.notices == ()


def test_what_stands_before_the_test_goes_on_with_the_answer(
    release: nbformat.NotebookNode,
) -> None:
    data = plain(release)
    at = data["cells"].index(cell_of(data, "total")) + 1
    data["cells"][at:at] = [code("total += 0")]
    at = data["cells"].index(cell_of(data, "total-test")) + 1
    data["cells"][at:at] = [code("total = 'scratch'")]
    rebuilt = rebuild(upload(data), release)
    assert rebuilt.before_test == {rebuilt.extras[0]: "total"}
    assert len(rebuilt.extras) == 2


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("import math\nimport cmath", "import cmath"),
        ("import math, cmath", "import cmath"),
        ("import math\nimport cmath as math", ""),
        ("import math\nfrom statistics import *", "from statistics import *"),
        ("%matplotlib inline\nfrom math import pi\nimport math", "from math import pi"),
        ("import math\nscale = 3\nmath.pi = 3\nmath = 4", "scale = 3"),
        ("import math\ndef helper():\n    return 1", "def helper():\n    return 1"),
        ("import os", ""),
        ("import math\nprint(1)", ""),
        ("import math\nimport (", ""),
    ],
)
def test_what_was_added_to_a_given_cell_is_own_code(
    release: nbformat.NotebookNode, written: str, kept: str
) -> None:
    data = plain(release)
    cell_of(data, "given-imports")["source"] = written
    rebuilt = rebuild(upload(data), release)
    check_trusted(rebuilt, release)
    own = [c.source for c in rebuilt.notebook.cells if c.id in rebuilt.extras]
    assert own == ([kept] if kept else [])
    assert any("originals" in notice for notice in rebuilt.notices)


@pytest.mark.parametrize("grade_id", ["given-imports", "double-test"])
def test_a_changed_given_cell_is_the_original_again(
    release: nbformat.NotebookNode, grade_id: str
) -> None:
    data = plain(release)
    cell_of(data, grade_id)["source"] = "import os"
    rebuilt = rebuild(upload(data), release)
    check_trusted(rebuilt, release)
    assert rebuilt.extras == ()
    assert any(repr(grade_id) in notice and "originals" in notice for notice in rebuilt.notices)


def test_a_copy_of_a_given_cell_written_over_is_own_code(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    copy = deepcopy(cell_of(data, "given-imports")) | {"source": "import cmath"}
    data["cells"].insert(2, copy)
    rebuilt = rebuild(upload(data), release)
    assert [c.source for c in rebuilt.notebook.cells if c.id in rebuilt.extras] == ["import cmath"]
    check_trusted(rebuilt, release)


def test_a_copy_of_an_answer_written_over_is_own_code(release: nbformat.NotebookNode) -> None:
    """JupyterLab copies metadata with a cell: the copy holds a helper, the original the answer."""
    data = plain(release)
    copy = deepcopy(cell_of(data, "total")) | {"source": "helper = 1"}
    data["cells"].insert(data["cells"].index(cell_of(data, "total")), copy)
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    assert [c.source for c in rebuilt.notebook.cells if c.id in rebuilt.extras] == ["helper = 1"]
