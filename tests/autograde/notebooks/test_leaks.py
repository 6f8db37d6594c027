"""A careless author leaks a solution, a model answer or a hidden check in many ways; none passes.

Each case puts one text into the released notebook of a tiny course. What everybody writes, and what
a task gives on purpose, is no leak; nor is anything in the course's own notebooks.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from small_course import CHECKS, SOURCE, small_source

from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers
from autograde.notebooks.cells import SourceError, answers
from autograde.notebooks.release import LeakError, released
from autograde.notebooks.source import find_source, read_source, sources

REPOSITORY = Path(__file__).parents[3]

AUTHORS = SOURCE.replace(
    """    twice_as_much = x * 2 + math.floor(0.5) * x - 0 * x
    return twice_as_much
""",
    """    half = math.floor(x / 2) * (x % 2 - 1)
    # each half is counted four times
    twice_as_much = half ** 2 - abs(x) / (1 + half)
    return max(half, twice_as_much) - 2 * half
""",
).replace(
    "# Because the sum of the first n numbers is n (n - 1) / 2.\n",
    """# Because the sum of the first n numbers is n (n - 1) / 2, as Gauss found when he was
# at school: he paired the first number with the last one, the second with the last but one.
""",
)
CHECKED = CHECKS.replace(
    'TEXT = {"hint"',
    """PLACES = {
    "rise": ["local", "exact", "cheap"], "lime": ["local", "rough", "dear"],
    "tree": ["global", "exact", "cheap"], "shap": ["local", "exact", "dear"],
    "path": ["local", "rough", "cheap"], "grad": ["global", "rough", "dear"],
}


def by_loops(values, weights):
    total = 0.0
    for place, value in enumerate(values):
        for other in range(place + 1, len(values)):
            total += weights[place] * value ** 2 - weights[other] * values[other] / 3
    return total


TEXT = {"quiz_key": "A1=yes A2=no A3=no A4=yes B1=no B2=yes B3=yes B4=no", "hint\"""",
)

LINES = """half = math.floor(x / 2) * (x % 2 - 1)
twice_as_much = half ** 2 - abs(x) / (1 + half)
return max(half, twice_as_much) - 2 * half"""
SPLIT = """half = (
    math.floor(
        x / 2
    )
    * (x % 2 - 1)
)
twice_as_much = (half**2
                 - abs(x) / (1 + half))"""
RENAMED = """n = math.floor(k / 2) * (k % 2 - 1)
m = n ** 2 - abs(k) / (1 + n)
print(max(n, m) - 2 * n)"""
GAUSS = (
    "the sum of the first n numbers is n (n - 1) / 2, as Gauss found\nwhen he was at school: he "
    "paired the first number\nwith the last one"
)
SCHEME = "Two points for the formula,\ntwo points for saying where it comes from."
LOOPS = """def given_sum(us, ws):
    s = 0.0
    for i, u in enumerate(us):
        for j in range(i + 1, len(us)):
            s += ws[i] * u ** 2 - ws[j] * us[j] / 3
    return s"""


def commented(text: str) -> str:
    return "\n".join(f"# {line}" for line in text.split("\n"))


def cell(source: str) -> str:
    """Put it into the last cell, a given one."""
    return AUTHORS.replace('print("the end")', source)


def markdown(text: str) -> str:
    """Put it into the text before the first task."""
    return AUTHORS.replace("# {{ hint }}", commented(text))


def told(source: str, folder: Path, checks: str = CHECKED) -> tuple[str, ...]:
    try:
        released(small_source(folder, source, checks))
    except LeakError as error:
        return error.mistakes
    return ()


