"""Where submissions are graded: processes of this machine, or of a cluster; one interface for both.

This module imports nothing heavy: a worker runs it before it loads torch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from autograde.errors import AutogradeError

_CONNECTING = 20  # seconds
_WATCH = 2.0  # seconds
_GO_ON = "Nothing graded so far is lost: run the same command again"


class WorkersError(AutogradeError):
    """Submissions cannot be graded where they should: one sentence that says what to do."""


@dataclass(frozen=True)
class Workers:
    """Something that runs a fixed number of jobs at a time."""

    executor: Executor
    count: int


@contextmanager
def local(count: int) -> Iterator[Workers]:
    """Start processes on this machine; they end with the ``with`` block, and with this process.

    Raises
    ------
    WorkersError
        If one of them was ended from outside.
    """
    # Spawned, not forked: torch's threads do not survive a fork.
    context = get_context("spawn")
    lifeline, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin_worker, initargs=(lifeline,)
    )
    try:
        # Ctrl-C reaches every process of the terminal. Here it ends the work; workers wait for
        # that, from their first moment on: they are started with the signal blocked.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for _ in range(count):
                pool.submit(int)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield Workers(pool, count)
    except BrokenProcessPool:
        held.close()
        raise WorkersError(
            f"A grading process was ended from outside (out of memory?). {_GO_ON}, with a smaller "
            "--jobs."
        ) from None
    except BaseException:
        held.close()  # what still runs is not wanted any more
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        held.close()
        lifeline.close()


def _begin_worker(lifeline: Connection) -> None:
    """Let the grader deal with Ctrl-C, and end with it."""
    # Not ignored, but caught and dropped: what a worker starts does not inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def end_with_grader() -> None:
        # A grader that is killed tells its workers nothing, and they would wait for ever.
        wait([lifeline])
        os._exit(1)

    threading.Thread(target=end_with_grader, daemon=True).start()


def reach(address: str) -> None:
    """Return if :func:`cluster` can use the workers of this scheduler, as far as can be seen now.

    Raises
    ------
    WorkersError
        If the scheduler cannot be reached, has no worker or not such as are needed.
    """
    with _connected(address):
        pass


@contextmanager
def cluster(
    address: str,
    prove: Callable[[], object] | None = None,
    say: Callable[[str], object] = print,
) -> Iterator[Workers]:
    """Use the workers of a ``dask.distributed`` cluster.

    A job whose worker is lost runs on another one. Certificates for ``tls://`` are taken from
    dask's own configuration.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tls://10.0.0.5:8786``.
    prove
        Called once in every worker, in those that come later, too; raises where a worker must not
        be used.
    say
        Takes a line about lost workers.

    Raises
    ------
    WorkersError
        If the scheduler cannot be reached, has no worker or not such as are needed, or the last
        worker is lost.
    """
    with _connected(address) as (client, count):
        from distributed import KilledWorker, WorkerPlugin

        class Prove(WorkerPlugin):  # type: ignore[misc]
            name = "autograde-prove"

            def setup(self, worker: object) -> None:
                if prove is not None:
                    prove()

        ended = threading.Event()
        client.register_plugin(Prove())
        executor = client.get_executor(pure=False)

        def watch() -> None:
            # Without any worker the scheduler would wait for new ones for ever.
            there = count
            while not ended.wait(_WATCH):
                try:
                    now = len(client.nthreads())
                except Exception:  # the scheduler is gone; its client raises errors of many types
                    now = 0
                if now == 0:
                    executor.shutdown(wait=False)
                    return
                if now < there:
                    say(f"Note: {there - now} of the cluster's workers are gone; {now} go on.")
                there = now

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield Workers(executor, count)
        except (CancelledError, KilledWorker):
            raise WorkersError(
                f"The cluster at {address} has lost its scheduler or its workers (out of memory?). "
                f"{_GO_ON} when they are there."
            ) from None
        finally:
            ended.set()
            executor.shutdown(wait=False)
            with contextlib.suppress(Exception):  # the scheduler may be gone
                client.unregister_worker_plugin(Prove.name)


@contextmanager
def _connected(address: str) -> Iterator[tuple[Any, int]]:
    """Connect to a scheduler; yield dask's client and how many workers there are."""
    try:
        from distributed import Client
    except ImportError:
        raise WorkersError(
            'Grading on a cluster needs dask.distributed: pip install -e ".[cluster]", on every '
            "machine of it in the same version."
        ) from None
    # What the client has to say of a lost connection is said in sentences of our own.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=_CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WorkersError(
            f"The scheduler at {address} cannot be reached ({reason}): start it with `dask "
            "scheduler`, and give the address that it prints."
        ) from None
    with client:
        threads = client.nthreads()
        if not threads:
            raise WorkersError(
                f"The scheduler at {address} has no worker: start some with `dask worker {address} "
                "--nthreads 1`."
            )
        if many := [worker for worker, count in threads.items() if count != 1]:
            raise WorkersError(
                f"The worker at {many[0]} has more than one thread, and the checks of two "
                "submissions would disturb each other: start workers with --nthreads 1 (and "
                "--nworkers N)."
            )
        yield client, len(threads)
