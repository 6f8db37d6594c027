"""Grade submissions as nbgrader does by itself, for comparison: run as a program, isolated.

Usage: ``plain_nbgrader.py COURSE NOTEBOOK RESULTS STUDENT…``; a line of JSON a student.
"""

from __future__ import annotations

import json
import logging
import os
import socketserver
import sys
import threading
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config

PORT = 45123
"""The port inside the isolation at which an accomplice sells answers."""


class Seller(socketserver.StreamRequestHandler):
    """The accomplice on the network."""

    def handle(self) -> None:
        self.wfile.write(b"5050\n")


def main(course: Path, name: str, results: Path, students: list[str]) -> None:
    seller = socketserver.TCPServer(("127.0.0.1", PORT), Seller)
    threading.Thread(target=seller.serve_forever, daemon=True).start()
    config = Config()
    config.CourseDirectory.root = str(course)
    config.Execute.timeout = 60  # a busy machine is no reason to fail
    config.NbGraderAPI.log_level = logging.CRITICAL
    api = NbGraderAPI(config=config)
    if not (course / "release" / name).is_dir():
        made = api.generate_assignment(name)
        assert made["success"], made
    for student in students:
        graded = api.autograde(name, student)
        score = 0.0
        with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
            try:
                score = float(gradebook.find_submission(name, student).score)
            except MissingEntry:
                graded["success"] = False
        page = ""
        if graded["success"] and student in os.environ["REDTEAM_PAGES"].split():
            api.generate_feedback(name, student)
            for file in (course / "feedback" / student / name).glob("*.html"):
                page += file.read_text(errors="replace")
        line = {"student": student, "success": graded["success"], "score": score, "page": page}
        with results.open("a") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
