"""``autograde publish``: the students' repository, and the proof that it holds no secret."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from autograde.errors import AutogradeError
from autograde.model.course import Course
from autograde.notebooks.beside import history, others
from autograde.notebooks.cells import SourceError
from autograde.notebooks.colab import opens
from autograde.notebooks.publication import Known, faults, leaked
from autograde.notebooks.release import release
from autograde.notebooks.source import Source, course_sources, read_source, sources
from autograde.safety.files import write_together

Say = Callable[[str], object]

LIST = ".published.json"
"""What the last publication wrote, with digests: by it the next one knows the folder."""

_KEPT = (
    *("name", "version", "description", "readme", "requires-python", "license", "license-files"),
    "dependencies",
)


def publish(out: Path, course: Course, say: Say = print) -> list[str]:
    """Write what students need to a folder of its own, after it was searched for secrets.

    Parameters
    ----------
    out
        A new or empty folder, an empty clone, or the folder of an earlier publication. Its
        ``.git`` stays.
    course
        The course.
    say
        Takes a line of progress.

    Returns
    -------
    list of str
        The places of files in the folder that are not of this publication; they stay.

    Raises
    ------
    AutogradeError
        If the folder is not one of these, its history holds what only authors see, or something
        must not be published: a sentence for everything that was found. Nothing is written then.
    """
    before = _earlier(out, course)
    say(f"Releasing {course.folder / 'solutions'}")
    release([], course, say)
    files = {**_copied(course), **_made(course)}
    say(f"Searching {len(files)} files for solutions, hidden checks and other addresses")
    known = Known.of(_whole(course, say), course.folder / "solutions")
    found = [*faults(files, known, course), *_of_others(out, files, known, say)]
    if found:
        raise AutogradeError("\n".join(found))
    digests = {place: hashlib.sha256(content).hexdigest() for place, content in files.items()}
    files[LIST] = (json.dumps(digests, indent=1, sort_keys=True) + "\n").encode()
    _expect_new(course, out, files[LIST])
    _expect_unchanged(out, before, files)
    say(f"Nothing leaks. Writing {out.resolve()}")
    write_together({out / place: content for place, content in files.items()})
    for place in sorted(before.keys() - files.keys()):  # an earlier publication wrote it
        file = out / place
        if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == before[place]:
            file.unlink()
    left = [place for place in _there(out) if place not in files]
    for place in left:
        say(f"Not of this publication, left as it is: {out / place}")
    return left


def _earlier(out: Path, course: Course) -> dict[str, str]:
    """Return what an earlier publication wrote into the folder, or raise."""
    here, home = out.resolve(), course.folder.resolve()
    if here == home or home in here.parents or here in home.parents:
        raise AutogradeError(
            f"{out} lies in the course's folder or holds it; choose a folder beside it."
        )
    if out.exists() and not out.is_dir():
        raise AutogradeError(f"{out} is a file; choose a new folder.")
    file = out / LIST
    if not file.is_file() and (there := _there(out)):
        raise AutogradeError(
            f"{out} is no earlier publication: it holds {there[0]}; choose a new folder."
        )
    if (out / ".git").exists():
        secret = ("solutions", "autograde", "course.toml", ".course-secret")
        command = ["git", "-C", str(out), "log", "--all", "--format=%h", "-1", "--", *secret]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or done.stdout.strip():
            why = done.stderr.strip() or f"commit {done.stdout.strip()} holds what authors see"
            raise AutogradeError(f"{out}: its history cannot be published: {why}.")
    try:
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError:
        raise AutogradeError(f"{file} is damaged; publish into a new folder.") from None
    return {p: d for p, d in known.items() if not Path(p).is_absolute() and ".." not in p}


def tagged(out: Path, course: Course) -> bool:
    """Return whether the folder's repository has the course's tag."""
    if not (out / ".git").exists():
        return False
    git = ["git", "-C", str(out), "rev-parse", "--quiet", "--verify", f"refs/tags/{course.tag}"]
    return subprocess.run(git, capture_output=True).returncode == 0


def _expect_new(course: Course, out: Path, listed: bytes) -> None:
    """Raise if the folder's history has other files at the tag: who opens the tag gets those."""
    if not tagged(out, course):
        return
    git = ["git", "-C", str(out)]
    then = subprocess.run([*git, "show", f"refs/tags/{course.tag}:{LIST}"], capture_output=True)
    if then.stdout != listed:
        raise AutogradeError(
            f"{out} has a tag {course.tag} with other files, and a tag stays what it is: give "
            f"another tag in {course.file}."
        )


def _expect_unchanged(out: Path, before: Mapping[str, str], files: Mapping[str, bytes]) -> None:
    """Raise if somebody changed a file of the last publication: writing it would lose that."""
    changed = []
    for place in before.keys() & files.keys():
        file = out / place
        if not file.is_file():
            continue
        there = file.read_bytes()
        forms = (there, there.replace(b"\r\n", b"\n"))  # git may end lines as the system does
        digests = {hashlib.sha256(form).hexdigest() for form in forms}
        if not {before[place], hashlib.sha256(files[place]).hexdigest()} & digests:
            changed.append(f"{file}")
    if changed:
        raise AutogradeError(
            f"Since the last publication somebody changed {', '.join(sorted(changed))}, and this "
            "one would overwrite that: move what you wrote to a file of another name, or delete "
            "the changed file, then publish again."
        )


