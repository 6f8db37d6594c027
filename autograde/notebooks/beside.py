"""What would be pushed beside a publication: other files of its folder, and its history."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

_MADE_HERE = {".venv", "__pycache__", "build", ".ipynb_checkpoints"}
"""Folders that the students' ``.gitignore`` names."""


def others(out: Path, written: Collection[str]) -> dict[str, bytes]:
    """Return the files that ``git add --all`` takes along and that a publication does not write.

    Parameters
    ----------
    out
        The folder of the publication.
    written
        The places of what the publication writes.
    """
    if (out / ".git").exists():
        listed = _git(out, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        places = {place.decode(errors="replace") for place in listed.split(b"\0") if place}
    else:
        files = [file.relative_to(out) for file in out.rglob("*")]
        places = {file.as_posix() for file in files if not _MADE_HERE & {*file.parts}}
    there = sorted(place for place in places - {*written} if (out / place).is_file())
    return {place: (out / place).read_bytes() for place in there}


def history(out: Path, known: Collection[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield each file of each commit, by its place and a commit's short name, the known ones aside.

    Parameters
    ----------
    out
        The folder of the publication; without a history there is nothing.
    known
        What was searched already.
    """
    if not (out / ".git").exists():
        return
    form = _git(out, "rev-parse", "--show-object-format").decode().strip()
    seen = {_named(content, form) for content in known}
    for commit in _git(out, "rev-list", "--all").decode().split():
        for row in _git(out, "ls-tree", "-r", "-z", commit).split(b"\0"):
            about, _, place = row.partition(b"\t")
            kind, name = about.split()[1:] if about else (b"", b"")
            if kind != b"blob" or name.decode() in seen:
                continue
            seen.add(name.decode())
            where = f"{place.decode(errors='replace')} of commit {commit[:9]}"
            yield where, _git(out, "cat-file", "blob", name.decode())


def _named(content: bytes, form: str) -> str:
    """Return git's name of a file."""
    return hashlib.new(form, b"blob %d\0" % len(content) + content).hexdigest()


def _git(out: Path, *command: str) -> bytes:
    return subprocess.run(["git", "-C", str(out), *command], capture_output=True).stdout
