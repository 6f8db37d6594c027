"""Hand back by nbgrader's exchange: what ``nbgrader release_feedback`` looks for in the results.

It takes each ``feedback/STUDENT/ASSIGNMENT/NOTEBOOK.html`` with the submission's secret beside it,
and files the page where the student's ``nbgrader fetch_feedback`` looks: under a hash of that
secret and of the notebook's name as it was submitted. A file there links to our page.

Without a secret beside a page ``release_feedback`` stops for the whole class. So a notebook in
``autograded/``, from which ``nbgrader generate_feedback`` makes pages of its own, always has one:
the submission's, or, where that would tell who a pseudonym is or there is none, one that no
student's nbgrader knows.
"""

from __future__ import annotations

import hmac
import os
import shutil
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path

from nbgrader.utils import notebook_hash

from autograde.gradebook.pseudonyms import is_pseudonym, nbgrader_ids
from autograde.intake.collected import Collected
from autograde.intake.layout import NOTE, SECRET
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.reports.feedback import feedback_path
from autograde.safety.files import unwritable, write_whole
from autograde.safety.sanitize import safe_name


def exchange_folder(out: Path, person: str, assignment: str) -> Path:
    """Return where ``nbgrader release_feedback`` looks for the pages of one person."""
    return (out / feedback_path(person, assignment)).with_suffix("")


def write_exchange(
    results: Iterable[SubmissionResult], collected: Iterable[Collected], course: Course, out: Path
) -> None:
    """Write what hands the pages back to those whose submissions nbgrader collected.

    Parameters
    ----------
    results
        All that was graded; their pages have been written.
    collected
        What the exchange wrote beside the submissions.
    course
        Its groups: each member who handed in gets the group's page.
    out
        The folder of results.

    Raises
    ------
    autograde.safety.files.WriteError
        If the disk is full or the folder read-only.
    """
    theirs = {(one.person, one.assignment): one for one in collected}
    ids = nbgrader_ids(out)
    graded: dict[tuple[str, str], str] = {}
    for result in results:
        assignment, identity = result.assignment, ids(result.student)
        page = out / feedback_path(result.student, assignment)
        nobodys = _nobodys_secret(course, identity, assignment)
        graded[identity, assignment] = nobodys
        for person in dict.fromkeys((result.student, *course.members(result.student))):
            folder = exchange_folder(out, person, assignment)
            one = theirs.get((person, assignment))
            if one is not None and person == result.student and not is_pseudonym(identity):
                graded[identity, assignment] = one.secret
            try:
                if one is None or not one.notebooks or not page.is_file():
                    if _secret_in(folder) not in ("", nobodys):
                        shutil.rmtree(folder)
                    continue
                _write(folder, page, one)
            except OSError as error:
                raise unwritable(folder, error) from None
    for folder in sorted((out / "autograded").glob("*/*/")):
        identity, assignment = folder.parent.name, folder.name
        kept = "" if is_pseudonym(identity) else _secret_in(folder)
        secret = graded.get((identity, assignment)) or kept
        secret = secret or _nobodys_secret(course, identity, assignment)
        if secret != _secret_in(folder):
            write_whole(folder / SECRET, secret)


def released_pages(out: Path, person: str) -> list[str]:
    """Return the names by which nbgrader's exchange holds a person's pages, once released."""
    names = []
    for file in sorted((out / "feedback" / safe_name(person)).glob(f"*/{SECRET}")):
        secret = _secret_in(file.parent)
        for page in sorted(file.parent.glob("*.html")):
            names.append(f"{notebook_hash(secret=secret, notebook_id=page.stem)}.html")
    return names


def _write(folder: Path, page: Path, one: Collected) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    target = os.path.relpath(page, folder)
    for notebook in one.notebooks:
        (folder / f"{notebook}.html").symlink_to(target)
    # The exchange copies the page's rights; whoever may not enter this folder still reads nothing.
    page.chmod(page.stat().st_mode | 0o444)
    moment = f"{one.moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC" if one.moment else ""
    write_whole(folder / NOTE, moment)
    write_whole(folder / SECRET, one.secret)


def _secret_in(folder: Path) -> str:
    """Return the secret in a folder, nothing if there is none."""
    try:
        return (folder / SECRET).read_bytes().decode("ascii", errors="replace")
    except OSError:
        return ""


def _nobodys_secret(course: Course, identity: str, assignment: str) -> str:
    text = f"exchange\0{identity}\0{assignment}".encode()
    return hmac.digest(course.secret(), text, "sha256").hex()
