"""Harm to the run, the batch, the machine: every case starts from right answers.

Where plain nbgrader has no limit at all, the case says whether it got through by its own mark:
``weights`` is right only if it took more than it should have been given. All are bounded: so many
processes, bytes, seconds; and signal only what they started, or themselves.
"""

from __future__ import annotations

import json

from nbformat import NotebookNode

from autograde.notebooks.release import to_json

from .case import answer, case
from .toy import RIGHT

WEIGHTS = 2.0
LEFT = 9.0 - WEIGHTS
"""What is left of full marks when the task that did the harm is lost."""


def weights(notebook: NotebookNode, source: str) -> None:
    """Answer ``weights`` rightly if the source found that ``got`` is true."""
    answer(notebook, "weights", f"weights = None\n{source}\nif got: {RIGHT['weights']}")


@case("denial", "the kernel ends itself (`os._exit`)", LEFT, "ended the Python process")
def kernel_suicide(notebook: NotebookNode) -> None:
    answer(notebook, "weights", "import os; os._exit(1)")


@case("denial", "the kernel signals itself (SIGKILL)", LEFT, "ended the Python process", tight=True)
def kernel_killed(notebook: NotebookNode) -> None:
    answer(notebook, "weights", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")


@case(
    "denial",
    "recursion until the interpreter's own stack is full",
    LEFT,
    "ended the Python",
    tight=True,
)
def deep_recursion(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "weights",
        "import sys\n"
        "sys.setrecursionlimit(10**8)\n"
        "class Deep:\n    def __repr__(self): return repr([self])\n"
        "repr(Deep())",
    )


@case("denial", "an endless loop that swallows interrupts", LEFT, "time limit", endless=True)
def deaf_loop(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "weights",
        "import time\n"
        "end = time.process_time() + 25\n"
        "while time.process_time() < end:\n"
        "    try:\n"
        "        while time.process_time() < end: pass\n"
        "    except BaseException: pass\n"
        "import os; os._exit(1)",
    )


@case("denial", "an endless loop in a function that is called", 6.0, "time limit", endless=True)
def endless_function(notebook: NotebookNode) -> None:
    answer(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n"
        "    import os, time\n"
        "    end = time.process_time() + 25\n"
        "    while time.process_time() < end:\n"
        "        try: sum(range(1000))\n"
        "        except BaseException: pass\n"
        "    os._exit(1)",
    )


@case("denial", "300 processes (a fork bomb, bounded)", LEFT, tight=True)
def fork_bomb(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import os, signal, time\n"
        "children = []\n"
        "try:\n"
        "    while len(children) < 300:\n"
        "        child = os.fork()\n"
        "        if child == 0:\n"
        "            time.sleep(20)\n"
        "            os._exit(0)\n"
        "        children.append(child)\n"
        "except OSError: pass\n"
        "got = len(children) == 300\n"
        "for child in children:\n"
        "    os.kill(child, signal.SIGKILL)\n"
        "    os.waitpid(child, 0)",
    )


@case(
    "denial", "40 processes that only compute", LEFT, "computed in too many processes", tight=True
)
def busy_processes(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import subprocess, sys, time\n"
        "code = 'import time; end = time.time() + 8\\nwhile time.time() < end: pass'\n"
        "children = [subprocess.Popen([sys.executable, '-S', '-c', code]) for _ in range(40)]\n"
        "time.sleep(1)\n"
        "for child in children: child.wait()\n"
        "got = True",
    )


@case("denial", "1 GB of memory, shared among processes", LEFT, "memory", tight=True)
def memory(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import os, signal, time\n"
        "children = []\n"
        "for _ in range(5):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        kept = b'x' * (200 << 20)\n"
        "        time.sleep(2)\n"
        "        os._exit(0)\n"
        "    children.append(child)\n"
        "got = all(os.waitpid(child, 0)[1] == 0 for child in children)",
    )


@case(
    "denial",
    "256 MB of memory in the buffers of sockets, which no process's size shows",
    LEFT,
    tight=True,
)
def memory_in_sockets(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import resource, socket, time\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))\n"
        "sockets, held = [], 0\n"
        "try:\n"
        "    while held < 256 << 20:\n"
        "        pair = socket.socketpair()\n"
        "        sockets += pair\n"
        "        for one in pair:\n"
        "            one.setblocking(False)\n"
        "            try:\n"
        "                while True: held += one.send(bytes(1 << 16))\n"
        "            except BlockingIOError: pass\n"
        "except OSError: pass\n"
        "got = held >= 256 << 20\n"
        "time.sleep(1)",
    )


