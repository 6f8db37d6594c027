"""Feedback pages are read as a browser reads them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from graded_class import NAME, Class, extra_cell, png, small_class
from inert import assert_inert, elements, parse, text
from nbformat.v4 import new_output
from small_course import SOURCE

from autograde.model.records import SubmissionResult
from autograde.notebooks.cells import answers
from autograde.reports.feedback import feedback_html, feedback_path, write_feedback

HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Class:
    """Return the small class."""
    return small_class(tmp_path_factory.mktemp("course"))


def classes(element: Element) -> list[str]:
    """Return the classes of an element."""
    return element.get("class", "").split()


def words(element: Element) -> str:
    """Return the text of an element, blanks collapsed."""
    return " ".join("".join(element.itertext()).split())


def task_rows(html: str) -> list[tuple[str, ...]]:
    """Return the table of tasks: title, points, message."""
    table = next(e for e in parse(html).iter("table") if "tasks" in classes(e))
    body = next(table.iter("tbody"))
    return [tuple(words(cell) for cell in row) for row in body]


def test_what_a_student_asks_first_stands_on_top(small: Class) -> None:
    """Name, assignment, score and status come before the tasks, these before the notebook."""
    messages = {"total": "`total` should be the sum of 0 to 4. Read on in section 2."}
    html = feedback_html(small.result(scores={"total": 1.5}, messages=messages), small.course)
    read = text(html)
    order = ["A small course", NAME, "Grace Hopper", "3.5 of 9 points", "waits for a person"]
    order += ["4 points can be added", "Your tasks", "Your notebook"]
    positions = [read.index(part) for part in order]
    assert positions == sorted(positions)
    assert task_rows(html) == [
        ("A small notebook · double", "2 of 2", "Right."),
        (
            "A small notebook · total",
            "1.5 of 3",
            "total should be the sum of 0 to 4. Read on in section 2.",
        ),
        (
            "A small notebook · why",
            "– of 4",
            "A person reads this answer; its points are added then.",
        ),
    ]


def test_tasks_are_named_by_their_headings(tmp_path: Path) -> None:
    """The heading above an answer names its task; points in it are shown once, as points."""
    titles = {
        "double": "## Task 1: *twice* (2 points)",
        "total": "## Task 2: sums",
        "why": "## Why",
    }
    source = SOURCE
    for task, title in titles.items():
        kind = "[markdown] " if task == "why" else ""
        cell = f'# %% {kind}nbgrader={{"grade_id": "{task}", "solution"'
        source = source.replace(cell, f"# %% [markdown]\n# {title}\n\n{cell}")
    small = small_class(tmp_path, source)
    html = feedback_html(small.result(), small.course)
    assert [row[0] for row in task_rows(html)] == ["Task 1: twice", "Task 2: sums", "Why"]


def test_links_lead_to_answers_and_marks_follow_them(small: Class) -> None:
    """Each task of the table links to its answer; the next mark after it is that task's."""
    messages = {task: f"What to say about {task}." for task in ("double", "total", "why")}
    html = feedback_html(small.result(scores={"why": 2.0}, messages=messages), small.course)
    order = [e for e in parse(html).iter() if "id" in e.attrib or "mark" in classes(e)]
    table = next(e for e in parse(html).iter("table") if "tasks" in classes(e))
    links = [a.get("href") for a in table.iter("a")]
    assert links == ["#task-double", "#task-total", "#task-why"]
    for link, task in zip(links, messages, strict=True):
        place = next(i for i, e in enumerate(order) if e.get("id") == link[1:])
        assert "answer" in classes(order[place])
        mark = next(e for e in order[place:] if "mark" in classes(e))
        assert messages[task] in words(mark)


def test_who_lost_points_is_led_from_one_such_task_to_the_next(small: Class) -> None:
    record = small.result(scores={"double": 0.5, "why": 3.0})
    for task in record.tasks:
        task.check = "" if task.task == "why" else "1"  # a version of the check; none by hand
    html = feedback_html(record, small.course)
    read = " ".join(text(html).split())
    assert "Points are missing in 2 of 3 tasks, 2.5 points in all." in read
    assert "Begin with A small notebook · double:" in read
    by_hand = feedback_html(small.result(scores={"why": 0.0}), small.course)
    assert "Points are missing in 1 of 3" in " ".join(text(by_hand).split())
    assert "Begin with" not in text(by_hand), "what a person marks has no visible check"
    links = {
        task: [a.get("href") for a in mark.iter("a")]
        for task, mark in zip(
            ("double", "total", "why"),
            [e for e in parse(html).iter() if "mark" in classes(e)],
            strict=True,
        )
    }
    assert links == {
        "double": ["#task-why", "#tasks"],
        "total": ["#tasks"],
        "why": ["#tasks"],
    }
    html = feedback_html(small.result(scores={"why": 4.0}), small.course)
    assert "Points are missing" not in text(html)


