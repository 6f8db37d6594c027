"""A run gains no right, reaches nothing outside, and leaves nothing for the next."""

from __future__ import annotations

import random

import numpy as np
from outcomes import look, values

from autograde.sandbox.isolation import Limits
from autograde.sandbox.replies import Failed
from autograde.sandbox.run import CodeCell, HiddenCalls, call_functions, run_notebook

MIB = 1 << 20


def test_a_signal_to_ones_own_group_stays_inside() -> None:
    source = "import os, signal, time\n\ndef f(number):\n    time.sleep(1)\n"
    source += "    os.kill(number, signal.SIGKILL)"
    for number in (0, -1):
        run = call_functions([CodeCell("f", source, "f")], {"f": HiddenCalls("f", [(number,)])})
        assert isinstance(run.results["f"][0], Failed)
    assert look("x = 1", "x") == {"x": np.array(1)}


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
    # Its own records and errors, which the host reads, in it and in the first process, which also
    # holds the job; the folder being listed, a deleted file of its own, and its event loop, whose
    # sockets belong to the network that is its own.
    first = {"1 ", "1 pipe", "1 anon_inode"}
    assert set(kinds) <= {"2 pipe", "2 ", "2 anon_inode", "2 socket", *first}, found
    assert kinds.count("2 pipe") <= 1 and kinds.count("1 pipe") <= 2, found
    sockets = [place.partition("[")[2].rstrip("]") for place in found if "socket:" in place]
    assert len(sockets) == 2 and set(sockets) <= set(unix)
    assert all(
        place.split(" ", 1)[1].startswith(("/tmp/", "/proc/", "/memfd:job"))
        for place in found
        if ":" not in place or "memfd" in place
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
        "sets", "sealed", "succeeded",
    )  # fmt: skip
    assert [each.strip("0") for each in seen["sets"]] == [""] * 10
    assert seen["sealed"] == ["1", "2"] * 2
    assert len(seen["succeeded"]) == 0, seen["succeeded"]


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


def test_a_run_leaves_nothing_for_the_next() -> None:
    first = look(POISON, "drawn")
    second = look(LOOK, "found", "processes", "drawn")
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
