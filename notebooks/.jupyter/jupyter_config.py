"""The pages that JupyterLab prints and exports: `make lab` reads this, and so does nbconvert."""

from pathlib import Path

c = get_config()

c.TemplateExporter.extra_template_basedirs = [str(Path(__file__).parent / "templates")]
c.HTMLExporter.template_name = "course"
c.SlidesExporter.template_name = "reveal"  # slides are pages of HTML, too