def test_the_notebook_is_shown_as_it_was_marked(small: Class) -> None:
    """Answers, outputs and the student's own cells are there; the scorer's number is not."""
    result = small.result(scores={"total": 0.1234})
    notebook = result.notebook
    assert notebook is not None
    for part in answers(notebook):
        if part.task == "total":
            notebook.cells[part.cell].outputs = [
                new_output("stream", text="half way"),
                new_output("display_data", {"image/png": png()}),
                new_output(
                    "display_data",
                    {"image/png": png()},
                    metadata={"image/png": {"alt": f"Figure: {HOSTILE}"}},
                ),
            ]
    notebook.cells.insert(2, extra_cell("helper = 'mine'"))
    html = feedback_html(result, small.course)
    read = text(html)
    for part in ("twice_as_much", "helper = 'mine'", "half way", "Because the sum", "Read slowly."):
        assert part in read
    images = [a for tag, a in elements(html) if tag == "img"]
    assert [a["alt"] for a in images] == [
        "Image from the code of A small notebook · total",
        f"Figure: {HOSTILE}",
    ]
    assert_inert(html)
    assert "0.1234" not in read and "0.12 of 3" in read
    assert "answer: why" not in read


@pytest.mark.parametrize("status", ["broken", "missing"])
def test_without_a_notebook_the_page_says_what_to_do(small: Class, status: str) -> None:
    """A student whose upload could not be read learns why, and how to hand in again."""
    result = small.unreadable("Max")
    result.status = status  # type: ignore[assignment]
    html = feedback_html(result, small.course)
    assert_inert(html)
    assert "0 of 9 points" in text(html)
    assert "it ends in the middle" in text(html)
    assert "your instructor" in text(html)
    assert not [a for tag, a in elements(html) if tag == "a" and a["href"].startswith("#task")]


@pytest.mark.parametrize("field", ["student", "message", "notice", "source", "markdown", "output"])
def test_nothing_that_a_student_wrote_acts(small: Class, field: str) -> None:
    """Hostile text is text, wherever it comes from."""
    result = small.result()
    notebook = result.notebook
    assert notebook is not None
    if field == "student":
        result.student = HOSTILE
    elif field == "message":
        result.tasks[0].message = result.tasks[2].message = HOSTILE
    elif field == "notice":
        result.notices = [HOSTILE]
    for part in answers(notebook):
        cell = notebook.cells[part.cell]
        if field == "source" and cell.cell_type == "code":
            cell.source = f"x = '''{HOSTILE}'''"
        elif field == "markdown" and cell.cell_type == "markdown":
            cell.source += (
                f"\n\n{HOSTILE}\n\n$\\text{{{HOSTILE}}}$ ![x](https://evil.example/x.png)"
            )
        elif field == "output" and cell.cell_type == "code":
            cell.outputs = [
                new_output("stream", text=HOSTILE),
                new_output("display_data", {"text/html": HOSTILE, "image/svg+xml": "<svg/>"}),
                new_output("error", ename=HOSTILE, evalue=HOSTILE, traceback=[HOSTILE]),
            ]
    html = feedback_html(result, small.course)
    assert_inert(html)
    assert "alert(1)" in text(html)  # shown, not lost


def test_direction_marks_do_not_turn_the_page(small: Class) -> None:
    """A name cannot make another name, or a mark, read backwards."""
    html = feedback_html(small.result("Max\u202e9 fo 9"), small.course)
    assert "\u202e" not in html


def test_a_page_needs_nothing_but_itself(small: Class) -> None:
    """No request and no script is allowed, even if something slipped through."""
    html = feedback_html(small.result(), small.course)
    policy = next(a["content"] for _, a in elements(html) if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_files_lie_where_students_find_them(small: Class, tmp_path: Path) -> None:
    """One page a submission; a group's also at each member without an own one."""
    hostile = "../../etc/passwd"
    results = [
        small.result("Group 1"),
        small.result("Ada Lovelace", {"double": 0.0}),
        small.result(hostile),
    ]
    paths = write_feedback(results, small.course, tmp_path)
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert {p.relative_to(tmp_path).as_posix() for p in paths} == found
    assert found == {
        f"feedback/Group 1/{NAME}.html",
        f"feedback/Alan Turing/{NAME}.html",
        f"feedback/Ada Lovelace/{NAME}.html",
        feedback_path(hostile, NAME),
    }
    own = (tmp_path / feedback_path("Ada Lovelace", NAME)).read_text(encoding="utf-8")
    assert "0 of 2" in text(own)
    alans = (tmp_path / feedback_path("Alan Turing", NAME)).read_text(encoding="utf-8")
    assert "Group 1 (Ada Lovelace, Alan Turing)" in text(alans)


def test_the_same_record_gives_the_same_page(small: Class) -> None:
    """Pages can be compared from run to run."""
    result: SubmissionResult = small.result()
    assert feedback_html(result, small.course) == feedback_html(result, small.course)


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_are_told_apart(small: Class) -> None:
    """Every text colour keeps WCAG's contrast of 4.5 to what it stands on."""
    html = feedback_html(small.result(), small.course)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", html))
    colours = {
        k: v if len(v) == 7 else "#" + "".join(2 * c for c in v[1:]) for k, v in colours.items()
    }
    pairs = [*itertools.product(["ink", "soft", "link"], ["paper", "ground"])]
    verdicts = ["full", "part", "none", "waiting"]
    pairs += [(v, f"{v}-bg") for v in verdicts] + [("ink", f"{v}-bg") for v in verdicts]
    for front, back in pairs:
        light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)
