"""What runs now? One job at a time, in a thread beside the kernel's."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable


class CancelledError(Exception):
    """The job was cancelled, or a newer one waits."""


class Latest:
    """Runs jobs in one thread beside the caller's: a newer job takes the older one's place.

    A job is given an event that says when to stop. The thread ends when there is nothing to do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: Callable[[threading.Event], None] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, job: Callable[[threading.Event], None]) -> None:
        """Stop what is running, and run this next."""
        with self._lock:
            self._stop.set()
            self._next = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="xaikit", daemon=True)
                self._thread.start()
                # PyTorch ends the process with an error if a thread computes while Python ends.
                atexit.register(self.close)

    def cancel(self) -> None:
        """Stop what is running and drop what waits."""
        with self._lock:
            self._stop.set()
            self._next = None

    def close(self) -> None:
        """Stop what is running, drop what waits, and return when both are over."""
        self.cancel()
        self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether all is done, at the latest after this many seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._lock:
                job, self._next = self._next, None
                if job is None:
                    self._thread = None
                    atexit.unregister(self.close)
                    return
                self._stop = stop = threading.Event()
            job(stop)
