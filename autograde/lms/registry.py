"""The learning management systems that the grader knows: a module and a line each."""

from __future__ import annotations

from autograde.lms.canvas import Canvas
from autograde.lms.moodle import Moodle
from autograde.lms.platform import Platform

PLATFORMS: tuple[Platform, ...] = (
    Moodle(),
    Canvas(),
)
