"""Runs forked from a zygote: they reach neither it nor each other, and gain no right.

test_sandbox.py and test_run.py look at the same isolation and limits; this looks at what is new.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from outcomes import look, values

from autograde.inside.processes import descendants
from autograde.sandbox import zygotes
from autograde.sandbox.isolation import Limits
from autograde.sandbox.replies import Failed
from autograde.sandbox.run import CodeCell, HiddenCalls, call_functions, run_notebook
from autograde.sandbox.zygotes import Zygote

pytestmark = pytest.mark.usefixtures("at_once")

MIB = 1 << 20


def waiting() -> Zygote:
    """Return the zygote that ran last."""
    return zygotes._waiting[-1][1]


# --- the zygote is out of reach ----------------------------------------------------------


def test_the_zygote_cannot_be_seen_signalled_or_traced() -> None:
    seen = look(
        """
import ctypes, os, signal
libc = ctypes.CDLL(None)
numbers = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
above, read = os.getpid(), []
while above > 0:
    for line in open(f"/proc/{above}/status"):
        if line.startswith("PPid:"): above = int(line.split()[1])
own = {int(name) for number in numbers for name in os.listdir(f"/proc/{number}/task")}
for number in set(range(-300, 300)) - own - {-number for number in own} - {-1, 0}:
    try:
        os.kill(number, 0); read.append(number)
    except OSError: pass
traced = [libc.ptrace(16, number, 0, 0) for number in range(300)]
groups = os.getpgid(1), os.getsid(1)
deepest = [line.split()[1:] for line in open("/proc/self/status") if line.startswith("NSpid")][0]
level = len(deepest)
""",
        "numbers", "above", "read", "traced", "groups", "level",
    )  # fmt: skip
    assert len(seen["numbers"]) == 3 and seen["numbers"][0] == 1  # init, program, kernel
    assert seen["above"] == 0  # the first process has no parent here
    assert len(seen["read"]) == 0
    assert set(np.asarray(seen["traced"]).tolist()) == {-1}
    assert np.asarray(seen["groups"]).tolist() == [1, 1]
    assert seen["level"] == 1
    assert waiting().alive()


def test_a_signal_to_ones_own_group_stays_inside() -> None:
    source = "import os, signal, time\n\ndef f(number):\n    time.sleep(1)\n"
    source += "    os.kill(number, signal.SIGKILL)"
    for number in (0, -1):
        run = call_functions([CodeCell("f", source, "f")], {"f": HiddenCalls("f", [(number,)])})
        assert isinstance(run.results["f"][0], Failed)
        time.sleep(0.5)
        assert waiting().alive()
        assert b"inside.zygote" in command_of(max(descendants(waiting().process.pid)))


def command_of(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


RENAME = "import ctypes; ctypes.CDLL(None).prctl(15, {!r}, 0)"


def name_of(process: int) -> bytes:
    """Return the name that a process gave itself, if it is there."""
    try:
        return Path(f"/proc/{process}/comm").read_bytes().strip()
    except OSError:
        return b""


def test_no_descriptor_leads_out() -> None:
    source = """
import os
def f():
    found = []
    for process in os.listdir("/proc"):
        if process.isdigit():
            for number in os.listdir(f"/proc/{process}/fd"):
                try: place = os.readlink(f"/proc/{process}/fd/{number}")
                except FileNotFoundError: continue
                if place != "/dev/null": found.append(process + " " + place)
    return [sorted(found), open("/proc/net/unix").read().split()]
"""
    run = call_functions([CodeCell("f", source, "f")], {"f": HiddenCalls("f", [()])})
    found, unix = run.results["f"][0]
    kinds = sorted(place.split(":")[0].split("/")[0] for place in found)
    # Its own records and errors, which the host reads, the folder being listed, a deleted file of
    # its own, and its event loop, whose sockets belong to the network that is its own.
    assert set(kinds) <= {"2 pipe", "2 ", "2 anon_inode", "2 socket"}, found
    assert kinds.count("2 pipe") <= 1, found
    sockets = [place.partition("[")[2].rstrip("]") for place in found if "socket:" in place]
    assert len(sockets) == 2 and set(sockets) <= set(unix)
    assert all(
        place.split(" ", 1)[1].startswith(("/tmp/", "/proc/"))
        for place in found
        if ":" not in place
    )


def test_a_run_has_no_right_and_regains_none() -> None:
    seen = look(
        """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
