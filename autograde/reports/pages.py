"""What the HTML pages share: the templates, their style, and how they are filled."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autograde.model.records import points
from autograde.reports.tables import STATUS_WORDS, also
from autograde.safety.html import code_css, comment_html, message_html
from autograde.safety.sanitize import clean_text


def render(template: str, **content: Any) -> str:
    """Fill a template of ``autograde/templates``; everything that is not markup is escaped."""
    return _environment().get_template(template).render(**content)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("autograde.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = lambda value: points(None if value is None else round(value, 2))
    environment.filters["message"] = message_html
    environment.filters["comment"] = comment_html
    environment.globals["status_words"] = STATUS_WORDS
    environment.globals["also"] = also
    environment.globals["code_css"] = Markup(code_css())
    return environment


def _visible(value: Any) -> Any:
    """Drop what would hide or turn text, such as direction marks in a student's name."""
    return clean_text(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
