"""Try, from inside, what must not work, and report in sentences what does."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import importlib.util
import mmap
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograde.inside.channel import take_job

_NEW_USER = 0x10000000  # CLONE_NEWUSER
_VSOCK = 40  # AF_VSOCK


def findings(job: dict[str, Any]) -> Iterator[str]:
    """Yield for everything that is not as it must be a sentence that says what to do."""
    if os.getuid() == 0 or _status("CapEff").strip("0"):
        yield "student code would have root's rights; use bubblewrap 0.7 or newer."
    for path in map(Path, job["forbidden"]):
        for stray in _strays(path):
            yield f"{stray} is visible to students; move it out of the Python and data folders."
            break
    for address in (("127.0.0.1", job["port"]), ("192.0.2.1", 80)):
        try:
            socket.create_connection(address, timeout=1).close()
            yield "the network is within reach; allow bwrap to make network namespaces."
        except OSError:
            pass
    if len([path for path in Path("/proc").iterdir() if path.name.isdigit()]) > 10:
        yield "other processes are visible; allow bwrap to make PID namespaces."
    for folder in ("/", "/usr", "/dev", Path(os.__file__).parent, Path(__file__).parent):
        try:
            with tempfile.TemporaryFile(dir=folder):
                yield f"{folder} can be written to; use bubblewrap 0.7 or newer."
        except OSError:
            pass
    usage = os.statvfs(tempfile.gettempdir())
    if usage.f_blocks * usage.f_frsize > job["disk"]:
        yield "the temporary folder has no size; use bubblewrap 0.7 or newer (--size)."
    if resource.getrlimit(resource.RLIMIT_NPROC)[1] == resource.RLIM_INFINITY:
        yield "the number of processes is not bounded; install util-linux (prlimit)."
    if ctypes.CDLL(None).unshare(_NEW_USER) == 0:
        yield "new user namespaces can be made inside; use bubblewrap 0.8 or newer."
    if job["refused"]:
        yield from _allowed(job["refused"])
    data = os.environ.get("XAIKIT_DATA", "/")
    if not os.access(data, os.R_OK | os.X_OK):
        yield f"{data} cannot be read by other users; allow it: chmod -R a+rX."
    for name in job["packages"]:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            yield f"{name} cannot be imported; install it: pip install -e '.[course]'."
        elif not os.access(spec.origin, os.R_OK):
            yield f"{spec.origin} cannot be read by other users; allow it: chmod -R a+rX."


def _allowed(refused: list[str]) -> Iterator[str]:
    """Yield what the filter of system calls should refuse and does not.

    Without arguments the calls do nothing where they are allowed, or fail for another reason.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for name, _, number in (line.partition(" ") for line in refused):
        ctypes.set_errno(0)
        if libc.syscall(int(number), 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
            yield f"the system call {name} is allowed; let bwrap install its filter (--seccomp)."
    try:
        socket.socket(_VSOCK, socket.SOCK_STREAM).close()
        yield "sockets to the host of a virtual machine can be made; let bwrap install its filter."
    except OSError:
        pass
    try:
        mmap.mmap(-1, mmap.PAGESIZE).close()
        yield "memory can be shared without a file; let bwrap install its filter (--seccomp)."
    except OSError:
        pass
    try:
        os.close(os.open("/dev/zero", os.O_RDWR))
        yield "/dev/zero can be opened, and mapped into memory that is no process's."
    except OSError:
        pass
    with tempfile.TemporaryDirectory() as folder, Path(folder, "own").open("w") as file:
        opened = os.open(folder, os.O_RDONLY)
        for own, command, argument in (
            (file.fileno(), fcntl.F_SETLEASE, fcntl.F_WRLCK),
            (opened, fcntl.F_NOTIFY, fcntl.DN_CREATE),
        ):
            try:
                fcntl.fcntl(own, command, argument)
                yield "leases on files can be taken; let bwrap install its filter (--seccomp)."
            except OSError:
                pass
        os.close(opened)


def _strays(path: Path) -> Iterator[Path]:
    """Yield what is there, apart from folders that are meant to be seen and those on the way."""
    seen = [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[1]]
    seen.append(Path(os.environ.get("XAIKIT_DATA", "/")))
    if (spec := importlib.util.find_spec("xaikit")) is not None and spec.origin is not None:
        seen.append(Path(spec.origin).parent)
    meant = [folder for folder in map(Path.resolve, seen) if path in folder.parents]
    if path.is_dir() and os.access(path, os.R_OK):
        for entry in path.iterdir():
            if any(entry in folder.parents for folder in meant):
                yield from _strays(entry)
            elif entry not in meant:
                yield entry
    elif path.is_file():  # and not the empty device that covers a hidden file
        yield path


def _status(name: str) -> str:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.partition(":")[2].strip()
    return ""


def main() -> None:
    """Report all findings in one record."""
    given, send = take_job()
    send({"kind": "probe", "findings": list(findings(given))})


if __name__ == "__main__":
    main()
