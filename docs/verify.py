"""Looks at the built site: no link is broken, nothing leaks, nothing comes from elsewhere."""

from __future__ import annotations

import getpass
import posixpath
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from autograde.model.course import Course
from autograde.notebooks.publication import Known, faults
from autograde.notebooks.source import Source

_LOADED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}
"""What a page loads by itself, by the attribute that says from where."""

_SHOWN = ("alt", "title", "aria-label", "content")
_STYLE = re.compile(r"""url\(\s*['"]?([^'")]+)""")


@dataclass
class Page:
    """What a page of HTML says, names and refers to.

    Attributes
    ----------
    text
        All that can be read in it, tags left out.
    anchors
        The places in it that a link can lead to.
    links, loaded
        Where its links lead, and what it loads.
    blind
        The pictures without an alternative text.
    """

    text: str = ""
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page, self._texts = Page(), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.page.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        self._texts += [f" {given[name]} " for name in _SHOWN if name in given]
        if tag == "a" and "href" in given:
            self.page.links.append(given["href"])
        if given.get(_LOADED.get(tag, "")) and "canonical" not in given.get("rel", ""):
            self.page.loaded.append(given[_LOADED[tag]])
        if tag == "img" and given.get("alt", "").strip() in ("", given.get("src")):
            self.page.blind.append(given.get("src", ""))

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    def read(self, html: str) -> Page:
        self.feed(html)
        self.close()
        self.page.text = "".join(self._texts)
        return self.page


def read_page(html: str) -> Page:
    """Return what a page says and refers to."""
    return _Reader().read(html)


def broken(site: Path) -> list[str]:
    """Return a sentence for each link that leads nowhere, and for what is loaded from elsewhere.

    Parameters
    ----------
    site
        The folder of the built site. Links have to be relative, so that it works in any folder.
    """
    pages = {
        file.relative_to(site).as_posix(): read_page(file.read_text(encoding="utf-8"))
        for file in sorted(site.rglob("*.html"))
    }
    found = []
    for place, page in pages.items():
        found += [f"{place}: {link} {why}." for link, why in _faulty(place, page, pages, site)]
        found += [f"{place}: {each} has no alternative text." for each in page.blind]
    for file in sorted(site.rglob("*.css")):
        place = file.relative_to(site).as_posix()
        for target in _STYLE.findall(file.read_text(encoding="utf-8")):
            if why := _missing(place, target, {}, site):
                found.append(f"{place}: {target} {why}.")
    return found


def _faulty(
    place: str, page: Page, pages: dict[str, Page], site: Path
) -> Iterator[tuple[str, str]]:
    for link in dict.fromkeys([*page.links, *page.loaded]):
        parts = urlsplit(link)
        if parts.scheme in ("http", "https", "mailto") or parts.netloc:
            if link in page.loaded:
                yield link, "is loaded from elsewhere, so the page needs a network"
        elif why := _missing(place, link, pages, site):
            yield link, why


def _missing(place: str, link: str, pages: dict[str, Page], site: Path) -> str:
    parts = urlsplit(link)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return "leads out of the site"
    if parts.path.startswith("/"):
        return "begins at the server's root"
    path = unquote(parts.path)
    target = posixpath.normpath(posixpath.join(posixpath.dirname(place), path)) if path else place
    if target.startswith("..") or not (site / target).is_file():
        return "leads nowhere"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "leads to a place that the page does not have"
    return ""


def leaks(site: Path, read: Iterable[Source], course: Course) -> list[str]:
    """Return a sentence for each secret of solutions and hidden checks that the site holds."""
    files = {}
    for file in sorted(site.rglob("*")):
        if file.suffix in {".html", ".js", ".txt", ".json", ".ipynb", ".svg"}:
            text = file.read_text(encoding="utf-8")
            text = read_page(text).text if file.suffix == ".html" else text
            files[file.relative_to(site).as_posix()] = text.encode()
    return faults(files, Known.of(read, course.folder / "solutions"), course)


def traces(site: Path, folder: Path) -> list[str]:
    """Return a sentence for each file that names this machine: its folders, its user or its name.

    Parameters
    ----------
    site
        The folder of the built site.
    folder
        The course's folder.
    """
    names = {str(folder), str(Path.home()) + "/", f"{getpass.getuser()}@", socket.gethostname()}
    told = sorted(name for name in names if len(name) > 4)
    found = []
    for file in filter(Path.is_file, sorted(site.rglob("*"))):
        content, place = file.read_bytes(), file.relative_to(site).as_posix()
        found += [f"{place} names this machine: {n}." for n in told if n.encode() in content]
    return found
