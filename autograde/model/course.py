"""The course's own facts: names, deadlines, groups, weights, secret."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import TypeAdapter

from autograde.errors import AutogradeError
from autograde.model.kinds import (
    Amount,
    Count,
    Days,
    Line,
    Names,
    Packages,
    People,
    Percent,
    Repository,
    Sections,
    Switch,
    Tag,
    Tasks,
    Text,
    Worth,
    nearest,
    record,
    table,
)
from autograde.model.mistakes import read_all
from autograde.model.moments import Moment, Zone, in_zone

FILE = "course.toml"


SECRET_VARIABLE = "AUTOGRADE_SECRET"


SECRET_FILE = ".course-secret"


_Shape = TypeVar("_Shape")


class CourseError(AutogradeError):
    """``course.toml`` or the secret cannot be used: one sentence, naming the file and the key."""

    @classmethod
    def of(cls, file: Path, mistakes: Sequence[str]) -> CourseError:
        """Return the error that says these sentences of the file, a line each for people."""
        error = cls(f"{file}: {' '.join(mistakes)}")
        error.lines = tuple(f"{file}: {sentence}" for sentence in mistakes)
        return error


@dataclass(frozen=True)
class Terms:
    """An assignment's dates, its weight in the final mark, and what the course chooses of it.

    Attributes
    ----------
    released
        When students got it.
    sections
        Those of the whole notebook that are released, by number (``"7"``), range (``"1-4"``) or
        name; None means all.
    skip
        Tasks that are left out.
    points
        What single tasks are worth here.
    core
        Whether the sections of the notebook's core path are released, and no others.
    """

    deadline: Moment | None = None
    weight: Amount = 1.0
    released: Moment | None = None
    sections: Sections | None = None
    skip: Tasks = ()
    points: Annotated[Mapping[str, Worth], table()] = field(default_factory=dict)
    core: Switch = False


@dataclass(frozen=True)
class Late:
    """The penalty for handing in late; by default none.

    Attributes
    ----------
    percent_per_day
        Percent of the points earned that are taken off for every day begun after the deadline.
    grace_hours
        A submission within this time loses no points; a later one loses points from the deadline
        on.
    max_percent
        Never more than that is taken off.
    """

    percent_per_day: Percent = 0.0
    grace_hours: Amount = 0.0
    max_percent: Percent = 100.0


@dataclass(frozen=True)
class Accommodation:
    """The accommodation of one student for all assignments, for an illness or a disability.

    Attributes
    ----------
    extra_days
        Every deadline moves by this many days; an extension that ends later still counts instead.
    grace_hours
        Instead of everybody's, if that is less.
    late_penalty
        Whether handing in late costs anything.
    """

    extra_days: Days = 0.0
    grace_hours: Amount = 0.0
    late_penalty: Switch = True


@dataclass(frozen=True)
class Software:
    """What the course's notebooks need.

    Attributes
    ----------
    data
        The data set of :func:`xaikit.load` that grading finds before anything runs; empty if the
        course has none.
    packages
        What the notebooks import: before anything runs, grading makes sure that runs find it.
    out_of_reach_by_hand
        Packages that no task solved by hand may name: there is within reach what
        :mod:`autograde.sandbox.packages` says, and what given cells import which the task needs.
    """

    data: Text = ""
    packages: Packages = ()
    out_of_reach_by_hand: Packages = ("xaikit",)


_Assignments = Annotated[
    Mapping[str, Annotated[Terms, record(Terms, "an assignment", "weight = 2")]], table()
]

_Extensions = Annotated[Mapping[Line, Annotated[Mapping[str, Moment], table()]], table()]

_Accommodations = Annotated[
    Mapping[
        Line,
        Annotated[Accommodation, record(Accommodation, "an accommodation", "extra_days = 3")],
    ],
    table(),
]

_Groups = Annotated[Mapping[Line, People], table()]


@dataclass(frozen=True)
class Course:
    """Everything that ``course.toml`` says.

    :func:`autograde.model.course_file.read_course` reads it.

    Attributes
    ----------
    name
        The course's name, as notebooks and feedback show it.
    repository, tag
        ``OWNER/NAME`` on GitHub, and the tag there at which Colab fetches notebooks and xaikit.
    timezone
        Where the course takes place: times without an offset are meant, and all times are shown, as
        clocks are there.
    group_size
        Up to how many students hand in together.
    students
        The class list; may be empty. With it, students who handed in nothing are known to be
        missing.
    notebooks
        The notebooks of ``solutions/`` that the course has; empty means all.
    assignments
        By the notebook's name, such as ``01_theory``.
    extensions
        Later deadlines: student or group, then assignment.
    accommodations
        What single students or groups are granted for all assignments.
    groups
        The members of each group.
    late
        What handing in late costs everybody without an accommodation.
    anonymous
        Whether those who mark by hand see pseudonyms in place of names.
    file
        The ``course.toml`` that was read.
    tables
        Further tables, for the checks of notebooks: see :meth:`settings`.
    software
        What the notebooks stand on.
    """

    name: Line
    repository: Repository
    tag: Tag
    timezone: Zone | None = None
    group_size: Count = 1
    students: People = ()
    notebooks: Names = ()
    assignments: _Assignments = field(default_factory=dict)
    extensions: _Extensions = field(default_factory=dict)
    accommodations: _Accommodations = field(default_factory=dict)
    groups: _Groups = field(default_factory=dict)
    late: Annotated[Late, record(Late, "the rule for late submissions")] = field(
        default_factory=Late
    )
    anonymous: bool = False
    file: Path = Path(FILE)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    software: Annotated[Software, record(Software, "the software")] = field(
        default_factory=Software
    )

    @property
    def folder(self) -> Path:
        """The folder that holds ``course.toml``, ``solutions/`` and ``notebooks/``."""
        return self.file.parent

    def settings(self, table: str) -> Mapping[str, Any]:
        """Return a further table of ``course.toml``, such as ``quiz``.

        Raises
        ------
        CourseError
            If ``course.toml`` has no such table.
        """
        if table not in self.tables:
            near = nearest(table, self.tables)
            instead = f"; is [{near}] meant for it?" if near else "; please add it."
            raise CourseError(f"{self.file} has no table [{table}]{instead}")
        return self.tables[table]

    def settings_as(self, table: str, shape: type[_Shape]) -> _Shape:
        """Return a further table of ``course.toml`` as a dataclass, whose fields say what is meant.

        Fields are annotated with the kinds of :mod:`autograde.model.kinds`, or any type that
        pydantic checks.

        Raises
        ------
        CourseError
            If ``course.toml`` has no such table, or for every key in it that is unknown, missing
            or not of its kind.
        """
        kind: Any = Annotated[shape, record(shape, f"[{table}]")]
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        found, mistakes = read_all(adapter, self.settings(table), [table])
        if found is None or mistakes:
            raise CourseError.of(self.file, mistakes)
        return cast(_Shape, found)

    def assignment(self, name: str) -> Terms:
        """Return the assignment's facts; one that is not listed has no deadline and weight 1."""
        return self.assignments.get(name, Terms())

    def group_of(self, student: str) -> str | None:
        """Return the name of the student's group, or None."""
        return self._group_of.get(student)

    @cached_property
    def people(self) -> frozenset[str]:
        """Everybody that the file names: students, groups and their members."""
        return frozenset({*self.students, *self.groups, *self._group_of})

    def stranger(self, submitter: str) -> str:
        """Return what is said, after the name, of one who is not in the class list; else nothing.

        Without a class list, nobody is a stranger.
        """
        if not self.students or submitter in self.people:
            return ""
        near = nearest(submitter, self.people)
        return "is not in the class list; graded all the same." + (
            f" Is {near} meant?" if near else ""
        )

    @cached_property
    def _group_of(self) -> Mapping[str, str]:
        return {member: name for name, members in self.groups.items() for member in members}

    def members(self, submitter: str) -> tuple[str, ...]:
        """Return the students that a submitter stands for: a group's members, or the student."""
        return self.groups.get(submitter, (submitter,))

    def submitters(self) -> tuple[str, ...]:
        """Return who should hand in: every group, then every listed student without a group."""
        return (*self.groups, *(s for s in self.students if self.group_of(s) is None))

    def deadline(self, assignment: str, submitter: str) -> datetime | None:
        """Return when the assignment is due for this student or group, with all that is granted.

        A group is late only when its latest member is: the latest of the deadlines counts.
        """
        deadline = self.assignment(assignment).deadline
        if deadline is None:
            return None
        concerned = self._concerned(submitter)
        extended = (self.extensions.get(who, {}).get(assignment) for who in concerned)
        days = max((grant.extra_days for grant in self._granted(submitter)), default=0.0)
        later = deadline + timedelta(days=days)  # at the same time of day, clocks changed or not
        ends = [later, *(each for each in extended if each is not None)]
        return max(in_zone(each, each.tzinfo or UTC) for each in ends)

    def local(self, moment: datetime) -> datetime:
        """Return the moment as clocks of the course show it; in UTC if it has no time zone."""
        return in_zone(moment, self.timezone or UTC)

    def late_for(self, submitter: str) -> Late:
        """Return the late penalty of this student or group: the mildest that is granted."""
        granted = self._granted(submitter)
        if not all(grant.late_penalty for grant in granted):
            return Late()
        hours = max([self.late.grace_hours, *(grant.grace_hours for grant in granted)])
        return replace(self.late, grace_hours=hours)

    def _granted(self, submitter: str) -> list[Accommodation]:
        concerned = self._concerned(submitter)
        return [grant for who, grant in self.accommodations.items() if who in concerned]

    def _concerned(self, submitter: str) -> set[str]:
        """Return the submitter, and with a group its members."""
        group = self.group_of(submitter)
        return {submitter, *self.members(group or submitter), *([group] if group else [])}

    @property
    def whole(self) -> Course:
        """The course with every notebook, and of each all sections and tasks."""
        return replace(self, notebooks=(), assignments={})

    def secret(self) -> bytes:
        """Return the course's secret, from which hidden inputs are derived.

        It is the environment's ``AUTOGRADE_SECRET``, else the content of ``.course-secret`` beside
        ``course.toml``, which is drawn at random and written (mode 0600) on first use.

        Raises
        ------
        CourseError
            If the secret is too short to be one, or the file is not a plain file.
        """
        text = os.environ.get(SECRET_VARIABLE, "").strip()
        origin = f"The environment variable {SECRET_VARIABLE}"
        if not text:
            path = self.folder / SECRET_FILE
            origin = str(path)
            if not path.exists():
                _write_once(path, secrets.token_hex(32) + "\n")
            if path.is_symlink() or not path.is_file():
                raise CourseError(f"{path} is not a plain file; please remove it.")
            text = path.read_text(encoding="utf-8", errors="replace").strip()
        if len(text) < 16:
            raise CourseError(f"{origin} holds fewer than 16 characters; a secret needs more.")
        return text.encode("utf-8")


def _write_once(path: Path, text: str) -> None:
    """Write a private file unless another process was first: readers see all of it or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp: mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
