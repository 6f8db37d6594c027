"""Import what notebooks import, then fork one enclosed run after another.

This program only imports: it runs no student code, starts no thread and knows no secret. Each run
is a fork that gets namespaces, temporary folders, limits and a filter of system calls of its own,
gives up every right, and only then reads its job. What runs share is this program's image, which
none of them can write to.

It holds rights that student code must never have, over the sandbox alone, whose user namespace is
not the machine's: to make namespaces, to mount in them, and to give both up.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import autograde.inside.listed  # noqa: F401  # before packages that ask for others

# isort: split
from autograde.inside.channel import silence

_NAMESPACES = 0x6E020000  # CLONE_NEWNS, CGROUP, UTS, IPC, PID, NET
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8
_SET_SECCOMP, _DROP_BOUNDING, _SET_SECUREBITS, _NO_NEW_PRIVS, _AMBIENT = 22, 24, 28, 38, 47
_CAPABILITIES_VERSION = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Import, try the isolation once, and then fork each run that is asked for, until the end."""
    control = socket.socket(fileno=os.dup(0))
    silence(0)
    covered = [*Path("/dev/shm").iterdir(), *Path("/tmp").iterdir()]
    if covered != [Path.home()]:  # a run's own temporary folder would cover it
        control.send(b"no: Python or the data lies in a temporary folder")
        return
    for name in sys.argv[1:]:
        with contextlib.suppress(ImportError):  # not installed, or out of reach
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or a fork's first collection would copy all of it
    threads = len(list(Path("/proc/self/task").iterdir()))
    shared = " rw-s " in Path("/proc/self/maps").read_text()
    if threads > 1 or shared:
        control.send(b"no: an import started a thread or shares memory")
        return
    control.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 3)
        if not message:
            return
        child = os.fork()
        if child == 0:
            _enclosed(json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(b"begun")
        control.send(b"over %d" % os.waitpid(child, 0)[1])


def _enclosed(settings: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Isolate one run and be its first process, or the one that waits for it."""
    code = 1
    try:
        # Nothing else is open, least of all the way to the grader.
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        _call("unshare", _NAMESPACES)
        if (first := os.fork()) == 0:
            os.setsid()  # a signal to one's own group crosses namespaces
            _mount(settings["disk"])
            _raise_loopback()
            _limit(settings["limits"])
            _give_up_rights()
            _filter(bytes.fromhex(settings["rules"]))
            # Of these, another than the first, because signals do not reach that one.
            if (program := os.fork()) == 0:
                sys.argv = [settings["module"]]
                if settings["module"]:  # else it is a rehearsal
                    importlib.import_module(settings["module"]).main()
                code = 0
            else:
                code = _reap(program)
        else:
            silence(0, 1, 2)
            code = _code(os.waitpid(first, 0)[1])
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def _reap(program: int) -> int:
    """Be the first process: reap orphaned processes until the program ends, and all with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which the first process does not get
    silence(0, 1, 2)
    while True:
        process, status = os.wait()
        if process == program:
            return _code(status)


def _code(status: int) -> int:
    return abs(os.waitstatus_to_exitcode(status))


def _mount(disk: int) -> None:
    """Put fresh file systems over everything that can be written to or tells of processes."""
    safe = _NOSUID | _NODEV
    for kind, place, flags, options in (
        (b"proc", b"/proc", safe | _NOEXEC, b""),
        (b"tmpfs", b"/tmp", safe, b"mode=1777,size=%d" % disk),
        (b"tmpfs", b"/dev/shm", safe, b"mode=1777,size=%d" % (disk // 2)),
        (b"devpts", b"/dev/pts", _NOSUID | _NOEXEC, b"newinstance,ptmxmode=0666,mode=0620"),
    ):
        _call("mount", kind, place, kind, flags, options)
    home = Path(os.environ["HOME"])
    home.mkdir()
    os.chdir(home)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def _limit(limits: dict[str, int]) -> None:
    """Set the limits of each process; of data, beyond what the imports hold."""
    for name, value in limits.items():
        most = value + _data() if name == "data" else value
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (most, most))


def _give_up_rights() -> None:
    """Drop every capability, for good."""
    _call("prctl", _SET_SECUREBITS, 0x2F, 0, 0, 0)  # root means nothing, nothing is kept, locked
    for capability in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
        _call("prctl", _DROP_BOUNDING, capability, 0, 0, 0)
    _call("prctl", _AMBIENT, 4, 0, 0, 0)  # PR_CAP_AMBIENT_CLEAR_ALL
    _call("capset", struct.pack("Ii", _CAPABILITIES_VERSION, 0), bytes(24))
    _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)


def _filter(rules: bytes) -> None:
    """Install the filter of system calls, for this process and all it starts."""
    kept = ctypes.create_string_buffer(rules, len(rules))
    program = struct.pack("HP", len(rules) // 8, ctypes.addressof(kept))
    _call("prctl", _SET_SECCOMP, 2, program, 0, 0)  # SECCOMP_MODE_FILTER


def _call(name: str, *arguments: int | bytes) -> None:
    """Call the C library, and raise if it refuses."""
    whole = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    if getattr(_libc, name)(*whole) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _data() -> int:
    """Return the bytes of this process that count as data."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if "VmData" in x)
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main()
