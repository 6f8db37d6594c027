"""Take points off the score of a late submission; the tasks keep their scores."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from autograde.model.course import Course, Late
from autograde.model.records import SubmissionResult, points

_DAY = timedelta(days=1)


def percent_off(late: Late, after: timedelta) -> float:
    """Return how many percent of the points earned are taken off, in [0, 100].

    Parameters
    ----------
    late
        The course's rule, as it is for the student.
    after
        The time from the deadline, extensions included, to the upload.
    """
    if after <= timedelta(hours=late.grace_hours):
        return 0.0
    return min(late.max_percent, late.percent_per_day * math.ceil(after / _DAY))


def with_penalties(results: Iterable[SubmissionResult], course: Course) -> list[SubmissionResult]:
    """Return the results with points taken off where they were handed in late; a notice says so.

    Give it marks by hand included: a share is taken of everything earned.
    """
    return [_with_penalty(result, course) for result in results]


def _with_penalty(result: SubmissionResult, course: Course) -> SubmissionResult:
    deadline = course.deadline(result.assignment, result.student)
    late = course.late_for(result.student)
    if not result.late:
        return result
    if late.percent_per_day == 0:
        return _saying(result, "Handed in after the deadline.", 0.0)
    if deadline is None or not result.timestamp:
        sentence = "Handed in after the deadline; nothing is taken off, as nobody knows how late."
        return _saying(result, sentence, 0.0)
    after = datetime.fromisoformat(result.timestamp) - deadline
    percent = percent_off(late, after)
    if percent == 0:
        sentence = f"Handed in {_words(after)} after the deadline; nothing is taken off for that."
        return _saying(result, sentence, 0.0)
    penalty = result.earned * percent / 100
    number = points(round(penalty, 2))
    return _saying(
        result,
        f"Handed in {_words(after)} after the deadline: {points(percent)} % of the points earned "
        f"are taken off ({number} {'point' if number == '1' else 'points'}).",
        penalty,
    )


def _saying(result: SubmissionResult, sentence: str, penalty: float) -> SubmissionResult:
    return replace(result, notices=[sentence, *result.notices], penalty=penalty)


def _words(after: timedelta) -> str:
    """Return a length of time in words: days and hours, or minutes if it is short."""
    minutes = max(1, int(after.total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    parts = [(days, "day"), (hours, "hour")] if minutes >= 60 else [(minutes, "minute")]
    return " and ".join(f"{n} {what}{'s' * (n > 1)}" for n, what in parts if n)
