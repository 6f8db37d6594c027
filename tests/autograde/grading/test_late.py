"""Late penalties: expected points are worked out by hand; nbgrader reads its own field."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from graded_class import NAME, Class, small_class
from inert import text
from nbgrader import api
from nbgrader.apps import ExportApp, GenerateFeedbackApp
from small_course import COURSE

from autograde.gradebook.nbgrader_db import fill_gradebook, with_manual_marks, write_penalties
from autograde.grading.late import percent_off, with_penalties
from autograde.model.course import CourseError, Late
from autograde.model.course_file import read_course
from autograde.model.records import SubmissionResult
from autograde.reports.feedback import feedback_html
from autograde.reports.tables import write_grades, write_tasks

RULE = "[late]\npercent_per_day = 10\ngrace_hours = 2\nmax_percent = 25\n"
DEADLINE = datetime.fromisoformat("2027-04-30T23:59:00+02:00")


@pytest.fixture
def small(tmp_path: Path) -> Class:
    """Return the small class with a rule for late submissions."""
    small = small_class(tmp_path / "course")
    small.course.file.write_text(COURSE + RULE)
    small.course = read_course(small.course.file)
    return small


def handed_in(small: Class, student: str, after: timedelta, **fields: object) -> SubmissionResult:
    """Return a record of 2 + 3 + 4 points, handed in so long after everybody's deadline."""
    moment = (DEADLINE + after).isoformat()
    scores = {"double": 2.0, "total": 3.0, "why": 4.0}
    late = {"status": "late", "notices": ["Something else."], "timestamp": moment, "late": True}
    return small.result(student, scores, **(late | fields))


@pytest.mark.parametrize(
    ("hours", "percent"),
    [(0, 0), (1, 0), (2, 0), (2.01, 10), (24, 10), (24.01, 20), (48, 20), (49, 25), (2400, 25)],
)
def test_percent_for_every_day_begun(hours: float, percent: float) -> None:
    late = Late(percent_per_day=10, grace_hours=2, max_percent=25)
    assert percent_off(late, timedelta(hours=hours)) == percent


def test_by_default_nothing_is_taken_off(small: Class) -> None:
    small.course.file.write_text(COURSE)
    course = read_course(small.course.file)
    assert course.late == Late(0.0, 0.0, 100.0)
    result = handed_in(small, "Grace Hopper", timedelta(days=30))
    (shown,) = with_penalties([result], course)
    assert (shown.penalty, shown.tasks) == (0.0, result.tasks)
    assert shown.notices == ["Handed in after the deadline.", "Something else."]
    assert percent_off(course.late, timedelta(days=30)) == 0


def test_points_are_taken_off_the_score_and_off_no_task(small: Class, tmp_path: Path) -> None:
    in_time = small.result("Max", timestamp=DEADLINE.isoformat())
    late = [
        handed_in(small, "Group 1", timedelta(hours=30)),  # 20 % of 9
        handed_in(small, "Grace Hopper", timedelta(days=7, hours=3)),  # a week is hers: 10 % of 9
        handed_in(small, "Eve", timedelta(minutes=30)),
        handed_in(small, "Anonymous", timedelta(), timestamp=""),
    ]
    results = with_penalties([in_time, *late], small.course)
    write_grades(results, small.course, tmp_path / "grades.csv")
    write_tasks(results, small.course, tmp_path / "tasks.csv")
    grades = list(csv.DictReader((tmp_path / "grades.csv").open(encoding="utf-8")))
    assert {row["student"]: row["score"] for row in grades} == {
        "Max": "5",
        "Ada Lovelace": "7.2",
        "Alan Turing": "7.2",
        "Grace Hopper": "8.1",
        "Eve": "9",
        "Anonymous": "9",
    }
    tasks = list(csv.DictReader((tmp_path / "tasks.csv").open(encoding="utf-8")))
    ada = [float(row["score"]) for row in tasks if row["student"] == "Ada Lovelace"]
    assert ada == [2.0, 3.0, 4.0]
    assert [result.notices for result in results] == [
        [],
        [
            "Handed in 1 day and 6 hours after the deadline: 20 % of the points earned are taken "
            "off (1.8 points).",
            "Something else.",
        ],
        [
            "Handed in 3 hours after the deadline: 10 % of the points earned are taken off "
            "(0.9 points).",
            "Something else.",
        ],
        [
            "Handed in 30 minutes after the deadline; nothing is taken off for that.",
            "Something else.",
        ],
        [
            "Handed in after the deadline; nothing is taken off, as nobody knows how late.",
            "Something else.",
        ],
    ]