def _whole(course: Course, say: Say) -> Iterator[Source]:
    """Yield all notebooks with nothing left out: another term asks what this course leaves out."""
    ours = course_sources(course)
    for name, path in sources(course.folder / "solutions").items():
        try:
            yield read_source(path, course.whole)
        except SourceError:
            if name in ours:
                yield read_source(path, course)
            else:
                say(f"Not searched for: {path}, which cannot be read. `autograde check` says why.")


def _of_others(out: Path, files: Mapping[str, bytes], known: Known, say: Say) -> list[str]:
    """Return what must not be pushed along: secrets in other files and in the history."""
    beside = others(out, {*files, LIST})
    found, closed = leaked(beside.items(), known)
    for place in closed:
        say(f"Not of this publication, and it cannot be searched: {out / place}")
    past, _ = leaked(history(out, [*files.values(), *beside.values()]), known)
    again = "a commit stays in the history: publish into a new folder."
    return [
        *(f"{out}: {sentence}" for sentence in found),
        *(f"{out}: {sentence.replace('please take it out.', again)}" for sentence in past),
    ]


def _there(out: Path) -> list[str]:
    """Return the files of a folder, those of git left out."""
    return sorted(
        file.relative_to(out).as_posix()
        for file in out.rglob("*")
        if (file.is_file() or file.is_symlink()) and file.relative_to(out).parts[0] != ".git"
    )


def _copied(course: Course) -> dict[str, bytes]:
    """Return the notebooks, the settings of JupyterLab, the library and the licence."""
    folder = course.folder
    if not (folder / "xaikit").is_dir():
        raise AutogradeError(f"There is no {folder / 'xaikit'}, which students install.")
    files = [folder / "notebooks" / f"{name}.ipynb" for name in course_sources(course)]
    files += [*(folder / "notebooks" / ".jupyter").rglob("*"), *(folder / "xaikit").rglob("*")]
    files.append(folder / "LICENSE")
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(files)
        if file.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & {*file.parts}
    }


def _made(course: Course) -> dict[str, bytes]:
    """Return what is written for students: how to install, and how to begin."""
    project = tomllib.loads((course.folder / "pyproject.toml").read_text(encoding="utf-8"))
    lab = project["project"].get("optional-dependencies", {}).get("lab", ["jupyterlab"])
    texts = {
        "pyproject.toml": _pyproject(project, lab),
        "README.md": _readme(course),
        "environment.yml": (
            "# conda env create -f environment.yml && conda activate xaikit\n"
            "name: xaikit\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.13\n"
            "  - pip\n  - pip:\n      - -e .[lab]\n"
        ),
        ".gitignore": ".venv/\n__pycache__/\n*.egg-info/\nbuild/\n.ipynb_checkpoints/\n",
    }
    return {place: text.encode() for place, text in texts.items()}


def _pyproject(project: Mapping[str, Any], lab: list[str]) -> str:
    """Return the library's project file without the grader."""
    system, about = project["build-system"], project["project"]
    lines = ["[build-system]", *(f"{key} = {json.dumps(value)}" for key, value in system.items())]
    lines += ["", "[project]"]
    # What JSON writes for texts and lists of texts is TOML, too.
    lines += [f"{key} = {json.dumps(about[key])}" for key in _KEPT if key in about]
    lines += ["", "[project.optional-dependencies]", f"lab = {json.dumps(lab)}"]
    lines += ["", "[tool.setuptools]", 'packages = { find = { include = ["xaikit*"] } }']
    data = project["tool"]["setuptools"]["package-data"]["xaikit"]
    lines += [f"package-data = {{ xaikit = {json.dumps(data)} }}", ""]
    return "\n".join(lines)


def _readme(course: Course) -> str:
    rows = [
        f"| [{name}](notebooks/{name}.ipynb) | [open in Colab]({opens(course, name)}) |"
        for name in course_sources(course)
    ]
    return "\n".join(
        [
            f"# {course.name}",
            "",
            "| notebook | |",
            "|---|---|",
            *rows,
            "",
            "In Colab a notebook installs what it needs. On your own machine you need Python 3.11 "
            "or later:",
            "",
            "```",
            f"git clone --branch {course.tag} https://github.com/{course.repository} course",
            "cd course",
            'python -m pip install -e ".[lab]"',
            "jupyter lab notebooks",
            "```",
            "",
            "Write your answers in the cells that begin with `# answer: …` (or `<!-- answer: … -->`"
            " for text), and keep",
            "that line. The cell below an answer checks its form and says what to try. Further "
            "checks decide about the",
            "marks after you hand in; they call your functions on other inputs.",
            "",
            "Before you hand in, save the notebook and run its last cell, or `python -m xaikit "
            "check notebooks/NAME.ipynb`.",
            "",
            "The code is under the licence in [LICENSE](LICENSE); the sample of the data is under "
            "the licence in its folder,",
            "below `xaikit/assets/sample/`.",
            "",
        ]
    )
