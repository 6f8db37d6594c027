"""Room in the temporary folder, kept for the moment when it is full.

A cell that fills the folder would else take from all that come after it what they write.
"""

from __future__ import annotations

import contextlib
import os
import tempfile

MOST = 32 << 20


class Reserve:
    """A sixteenth of the temporary folder, at most :data:`MOST` bytes."""

    def __init__(self) -> None:
        self._folder = tempfile.gettempdir()
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # it ends with the program
        self._full = False
        size = min(self._size() // 16, MOST)
        with contextlib.suppress(OSError):
            os.posix_fallocate(self._file.fileno(), 0, size)

    def newly_full(self) -> bool:
        """Return whether the folder has become full since the last look, and give the room back."""
        usage = os.statvfs(self._folder)
        before = self._full
        self._full = usage.f_bavail * usage.f_frsize < min(self._size() // 64, MOST // 4)
        if self._full and not before:
            with contextlib.suppress(OSError):  # closed by somebody
                os.ftruncate(self._file.fileno(), 0)
        return self._full and not before

    def _size(self) -> int:
        usage = os.statvfs(self._folder)
        return usage.f_blocks * usage.f_frsize
