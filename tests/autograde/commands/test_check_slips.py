"""``autograde check``: slips that an author makes and that nothing else would show."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_course import CHECKS
from test_check import PLAIN, found

HEADED = PLAIN.replace(
    '# %% nbgrader={"grade_id": "double", "solution": true}',
    '# %% [markdown]\n# ### Task: twice\n\n# %% nbgrader={"grade_id": "double", "solution": true}',
)
FIGURE = "# %% tags=[\"figure\"]\nprint('here')\n\n# %% [markdown]\n# ### Task: twice"


def test_inputs_that_are_drawn_by_chance_are_told(tmp_path: Path) -> None:
    checks = f"import numpy as np\n\n{CHECKS}".replace("rng.integers", "np.random.randint")
    assert "np.random.randint" in checks
    said = found(tmp_path, PLAIN, checks)
    assert "01_small.py:19: cell 'double'" in said
    assert "its hidden inputs are others each time, with one seed: draw everything from" in said


def test_a_hidden_call_that_fails_says_why(tmp_path: Path) -> None:
    source = PLAIN.replace("twice_as_much = x * 2", "twice_as_much = x * math.floor(2.5)")
    said = found(tmp_path, source, CHECKS.replace('("given-imports",)', "()"))
    assert "the solution fails in a hidden call" in said, said
    assert "name 'math' is not defined: the check's needs=(…) should name its cell." in said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rng.integers", "rng.integer", "AttributeError"),
        ("2 * call.arguments[0]", "2 * call.argument[0]", "AttributeError"),
        ("2 * call.arguments[0]", "2 * cal.arguments[0]", "NameError: name 'cal' is not"),
    ],
)
def test_a_check_that_fails_itself_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    said = found(tmp_path, PLAIN, CHECKS.replace(old, new))
    line = next(i for i, text in enumerate(CHECKS.split("\n"), 1) if old in text)
    assert f"its hidden check itself fails in solutions/01_small_checks.py:{line}: {says}" in said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('tags=["figure"]', 'tags=["figur"]', "it is tagged 'figur'; do you mean 'figure'?"),
        ('tags=["figure"]', 'tag=["figure"]', "its header says tag; do you mean tags?"),
        ('tags=["figure"]', 'nbgradr={"grade_id": "a"}', "do you mean nbgrader?"),
        ("### Task: twice", "### task: twice", "is neither '## Section: TITLE' nor"),
        ("### Task: twice", "###Task: twice", "is neither '## Section: TITLE' nor"),
        ("### Task: twice", "## Section 2: twice", "is neither '## Section: TITLE' nor"),
    ],
)
def test_a_slip_in_a_header_or_heading_is_told(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    source = HEADED.replace("# %% [markdown]\n# ### Task: twice", FIGURE)
    assert old in source
    said = found(tmp_path / "slip", source.replace(old, new))
    assert "01_small.py: cell" in said and says in said


def test_other_headings_and_tags_are_the_authors_own(tmp_path: Path) -> None:
    source = HEADED.replace("# %% [markdown]\n# ### Task: twice", FIGURE)
    source = source.replace("### Task: twice", "### Tasks of a network: two\n#\n# ### Task: twice")
    said = found(tmp_path, source.replace('tags=["figure"]', 'tags=["wide", "solo"] mine=true'))
    assert "neither" not in said and "do you mean" not in said


def test_hidden_arguments_that_cannot_be_sent_are_told(tmp_path: Path) -> None:
    said = found(tmp_path, PLAIN, CHECKS.replace("(int(n),)", "(object(),)"))
    assert (
        "its hidden check itself fails: TypeError: A hidden argument cannot be of type object"
        in said
    )
