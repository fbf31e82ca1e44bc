"""Servers that are no API server, each in its own way, and the certificates for them: for first contact."""

import base64
import datetime as dt
import http.server
import ipaddress
import json
import socket
import ssl
import struct
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)
LOOPBACK: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        kind = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())

    @property
    def user(self) -> dict[str, str]:
        """A kubeconfig's user with this certificate."""
        return {"client-certificate-data": encoded(self.pem), "client-key-data": encoded(self.key_pem)}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def certificate(
    name: str,
    issuer: Certificate | None = None,
    *,
    names: list[x509.GeneralName] | None = None,
    days: tuple[int, int] = (-1, 1),
) -> Certificate:
    """A certificate: an authority of its own where nobody issues it. ``days``: from when to when, from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + dt.timedelta(days=days[0]))
        .not_valid_after(NOW + dt.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Certificate(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def tls(
    own: Certificate, *, clients: Certificate | None = None, newest: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """A server's side of TLS; ``clients``: the authority whose certificates clients must have."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cert").write_bytes(own.pem)
        (folder / "key").write_bytes(own.key_pem)
        context.load_cert_chain(folder / "cert", folder / "key")
        if clients:
            (folder / "clients").write_bytes(clients.pem)
            context.load_verify_locations(folder / "clients")
            context.verify_mode = ssl.CERT_REQUIRED
    if newest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
    return context


@dataclass(frozen=True)
class Answer:
    """What a server answers to every request."""

    code: int
    body: str = "{}"
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def status(code: int, reason: str, message: str) -> Answer:
    """What an API server answers when it refuses."""
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return Answer(code, json.dumps({**document, "code": code, "metadata": {}}))


def html(code: int, text: str, **headers: str) -> Answer:
    return Answer(code, f"<html><body>{text}</body></html>", "text/html", headers)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.answer
        self.send_response(answer.code)
        for name, value in {"Content-Type": answer.type, **answer.headers}.items():
            self.send_header(name, value)
        body = answer.body.encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = do_HEAD = _answer  # noqa: N815


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    answer: Answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def serve(answer: Answer, context: ssl.SSLContext | None = None) -> int:
    """Answer every request on a loopback port until the tests end; returns the port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.answer = answer
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])


def listen(greet: Callable[[socket.socket], None]) -> int:
    """Take connections on a loopback port and do this with each; returns the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def loop() -> None:
        while True:
            connection, _ = listening.accept()
            greet(connection)

    threading.Thread(target=loop, daemon=True).start()
    return int(listening.getsockname()[1])


def reset(connection: socket.socket) -> None:
    """Close a connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def closed_port() -> int:
    """A loopback port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def kubeconfig(path: Path, name: str, cluster: Mapping[str, Any], user: Mapping[str, Any] | None = None) -> Path:
    """Write a kubeconfig with one context."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": name, "user": dict(user if user is not None else {"token": "t"})}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path.write_text(json.dumps(document))
    return path
