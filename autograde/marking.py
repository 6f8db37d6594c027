"""What formgrader's page of a submission shows to whoever marks: what waits, comments used before.

``nbgrader_config.py``, which every folder of results holds, names :class:`ShowsWhatWaits`. It works
when a page is asked for, so it knows what was marked a moment ago.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbformat.notebooknode import from_dict
from nbgrader import api
from sqlalchemy.orm import Session

from autograde.formgrader import MARK_SCHEME

_OFFERED = 12
"""So many comments are offered for a task, those first that were used most."""

_PAGE = """<div id="waiting" class="alert alert-info">
<strong>{said}</strong>{link}
<button type="button" class="btn btn-default btn-sm" id="waiting-all">{button}</button>
</div>
<script>
document.addEventListener("DOMContentLoaded", function () {{
  const kept = new Set({kept}), comments = {comments};
  const cells = [...document.querySelectorAll("#notebook-container .cell")];
  const others = cells.filter((cell, place) => !kept.has(place));
  const button = document.getElementById("waiting-all");
  let folded = {folded};
  function show() {{
    others.forEach(cell => {{ cell.style.display = folded ? "none" : ""; }});
    button.textContent = folded ? "Show the whole notebook" : "Show only what waits";
  }}
  button.addEventListener("click", () => {{ folded = !folded; show(); }});
  button.hidden = !{folded};
  show();
  Object.entries(comments).forEach(([task, texts]) => {{
    const box = document.getElementById(task + "-comment");
    if (!box || !texts.length) return;
    const list = document.createElement("select");
    list.className = "form-control input-sm used-before";
    list.setAttribute("aria-label", "Comments used before");
    list.add(new Option("Comments used before …", ""));
    texts.forEach(text => list.add(new Option(text.replace(/\\s+/g, " ").slice(0, 120), text)));
    list.addEventListener("change", () => {{
      if (!list.value) return;
      box.value = box.value.trim() ? box.value.trimEnd() + "\\n\\n" + list.value : list.value;
      list.selectedIndex = 0;
      box.focus();
      jQuery(box).trigger("change");
    }});
    box.parentElement.insertBefore(list, box);
  }});
}});
</script>"""


class ShowsWhatWaits(Preprocessor):
    """Folds what does not wait on formgrader's page, and offers comments used before."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Put a bar on top of the page; other pages (feedback, JupyterLab's) stay as they are."""
        if "submission_id" not in resources:
            return nb, resources
        with api.Gradebook(self.config.CourseDirectory.db_url) as gradebook:
            there = _Marks(gradebook.db, resources["submission_id"])
        top = {
            "id": "what-waits",
            "cell_type": "markdown",
            "metadata": {"tags": [MARK_SCHEME]},
            "source": _bar(nb.cells, there),
        }
        nb.cells = [from_dict(top), *nb.cells]  # type: ignore[no-untyped-call]
        return nb, resources


class _Marks:
    """What the gradebook says about one submission, and of the same tasks in others."""

    def __init__(self, session: Session, notebook: str) -> None:
        grades = session.query(api.Grade.notebook_id, api.BaseCell.name).join(
            api.BaseCell, api.BaseCell.id == api.Grade.cell_id
        )
        here = session.get(api.SubmittedNotebook, notebook)
        same = [row.id for row in here.notebook.submissions] if here else []
        waiting = grades.filter(api.Grade.needs_manual_grade, api.Grade.notebook_id.in_(same)).all()
        self.waiting = {name for who, name in waiting if who == notebook}
        others = sorted({who for who, _ in waiting if who != notebook})
        later = [who for who in others if who > notebook]
        self.next = (later or others or [""])[0]
        self.left = len(others)
        texts = session.query(api.BaseCell.name, api.Comment.manual_comment).join(
            api.BaseCell, api.BaseCell.id == api.Comment.cell_id
        )
        used: dict[str, Counter[str]] = {}
        for name, text in texts.filter(api.Comment.notebook_id.in_(same)):
            if text and text.strip():
                used.setdefault(name, Counter())[text.strip()] += 1
        self.comments = {
            name: [text for text, _ in counts.most_common(_OFFERED)]
            for name, counts in used.items()
        }


def _bar(cells: Sequence[NotebookNode], there: _Marks) -> str:
    """Return the bar: how much waits here and elsewhere, and what makes the page show only that."""
    tasks = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in cells]
    kept = {0}  # the bar itself
    count = 0
    for place, task in enumerate(tasks):
        if task in there.waiting:
            count += 1
            kept |= {at + 1 for at in _with_question(cells, place, task)}
            kept.add(place + 1)
    said = f"{count} {'answer waits' if count == 1 else 'answers wait'} here" if count else ""
    elsewhere = f"{there.left} more {'submission waits' if there.left == 1 else 'submissions wait'}"
    said = "; ".join(filter(None, [said or "Nothing waits here", elsewhere if there.left else ""]))
    # The page's address ends in the submission's id and a slash.
    link = (
        f' <a class="next-waiting" href="../{there.next}/">Next that waits</a>'
        if there.next
        else ""
    )
    return _PAGE.format(
        said=f"{said}.",
        link=link,
        button="Show the whole notebook",
        kept=json.dumps(sorted(kept)),
        comments=_script(there.comments),
        folded=json.dumps(count > 0),
    )


def _with_question(cells: Sequence[NotebookNode], place: int, task: str) -> list[int]:
    """Return what belongs to an answer: its code if this is its test, mark scheme and question."""
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in cells]
    answer = task.removesuffix("-test")
    first = ids.index(answer) if answer in ids[:place] else place
    found = [*range(first, place)]
    for at in range(first - 1, -1, -1):
        given = not cells[at].metadata.get("nbgrader", {}).get("solution")
        if cells[at].cell_type != "markdown" or not given:
            break
        found.append(at)
        if cells[at].source.lstrip().startswith("#"):
            break
    return found


def _script(value: Mapping[str, Any]) -> str:
    """Return JSON that may stand in a page's script, whatever texts it holds."""
    return json.dumps(value).replace("<", "\\u003c").replace("&", "\\u0026").replace("$", "\\u0024")
