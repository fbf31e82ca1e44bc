"""A hook of MkDocs: pages from outside docs/, and links that leave docs/ as links to the repository."""

import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).resolve().parents[1]
REPOSITORY: Final = "https://github.com/kubetasks/kubetasks"
# A page of the site to the file that it shows.
PAGES: Final = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "bench.md": "bench/README.md",
}
LINK: Final = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def moved(target: str, folder: str) -> str:
    """Where a relative link leads on the site: a page of it, else the repository.

    Args:
        target: the link, relative to ``folder``.
        folder: the folder of the file that has it, relative to the repository's root.
    """
    path = posixpath.normpath(posixpath.join(folder, target))
    for page, source in PAGES.items():
        if path == source:
            return page
    if path.startswith("docs/") and (ROOT / path).is_file():
        return path.removeprefix("docs/")
    return f"{REPOSITORY}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}"


def rewritten(text: str, folder: str, page: str) -> str:
    """A page's text with links for the site.

    Args:
        text: Markdown.
        folder: the folder of the file, relative to the repository's root.
        page: the page's path on the site.
    """

    def replace(match: re.Match[str]) -> str:
        target = moved(match[2], folder)
        if not target.startswith(REPOSITORY):
            target = posixpath.relpath(target, posixpath.dirname(page) or ".")
        return match[1] + target

    return LINK.sub(replace, text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=rewritten(text, posixpath.dirname(source), page)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of pages in docs/."""
    uri = page.file.src_uri
    if uri in PAGES:
        return markdown
    return rewritten(markdown, posixpath.dirname(f"docs/{uri}"), uri)
