"""Print the tests that stand beside the files which differ from the main branch.

Files that were changed, added or deleted since the branch left ``main`` count, committed or not. On
``main`` itself, with nothing changed, the files of the last commit count. ``tests/`` mirrors the
tree: the tests of a module are in the folder, or in the files, of its own or its folder's name.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]


def git(*arguments: str) -> list[str]:
    """Return the lines that git answers, none if it refuses."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else []


def changed() -> set[str]:
    """Return the files that differ."""
    for main in ("origin/main", "main"):
        if base := git("merge-base", "HEAD", main):
            break
    else:
        base = ["HEAD"]
    untracked = git("ls-files", "--others", "--exclude-standard")
    return {*git("diff", "--name-only", base[0]), *untracked} or {
        *git("diff", "--name-only", "HEAD~1")
    }


def beside(file: str, root: Path = ROOT) -> set[str]:
    """Return the tests of one file: those of its name, else of its folder's, and so on."""
    path = PurePosixPath(file)
    if path.parts[0] == "tests":
        if path.name.startswith("test_"):
            return {file} if (root / path).is_file() else set()
        return {str(path.parent)} - {"tests"}  # a fixture or a helper
    if len(path.parts) == 1:
        return {"tests/test_environment.py"}
    tests = root / "tests" / path.parts[0]
    names = [path.stem, *reversed(path.parts[1:-1])]
    if path.parts[0] == "solutions":  # a notebook's tests look at all of its sections together
        names = names[-1:]
    for name in names:
        # tests/xaikit/metrics/ and test_ranks.py in it, or tests/xaikit/test_metrics_ranks.py
        patterns = (f"test_{name}.py", f"test_{name}_*.py", f"test_*_{name}.py")
        files = {each for pattern in patterns for each in tests.rglob(pattern)}
        folders = {each for each in tests.rglob(f"{name}/") if any(each.glob("test_*.py"))}
        if found := folders or files:
            return {str(each.relative_to(root)) for each in found}
    return set()


if __name__ == "__main__":
    files = changed()
    tests = sorted({test for file in files for test in beside(file)})
    without = [file for file in sorted(files) if not beside(file)]
    print(f"{len(files)} files differ; their tests: {' '.join(tests) or 'none'}", file=sys.stderr)
    if without:
        print(f"Only `make test` tests these: {' '.join(without)}", file=sys.stderr)
    print("\n".join(tests))
