"""The proof tries the filter of system calls, and finds what a weaker one lets through."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from autograde.sandbox import process, seccomp
from autograde.sandbox.isolation import SandboxError
from autograde.sandbox.proof import prove


def without_vmsplice(patch: pytest.MonkeyPatch) -> None:
    refused = seccomp._REFUSED
    patch.setattr(seccomp, "_REFUSED", {k: v for k, v in refused.items() if k != "vmsplice"})


def with_vsock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(seccomp, "_FAMILIES", (*seccomp._FAMILIES, socket.AF_VSOCK))


def with_leases(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(seccomp, "_LEASES", (999_999, 999_998))


def with_notices(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(seccomp, "_LEASES", (1024, 999_998))


def with_shared_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(seccomp, "_MMAP", (999, 999))


@pytest.mark.parametrize(
    ("weaken", "finding"),
    [
        (without_vmsplice, "vmsplice is allowed"),
        (with_vsock, "host of a virtual machine"),
        (with_leases, "leases on files"),
        (with_notices, "leases on files"),
        (with_shared_memory, "shared without a file"),
    ],
)
def test_the_proof_finds_a_weaker_filter(
    weaken: Callable[[pytest.MonkeyPatch], None],
    finding: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if weaken is with_vsock:
        try:
            socket.socket(socket.AF_VSOCK).close()
        except OSError:
            pytest.skip("this machine has no such sockets at all")
    wanted = seccomp.refused()
    with pytest.MonkeyPatch.context() as patch:
        weaken(patch)
        weaker = seccomp.program()
    monkeypatch.setattr(process.seccomp, "program", lambda: weaker)
    monkeypatch.setattr(seccomp, "refused", lambda: wanted)
    with pytest.raises(SandboxError, match=finding):
        prove()


def test_the_programs_for_both_processors_jump_within_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for machine in ("x86_64", "aarch64"):
        monkeypatch.setattr(seccomp.platform, "machine", lambda machine=machine: machine)
        steps = [seccomp.program()[i : i + 8] for i in range(0, len(seccomp.program()), 8)]
        for number, step in enumerate(steps):
            code, yes, no = step[0], step[2], step[3]
            if code & 0x07 == 0x05:  # a jump
                assert number + 1 + max(yes, no) < len(steps)
        assert steps[-1][0] == 0x06  # the last returns
