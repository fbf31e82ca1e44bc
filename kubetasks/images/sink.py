"""A registry on loopback that takes from an engine only the layers that nodes lack.

``docker save`` writes whole images, 150 MB and more, when one line of source has changed. ``docker push`` asks the
registry first which layers it has. So for the length of one delivery we are the registry: we say yes to every blob
that is on all nodes already, and keep the few that come. The engine remembers a layer's compressed digest from its
first push on.

Everything is checked by content: a blob is kept only under the digest of its bytes, and the caller compares the
manifest with the image's own ID. Only what https://github.com/opencontainers/distribution-spec needs for a push is
answered.
"""

import contextlib
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

# The engine keeps notes for each registry name, so the name should be the same every time: this port where it is free.
PORT: Final = 25765
_CHUNK: Final = 1 << 20
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
# A manifest is a few kB; https://github.com/opencontainers/distribution-spec suggests a limit of 4 MiB.
_LARGEST_MANIFEST: Final = 4 << 20


class Sink:
    """What came in: blobs as files named by their hex digest, manifests as bytes.

    Args:
        folder: where blobs are kept.
        present: digest to size of the blobs that need not come.
    """

    def __init__(self, folder: Path, present: Mapping[str, int]) -> None:
        self.folder = folder
        self.present = present
        self.blobs: dict[str, Path] = {}
        self.manifests: dict[str, bytes] = {}
        self.media_types: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.port = 0

    def size(self, digest: str) -> int | None:
        """The size of a blob that is on every node or came in; None when it must come."""
        if digest in self.blobs:
            return self.blobs[digest].stat().st_size
        if digest in self.manifests:
            return len(self.manifests[digest])
        return self.present.get(digest)

    def keep(self, path: Path, digest: str, total: str) -> bool:
        """Keep a file as a blob if its bytes have that digest."""
        if digest != f"sha256:{total}":
            path.unlink(missing_ok=True)
            return False
        self.blobs[digest] = path.replace(self.folder / total)
        return True

    def keep_manifest(self, name: str, body: bytes, media_type: str) -> str:
        """Keep a manifest under its digest, and under its tag when it came by one; returns the digest."""
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.manifests[digest] = body
        self.media_types[digest] = media_type
        self.tags[name] = digest
        return digest

    def document(self, digest: str) -> dict[str, Any]:
        """A manifest, parsed; empty when it did not come."""
        body = self.manifests.get(digest)
        return cast("dict[str, Any]", json.loads(body)) if body else {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Set: a port that a delivery just left can be taken again at once.
    allow_reuse_address = True
    sink: Sink

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The engine hangs up when it likes; what is missing then is determined afterwards."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 300
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's own name)
        """Say nothing."""

    def answer(self, code: int, headers: Mapping[str, str] | None = None) -> None:
        """An answer without a body."""
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", "0")
        self.end_headers()

    def body(self) -> Iterator[bytes]:
        """The request's body in pieces."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
                yield from self._pieces(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            yield from self._pieces(int(self.headers.get("Content-Length") or 0))

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = self.rfile.read(min(size, _CHUNK))
            if not piece:
                raise ConnectionError("the body ended early")
            size -= len(piece)
            yield piece

    def do_GET(self) -> None:
        """``/v2/``: yes, this is a registry. Nothing can be pulled."""
        self.answer(200 if urlsplit(self.path).path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        """Whether a blob, or a manifest that was just pushed, exists."""
        name = self.path.rpartition("/")[2]
        digest = name if _DIGEST.fullmatch(name) else self.server.sink.tags.get(name, "")
        size = self.server.sink.size(digest)
        if size is None or ("/manifests/" in self.path and digest not in self.server.sink.manifests):
            self.answer(404)
            return
        kind = self.server.sink.media_types.get(digest, "application/octet-stream")
        self.answer(200, {"Content-Length": str(size), "Docker-Content-Digest": digest, "Content-Type": kind})

    def do_POST(self) -> None:
        """The start of an upload."""
        for _ in self.body():
            pass
        url = urlsplit(self.path)
        mount = parse_qs(url.query).get("mount", [""])[0]
        if mount and self.server.sink.size(mount) is not None:
            self.answer(201, {"Location": f"{url.path}{mount}", "Docker-Content-Digest": mount})
            return
        upload = secrets.token_hex(16)
        (self.server.sink.folder / upload).touch()
        place = {"Location": f"{url.path.rstrip('/')}/{upload}", "Range": "0-0", "Docker-Upload-UUID": upload}
        self.answer(202, place)

    def _upload(self) -> Path | None:
        name = urlsplit(self.path).path.rpartition("/")[2]
        path = self.server.sink.folder / name
        return path if re.fullmatch(r"[0-9a-f]{32}", name) and path.is_file() else None

    def _receive(self, path: Path) -> int:
        with path.open("ab") as file:
            for piece in self.body():
                file.write(piece)
            return file.tell()

    def do_PATCH(self) -> None:
        """A part of an upload."""
        path = self._upload()
        if path is None:
            self.close_connection = True
            self.answer(404)
            return
        size = self._receive(path)
        place = {
            "Location": urlsplit(self.path).path,
            "Range": f"0-{max(0, size - 1)}",
            "Docker-Upload-UUID": path.name,
        }
        self.answer(202, place)

    def do_PUT(self) -> None:
        """The end of an upload, or a manifest."""
        url = urlsplit(self.path)
        sink = self.server.sink
        if "/manifests/" in url.path:
            if int(self.headers.get("Content-Length") or 0) > _LARGEST_MANIFEST:
                self.close_connection = True
                self.answer(413)
                return
            kind = self.headers.get("Content-Type", "")
            digest = sink.keep_manifest(url.path.rpartition("/")[2], b"".join(self.body()), kind)
            self.answer(201, {"Docker-Content-Digest": digest, "Location": url.path})
            return
        path = self._upload()
        digest = parse_qs(url.query).get("digest", [""])[0]
        if path is None:
            self.close_connection = True
            self.answer(404)
            return
        self._receive(path)
        with path.open("rb") as file:
            total = hashlib.file_digest(file, "sha256").hexdigest()
        if not sink.keep(path, digest, total):
            self.answer(400)
            return
        self.answer(201, {"Docker-Content-Digest": digest, "Location": f"/v2/blobs/{digest}"})


@contextlib.contextmanager
def serve(folder: Path, present: Mapping[str, int], port: int = PORT) -> Iterator[Sink]:
    """Be a registry on loopback while the block lasts.

    Args:
        folder: an empty folder for what comes in.
        present: digest to size of the blobs that are on every node.
        port: the port to listen on; any free one when it is taken.

    Yields:
        What came in; ``port`` says where to push to.
    """
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError:
        server = _Server(("127.0.0.1", 0), _Handler)
    server.sink = Sink(folder, present)
    server.sink.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
