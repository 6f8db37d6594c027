"""``python -m docs`` builds the course site: static files for any web server, or for none."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from autograde.errors import AutogradeError
from autograde.grading.data import settle_data
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.release import release
from autograde.notebooks.source import course_sources, read_source
from docs.build import SiteError, build, gather
from docs.runs import worked_figures
from docs.tour import missing_programs, take_pictures
from docs.verify import broken, leaks, traces


def make_site(course: Course, out: Path, work: Path) -> None:
    """Release, run the solutions, take the tour's pictures, build the pages and look at them.

    Parameters
    ----------
    course
        The course.
    out
        Where the site is written. It is there only if nothing is wrong with it.
    work
        Holds what the next build uses again.

    Raises
    ------
    AutogradeError
        If a program is missing, or something is wrong: a sentence for each.
    """
    if missing := missing_programs():
        raise SiteError(
            f"This machine lacks {' and '.join(missing)}: the tour's pictures need both programs "
            "(Debian and Ubuntu: apt-get install chromium chromium-driver)."
        )
    release([], course, _say)
    settle_data(course, _say)
    read = {name: read_source(path, course) for name, path in course_sources(course).items()}
    shown = worked_figures(read, course, work / "figures", _say)
    take_pictures(course, course.folder / "demo", work / "pictures", _say)
    _say("Pages: Sphinx makes them")
    gather(course, shown, work / "pictures", work / "source")
    made = work / "html"
    build(work / "source", made)
    _say("Looking for broken links, for what leaks, and for traces of this machine")
    found = [*broken(made), *leaks(made, read.values(), course), *traces(made, course.folder)]
    if found:
        raise SiteError("\n".join(found))
    replace_folder(made, out)


def replace_folder(made: Path, out: Path) -> None:
    """Put a folder in the place of an earlier site.

    Raises
    ------
    SiteError
        If what is there is no site.
    """
    if out.exists():
        if not (out / "searchindex.js").is_file():
            raise SiteError(f"{out} is no site of an earlier build; name another folder.")
        shutil.rmtree(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    made.rename(out)


def main() -> int:
    """Build the site; a problem is a sentence on stderr, and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m docs", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/site"), help="default: build/site")
    out: Path = parser.parse_args().out
    started = time.monotonic()
    try:
        course = read_course(Path(__file__).parents[1] / "course.toml")
        make_site(course, out.resolve(), course.folder / "build" / "site-parts")
    except AutogradeError as error:
        for line in error.lines or (str(error),):
            print(f"docs: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("docs: stopped; the next build goes on from what is done.", file=sys.stderr)
        return 130
    sizes = [file.stat().st_size for file in out.rglob("*") if file.is_file()]
    took = time.monotonic() - started
    _say(f"The site took {took / 60:.0f} min: {len(sizes)} files, {sum(sizes) / 1e6:.0f} MB.")
    _say("No link is broken, nothing leaks, and no page loads anything from elsewhere.")
    _say(f"Open {(out / 'index.html').resolve()}, or put the folder on any web server.")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
