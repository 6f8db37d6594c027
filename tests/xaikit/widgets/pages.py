"""What a page of the explorer says, for the tests of all pages."""

from __future__ import annotations

from xaikit.widgets.frame import Frame


def said(page: Frame) -> str:
    return page.status.value.split(">", 1)[1].removesuffix("</div>")
