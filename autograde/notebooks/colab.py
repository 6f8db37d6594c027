"""What opens a notebook in Colab: its badge, and the cell that installs what Colab lacks.

Both fetch the tag that ``course.toml`` names. :file:`first_cell.py` is the cell's only source.
"""

from __future__ import annotations

from pathlib import Path

from autograde.model.course import Course

COLAB = "https://colab.research.google.com"

_CELL = Path(__file__).with_name("first_cell.py")
INSTALLS = _CELL.read_text(encoding="utf-8").partition("\n")[0]
"""The first line of the cell that installs."""


def opens(course: Course, name: str) -> str:
    """Return the address that opens a notebook of the students' repository in Colab."""
    place = f"{course.repository}/blob/{course.tag}/notebooks/{name}.ipynb"
    return f"{COLAB}/github/{place}"


def fetched(course: Course) -> str:
    """Return what pip installs in Colab: the students' repository at the tag, and no branch."""
    return f"git+https://github.com/{course.repository}@refs/tags/{course.tag}"


def colab_texts(course: Course, name: str) -> dict[str, str]:
    """Return what fills ``{{ course.badge }}`` and the comment ``# {{ course.install }}``.

    Parameters
    ----------
    course
        Names the students' repository and its tag.
    name
        The notebook's name, such as ``01_theory``.
    """
    badge = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({opens(course, name)})"
    cell = _CELL.read_text(encoding="utf-8").removeprefix("# ").rstrip("\n")
    return {
        "course.badge": badge,
        "course.install": cell.replace("{{ course.source }}", fetched(course)),
    }
