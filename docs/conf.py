"""Sphinx's settings for the course site, which ``python -m docs`` builds."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from autograde.model.course_file import read_course

course = read_course(Path(__file__).parents[1] / "course.toml")

project = course.name
author = "the authors of xaikit"
language = "en"
html_title = course.name

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "docs.extension",
]
exclude_patterns = ["included"]

# Markdown as Jupyter reads it. Nothing runs here: docs/figures.py has run the notebooks.
nb_execution_mode = "off"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
# CONTRIBUTING shows a source with templates in it, which is no Python yet. Headings of a chapter of
# README are one level too deep for a page of its own: there they become the level below its title.
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

# The reference: NumPy-style docstrings; names of types are words, and no links.
autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
nitpicky = True
nitpick_ignore_regex = [("py:(class|attr)", ".*"), ("py:data", r"xaikit\.core\..*")]

html_theme = "pydata_sphinx_theme"
html_static_path = ["static"]
html_css_files = ["course.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_math_renderer = "mathml"
_ALONE = ("index", "tour", "students", "instructors", "authors", "library", "security")
html_sidebars: dict[str, list[str]] = {page: [] for page in _ALONE}
html_theme_options = {
    "logo": {"text": "xaikit", "alt_text": "xaikit, the first page"},
    "header_links_before_dropdown": 8,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
