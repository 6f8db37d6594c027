"""Which of several uploads of one notebook counts, and why each of the others does not.

First what it is worth: an untouched original, or a file that cannot be read, never beats worked
work. Then the order of handing in: the platform's own number, nbgrader's record, the files' times
where they differ. Then how much was written, and at last the names.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from autograde.intake.names import natural
from autograde.intake.upload import Beside, Place, SubmissionsError, Upload
from autograde.model.moments import zone_of
from autograde.safety.sanitize import clean_line
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.one_page import called_a_report, is_pdf
from xaikit.handin.uploads import Stub, read_upload

_TICK = timedelta(seconds=2)
"""How exact an archive's times are: a copy of a folder makes differences that mean nothing."""

_SHOWN = 20

UNTOUCHED, UNREADABLE, WORKED = range(3)


@dataclass(frozen=True)
class Candidate:
    """One file that may be a submitter's upload of a notebook.

    Attributes
    ----------
    upload
        The upload that it would be.
    name
        Its path as the student gave it.
    by
        Who handed it in, as the folder or the platform spells the name.
    order
        The platform's own number, greater for what was handed in later; 0 if there is none.
    noted
        Whether nbgrader wrote down when it was collected.
    saved
        Its time inside of an archive that the student packed.
    """

    upload: Upload
    name: str
    by: str = ""
    order: int = 0
    noted: bool = False
    saved: datetime | None = None


@dataclass(frozen=True)
class _Read:
    """A candidate and what is in it."""

    candidate: Candidate
    worth: int = UNREADABLE
    written: int = 0
    amount: int = 0
    digest: str = ""
    reason: str = field(default="", compare=False)


def chosen(candidates: Sequence[Candidate], stubs: Mapping[str, Stub]) -> Upload:
    """Return the upload that counts; its notices name it and every other one, with a reason.

    Parameters
    ----------
    candidates
        At least one, all of one submitter and one notebook.
    stubs
        The notebook's answer cells as they were handed out.
    """
    if len(candidates) == 1:
        return candidates[0].upload
    name = candidates[0].upload.assignment
    best, said = _decided(
        [_read(candidate, stubs) for candidate in candidates],
        _STEPS,
        f"uploads of {name}",
        "counts",
        "as much is written in it, and ",
    )
    notices = tuple(dict.fromkeys((*best.upload.notices, *said)))
    return replace(best.upload, notices=notices)


def chosen_report(candidates: Sequence[Candidate]) -> tuple[Candidate, list[str]]:
    """Return which of several PDFs is the report, and a sentence about each if there are several.

    One that is called a report is meant, before any other; then the newest.

    Parameters
    ----------
    candidates
        At least one, all of one submitter and one notebook.
    """
    if len(candidates) == 1:
        return candidates[0], []
    return _decided(
        [_read_pdf(candidate) for candidate in candidates],
        _STEPS_OF_REPORTS,
        "PDFs beside the notebook",
        "counts as the report",
    )


def _decided(
    read: Sequence[_Read],
    steps: Sequence[Callable[..., _Lost]],
    what: str,
    counts: str,
    tie: str = "",
) -> tuple[Candidate, list[str]]:
    """Return the one that counts, and a sentence about it and about each of the others."""
    called = _names([one.candidate for one in read])
    left = [*read]
    reasons: dict[int, str] = {}
    for worse in steps:
        lost = worse(left)
        reasons |= {id(one): reason for one, reason in lost}
        left = [one for one in left if id(one) not in reasons]
    *rest, best = sorted(left, key=lambda one: natural(called[one.candidate]))
    reasons |= {id(one): f"{tie}its name comes first in the alphabet" for one in rest}
    sentences = [f"{len(read)} {what} were found; {called[best.candidate]} {counts}."]
    for one in read:
        if one is not best:
            same = one.digest and one.digest == best.digest
            reason = "it holds the same" if same else reasons[id(one)]
            sentences.append(f"{called[one.candidate]} does not count: {reason}.")
    if len(sentences) > _SHOWN:
        more = len(sentences) - _SHOWN
        sentences = [*sentences[:_SHOWN], f"{more} more do not count, for reasons like these."]
    return best.candidate, sentences


def _names(candidates: Sequence[Candidate]) -> dict[Candidate, str]:
    """Tell the files apart by their names, with submitter or number where that is needed."""
    several = len({candidate.by for candidate in candidates}) > 1
    names = {c: clean_line(f"{c.by}/{c.name}" if several else c.name) for c in candidates}
    count = Counter(names.values())
    return {
        candidate: f"{name} (number {candidate.order})"
        if candidate.order and count[name] > 1
        else name
        for candidate, name in names.items()
    }


