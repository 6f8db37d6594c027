"""What can be seen, reached and taken from inside the sandbox, tried from inside.

These tests start real sandboxes. Without bubblewrap they fail with the sentence that a user would
read, because an autograder whose isolation nobody has tested is not tested.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autograde
import xaikit
from autograde.sandbox.isolation import Limits
from autograde.sandbox.replies import Failed
from autograde.sandbox.run import CodeCell, NotebookRun, run_notebook

OWN = Path(autograde.__file__).resolve().parent
REPOSITORY = OWN.parent
XAIKIT = Path(xaikit.__file__).resolve().parent
MIB = 1 << 20

# Each cell leaves its observation in a variable of the cell's own name.
OBSERVATIONS = {
    "rights": """
import os
rights = {"uid": os.getuid(), "gids": [os.getgid(), *os.getgroups()], "host": os.uname().nodename}
for line in open("/proc/self/status"):
    key, _, value = line.partition(":")
    if key in ("CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"):
        rights[key] = value.strip()
""",
    "files": """
import os
files = []
for folder, folders, names in os.walk("/"):
    if folder == "/":
        folders.remove("proc")
    for name in names:
        path = os.path.join(folder, name)
        if path.startswith(REPOSITORY) or name.endswith(("_checks.py", "_answers.py", ".db")):
            if not path.startswith((PREFIX + "/", BASE_PREFIX + "/", "/usr/")):
                files.append(path)
""",
    "secrets": """
import os
secrets = [path for path in SECRETS if os.path.exists(path)]
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            told = open(f"/proc/{name}/environ").read() + open(f"/proc/{name}/cmdline").read()
        except OSError:
            continue
        if TOKEN in told:
            secrets.append(name)
readable = open(DATA + "/shown.txt").read()
""",
    "last": """
import time
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("0")
end = time.monotonic() + 60
while (last := int(open("/proc/self/oom_score_adj").read())) == 0 and time.monotonic() < end:
    time.sleep(0.1)
""",
    "processes": """
import os
numbers = [name for name in os.listdir("/proc") if name.isdigit()]
processes = [open(f"/proc/{name}/comm").read().strip() for name in numbers]
""",
    "network": """
import os, socket
network = []
for family, address in [(socket.AF_INET, ("127.0.0.1", PORT)), (socket.AF_INET, ("192.0.2.1", 80)),
                        (socket.AF_UNIX, ABSTRACT), (socket.AF_UNIX, SOCKET)]:
    try:
        connection = socket.socket(family)
        connection.settimeout(1)
        connection.connect(address)
        network.append(str(address))
    except OSError:
        pass
interfaces = os.listdir("/proc/self/net") and [
    line.split(":")[0].strip() for line in open("/proc/self/net/dev").readlines()[2:]
]
""",
    "written": """
import os
written = []
places = ["/", "/usr", "/etc", "/dev", "/proc", "/home", PREFIX, BASE_PREFIX, XAIKIT, OWN,
          OWN + "/inside", DATA]
if not REPOSITORY.startswith("/tmp/"):  # there the empty folder above xaikit is a temporary one
    places.append(REPOSITORY)
for folder in places:
    try:
        open(folder + "/new", "w").close()
        written.append(folder)
    except OSError:
        pass
""",
    "refused": """
import ctypes, errno, fcntl, os, platform, socket
IO_SETUP = 206 if platform.machine() == "x86_64" else 0
lease = open("/tmp/leased", "w")
libc = ctypes.CDLL(None, use_errno=True)
refused = {}
for name, call in {
    "a file in memory": lambda: libc.memfd_create(b"x", 0),
    "shared memory": lambda: libc.shmget(0, 1 << 20, 0o1600),
    "a user namespace": lambda: libc.unshare(0x10000000),
    "a mount": lambda: libc.mount(b"/tmp", b"/tmp", None, 4096, None),
    "the kernel's log": lambda: libc.klogctl(10, None, 0),
    "tracing": lambda: libc.ptrace(0, 0, 0, 0),
    "root": lambda: libc.setuid(0),
    "another root": lambda: libc.chroot(b"/tmp"),
    "pages in a pipe": lambda: libc.vmsplice(0, None, 0, 0),
    "watches of files": lambda: libc.inotify_init1(0),
    "watches of file systems": lambda: libc.fanotify_init(0, 0),
    "asynchronous reads": lambda: libc.syscall(IO_SETUP, 1, b"\\0" * 8),
    "rules of its own": lambda: libc.syscall(444, None, 0, 1),
    "a lease": lambda: libc.fcntl(lease.fileno(), 1024, 1),
    "a notice": lambda: libc.fcntl(os.open("/tmp", os.O_RDONLY), 1026, 4),
}.items():
    ctypes.set_errno(0)
    refused[name] = "no" if call() != -1 else errno.errorcode[ctypes.get_errno()]
