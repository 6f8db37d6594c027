"""``make colab``: open notebooks by their badges in Colab's situation, and run their solutions.

``python -m tests.colab [NAME …] [--python PYTHON]`` publishes the course, tags it, and puts it in
GitHub's place. A runtime has what Colab brings, an importable ``google.colab``, and no xaikit. For
each notebook a new one gets the notebook's file alone: its first cell installs the tag, and every
cell runs, with the solutions. No distribution of the runtime may change, every visible check has
to end with a tick, and nothing is restarted.

The runtime is built by PYTHON with the versions that Colab has (3.12), or with the newest. Without
``--python`` it is a copy of the environment that runs this, without what Colab lacks: that needs
neither time nor downloads. It ends with status 1 if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograde.model.course_file import read_course
from autograde.notebooks.release import solved
from autograde.notebooks.source import course_sources, read_source
from tests.colab.badge import run
from tests.colab.github import in_place_of_github, published
from tests.colab.runtimes import HERE, built, like_this_one

ROOT = Path(__file__).parents[2]


def main(arguments: list[str]) -> int:
    """Run the notebooks, and say how each fared."""
    parser = argparse.ArgumentParser(prog="python -m tests.colab", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 01_theory; default: all")
    parser.add_argument("--python", help="the interpreter to build Colab's environment with")
    parser.add_argument("--newest", action="store_true", help="newest versions for 3.12, too")
    parser.add_argument("--folder", type=Path, help="keep what is built there, for the next time")
    asked = parser.parse_args(arguments)
    course = read_course(ROOT)
    there = course_sources(course)
    if unknown := sorted({*asked.names} - there.keys()):
        parser.error(f"there is no notebook {unknown[0]}; there are {', '.join(there)}")
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="colab-"))
    os.environ["JUPYTER_PATH"] = str(folder.resolve() / "work" / "jupyter")
    try:
        return _run(asked, folder.resolve(), asked.names or list(there))
    finally:
        if asked.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


def _run(asked: argparse.Namespace, folder: Path, names: list[str]) -> int:
    started = time.monotonic()
    course = read_course(ROOT)
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    print(f"Publishing {course.name} as {course.repository}, tag {course.tag}", flush=True)
    published(course, work / "github")
    _time(started)
    started = time.monotonic()
    if asked.python:
        listed = _listed(asked.python, asked.newest)
        print(f"What Colab brings, by {asked.python} and {listed.name}", flush=True)
        made = built(folder, asked.python, listed)
    else:
        print(f"What Colab brings, as in {sys.prefix}", flush=True)
        made = like_this_one(folder)
    _time(started)
    faults = 0
    for name in names:
        print(f"{name}: a new runtime", flush=True)
        notebook = solved(read_source(course_sources(course)[name], course))
        ran = run(notebook, name, made, work, in_place_of_github(work / "github"))
        for what, seconds in ran.seconds.items():
            print(f"    {what}: {seconds:.0f} s")
        print(f"    added: {', '.join(ran.added) or 'nothing'}")
        print(f"    ticks: {ran.ticks} of {ran.checks}")
        for fault in ran.faults:
            print(f"    WRONG: {fault}")
        faults += len(ran.faults)
    print("All is well." if not faults else f"{faults} things are wrong; they are named above.")
    return 1 if faults else 0


def _listed(python: str, newest: bool) -> Path:
    """Return the list of packages for an interpreter: Colab's own versions, if it has that one."""
    said = [python, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"]
    version = subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip()
    colabs = HERE / f"{version}.txt"
    return colabs if colabs.exists() and not newest else HERE / "newest.txt"


def _time(started: float) -> None:
    print(f"    {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
