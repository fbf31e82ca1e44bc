"""The pages of the site that come from outside docs/, and links that leave docs/."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/kubetasks/kubetasks"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_pages", ROOT / "bin" / "site_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site_pages = load()


@pytest.mark.parametrize(
    ("text", "folder", "page", "wanted"),
    [
        ("[a](docs/secrets.md#x)", "", "index.md", "[a](secrets.md#x)"),
        ("![a](docs/pictures/ui.png)", "", "index.md", "![a](pictures/ui.png)"),
        ("[a](LICENSE)", "", "index.md", f"[a]({REPOSITORY}/blob/main/LICENSE)"),
        ("[a](docs/diagnoses)", "", "index.md", f"[a]({REPOSITORY}/tree/main/docs/diagnoses)"),
        ("[a](CONTRIBUTING.md)", "", "index.md", "[a](contributing.md)"),
        ("[a](../bench/README.md#rolling-updates)", "docs", "app.md", "[a](bench.md#rolling-updates)"),
        ("[a](../bench/README.md)", "docs/adr", "adr/x.md", f"[a]({REPOSITORY}/blob/main/docs/bench/README.md)"),
        ("[a](../../bench/README.md)", "docs/adr", "adr/x.md", "[a](../bench.md)"),
        ("[a](../docker/offline/README.md)", "docs", "x.md", f"[a]({REPOSITORY}/blob/main/docker/offline/README.md)"),
        ("[a](../secrets.md)", "docs/aiops", "aiops/mcp.md", "[a](../secrets.md)"),
        ("[a](https://example.com/docs/x.md)", "", "index.md", "[a](https://example.com/docs/x.md)"),
        ("[a](#here)", "", "index.md", "[a](#here)"),
        ("[a](mailto:me@example.com)", "", "index.md", "[a](mailto:me@example.com)"),
    ],
)
def test_links_of_the_site(text: str, folder: str, page: str, wanted: str) -> None:
    assert site_pages.rewritten(text, folder, page) == wanted


def test_every_page_of_docs_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    listed = {page for page in pages if f": {page}\n" in text}
    assert {page for page in pages - listed if page.partition("/")[0] not in {"adr", "diagnoses"}} == set()
