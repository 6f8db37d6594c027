"""What course.toml grants and demands, in sentences: for notebooks and for ``autograde course``."""

from __future__ import annotations

from collections.abc import Collection

from autograde.model.course import Course, Late
from autograde.model.moments import in_words
from autograde.model.records import points
from xaikit.handin.markers import TERMS


def terms(course: Course, assignment: str, worth: float, notebooks: Collection[str]) -> str:
    """Return deadline, weight and late rule of an assignment as one line of Markdown.

    Its end marks it as a line that no mark depends on, so that a later deadline changes no result.

    Parameters
    ----------
    worth
        The points of its tasks.
    notebooks
        All notebooks of the course.
    """
    due = course.assignment(assignment).deadline
    sentences = ["**Deadline:** none."]
    if due is not None:
        sentences = [
            f"**Deadline:** {in_words(due)}; a later one that was granted to you counts.",
            late_rule(course.late),
        ]
    sentences.insert(1, f"**Worth:** {weight(course, assignment, worth, notebooks)}.")
    return f"{' '.join(sentences)} {TERMS}"


def weight(course: Course, assignment: str, worth: float, notebooks: Collection[str]) -> str:
    """Return an assignment's points, and its share of the course if course.toml says a weight."""
    if assignment not in course.assignments:
        return _points(worth)
    total = sum(course.assignment(name).weight for name in notebooks)
    share = 100 * course.assignment(assignment).weight / total if total else 0.0
    return f"{_points(worth)}, which count for {points(round(share, 1))} % of the course"


def _points(worth: float) -> str:
    return f"{points(worth)} {'point' if worth == 1 else 'points'}"


def late_rule(late: Late) -> str:
    """Return what handing in late costs, in sentences."""
    if not late.percent_per_day or not late.max_percent:
        return "Handing in late takes no points off."
    most = f", at most {points(late.max_percent)} %" if late.max_percent < 100 else ""
    grace = ""
    if late.grace_hours:
        hours = "hour" if late.grace_hours == 1 else "hours"
        grace = f" Within {points(late.grace_hours)} {hours} nothing is taken off."
    return (
        f"Every day begun after the deadline takes {points(late.percent_per_day)} % off the points "
        f"earned{most}.{grace}"
    )