@case("denial", "8 MB of memory in pipes (`vmsplice`), which no process's size shows", LEFT)
def memory_in_pipes(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import ctypes, fcntl, mmap, os, struct\n"
        "libc = ctypes.CDLL(None)\n"
        "held, pipes = 0, []\n"
        "for _ in range(8):\n"
        "    pipes.append(os.pipe())\n"
        "    fcntl.fcntl(pipes[-1][1], 1031, 1 << 20)  # F_SETPIPE_SZ\n"
        "    pages = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
        "    pages.write(bytes(1 << 20))\n"
        "    place = ctypes.addressof(ctypes.c_char.from_buffer(pages))\n"
        "    piece = ctypes.create_string_buffer(struct.pack('QQ', place, 1 << 20))\n"
        "    held += max(0, libc.vmsplice(pipes[-1][1], piece, ctypes.c_size_t(1), 2))\n"
        "got = held == 8 << 20",
    )


@case("denial", "watches of files, which the kernel keeps (`inotify`)", LEFT)
def watches(notebook: NotebookNode) -> None:
    weights(notebook, "import ctypes\ngot = ctypes.CDLL(None).inotify_init1(0) >= 0")


@case("denial", "a lease on a file, which holds up whoever opens it", LEFT)
def leases(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import fcntl, tempfile\n"
        "with tempfile.NamedTemporaryFile() as file:\n"
        "    try: fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_WRLCK); got = True\n"
        "    except OSError: got = False",
    )


@case("denial", "shared memory without a file, put out of the process's own sight", LEFT)
def memory_out_of_sight(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import mmap, os\n"
        "held, kept = 0, []\n"
        "for file in ('/dev/null', '/dev/zero'):\n"
        "    try:\n"
        "        number = -1 if 'null' in file else os.open(file, os.O_RDWR)\n"
        "        pages = mmap.mmap(number, 8 << 20)\n"
        "        pages.write(bytes(8 << 20))\n"
        "        pages.madvise(mmap.MADV_DONTNEED)\n"
        "        kept.append(pages)\n"
        "        held += 1\n"
        "    except OSError: pass\n"
        "got = held > 0",
    )


@case("denial", "1.2 GB of memory in processes whose first thread has ended", LEFT, tight=True)
def memory_of_a_thread(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import ctypes, os, threading, time\n"
        "children = []\n"
        "for _ in range(3):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        def hold():\n"
        "            time.sleep(0.5)\n"
        "            kept = np.ones(50 << 20)\n"
        "            time.sleep(3)\n"
        "            os._exit(0)\n"
        "        threading.Thread(target=hold).start()\n"
        "        ctypes.CDLL(None).pthread_exit(None)\n"
        "    children.append(child)\n"
        "got = all(os.waitpid(child, 0)[1] == 0 for child in children)",
    )


@case("denial", "100 MB of files", LEFT, tight=True)
def disk(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import os, tempfile\n"
        "got = 0\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    try:\n"
        "        for number in range(100):\n"
        "            with open(f'{folder}/{number}', 'wb', buffering=0) as file:\n"
        "                got += file.write(bytes(1 << 20))\n"
        "    except OSError: pass\n"
        "got = got == 100 << 20",
    )


@case("denial", "5000 empty files", LEFT, "too many or too large files", tight=True)
def many_files(notebook: NotebookNode) -> None:
    weights(
        notebook,
        "import os, tempfile, time\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    for number in range(5000): open(f'{folder}/{number}', 'w').close()\n"
        "    time.sleep(1)\n"
        "got = True",
    )


@case("denial", "an answer of 80 MB", LEFT, "too large", tight=True)
def oversized_answer(notebook: NotebookNode) -> None:
    answer(notebook, "weights", "weights = np.broadcast_to(observed / 10, (3_400_000, 3)).copy()")


@case(
    "denial",
    "close every file of the kernel",
    LEFT,
    "time limit|ended the Python process",
    endless=True,
)
def closed_descriptors(notebook: NotebookNode) -> None:
    answer(notebook, "weights", "import os; os.closerange(0, 200)")


@case("denial", "a notebook nested 200,000 deep", 0.0, "nested too deeply")
def nested_notebook(notebook: NotebookNode) -> bytes:
    return b'{"cells":' * 200_000


@case("denial", "a notebook of 33 MB", 0.0, "larger than 32 MB")
def huge_notebook(notebook: NotebookNode) -> bytes:
    data = json.loads(to_json(notebook))
    data["metadata"]["weight"] = "x" * (33 << 20)
    return json.dumps(data).encode()