@pytest.mark.parametrize(
    ("student", "after", "penalty"),
    [
        ("Eve", timedelta(days=3), 0.0),  # three days are hers, and everybody's two hours
        ("Eve", timedelta(days=3, hours=2), 0.0),
        ("Eve", timedelta(days=3, hours=2, seconds=1), 0.9),
        ("Max", timedelta(hours=48), 0.0),
        ("Max", timedelta(hours=48, seconds=1), 2.25),  # three days begun, at most 25 %
        ("Group 1", timedelta(days=30), 0.0),  # Alan's
        ("Somebody", timedelta(hours=3), 0.9),
    ],
)
def test_accommodations_at_their_boundaries(
    small: Class, student: str, after: timedelta, penalty: float
) -> None:
    grants = """[accommodations]
        "Eve" = { extra_days = 3 }
        "Max" = { grace_hours = 48 }
        "Alan Turing" = { late_penalty = false }
    """
    everybody = '"Grace Hopper", "Eve", "Max"]'
    text = small.course.file.read_text().replace('"Grace Hopper"]', everybody)
    small.course.file.write_text(text + grants)
    (result,) = with_penalties([handed_in(small, student, after)], read_course(small.course.file))
    assert result.penalty == pytest.approx(penalty)


def test_feedback_says_what_was_taken_off(small: Class) -> None:
    (result,) = with_penalties([handed_in(small, "Eve", timedelta(days=1))], small.course)
    read = " ".join(text(feedback_html(result, small.course)).split())
    assert "8.1 of 9 points 9 earned, 0.9 taken off for handing in late" in read
    assert "Handed in 1 day after the deadline: 10 % of the points earned are taken off" in read
    (result,) = with_penalties([small.result("Eve")], small.course)
    assert "taken off" not in text(feedback_html(result, small.course))