status = dict(line.rstrip().split(":", 1) for line in open("/proc/self/status") if ":" in line)
sets = [status["Cap" + name].strip() for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")]
first = dict(line.rstrip().split(":", 1) for line in open("/proc/1/status") if ":" in line)
sets += [first["Cap" + name].strip() for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")]
sealed = [first["NoNewPrivs"].strip(), first["Seccomp"].strip(), status["NoNewPrivs"].strip(),
          status["Seccomp"].strip()]
bits = libc.prctl(27, 0, 0, 0, 0)
every = struct.pack("IIIIII", *[0xFFFFFFFF] * 6)
tries = {
    "capset": libc.capset(struct.pack("Ii", 0x20080522, 0), every),
    "ambient": libc.prctl(47, 2, 21, 0, 0),
    "securebits": libc.prctl(28, 0, 0, 0, 0),
    "unshare": libc.unshare(0x20000),
    "mount": libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None),
    "umount": libc.umount2(b"/tmp", 2),
    "umount proc": libc.umount2(b"/proc", 2),
    "remount": libc.mount(None, b"/usr", None, 4096 | 32, None),
    "hostname": libc.sethostname(b"x", 1),
    "setuid": libc.setuid(0),
    "chroot": libc.chroot(b"/tmp"),
    "mknod": libc.mknod(b"/tmp/device", 0o20600, 0x103),
    "init's namespaces": libc.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0),
}
succeeded = sorted(name for name, returned in tries.items() if returned != -1)
for file in ("/proc/sys/kernel/core_pattern", "/proc/sys/user/max_user_namespaces",
             "/proc/self/uid_map"):
    try:
        with open(file, "r+") as opened: opened.write("0")
        succeeded.append(file)
    except OSError: pass
""",
        "sets", "sealed", "bits", "succeeded",
    )  # fmt: skip
    assert [each.strip("0") for each in seen["sets"]] == [""] * 10
    assert seen["sealed"] == ["1", "2"] * 2
    assert seen["bits"] == 0x2F
    assert len(seen["succeeded"]) == 0, seen["succeeded"]


# --- the next run starts from the same state -----------------------------------------------------

POISON = """
import builtins, gc, os, random, socket, subprocess, sys
import numpy as np, torch
for folder in ("/tmp", "/dev/shm", os.path.expanduser("~"), "."):
    open(folder + "/poison", "w").write("x")
builtins.abs = lambda x: 0
np.allclose = torch.allclose = lambda *a, **k: True
np.poison = sys.modules["poison"] = sys
sys.path.insert(0, "/tmp"); os.environ["POISON"] = "1"
import autograde.inside.wire; autograde.inside.wire.poison = 1
code = "import os, time; os.fork() and os._exit(0); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True).wait()
listener = socket.socket(socket.AF_UNIX); listener.bind("\\0poison"); listener.listen()
server = socket.create_server(("127.0.0.1", 45678))
terminal = os.openpty()
os.umask(0)
drawn = [random.random(), np.random.rand(), torch.rand(1).item()]
"""
LOOK = """
import builtins, os, random, socket, sys
import numpy as np, torch
found = [folder for folder in ("/tmp", "/dev/shm", os.path.expanduser("~"), ".")
         if os.path.exists(folder + "/poison")]
found += [name for name in os.listdir("/dev/pts") if name != "ptmx"]
found += [type(f).__name__ for f in (np.allclose, abs) if "lambda" in repr(f)]
found += [name for name in ("poison",) if hasattr(np, name) or name in sys.modules]
import autograde.inside.wire; found += ["wire"] if hasattr(autograde.inside.wire, "poison") else []
found += [name for name in ("/tmp",) if name in sys.path] + [k for k in os.environ if k == "POISON"]
for family, address in ((socket.AF_UNIX, "\\0poison"), (socket.AF_INET, ("127.0.0.1", 45678))):
    try:
        socket.socket(family).connect(address); found.append(str(address))
    except OSError: pass
