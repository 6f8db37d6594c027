"""``autograde check``: slips that an author makes and that nothing else would show."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_course import ANSWERS, CHECKS, write_course
from test_check import PLAIN, found

from autograde.commands.check import check
from autograde.model.course_file import read_course

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


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    twice_as_much = x", "   twice_as_much = x", "it is no Python (unindent does not"),
        ("    twice_as_much = x", "\ttwice_as_much = x", "it is no Python (inconsistent use of"),
        ("    twice_as_much = x", "<<<<<<< ours\n    twice_as_much = x", "py:23: a merge left its"),
        ("# # A small", "# >>>>>>> theirs\n# # A small", "py:8: a merge left its"),
        ("# A small notebook", "# ![so](own.png)", "its picture own.png is a file, which students"),
        ("# A small notebook", "# <img src='own.png'>", "its picture own.png is a file, which"),
        ("{{ course.name }}", "{{ course.name }", "{{ course.name } is no template; a template"),
        ('"solution": true}', '"solution": true', "its header cannot be read from 'nbgrader={"),
        ('"points": 2', '"points": NaN', "points should be a number above 0"),
        (
            "# A small notebook",
            "# A small notebook f\xfcr",
            "py:8: it is not UTF-8; please save it",
        ),
    ],
)
def test_an_honest_mistake_in_the_source_is_told(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in PLAIN
    text = PLAIN.replace(old, new, 1)
    write_course(tmp_path, text, CHECKS)
    if "f\xfcr" in new:
        (tmp_path / "solutions" / "01_small.py").write_bytes(text.encode("latin-1"))
    lines: list[str] = []
    assert not check([], read_course(tmp_path), lines.append)
    assert says in "\n".join(lines), "\n".join(lines)


def test_what_another_editor_saves_is_no_mistake(tmp_path: Path) -> None:
    """A byte-order mark, Windows line ends, and a magic in a given cell and in an answer."""
    magic = PLAIN.replace("import math\n", "%matplotlib inline\nimport math\n")
    magic = magic.replace("total = None\n", "%precision 3\ntotal = None\n")
    plain = found(tmp_path / "plain", PLAIN)
    assert found(tmp_path / "magic", magic).count("\n") == plain.count("\n")
    for name, text in (("bom", "\ufeff" + PLAIN), ("windows", PLAIN.replace("\n", "\r\n"))):
        folder = tmp_path / name
        write_course(folder, text, "\ufeff" + CHECKS, "\ufeff" + ANSWERS)
        lines: list[str] = []
        check([], read_course(folder), lines.append)
        assert "\n".join(lines).endswith(plain), lines


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('("given-imports",)', '("given-imports")', "a comma makes a tuple of a name"),
        ("from autograde.tasks", "raise SystemExit\nfrom autograde.tasks", "checks.py:1 cannot be"),
        ('    if values["total"]', '    exit(1)\n    if values["total"]', "itself fails"),
    ],
)
def test_an_honest_mistake_in_a_check_is_told(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert says in found(tmp_path, PLAIN, CHECKS.replace(old, new))


def test_a_solution_that_ends_the_program_is_told(tmp_path: Path) -> None:
    said = found(tmp_path, PLAIN.replace("total = None\n", "total = None\nexit()\n"))
    assert "cell 'total' (# answer: total): it fails: SystemExit" in said, said


def test_a_third_of_a_point_is_all_of_it(tmp_path: Path) -> None:
    said = found(tmp_path, PLAIN.replace('"points": 2', '"points": 0.333333333'))
    assert "the solution earns" not in said, said


def test_a_package_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    said = found(tmp_path, PLAIN.replace("import math\n", "import math\nimport lightgbn\n"))
    assert "01_small.py:13: cell 'given-imports'" in said, said
    assert "it fails: ModuleNotFoundError: No module named 'lightgbn'" in said
