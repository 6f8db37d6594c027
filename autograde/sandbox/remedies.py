"""Why a sandbox does not start here, and what to do about it: one sentence each."""

from __future__ import annotations

import os
import shutil
import sys

from autograde.sandbox.isolation import (
    Isolation,
    SandboxError,
)


def require_programs(isolation: Isolation) -> None:
    """Raise SandboxError where a program is missing that the sandbox is made with."""
    if not sys.platform.startswith("linux"):
        raise SandboxError(
            "Grading runs student code with Linux's own means: grade on Linux, or in a Linux "
            "container or virtual machine."
        )
    needed = {"prlimit": "util-linux"}
    if isolation == "bubblewrap":
        needed |= {"bwrap": "bubblewrap", "choom": "util-linux"}
        if os.geteuid() == 0:
            needed["setpriv"] = "util-linux"
    for program, package in needed.items():
        if shutil.which(program) is None:
            raise SandboxError(
                f"The sandbox needs the program {program}: install the package {package} "
                f"(apt install {package}, dnf install {package}), or choose --isolation none, "
                "which runs student code unprotected."
            )


def cure(complaint: str, stopped: str) -> str:
    """Turn what bwrap or Python wrote before it gave up into one sentence."""
    last = complaint.strip().splitlines()[-1] if complaint.strip() else f"no word ({stopped})"
    if "bwrap: Unknown option" in complaint:
        return f"The sandbox needs bubblewrap 0.7 or newer: install that ({last})."
    if "bwrap:" in complaint:
        if "proc" in complaint and "mount" in complaint.lower():
            return (
                "This container hides parts of /proc, which the sandbox needs: start it with "
                "--security-opt systempaths=unconfined, or choose --isolation none, which runs "
                f"student code unprotected ({last})."
            )
        if "Can't find source path" in complaint or (
            "Permission denied" in last and "uid" not in last
        ):
            return (
                "The sandbox runs as another user than root and cannot read a folder that it "
                "needs: make it readable for everybody (chmod -R a+rX), or grade as an ordinary "
                f"user ({last})."
            )
        return (
            "This system does not let ordinary programs make user namespaces, which the sandbox "
            "needs: allow them (sysctl -w user.max_user_namespaces=15000 "
            "kernel.apparmor_restrict_unprivileged_userns=0; in Docker --security-opt "
            "seccomp=unconfined), or choose --isolation none, which runs student code "
            f"unprotected ({last})."
        )
    if "autograde" in complaint and "ModuleNotFoundError" in complaint:
        return "The package is not installed in this Python: run pip install -e . first."
    return f"The sandbox did not start: {last}"
