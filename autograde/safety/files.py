"""Files that are whole or not there: a reader sees the old file or the new one."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from autograde.errors import AutogradeError


class WriteError(AutogradeError):
    """A file cannot be written: one sentence that says why and what to do."""


def unwritable(path: Path, error: OSError) -> WriteError:
    """Say in a sentence why a file cannot be written."""
    return WriteError(
        f"{path} cannot be written ({error.strerror}). Nothing graded so far is lost: make room, "
        "or make the folder writable, then run the same command again."
    )


def write_together(texts: Mapping[Path, str | bytes]) -> None:
    """Write files, their folders included: all of them, or none.

    Raises
    ------
    WriteError
        If the disk is full or a folder read-only; then all files and folders are as they were.
    """
    with contextlib.ExitStack() as undo:
        parts = {}
        for path, text in texts.items():
            part = parts[path] = path.with_name(f".{path.name}.part")
            try:
                for folder in (*reversed(path.parent.parents), path.parent):
                    if not folder.exists():
                        folder.mkdir()
                        undo.callback(folder.rmdir)
                undo.callback(part.unlink, missing_ok=True)
                part.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
            except OSError as error:
                raise WriteError(
                    f"{path} cannot be written ({error.strerror}), so every file is as it was: "
                    "make room, or make the folder writable, then run the same command again."
                ) from None
        undo.pop_all()
    for path, part in parts.items():
        part.replace(path)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of ``path`` once all of it is written.

    Raises
    ------
    WriteError
        If the disk is full or the folder read-only; then the old file is as it was.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()  # on a full disk, every byte counts
        if isinstance(error, OSError):
            raise unwritable(path, error) from None
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a text file all at once, its folder included.

    Raises
    ------
    WriteError
        If the disk is full or the folder read-only.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8", errors="replace"))  # half a surrogate is no text


def link_whole(path: Path, existing: Path) -> None:
    """Let a path name a file that is there already, without room for a second one.

    What replaces either later leaves the other. Where files cannot have two names, it is a copy.

    Raises
    ------
    WriteError
        If the disk is full or the folder read-only.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        try:
            part.hardlink_to(existing)
        except OSError:  # FAT, some network folders
            shutil.copyfile(existing, part)
        part.replace(path)
        part.unlink(missing_ok=True)  # where both name one file already, replacing does nothing
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise unwritable(path, error) from None
