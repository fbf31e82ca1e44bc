"""Secrets and state never enter a context, whatever the ignore file says."""

from pathlib import Path

import pytest

from kubetasks.images.context import Listing, walk
from kubetasks.images.ignore import Ignore
from kubetasks.images.withheld import Withheld

SECRETS = ("API_KEY", "DATABASE_URL")


def found(root: Path, *paths: str, patterns: tuple[str, ...] = ()) -> Listing:
    return walk(root, Ignore(patterns), Withheld(tuple(root / path for path in paths), SECRETS))


def sent(listing: Listing) -> list[str]:
    return [item.path for item in listing.items]


@pytest.mark.parametrize("patterns", [(), ("*.md",), ("!.env",), ("*", "!.env", "!a"), ("**", "!**")])
def test_the_env_file_is_withheld_whatever_is_ignored(tmp_path: Path, patterns: tuple[str, ...]) -> None:
    (tmp_path / ".env").write_text("OTHER=1\n")
    (tmp_path / "a").touch()
    listing = found(tmp_path, ".env", patterns=patterns)
    assert sent(listing) == ["a"]
    assert listing.withheld == [".env"]


def test_by_any_name(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "prod").write_text("x")
    (tmp_path / "hard").hardlink_to(tmp_path / "secrets" / "prod")
    (tmp_path / "copy").write_text("x")
    assert found(tmp_path, "secrets/prod").withheld == ["hard", "secrets/prod"]


def test_what_an_env_file_links_to_is_withheld(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / ".env").symlink_to("real")
    assert sorted(found(tmp_path, ".env").withheld) == [".env", "real"]


def test_through_a_link_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / ".env").write_text("x")
    (tmp_path / "link").symlink_to("real")
    listing = walk(tmp_path / "link", Ignore([]), Withheld((tmp_path / "real" / ".env",)))
    assert listing.withheld == [".env"]


def test_a_state_folder_is_withheld_whole(tmp_path: Path) -> None:
    (tmp_path / ".kubetasks" / "local").mkdir(parents=True)
    (tmp_path / ".kubetasks" / "local" / "secret").touch()
    listing = found(tmp_path, ".kubetasks", patterns=("!.kubetasks/local",))
    assert (sent(listing), listing.withheld) == ([], [".kubetasks"])


@pytest.mark.parametrize("name", [".env~", "env~", ".env.swp", "..env.swp", "#.env#", ".#.env", ".env.swo"])
def test_an_editors_copy_is_withheld(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"b0VIM 9.0\0\0API_KEY")
    assert found(tmp_path, ".env").withheld == [name]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prod.env", "API_KEY=1\n"),
        (".env.local", "A=1\nexport DATABASE_URL='x y'\n"),
        ("env.prod", '\n  API_KEY = "1"\n'),
        (".envrc", "export API_KEY=1"),
        (".env.bak", "A=1\r\nAPI_KEY=1\r\n"),
        (".ENV", "API_KEY=1"),
        ("deep/er/.env", "API_KEY=1"),
        (".env-old", "API_KEY=1"),
    ],
)
def test_a_file_that_gives_a_secret_its_value_is_withheld(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    assert found(tmp_path, "other").withheld == [name]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env.example", "# API_KEY=1\nAPI_KEY=\nDATABASE_URL=''\nA=1\n"),
        (".env.production", "VITE_API=/api\nMY_API_KEY=1\n"),
        ("environment.py", "API_KEY=1\n"),
        ("settings.py", "API_KEY=1\n"),
        ("venv.txt", "API_KEY=1\n"),
    ],
)
def test_other_files_are_sent(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert sent(found(tmp_path, ".env")) == [name]


def test_a_project_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "prod.env").write_text("A=1\n")
    listing = walk(tmp_path, Ignore([]), Withheld())
    assert (sent(listing), listing.withheld) == (["prod.env"], [])