def test_nbgrader_takes_the_same_off(
    small: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's mark counts in it, a second run changes it, and nbgrader exports our score."""
    out = tmp_path / "out"
    out.mkdir()
    late = handed_in(small, "Eve", timedelta(hours=30))
    late.tasks[2].score = None
    late.notebook = small.notebook({"double": 2.0, "total": 3.0, "why": None})
    everybody = [late, small.result("Max"), small.result("Nobody", status="missing")]
    db = fill_gradebook(everybody, small.sources, small.releases, small.course, out)
    with api.Gradebook(f"sqlite:///{db}") as gradebook:
        grade = gradebook.find_grade("why", NAME, NAME, "Eve")
        grade.manual_score, grade.needs_manual_grade = 3.0, False
        gradebook.db.commit()

    results = with_penalties(with_manual_marks(everybody, db), small.course)
    write_penalties(results, db)
    assert results[0].score == pytest.approx(8.0 - 1.6)
    with api.Gradebook(f"sqlite:///{db}") as gradebook:
        assert gradebook.find_submission(NAME, "Eve").late_submission_penalty == pytest.approx(1.6)
        assert gradebook.find_submission(NAME, "Max").late_submission_penalty == 0
    monkeypatch.chdir(out)
    ExportApp.clear_instance()
    app = ExportApp.instance()
    app.initialize(["--to=nbgrader.csv", "--log-level=ERROR"])
    app.start()
    ExportApp.clear_instance()
    rows = list(csv.DictReader((out / "nbgrader.csv").open(encoding="utf-8")))
    assert {row["student_id"]: float(row["score"]) for row in rows} == {
        "Eve": pytest.approx(6.4),
        "Max": 5.0,
        "Nobody": 0.0,
    }

    small.course.file.write_text(COURSE)
    results = with_penalties(with_manual_marks(everybody, db), read_course(small.course.file))
    write_penalties(results, db)
    with api.Gradebook(f"sqlite:///{db}") as gradebook:
        assert gradebook.find_submission(NAME, "Eve").late_submission_penalty == 0


def test_nbgraders_feedback_page_shows_the_mark_of_the_table(
    small: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a mark by hand in it, with a score of two decimals, and with nothing taken off."""
    out = tmp_path / "out"
    out.mkdir()
    waits = {"double": 2.0, "total": 3.0, "why": None}
    late = [handed_in(small, who, timedelta(hours=30)) for who in ("Eve", "Grace Hopper", "Ada")]
    for result in late:
        result.tasks[2].score = None
        result.notebook = small.notebook(waits)
    everybody = [*late, small.result("Max")]
    db = fill_gradebook(everybody, small.sources, small.releases, small.course, out)
    with api.Gradebook(f"sqlite:///{db}") as gradebook:
        for student, mark in (("Eve", 3.0), ("Ada", 1.05), ("Max", 4.0)):
            grade = gradebook.find_grade("why", NAME, NAME, student)
            grade.manual_score, grade.needs_manual_grade = mark, False
        gradebook.db.commit()
    results = with_penalties(with_manual_marks(everybody, db), small.course)
    write_penalties(results, db)
    write_grades(results, small.course, out / "grades.csv")
    table = {r["student"]: r for r in csv.DictReader((out / "grades.csv").open(encoding="utf-8"))}

    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(out)
    app = GenerateFeedbackApp()
    app.initialize([NAME])
    app.start()
    shown = {}
    for student in table:
        page = (out / "feedback" / student / NAME / f"{NAME}.html").read_text(encoding="utf-8")
        shown[student] = [
            float(n) for n in re.search(r"Score: (\S+) / ([\d.]+)", text(page)).groups()
        ]
    # 20 % less of 8 and of 6.05; Grace Hopper has a week more.
    assert shown == {"Eve": [6.4, 9], "Ada": [4.84, 9], "Grace Hopper": [5, 9], "Max": [9, 9]}
    assert shown == {s: [float(r["score"]), float(r["max_score"])] for s, r in table.items()}


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("percent_per_day = -1", "late.percent_per_day should be a number from 0 to 100"),
        ("percent_per_day = 101", "late.percent_per_day should be a number from 0 to 100"),
        ('grace_hours = "2"', "late.grace_hours should be a number from 0 on"),
        ("grace_hours = inf", "late.grace_hours should be a number from 0 on"),
        ("max_percent = nan", "late.max_percent should be a number from 0 to 100"),
        ("max_percent = true", "late.max_percent should be a number from 0 to 100"),
        ("percent = 10", "late.percent is not a key"),
    ],
)
def test_a_rule_that_is_none_is_one_sentence(tmp_path: Path, rule: str, sentence: str) -> None:
    (tmp_path / "course.toml").write_text(f"{COURSE}\n[late]\n{rule}\n")
    with pytest.raises(CourseError, match=sentence):
        read_course(tmp_path)


def test_a_sentence_in_the_notices_takes_nothing_off(small: Class) -> None:
    """Whether a penalty applies is a field: what a notice says changes no mark."""
    said = handed_in(small, "Eve", timedelta(days=1), late=False)
    said.notices.insert(0, "Handed in after the deadline.")
    assert with_penalties([said], small.course) == [said]
    silent = handed_in(small, "Eve", timedelta(days=1), notices=[])
    assert with_penalties([silent], small.course)[0].penalty == pytest.approx(0.9)
