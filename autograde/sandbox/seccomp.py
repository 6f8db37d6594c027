"""Which system calls a sandbox does without, as the filter program that bubblewrap installs.

The filter refuses the ways to hold memory that no process's size shows (a file in memory, pages
in a pipe, watches of files, asynchronous reads, System V and POSIX queues, shared memory without a
file, which stays when no process has it in sight), which a cap on summed sizes would miss, the ways
into new namespaces, ways to hear of other runs by the files that all share (watches and leases),
sockets of all kinds but the few that programs use, because some lead out of a network namespace,
and kernel interfaces with a history of holes that no notebook needs. It allows everything else:
namespaces make the isolation, and the filter narrows what can be tried against them.
"""

from __future__ import annotations

import errno
import platform
import struct

# System call numbers of x86_64 and aarch64; None where there is no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "vmsplice": (278, 75),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "io_setup": (206, 0),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "kexec_load": (246, 104),
    "syslog": (103, 116),
}
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET
_FCNTL = (72, 25)
_LEASES = (1024, 1026)  # F_SETLEASE, F_NOTIFY
_SOCKETS = ((41, 198), (53, 199))  # socket, socketpair
_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
_MMAP = (9, 222)
_SHARED = 0x21  # MAP_SHARED or MAP_SHARED_VALIDATE, and MAP_ANONYMOUS
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_FIRST_ARGUMENT, _SECOND_ARGUMENT, _FOURTH_ARGUMENT = 16, 24, 40


def refused() -> dict[str, int]:
    """Return the numbers of the system calls that this machine's filter refuses altogether."""
    if platform.machine() not in _MACHINES:
        return {}
    column, _ = _MACHINES[platform.machine()]
    return {
        name: number
        for name, numbers in _REFUSED.items()
        if (number := numbers[column]) is not None
    }


def program() -> bytes:
    """Return the filter for this machine: ``struct sock_filter`` after another, or no bytes.

    Only x86_64 and aarch64 are known; elsewhere the sandbox goes without.
    """
    if platform.machine() not in _MACHINES:
        return b""
    column, architecture = _MACHINES[platform.machine()]
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]

    def refuse(test: int, value: int, code: int) -> None:
        steps.append((test, 0, 1, value))
        steps.append((_RETURN, 0, 0, _ERROR | code))

    if column == 0:  # the same calls once more, numbered from here on (x32)
        refuse(_AT_LEAST, 0x40000000, errno.EPERM)
    for number in refused().values():
        refuse(_EQUAL, number, errno.EPERM)
    # clone3 hides its flags behind a pointer; without it the C library falls back to clone.
    refuse(_EQUAL, _CLONE3[column], errno.ENOSYS)
    steps.append((_EQUAL, 0, 4, _CLONE[column]))
    steps.append((_LOAD, 0, 0, _FIRST_ARGUMENT))
    refuse(_ANY_BIT, _NEW_NAMESPACES, errno.EPERM)
    steps.append((_RETURN, 0, 0, _ALLOW))
    # Of arguments the lower halves: the kernel reads no more of these.
    steps.append((_EQUAL, 0, 6, _FCNTL[column]))
    steps.append((_LOAD, 0, 0, _SECOND_ARGUMENT))
    for lease in _LEASES:
        refuse(_EQUAL, lease, errno.EPERM)
    steps.append((_RETURN, 0, 0, _ALLOW))
    steps.append((_EQUAL, 0, 5, _MMAP[column]))
    steps.append((_LOAD, 0, 0, _FOURTH_ARGUMENT))
    steps.append((_AND, 0, 0, _SHARED))
    refuse(_EQUAL, _SHARED, errno.EPERM)
    steps.append((_RETURN, 0, 0, _ALLOW))
    for numbers in _SOCKETS:
        steps.append((_EQUAL, 0, len(_FAMILIES) + 3, numbers[column]))
        steps.append((_LOAD, 0, 0, _FIRST_ARGUMENT))
        for left, family in reversed([*enumerate(_FAMILIES)]):
            steps.append((_EQUAL, left + 1, 0, family))
        steps.append((_RETURN, 0, 0, _ERROR | errno.EAFNOSUPPORT))
        steps.append((_RETURN, 0, 0, _ALLOW))
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