found += ["umask"] if os.umask(0o22) == 0 else []
processes = sum(name.isdigit() for name in os.listdir("/proc"))
drawn = [random.random(), np.random.rand(), torch.rand(1).item()]
"""


def test_a_run_leaves_nothing_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygotes, "_IMPORTED", (*zygotes._IMPORTED, "torch"))
    first = look(POISON, "drawn")
    process = waiting()
    second = look(LOOK, "found", "processes", "drawn")
    assert waiting() is process  # it was forked from the same
    assert len(second["found"]) == 0, second["found"]
    assert second["processes"] == 3
    np.testing.assert_array_equal(second["drawn"], first["drawn"])
    assert second["drawn"][0] == random.Random(0).random()


def test_the_poison_would_be_found() -> None:
    cells = [CodeCell("a", POISON), CodeCell("b", LOOK, "b", ("found", "processes"))]
    found = values(run_notebook(cells), "b")
    assert len(found["found"]) >= 12
    assert found["processes"] == 4


def test_each_run_has_limits_of_its_own() -> None:
    source = """
import os, time
count = 0
try:
    for count in range(100):
        if os.fork() == 0:
            time.sleep(60)  # longer than all forks take: they end with the run
            os._exit(0)
except OSError: pass
space = os.statvfs("/tmp"); space = space.f_blocks * space.f_frsize
"""
    counts = []
    for processes, disk in ((30, 16), (60, 64), (30, 16)):
        limits = Limits(processes=processes, disk=disk * MIB)
        seen = look(source, "count", "space", limits=limits)
        assert 5 <= seen["count"] <= processes
        assert seen["space"] == disk * MIB
        counts.append(int(seen["count"]))
    assert counts[0] == counts[2] < counts[1]


# --- it is replaced, and ends with its owner -----------------------------------------------------


def test_a_zygote_that_died_is_replaced() -> None:
    look("x = 1", "x")
    died = waiting()
    os.kill(max(descendants(died.process.pid)), signal.SIGKILL)  # the zygote itself
    assert look("x = 2", "x") == {"x": np.array(2)}  # on its own, as nobody answers
    assert not died.alive()
    look("x = 3", "x")
    assert waiting().alive()


def test_a_death_during_a_run_costs_a_cell() -> None:
    look("x = 1", "x")
    process = waiting().process.pid
    name = b"busy-" + os.urandom(4).hex().encode()

    def kill_when_the_cell_runs() -> None:
        while name not in map(name_of, descendants(process)):
            time.sleep(0.1)
        os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_the_cell_runs, daemon=True)
    killer.start()
    cells = [CodeCell("a", f"{RENAME.format(name)}; import time; time.sleep(300)", seconds=300)]
    cells.append(CodeCell("b", "b = 1", "b", ("b",)))
    run = run_notebook(cells)
    killer.join()
    assert [cell.stopped for cell in run.stops] == ["kernel died"]
    assert run.answers["b"] == {"b": np.array(1)}


def test_none_outlives_a_grader_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import json, os, sys, time\n"
        "from autograde.sandbox import zygotes\n"
        "from autograde.sandbox.run import CodeCell, run_notebook\n"
        "from autograde.inside.processes import descendants\n"
        "zygotes.PATIENCE = 0\n"
        "run_notebook([CodeCell('a', 'a = 1')])\n"
        "print(json.dumps(descendants(os.getpid())), flush=True)\n"
        "time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as grader:
        assert grader.stdout is not None
        below = [pid for pid in json.loads(grader.stdout.readline()) if pid != grader.pid]
        commands = [command_of(pid) for pid in below]
        grader.kill()
    assert sum(b"inside.zygote" in command for command in commands) >= 2  # bwrap, and within
    for _ in range(600):
        left = [pid for pid in below if Path(f"/proc/{pid}").exists()]
        if not left:
            return
        time.sleep(0.1)
    pytest.fail(f"left: {left}")


# --- where it cannot be --------------------------------------------------------------------------