WAYS = {
    "as it is": (cell(f"def show(x):\n{LINES}".replace("\n", "\n    ")), "double"),
    "one line of it": (cell(f"x = 3\n{LINES.splitlines()[0]}"), "double"),
    "a printed function": (cell(f'print("""{LINES}""")'), "double"),
    "a text with line ends": (cell('show("' + LINES.replace("\n", "\\n") + '")'), "double"),
    "a comment": (cell(commented(LINES)), "double"),
    "comments behind code": (cell("a = 1  # " + "\nb = 2  # ".join(LINES.split("\n"))), "double"),
    "a docstring": (cell(f'def show():\n    """So:\n{LINES}\n    """'), "double"),
    "over other lines": (cell(f"x = 3\n{SPLIT}"), "double"),
    "continued lines": (
        cell("x = 3\n" + LINES.rpartition("\n")[0].replace(" * ", " \\\n * ")),
        "double",
    ),
    "indented": (cell(f"if True:\n  for x in (1,):\n     {LINES.splitlines()[1]}"), "double"),
    "other names": (cell(f"k = 3\n{RENAMED}"), "double"),
    "other names in a comment": (cell(commented(RENAMED)), "double"),
    "between other statements": (cell(RENAMED.replace("\n", "\nprint(k)\n")), "double"),
    "a block of Markdown": (markdown(f"So:\n\n```python\n{LINES}\n```"), "double"),
    "other names in Markdown": (markdown(f"So:\n\n    {RENAMED}"), "double"),
    "a code span": (markdown(f"Remember `{LINES.splitlines()[1]}`, please."), "double"),
    "code spans in a sentence": (
        markdown("First " + ", then ".join(f"`{line}`" for line in LINES.split("\n"))),
        "double",
    ),
    "no blanks": (markdown("`" + LINES.splitlines()[0].replace(" ", "") + "`"), "double"),
    "prompts": (markdown(">>> " + LINES.replace("\n", "\n>>> ")), "double"),
    "a quotation": (markdown("> " + LINES.replace("\n", "\n> ")), "double"),
    "a list": (markdown("- `" + LINES.replace("\n", "`\n- `") + "`"), "double"),
    "HTML": (markdown(f"<pre><code>{LINES.replace('>', '&gt;')}</code></pre>"), "double"),
    "a raw cell": (
        AUTHORS + "\n# %% [raw]\n" + commented(LINES),
        "double",
    ),
    "the test cell": (
        AUTHORS.replace("assert double(1) is", f"x = 3\n{SPLIT}\nassert double(1) is"),
        "double",
    ),
    "beside the delimiters": (
        AUTHORS.replace(
            "    ### BEGIN SOLUTION\n    half",
            f"    {LINES.splitlines()[1]}\n    ### BEGIN SOLUTION\n    half",
        ),
        "double",
    ),
    "a short one": (cell("total = sum(range(5))"), "total"),
    "a short one in Markdown": (markdown("Write `total = sum( range(5) )`."), "total"),
    "the other right answer": (cell("print(0 + 1 + 2 + 3 + 4)"), "total"),
    "a model answer": (markdown(GAUSS), "why"),
    "a model answer in a comment": (cell(commented(GAUSS)), "why"),
    "a model answer in other letters": (markdown(f"**{GAUSS.upper()}**"), "why"),
    "a mark scheme": (markdown(SCHEME), "why"),
    "a mark scheme in a docstring": (cell(f'def why():\n    """{SCHEME}"""'), "why"),
    "the check": (
        cell("for a in b:\n    expect_close(a.returned, 2 * a.arguments[0], 'double')"),
        "double",
    ),
    "the check in Markdown": (
        markdown("`expect_close(call.returned, 2 * call.arguments[0], 'double', 'Twice')`"),
        "double",
    ),
    "a function of the checks": (cell(LOOPS), "by_loops"),
    "a function of the checks in Markdown": (markdown(f"```\n{LOOPS}\n```"), "by_loops"),
    "a table of the checks": (
        cell(
            'P = dict(rise=("local", "exact", "cheap"), lime=("local", "rough", "dear"), '
            'tree=("global", "exact", "cheap"), shap=("local", "exact", "dear"), '
            'path=("local", "rough", "cheap"), grad=("global", "rough", "dear"))'
        ),
        "PLACES",
    ),
    "a table of the checks in Markdown": (
        markdown(
            "| rise | local | exact | cheap |\n| lime | local | rough | dear |\n"
            "| tree | global | exact | cheap |\n| shap | local | exact | dear |\n"
            "| path | local | rough | cheap |\n| grad | global | rough | dear |"
        ),
        "PLACES",
    ),
    "a key": (markdown("{{ quiz_key }}"), "quiz_key"),
    "a key as a dictionary": (
        cell('quiz = {"A1": "yes", "A2": "no", "A3": "no", "A4": "yes", "B1": "no"}'),
        "quiz_key",
    ),
    "a key as a table": (
        markdown("| A1 | yes |\n|:--|--:|\n| A2 | no |\n| A3 | no |\n| A4 | yes |\n| B1 | no |"),
        "quiz_key",
    ),
    "a key's values": (cell('q = "yes no no yes no yes yes no".split()'), "quiz_key"),
    "a key's values as a list": (
        cell('q = ["yes", "no", "no", "yes", "no", "yes", "yes", "no"]'),
        "quiz_key",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_leak_is_refused_with_its_place_and_what_it_resembles(way: str, tmp_path: Path) -> None:
    source, what = WAYS[way]
    assert source != AUTHORS
    found = told(source, tmp_path)
    assert len(found) == 1, found
    assert re.search(rf"{what}'", found[0])
    assert "\n" not in found[0]
    place = re.match(rf"{re.escape(str(tmp_path))}/solutions/01_small\.py:(\d+): cell '", found[0])
    assert place
    changed = [
        old == new for old, new in zip(AUTHORS.split("\n"), source.split("\n"), strict=False)
    ]
    first = changed.index(False) + 1 if False in changed else len(changed)
    # A line with a template is not found again: then the head of its cell is named.
    assert first - ("{{" in source.split("\n")[first - 1]) <= int(place[1]) <= first + 9


def test_a_solution_in_pieces_in_several_cells_is_refused(tmp_path: Path) -> None:
    pieces = "low = step(left)\ngap = low - 3 * left", "top = gap * low - 7\ntotal = top / gap"
    source = AUTHORS.replace("total = sum(range(5))", "\n".join(pieces))
    assert told(source.replace('print("the end")', pieces[0]), tmp_path) == ()
    (found,) = told(source.replace('print("the end")', "\n\n# %%\n".join(pieces)), tmp_path)
    assert "the solution of 'total', in pieces" in found


def test_what_authors_write_is_no_leak_by_itself(tmp_path: Path) -> None:
    assert told(AUTHORS, tmp_path) == ()


def test_all_leaks_of_a_notebook_are_told_at_once(tmp_path: Path) -> None:
    source = markdown(f"`{LINES.splitlines()[1]}`\n\n{SCHEME}")
    source = source.replace('print("the end")', f"{LOOPS}\n# begin solution")
    assert len(told(source, tmp_path)) == 4


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (cell("# begin solution"), "'begin solution'"),
        (cell("# end mark scheme"), "'end mark scheme'"),
        (cell("### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS"), "[Hh]idden test"),
        (cell("from autograde.tasks import task"), "hidden checks"),
        (cell("import importlib\nimportlib.import_module('01_small_checks')"), "hidden checks"),
    ],
)
def test_delimiters_and_checks_by_their_name_are_refused(
    source: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        released(small_source(tmp_path, source))
    assert "01_small.py" in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "optimizer.step()",
        "import matplotlib.pyplot as plt",
        "from xaikit import explain, load, load_pretrained, methods, plots, targets_of_interest",
        "return output",
        "with torch.no_grad():",
        "images.grad.zero_()",
        "targets = targets_of_interest(model, images, labels)",
        "for index, value in enumerate(values):",
        "for name, value in zip(names, values, strict=True):",
    ],
)
def test_what_everybody_writes_is_no_leak(tmp_path: Path, line: str) -> None:
    more = "    pass" if line.endswith(":") else ""
    solution = f"    half = math.floor(x / 2)\n    {line}\n    {more}"
    source = AUTHORS.replace("    half = math.floor(x / 2) * (x % 2 - 1)", solution)
    shown = f"def show():\n    {line}\n    {more}"
    assert told(source.replace('print("the end")', shown), tmp_path) == ()
    assert told(source.replace("# {{ hint }}", f"# Remember `{line}`"), tmp_path) == ()


