"""Release the newest version in CHANGELOG.md: ``python .ci/version.py``, or ``make version``.

The changelog's first heading, such as ``## 0.2.0 (unreleased)``, names the version. The command
writes today's date there, the version into pyproject.toml and CITATION.cff, and the tag into
course.toml, releases the notebooks, whose badges open that tag, commits all, and tags the commit
``v0.2.0``. It pushes nothing. A fork's course.toml, whose tag is no version's, stays as it is.
"""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADING = re.compile(r"^## (\S+) \((.*)\)$", re.MULTILINE)
TAG = re.compile(r'^tag = "v\d+\.\d+\.\d+"$', re.MULTILINE)


def git(root: Path, *arguments: str) -> str:
    """Return what git prints, or end with its words."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def replaced(text: str, pattern: str, value: str, file: str) -> str:
    """Put a line in place of the one that matches, of which there has to be exactly one."""
    changed, times = re.subn(pattern, value, text, flags=re.MULTILINE)
    if times != 1:
        sys.exit(f"{file} has {times} lines like {pattern!r}: there has to be one.")
    return changed


def release(root: Path, today: datetime.date) -> str:
    """Write, commit and tag; return the tag."""
    if git(root, "status", "--porcelain"):
        sys.exit("There are changes that are not committed: commit or remove them first.")
    texts = {
        name: (root / name).read_text(encoding="utf-8")
        for name in ("CHANGELOG.md", "pyproject.toml", "CITATION.cff", "course.toml")
    }
    newest = HEADING.search(texts["CHANGELOG.md"])
    if newest is None or newest[2] != "unreleased":
        sys.exit(
            "CHANGELOG.md's newest version is released: begin the next one with a heading such as "
            '"## 0.2.0 (unreleased)", and say below it what changes for users.'
        )
    version, tag = newest[1], f"v{newest[1]}"
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit(f"CHANGELOG.md's newest version, {version}, is not three numbers, such as 0.2.0.")
    if git(root, "tag", "--list", tag):
        sys.exit(f"The tag {tag} is there: give CHANGELOG.md's newest version another number.")
    texts["CHANGELOG.md"] = HEADING.sub(f"## {version} ({today})", texts["CHANGELOG.md"], count=1)
    texts["pyproject.toml"] = replaced(
        texts["pyproject.toml"], r'^version = ".*"$', f'version = "{version}"', "pyproject.toml"
    )
    citation = re.sub(r"^date-released: .*\n", "", texts["CITATION.cff"], flags=re.MULTILINE)
    texts["CITATION.cff"] = replaced(
        citation, r"^version: .*$", f"version: {version}\ndate-released: {today}", "CITATION.cff"
    )
    texts["course.toml"] = TAG.sub(f'tag = "{tag}"', texts["course.toml"])
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "autograde", "release"], cwd=root)
    if done.returncode != 0:
        git(root, "checkout", "--", ".")
        sys.exit("The notebooks cannot be released, so nothing is: mend what is said above.")
    git(root, "commit", "--quiet", "--all", "--message", f"Version {version}")
    git(root, "tag", "--annotate", "--message", f"xaikit {version}", tag)
    return tag


if __name__ == "__main__":
    print(f"Tagged {release(ROOT, datetime.date.today())}. To publish: git push --follow-tags")
