"""The token file."""

import os
import stat
from pathlib import Path

import pytest

from kubetasks.aiops.mcp import token
from kubetasks.errors import McpTokenUnsafe


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    root.mkdir()
    old = os.umask(0)
    try:
        first, file = token.read_or_make(root)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert root not in file.parents
    assert len(first.reveal()) >= token.SHORTEST
    assert token.read_or_make(root)[0] == first
    assert file == token.path(root)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_one_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    _, file = token.read_or_make(tmp_path)
    file.chmod(mode)
    with pytest.raises(McpTokenUnsafe, match=f"{mode:o}.*rm "):
        token.read_or_make(tmp_path)


@pytest.mark.parametrize("content", ["", "short\n", "two words " * 10, "\udcff".encode(errors="surrogateescape")])
def test_one_without_a_token_is_refused(tmp_path: Path, content: str | bytes) -> None:
    _, file = token.read_or_make(tmp_path)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(McpTokenUnsafe, match="no token"):
        token.read_or_make(tmp_path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    _, file = token.read_or_make(tmp_path)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(McpTokenUnsafe, match="not a regular file"):
        token.read_or_make(tmp_path)
