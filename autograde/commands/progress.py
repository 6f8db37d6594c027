"""Estimate how long the remaining work takes, for a line of progress."""

from __future__ import annotations

import time


class Progress:
    """Work of a known number of parts, timed from the moment this object is made.

    Parameters
    ----------
    total
        How many parts there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._started = time.monotonic()

    def left(self, done: int) -> str:
        """Return how long the parts that are not done will take: ``; about 3 min left``.

        Empty while nothing is done, and when all is: then there is nothing to tell.

        Parameters
        ----------
        done
            How many parts are done.
        """
        if not 0 < done < self.total:
            return ""
        seconds = (time.monotonic() - self._started) / done * (self.total - done)
        if seconds < 60:
            return f"; about {max(1, round(seconds))} s left"
        minutes = round(seconds / 60)
        hours, minutes = divmod(minutes, 60)
        hour = f"{hours} h " if hours else ""
        return f"; about {hour}{minutes} min left"
