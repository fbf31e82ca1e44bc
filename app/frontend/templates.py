"""The templates, compiled once."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from app.frontend.static import Static
from app.frontend.views import Blank, Page

FOLDER = Path(__file__).parent / "templates"


class Templates:
    """What makes HTML of a page."""

    def __init__(self, static: Static) -> None:
        """Read the templates; `static` gives the paths of the files that they name."""
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True, auto_reload=False
        )
        self._environment.globals.update(static=static.path, blank=Blank())
        macros = self._environment.get_template("macros.html").module
        self._environment.globals.update({name: each for name, each in vars(macros).items() if name[0] != "_"})

    def render(self, page: Page) -> str:
        """Return a page's HTML."""
        return self._environment.get_template(f"{page.name}.html").render(page=page)