def test_an_example_that_a_task_gives_is_no_leak(tmp_path: Path) -> None:
    """The call that a solution builds on, and the formula in its terms."""
    example = "Half of x is `math.floor(x / 2)`; so $h = \\lfloor x / 2 \\rfloor$ and $h^2 - |x|$."
    assert told(markdown(example), tmp_path) == ()
    assert told(cell("half = math.floor(7 / 2)\nprint(half ** 2)"), tmp_path) == ()


def test_what_the_notebook_gives_on_purpose_says_so_in_the_checks(tmp_path: Path) -> None:
    assert told(cell(LOOPS), tmp_path)
    for reason, refused in (("students call it", False), ("", True)):
        line = f"    # given on purpose: {reason}\n    total = 0.0\n"
        found = told(cell(LOOPS), tmp_path, CHECKED.replace("    total = 0.0\n", line))
        assert bool(found) == refused


def test_a_key_of_the_checks_may_stand_in_solutions_only(tmp_path: Path) -> None:
    checks = CHECKED.replace('"quiz_key"', '"right": "1", "quiz_key"')
    solution = 'total = len("{{ quiz_key }}") - {{ right }} - 7'
    source = AUTHORS.replace("total = sum(range(5))", solution)
    fine = source.replace("# {{ hint }}", "# {{ hint }} A right answer counts {{ right }}.")
    notebook = released(small_source(tmp_path, fine, checks))
    text = "\n".join(each.source for each in notebook.cells)
    assert "counts 1." in text
    assert "A1=yes" not in text
    assert (
        len(told(source.replace("total = None", 'total = "{{ quiz_key }}"'), tmp_path, checks)) == 1
    )


@pytest.mark.parametrize("name", list(sources(REPOSITORY / "solutions")))
def test_our_own_notebooks_leak_nothing(name: str) -> None:
    source = read_source(find_source(REPOSITORY / "solutions", name), read_course(REPOSITORY))
    nbformat.validate(released(source))
    filled = load_answers(find_source(REPOSITORY / "solutions", name))
    tasks = {answer.task: answer for answer in answers(source.notebook)}
    assert set(filled) == set(tasks)
    for task, kinds in filled.items():
        wanted = {"alternative"} if tasks[task].manual else {"alternative", "wrong"}
        assert set(kinds) == wanted, task
