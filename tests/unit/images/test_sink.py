"""The registry on loopback, spoken to as an engine does."""

import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubetasks.images.sink import Sink, serve

HELD = f"sha256:{'a' * 64}"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with serve(tmp_path, {HELD: 123}, port=0) as serving:
        yield serving


def ask(
    sink: Sink, method: str, path: str, body: bytes | Iterator[bytes] = b"", kind: str = ""
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=10)
    connection.request(method, path, body, {"Content-Type": kind}, encode_chunked=not isinstance(body, bytes))
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def upload(sink: Sink, data: bytes, digest: str) -> int:
    begun = ask(sink, "POST", "/v2/app/blobs/uploads/")
    assert begun.status == 202
    place = begun.getheader("Location") or ""
    part = ask(sink, "PATCH", place, iter([data[:3], data[3:]]))
    assert part.status == 202
    assert part.getheader("Range") == f"0-{len(data) - 1}"
    return ask(sink, "PUT", f"{part.getheader('Location')}?digest={digest}").status


def test_is_a_registry(sink: Sink) -> None:
    assert ask(sink, "GET", "/v2/").status == 200
    assert ask(sink, "GET", "/v2/app/manifests/x").status == 404


def test_has_what_the_nodes_have(sink: Sink) -> None:
    there = ask(sink, "HEAD", f"/v2/app/blobs/{HELD}")
    assert (there.status, there.getheader("Content-Length"), there.getheader("Docker-Content-Digest")) == (
        200,
        "123",
        HELD,
    )
    assert ask(sink, "HEAD", f"/v2/app/blobs/{digest_of(b'new')}").status == 404
    mounted = ask(sink, "POST", f"/v2/app/blobs/uploads/?mount={HELD}&from=other")
    assert mounted.status == 201
    assert ask(sink, "POST", f"/v2/app/blobs/uploads/?mount={digest_of(b'new')}&from=other").status == 202


def test_keeps_what_comes(sink: Sink, tmp_path: Path) -> None:
    data = b"a layer of some bytes"
    assert upload(sink, data, digest_of(data)) == 201
    assert sink.blobs[digest_of(data)].read_bytes() == data
    assert ask(sink, "HEAD", f"/v2/app/blobs/{digest_of(data)}").getheader("Content-Length") == str(len(data))
    assert [path.name for path in tmp_path.iterdir()] == [digest_of(data).removeprefix("sha256:")]


def test_refuses_bytes_that_are_not_what_they_say(sink: Sink, tmp_path: Path) -> None:
    assert upload(sink, b"something else", digest_of(b"a layer")) == 400
    assert not sink.blobs
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("name", ["0" * 32, "..%2f..%2fetc", "x"])
def test_writes_nowhere_but_in_uploads_it_began(sink: Sink, tmp_path: Path, method: str, name: str) -> None:
    assert ask(sink, method, f"/v2/app/blobs/uploads/{name}?digest={HELD}", b"data").status == 404
    assert not list(tmp_path.iterdir())


def test_keeps_manifests_by_digest_and_tag(sink: Sink) -> None:
    body = b'{"schemaVersion": 2}'
    put = ask(sink, "PUT", "/v2/app/manifests/web.1", body, MANIFEST_TYPE)
    assert (put.status, put.getheader("Docker-Content-Digest")) == (201, digest_of(body))
    assert sink.tags == {"web.1": digest_of(body)}
    assert sink.document(digest_of(body)) == {"schemaVersion": 2}
    there = ask(sink, "HEAD", "/v2/app/manifests/web.1")
    assert (there.status, there.getheader("Content-Type")) == (200, MANIFEST_TYPE)
    assert ask(sink, "HEAD", f"/v2/app/manifests/{HELD}").status == 404


def test_refuses_a_huge_manifest_before_it_comes(sink: Sink) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=10)
    connection.putrequest("PUT", "/v2/app/manifests/large")
    connection.putheader("Content-Length", str((4 << 20) + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_takes_another_port_when_its_own_is_taken(tmp_path: Path) -> None:
    with serve(tmp_path, {}, port=0) as one, serve(tmp_path, {}, port=one.port) as other:
        assert one.port != other.port
        assert ask(other, "GET", "/v2/").status == 200


def test_survives_an_engine_that_hangs_up(sink: Sink) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=10)
    connection.putrequest("PUT", "/v2/app/manifests/x")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"half")
    connection.close()
    assert ask(sink, "GET", "/v2/").status == 200
    assert not sink.manifests
