"""Static files. A page names them with a digest of the whole folder, so that browsers may keep them for good."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"


def digest(folder: Path = FOLDER) -> str:
    """Return a digest of every file below a folder, names and contents."""
    made = hashlib.sha256()
    for path in _files(folder):
        made.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        made.update(path.read_bytes())
    return made.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


class Static:
    """The files, at `{digest}/path` forever and at `path` with a question whether they have changed.

    The digest comes before the path, so that what a style sheet or a module names relative to itself has it too.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read the folder once, for its digest."""
        self.digest = digest(folder)
        self._files = StaticFiles(directory=folder)

    def path(self, name: str) -> str:
        """Return a file's path for a page."""
        return f"/static/{self.digest}/{name}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file."""
        prefix = f"/{self.digest}/"
        path = self._files.get_path(scope)
        kept = f"/{path}".startswith(prefix)
        if scope["method"] not in {"GET", "HEAD"}:
            await Response(status_code=405, headers={"Allow": "GET, HEAD"})(scope, receive, send)
            return
        response = await self._files.get_response(path[len(prefix) - 1 :] if kept else path, scope)
        response.headers["Cache-Control"] = FOREVER if kept and response.status_code < 400 else "no-cache"
        await response(scope, receive, send)