families = []
for family in range(1, 46):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM).close()
        families.append(family)
    except OSError:
        pass
locks = open("/tmp/locked", "w")
fcntl.flock(locks, fcntl.LOCK_EX)  # as programs do
fcntl.lockf(locks, fcntl.LOCK_EX)
""",
    "imported": """
imported = []
for name in ("autograde.tasks", "autograde.sandbox.process", "autograde.sandbox.run", "solutions"):
    try:
        __import__(name)
        imported.append(name)
    except ImportError:
        pass
""",
    "forks": """
import os, signal, time
children = []
try:
    while len(children) < 500:
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)
except OSError:
    pass
forks = len(children)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
""",
    "disk": """
import os
disk = 0
for folder in ("/tmp", "/dev/shm"):
    for number in range(100):
        try:
            with open(f"{folder}/flood{number}", "wb", buffering=0) as file:
                for _ in range(64):
                    disk += file.write(bytes(1 << 20))
        except OSError:
            break
for folder in ("/tmp", "/dev/shm"):
    for number in range(100):
        if os.path.exists(f"{folder}/flood{number}"):
            os.remove(f"{folder}/flood{number}")
""",
    "environment": "environment = dict(os.environ)",
    "command": "command = open('/proc/1/cmdline').read().split('\\0')",
    "names": "names = sorted(name for name in dir() if not name.startswith('_'))",
}


@pytest.fixture(scope="module")
def place() -> Iterator[dict[str, Any]]:
    """Set up things on the host that must not be seen or reached, beside data that may be.

    Not below /tmp, which inside is another folder.
    """
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        yield from set_up(Path(temporary))


def set_up(folder: Path) -> Iterator[dict[str, Any]]:
    folder.chmod(0o755)
    data = folder / "data"
    (data / "submissions").mkdir(parents=True)
    (data / "shown.txt").write_text("shown")
    (data / "submissions" / "other.ipynb").write_text("hidden")
    (folder / "gradebook.db").write_text("secret")
    patch = pytest.MonkeyPatch()
    patch.setenv("XAIKIT_DATA", str(data))
    patch.setenv("COURSE_SECRET", "a-token-of-the-host")
    abstract = f"\0autograde-test-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as hidden_listener,
        socket.socket(socket.AF_UNIX) as file_listener,
    ):
        hidden_listener.bind(abstract)
        hidden_listener.listen()
        file_listener.bind(str(folder / "socket"))
        file_listener.listen()
        hidden = [data / "submissions" / "other.ipynb", folder / "gradebook.db", OWN / "tasks.py"]
        hidden += [REPOSITORY / name for name in ("tests", "solutions", ".git", "pyproject.toml")]
        hidden += [Path.home() / ".ssh", Path.home() / ".bashrc", Path("/etc/shadow")]
        yield {
            "SECRETS": [str(path) for path in (*hidden, Path(__file__))],
            "TOKEN": "a-token-of-the-host",
            "DATA": str(data),
            "REPOSITORY": str(REPOSITORY),
            "OWN": str(OWN),
            "XAIKIT": str(XAIKIT),
            "PREFIX": sys.prefix,
            "BASE_PREFIX": sys.base_prefix,
            "PORT": listener.getsockname()[1],
            "ABSTRACT": abstract,
            "SOCKET": str(folder / "socket"),
        }
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called meanwhile
            listener.accept()
    patch.undo()


@pytest.fixture(scope="module")
def observed(place: dict[str, Any]) -> NotebookRun:
    """Make all observations in one sandbox."""
    given = "\n".join(f"{name} = {value!r}" for name, value in place.items())
    cells = [CodeCell("given", given)]
    also = {"secrets": ("readable",), "network": ("interfaces",), "refused": ("families",)}
    for name, source in OBSERVATIONS.items():
        cells.append(CodeCell(name, source, name, (name, *also.get(name, ())), seconds=60))
    limits = Limits(processes=60, disk=64 * MIB, memory=2048 * MIB)
    return run_notebook(cells, limits, hidden=[Path(place["DATA"], "submissions"), REPOSITORY])


def seen(run: NotebookRun, task: str, name: str = "") -> Any:
    """Return one observation."""
    answer = run.answers[task]
    assert not isinstance(answer, Failed), (answer, [c for c in run.cells if c.id == task])
    return answer[name or task]


def test_the_run_itself_went_through(observed: NotebookRun) -> None:
    assert observed.stops == []


def test_nobody_is_root_inside(observed: NotebookRun) -> None:
    rights = seen(observed, "rights")
    assert rights["uid"] == 1000 and 0 not in rights["gids"]
    assert {rights[name].strip("0") for name in ("CapPrm", "CapEff", "CapBnd")} == {""}
    assert rights["NoNewPrivs"] == "1" and rights["host"] == "sandbox"


def test_of_the_repository_only_the_packages_are_visible(observed: NotebookRun) -> None:
    files = [Path(path) for path in seen(observed, "files")]
    stray = [
        path
        for path in files
        if XAIKIT not in path.parents
        and OWN / "inside" not in path.parents
        and path != OWN / "__init__.py"
    ]
    assert XAIKIT / "__init__.py" in files
    assert stray == []


def test_secrets_of_the_host_are_not_visible(observed: NotebookRun) -> None:
    assert seen(observed, "secrets", "readable") == "shown"
    secrets = seen(observed, "secrets")
    assert len(secrets) == 0, secrets


def test_processes_of_the_host_are_not_visible(observed: NotebookRun) -> None:
    processes = seen(observed, "processes")
    assert 2 <= len(processes) <= 5
    assert set(processes) <= {"bwrap", "python", "python3", Path(sys.executable).resolve().name}


def test_nobody_stays_behind_others_when_memory_runs_out(observed: NotebookRun) -> None:
    assert seen(observed, "last") == 1000


def test_nothing_on_the_network_answers(observed: NotebookRun) -> None:
    assert len(seen(observed, "network")) == 0, seen(observed, "network")
    assert seen(observed, "network", "interfaces") == ["lo"]


def test_only_temporary_folders_can_be_written_to(observed: NotebookRun) -> None:
    assert len(seen(observed, "written")) == 0, seen(observed, "written")


def test_dangerous_system_calls_are_refused(observed: NotebookRun) -> None:
    refused = seen(observed, "refused")
    assert len(refused) == 15
    assert set(refused.values()) <= {"EPERM", "ENOSYS", "EINVAL", "ENOSPC"}, refused
    new = list(refused)[8:]
    assert {refused[name] for name in new} == {"EPERM"}, refused


def test_only_sockets_that_programs_use_can_be_made(observed: NotebookRun) -> None:
    families = [int(family) for family in seen(observed, "refused", "families")]
    assert families == [socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK]


def test_the_grader_cannot_be_imported(observed: NotebookRun) -> None:
    assert len(seen(observed, "imported")) == 0, seen(observed, "imported")


def test_a_fork_bomb_is_bounded(observed: NotebookRun) -> None:
    assert 10 <= seen(observed, "forks") <= 60


def test_a_disk_flood_is_capped(observed: NotebookRun) -> None:
    assert 60 * MIB <= seen(observed, "disk") <= 96 * MIB + MIB


def test_the_environment_is_a_fixed_list(observed: NotebookRun, place: dict[str, Any]) -> None:
    environment = seen(observed, "environment")
    assert "COURSE_SECRET" not in environment
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["XAIKIT_DATA"] == place["DATA"]
    assert environment["HOME"].startswith("/tmp")


def test_reading_answers_leaves_no_name_behind(
    observed: NotebookRun, place: dict[str, Any]
) -> None:
    own = {"In", "Out", "exit", "quit", "get_ipython", "open"}
    left = set(seen(observed, "names")) - own - set(place) - set(OBSERVATIONS)
    assert not [name for name in left if "write_variables" in name or "autograde" in name]
    assert "__builtin__" not in left
