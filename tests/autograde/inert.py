"""What a page must not do: run, load or send anything."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from bleach._vendor import html5lib  # parses as browsers do, which Python's own parser does not

ACTIVE = {
    "script", "iframe", "frame", "object", "embed", "applet", "link", "base", "form", "input",
    "button", "audio", "video", "source", "track", "foreignObject", "use", "animate", "set",
}  # fmt: skip
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping"}


def parse(html: str) -> ElementTree.Element:
    """Return the tree that a browser builds."""
    tree: ElementTree.Element = html5lib.parse(html, namespaceHTMLElements=False)
    return tree


def elements(html: str) -> list[tuple[str, dict[str, str]]]:
    """Return name and attributes of every element, without namespaces."""
    return [
        (re.sub(r"\{.*\}", "", e.tag), {re.sub(r"\{.*\}", "", k): v for k, v in e.attrib.items()})
        for e in parse(html).iter()
        if isinstance(e.tag, str)
    ]


def text(html: str) -> str:
    """Return what a reader reads on the page, blanks collapsed."""
    tree = parse(html)
    for parent in list(tree.iter()):
        for child in list(parent):
            if child.tag in ("style", "title"):
                parent.remove(child)
    return " ".join("".join(tree.itertext()).split())


def assert_inert(html: str) -> None:
    """Fail if the page could run, load or send anything by itself or by a click on a script.

    It fails, too, if an image says nothing to those who do not see it.
    """
    for tag, attributes in elements(html):
        assert tag not in ACTIVE, f"<{tag}> in the page"
        assert tag != "img" or attributes.get("alt", "").strip(), "an image without a text"
        for name, value in attributes.items():
            assert not name.lower().startswith("on"), f"{name} on <{tag}>"
            if name in LOADING:
                image = re.match(r"data:image/(png|jpeg);base64,", value)
                assert image and tag == "img", f"<{tag} {name}={value[:60]}>"
            if name == "href":
                assert tag == "a" and re.match(r"(#|https?://|mailto:|feedback/)", value), value
            if name == "style":
                assert "url" not in value.lower() and "expression" not in value.lower()
            if name == "http-equiv":
                assert value == "Content-Security-Policy"
    for style in re.findall(r"<style>(.*?)</style>", html, re.DOTALL):
        assert "url(" not in style and "@import" not in style