def _read(candidate: Candidate, stubs: Mapping[str, Stub]) -> _Read:
    """Look at what was written, as grading will."""
    try:
        content = candidate.upload.read()
    except SubmissionsError as error:
        return _Read(candidate, reason=f"it cannot be read ({_clause(str(error))})")
    digest = hashlib.sha256(content).hexdigest()
    try:
        found = read_upload(content, stubs)
    except BrokenUploadError as error:
        reason = f"it cannot be read ({_clause(str(error))})"
        return _Read(candidate, digest=digest, reason=reason)
    written = [task for task in found.chosen if task not in found.untouched]
    if not written:
        reason = (
            "no answer in it was changed since it was handed out"
            if found.chosen
            else "it holds no answer cell"
        )
        return _Read(candidate, UNTOUCHED, digest=digest, reason=reason)
    amount = sum(len(found.cells[found.chosen[task]].squeezed) for task in written)
    return _Read(candidate, WORKED, len(written), amount, digest)


def _read_pdf(candidate: Candidate) -> _Read:
    """Look at a PDF as at any bytes: only the sandbox opens it."""
    upload = candidate.upload
    assert upload.path is not None
    try:
        content = Beside(Place(upload.path, upload.members), candidate.name).read()
    except SubmissionsError as error:
        return _Read(candidate, reason=f"it cannot be read ({_clause(str(error))})")
    digest = hashlib.sha256(content).hexdigest()
    if not content:
        return _Read(candidate, digest=digest, reason="it is empty")
    if not is_pdf(content):
        return _Read(candidate, digest=digest, reason="it is no PDF")
    return _Read(candidate, WORKED, int(called_a_report(candidate.name)), digest=digest)


def _clause(sentence: str) -> str:
    return sentence.rstrip(".").removeprefix("The ").replace(";", ",")


_Lost = list[tuple[_Read, str]]


def _of_less_worth(read: Sequence[_Read]) -> _Lost:
    best = max(one.worth for one in read)
    return [(one, one.reason) for one in read if one.worth < best]


def _of_lower_number(read: Sequence[_Read]) -> _Lost:
    best = max(one.candidate.order for one in read)
    return [(one, "it was handed in earlier") for one in read if one.candidate.order < best]


def _unnoted(read: Sequence[_Read]) -> _Lost:
    if not any(one.candidate.noted for one in read):
        return []
    reason = "nbgrader did not collect it"
    return [(one, reason) for one in read if not one.candidate.noted]


def _earlier(time: Callable[[Candidate], datetime | None], word: str) -> Callable[..., _Lost]:
    def lost(read: Sequence[_Read]) -> _Lost:
        times = [time(one.candidate) for one in read]
        if not (known := [moment for moment in times if moment is not None]):
            return []
        last = max(known)
        return [
            (one, f"it was {word} earlier, {_shown(moment)}, not {_shown(last)}")
            for one, moment in zip(read, times, strict=True)
            if moment is not None and last - moment > _TICK
        ]

    return lost


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} {zone_of(moment)}"


def _of_fewer_answers(read: Sequence[_Read]) -> _Lost:
    best = max(one.written for one in read)
    return [
        (one, f"fewer answers are written in it, {one.written} instead of {best}")
        for one in read
        if one.written < best
    ]


def _otherwise_called(read: Sequence[_Read]) -> _Lost:
    best = max(one.written for one in read)
    return [(one, "another one is called a report") for one in read if one.written < best]


def _of_less_text(read: Sequence[_Read]) -> _Lost:
    best = max(one.amount for one in read)
    return [(one, "less is written in its answers") for one in read if one.amount < best]


_STEPS: tuple[Callable[[Sequence[_Read]], _Lost], ...] = (
    _of_less_worth,
    _of_lower_number,
    _unnoted,
    _earlier(lambda candidate: candidate.upload.timestamp, "handed in"),
    _earlier(lambda candidate: candidate.saved, "saved"),
    _of_fewer_answers,
    _of_less_text,
)


_STEPS_OF_REPORTS: tuple[Callable[[Sequence[_Read]], _Lost], ...] = (
    _of_less_worth,
    _otherwise_called,
    _of_lower_number,
    _unnoted,
    _earlier(lambda candidate: candidate.upload.timestamp, "handed in"),
    _earlier(lambda candidate: candidate.saved, "saved"),
)
