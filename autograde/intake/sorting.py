"""The files of one submitter: which are notebooks of the course, which none, and what each is.

Nothing is passed over without a trace: who handed in files of which none is a notebook of the
course gets a row that says so, and a notebook that nothing is known of is named beside the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath

from autograde.intake.choice import Candidate, chosen_report
from autograde.intake.layout import hint
from autograde.intake.names import ARCHIVES, assignment_of, is_notebook, no_report, passed_over
from autograde.intake.recognise import Recognition
from autograde.intake.upload import Beside, Place, SubmissionsError, Upload
from autograde.safety.sanitize import clean_line
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.one_page import called_a_report, is_pdf
from xaikit.handin.uploads import SIZE_LIMIT, read_upload

READ_LIMIT = 8 * SIZE_LIMIT
"""How many bytes of one submitter are looked at."""

_FILE_LIMIT = 1000
_ARCHIVE_LIMIT = 20
_REPORTS = 20
_SHOWN = 5

_CURE = (
    "Please hand in the .ipynb file itself (in JupyterLab: File → Download; in Colab: File → "
    "Download → Download .ipynb)."
)


@dataclass(frozen=True)
class File:
    """One file that somebody handed in.

    Attributes
    ----------
    place
        Where its bytes lie.
    name
        Its path as the student gave it.
    by
        Who handed it in, as the folder or the platform spells the name.
    shown
        Its path as messages name it.
    folder
        The assignment that a folder around it is called by, else empty.
    moment
        When it was handed in, if anybody knows.
    late, order
        What the platform says, see :class:`autograde.lms.platform.Handed`.
    noted
        Whether nbgrader noted the moment.
    notices
        What is unusual about it.
    saved
        Its time inside of an archive that the student packed.
    """

    place: Place
    name: str
    by: str
    shown: str
    folder: str = ""
    moment: datetime | None = None
    late: bool = False
    order: int = 0
    noted: bool = False
    notices: tuple[str, ...] = ()
    saved: datetime | None = None


@dataclass(frozen=True)
class _Unknown:
    """A file that is no notebook of the course: why, and which it was meant to be."""

    file: File
    why: str
    meant: str
    readable: bool = True
    notebook: bool = True


@dataclass
class Bundle:
    """What one submitter handed in.

    Attributes
    ----------
    notebooks
        By assignment, the files that may be the upload.
    reports
        By the assignment that they are called by, if any: the PDFs, where one is asked for.
    """

    student: str
    notebooks: dict[str, list[Candidate]] = field(default_factory=dict)
    reports: dict[str, list[File]] = field(default_factory=dict)
    _unknown: list[_Unknown] = field(default_factory=list)

    @property
    def meant(self) -> set[str]:
        """The assignments that something was handed in for."""
        return {*self.notebooks, *self.reports, *(one.meant for one in self._unknown)} - {""}

    def without(self, names: Collection[str]) -> list[str]:
        """Forget what was handed in for these notebooks, and return for which there was something.

        Parameters
        ----------
        names
            Notebooks of the course that nobody marks.
        """
        dropped = sorted(self.meant & {*names})
        self._unknown = [one for one in self._unknown if one.meant not in dropped]
        self.notebooks = {n: files for n, files in self.notebooks.items() if n not in dropped}
        self.reports = {n: files for n, files in self.reports.items() if n not in dropped}
        return dropped

    def add_report(self, file: File, meant: str) -> None:
        """Take a PDF, which may be the report, unless there are too many."""
        if sum(map(len, self.reports.values())) < _REPORTS:
            self.reports.setdefault(meant, []).append(file)
        else:
            why = f"It was not looked at: there are more than {_REPORTS} PDFs."
            self._unknown.append(_Unknown(file, why, meant))

    def with_report(self, upload: Upload) -> Upload:
        """Return the upload with the PDF that is its report, if there is one.

        What was handed in last says when: a report that came later is not on time because of the
        notebook.

        Parameters
        ----------
        upload
            What counts for an assignment that asks for a report.
        """
        name = upload.assignment
        files = self.reports.get(name) or self.reports.get("")
        if upload.path is None or not files:
            return upload
        best, said = chosen_report([_candidate(file, self.student, name) for file in files])
        there = best.upload
        assert there.path is not None
        times = [time for time in (upload.timestamp, there.timestamp) if time is not None]
        return replace(
            upload,
            report=Beside(Place(there.path, there.members), _last(best.name)),
            timestamp=max(times, default=None),
            late=upload.late or there.late,
            notices=(*upload.notices, *said),
        )

    def completed(self, upload: Upload) -> Upload:
        """Return the upload with what else was handed in for it, or with that in its stead.

        Parameters
        ----------
        upload
            What counts for an assignment, without a path if nothing was recognised.
        """
        mine = [one for one in self._unknown if one.meant in ("", upload.assignment)]
        for meant in ("", upload.assignment):
            mine += [
                _Unknown(file, "It is a PDF, and the notebook is missing.", meant, notebook=False)
                for file in self.reports.get(meant, [])
            ]
        if upload.path is not None:
            said = [
                f"{_last(one.file.name)} was handed in, too, and was passed over: {one.why}"
                for one in mine
                if one.notebook
            ]
            return replace(upload, notices=(*upload.notices, *said[:_SHOWN]))
        if self.notebooks:
            # Who handed in another notebook may have meant only that.
            mine = [one for one in mine if one.notebook and not one.readable]
        if not mine:
            return upload
        mine.sort(key=lambda one: not one.notebook)
        file = mine[0].file
        whys = " ".join(f"{_last(one.file.name)}: {one.why}" for one in mine[:_SHOWN])
        more = f" So do {len(mine) - _SHOWN} more." if len(mine) > _SHOWN else ""
        return replace(
            upload,
            path=file.place.path,
            members=file.place.members,
            timestamp=file.moment,
            late=file.late,
            refused=f"What was handed in holds no notebook of this course. {whys}{more} {_CURE}",
        )


def sorted_out(
    student: str, files: Sequence[File], recognition: Recognition, notices: list[str]
) -> Bundle:
    """Look into all files of a submitter, archives included.

    Parameters
    ----------
    student
        The submitter.
    files
        What was handed in.
    recognition
        Knows the notebooks of the course.
    notices
        Takes a sentence for every file that is passed over.
    """
    bundle = Bundle(student)
    left = READ_LIMIT
    asked = {name for name in recognition.assignments if recognition.wants_report(name)}
    for file in _unpacked(files, recognition, bundle._unknown, notices):
        called = is_notebook(file.name)
        meant = file.folder or recognition.by_name(file.name)
        head = b"" if called else file.place.head(1024)
        if not called and (meant in asked if meant else asked) and _is_report(file, head):
            bundle.add_report(file, meant)
            continue
        if not called and not _begins_like_json(head):
            bundle._unknown.append(_Unknown(file, "It is no notebook.", meant, notebook=False))
            continue
        if left <= 0:
            why = f"It was not looked at: there are more than {READ_LIMIT >> 20} MB of notebooks."
            bundle._unknown.append(_Unknown(file, why, meant, readable=False))
            continue
        content, why = b"", ""
        try:
            content = file.place.read()
        except SubmissionsError as error:
            why = str(error)
        left -= len(content)
        name = recognition.by_content(content, file.name, file.folder)
        if not name and called:
            name = assignment_of(file.name, recognition.assignments)
        if name:
            if PurePosixPath(file.name).stem != name:
                said = f"The upload is called {_last(file.name)} and was taken as {name}."
                file = replace(file, notices=(*file.notices, said))
            bundle.notebooks.setdefault(name, []).append(_candidate(file, student, name))
            continue
        if not why:
            try:
                read_upload(content, {})
            except BrokenUploadError as error:
                why = str(error)
        if called:
            none = "It holds no answer cell of a notebook of this course."
            bundle._unknown.append(_Unknown(file, why or none, meant, readable=not why))
        else:
            bundle._unknown.append(_Unknown(file, "It is no notebook.", meant, notebook=False))
    for one in bundle._unknown:
        meant_as_report = (
            asked and not is_notebook(one.file.name) and called_a_report(one.file.name)
        )
        notices.append((no_report if meant_as_report else passed_over)(one.file.shown))
    return bundle


def _candidate(file: File, student: str, name: str) -> Candidate:
    place = file.place
    upload = Upload(student, name, place.path, file.moment, file.late, file.notices, place.members)
    # An archive knows no time zone of the course: its times are shown as the upload's is.
    zone = file.moment.tzinfo if file.moment else None
    saved = file.saved.astimezone(zone) if file.saved and zone else file.saved
    return Candidate(upload, file.name, file.by, file.order, file.noted, saved)


def _last(path: str) -> str:
    return clean_line(PurePosixPath(path).name)


def _is_report(file: File, head: bytes) -> bool:
    """Whether a file is called like a PDF, or begins like one."""
    return file.name.casefold().endswith(".pdf") or is_pdf(head)


def _begins_like_json(head: bytes) -> bool:
    """Whether a file may be JSON, in UTF-8 or UTF-16."""
    return head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")[:1] == b"{"


def _unpacked(
    files: Sequence[File],
    recognition: Recognition,
    unknown: list[_Unknown],
    notices: list[str],
) -> Iterator[File]:
    """Yield the files, and in place of archives the files in them."""
    waiting, opened, count = list(reversed(files)), 0, 0
    while waiting:
        file = waiting.pop()
        meant = file.folder or recognition.by_name(file.name)
        suffix = PurePosixPath(file.name).suffix.casefold()
        if suffix != ".zip":
            if suffix in ARCHIVES:
                why = "It is an archive of a kind that is not opened here: only .zip is."
                unknown.append(_Unknown(file, why, meant, readable=False))
            elif count < _FILE_LIMIT:
                count += 1
                yield file
            elif count == _FILE_LIMIT:
                count += 1
                notices.append(
                    f"{clean_line(file.shown)} and more were not looked at: there are more than "
                    f"{_FILE_LIMIT} files."
                )
            continue
        opened += 1
        try:
            if opened > _ARCHIVE_LIMIT:
                raise SubmissionsError(
                    f"It was not opened: there are more than {_ARCHIVE_LIMIT} archives."
                )
            entries = file.place.entries(file.shown, notices)
            if not entries:
                raise SubmissionsError("It is an archive without a file that can be read.")
        except SubmissionsError as error:
            unknown.append(_Unknown(file, str(error), meant, readable=False))
            continue
        for entry in reversed(entries):
            inner = "/".join(entry.parts)
            waiting.append(
                replace(
                    file,
                    place=file.place.within(entry.index),
                    name=f"{file.name}/{inner}",
                    shown=f"{file.shown}: {inner}",
                    folder=hint(inner, recognition.assignments) or file.folder,
                    saved=entry.time,
                )
            )
