"""The gradebook's own rows: assignments and cells as the released notebook has them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from nbformat import NotebookNode
from nbgrader import api
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.preprocessors import SaveCells
from sqlalchemy import create_engine, text

from autograde.gradebook.aside import brought_back, give_points, prepare_aside, put_aside
from autograde.gradebook.coursefolder import utc
from autograde.gradebook.stored import LOG, url_of
from autograde.model.course import Course
from autograde.notebooks.cells import grading, node


def create_gradebook(db: Path) -> None:
    """Make an empty gradebook with nbgrader's tables, marked as being of its newest schema.

    nbgrader would ask the program ``alembic`` for that mark, which it finds only in an activated
    environment and which writes to the terminal.
    """
    new = db.with_name(f".{db.name}.new")
    new.unlink(missing_ok=True)
    engine = create_engine(url_of(new))
    api.Base.metadata.create_all(bind=engine)
    config = AlembicConfig()
    config.set_main_option("script_location", str(ALEMBIC_DIR))
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
    engine.dispose()
    new.replace(db)


def save_cells(db: Path, name: str, release: NotebookNode, course: Course) -> None:
    """Tell the gradebook about an assignment's cells, as ``nbgrader generate_assignment`` does."""
    deadline = course.assignment(name).deadline
    with api.Gradebook(url_of(db)) as gradebook:
        gradebook.update_or_create_assignment(
            name, duedate=None if deadline is None else utc(deadline.isoformat())
        )
        with contextlib.suppress(api.MissingEntry):
            _align(gradebook, gradebook.find_notebook(name, name), release)
            gradebook.db.commit()
    resources = {"nbgrader": {"notebook": name, "assignment": name, "db_url": url_of(db)}}
    SaveCells(log=LOG).preprocess(node(release), resources)


def _align(gradebook: Any, stored: Any, release: NotebookNode) -> None:
    """Give a notebook that has submissions the cells of a new release.

    nbgrader refuses to do that. Here an assignment is graded again as a whole, so automatic marks
    of cells that are gone may go, and cells that are new may wait for theirs. What persons gave is
    kept, and follows the points.
    """
    if not stored.submissions:
        return
    prepare_aside(gradebook.db)
    wanted: dict[Any, dict[str, NotebookNode]] = {api.GradeCell: {}, api.SolutionCell: {}}
    texts = {}
    for cell in release.cells:
        meta = grading(cell)
        if meta.get("grade"):
            wanted[api.GradeCell][meta["grade_id"]] = cell
        if meta.get("solution"):
            wanted[api.SolutionCell][meta["grade_id"]] = cell
        if meta.get("grade") or meta.get("solution") or meta.get("locked"):
            texts[meta["grade_id"]] = cell
    session = gradebook.db
    for kind, cells in wanted.items():
        have: dict[str, Any] = {
            cell.name: cell for cell in stored._base_cells if isinstance(cell, kind)
        }
        for cell_name in have.keys() & cells.keys() if kind is api.GradeCell else ():
            give_points(have[cell_name], float(grading(cells[cell_name])["points"]))
        for cell_name in have.keys() - cells.keys():
            put_aside(session, have[cell_name])
            for entry in [*(have[cell_name].grades or []), *(have[cell_name].comments or [])]:
                session.delete(entry)
            session.delete(have[cell_name])
        for cell_name in cells.keys() - have.keys():
            if kind is api.GradeCell:
                meta = grading(cells[cell_name])
                new = api.GradeCell(
                    name=cell_name,
                    notebook=stored,
                    max_score=float(meta["points"]),
                    cell_type=cells[cell_name].cell_type,
                )
            else:
                new = api.SolutionCell(name=cell_name, notebook=stored)
            session.add_all(brought_back(session, new, each) for each in stored.submissions)
    for source in list(stored.source_cells):
        if source.name not in texts:
            session.delete(source)
    for cell_name in texts.keys() - {source.name for source in stored.source_cells}:
        session.add(
            api.SourceCell(
                name=cell_name, notebook=stored, cell_type=texts[cell_name].cell_type, source=""
            )
        )
