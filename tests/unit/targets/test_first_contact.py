"""First contact with the real kubectl and helm: each kind of trouble, made by a real server, file or plugin.

Each case says what a deploy ends with, and that doctor says the same.
"""

import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from kubetasks.deployers.helm import HelmDeployer
from kubetasks.diagnose import way_in
from kubetasks.errors import KubetasksError
from kubetasks.runner import SystemRunner
from kubetasks.settings import Settings, load
from kubetasks.targets import calls, detect
from kubetasks.targets.base import Target
from tests.fake_api import (
    LOOPBACK,
    Answer,
    certificate,
    closed_port,
    encoded,
    html,
    kubeconfig,
    listen,
    reset,
    serve,
    status,
    tls,
)

PROGRAMS = Path(sys.executable).parent
AUTHORITY = certificate("ca")
OTHER = certificate("other")
GOOD = certificate("server", AUTHORITY, names=LOOPBACK)
CA = {"certificate-authority-data": encoded(AUTHORITY.pem)}
NOTHING = Answer(200)
# Later versions of TLS refuse after the handshake, when the client may be writing already.
OF_OURS = {"clients": AUTHORITY, "newest": ssl.TLSVersion.TLSv1_2}
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
TOKEN = {"kind": "ExecCredential", "apiVersion": EXEC["apiVersion"], "status": {"token": "x"}}
# An address that is reached through a proxy only: documentation's own (RFC 5737).
FAR = "https://192.0.2.7:6443"


@dataclass(frozen=True)
class Case:
    """One kind of trouble.

    Args:
        code: the exit code.
        says: what the error's line has.
        cluster: the kubeconfig's cluster; made when the test runs.
        user: the kubeconfig's user.
        env: what is exported.
        helm: whether helm says the same.
    """

    code: int
    says: tuple[str, ...]
    cluster: Callable[[], Mapping[str, Any]]
    user: Mapping[str, Any] | None = None
    env: Callable[[], Mapping[str, str]] = dict
    helm: bool = True


HELD: list[socket.socket] = []


def talk(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    HELD.append(connection)


def at(port: int, scheme: str = "https", **more: Any) -> dict[str, Any]:
    return {"server": f"{scheme}://127.0.0.1:{port}", **CA, **more}


def good(answer: Answer = NOTHING, more: Mapping[str, str] | None = None) -> Callable[[], dict[str, Any]]:
    return lambda: at(serve(answer, tls(GOOD)), **(more or {}))


def shows(own: Any, **options: Any) -> Callable[[], dict[str, Any]]:
    return lambda: at(serve(NOTHING, tls(own, **options)))


def plugin(command: str, *arguments: str, **more: Any) -> dict[str, Any]:
    return {"exec": {**EXEC, "command": command, "args": list(arguments), **more}}


def proxied(answer: Answer) -> Callable[[], dict[str, str]]:
    return lambda: {"HTTPS_PROXY": f"http://127.0.0.1:{serve(answer)}"}


CASES = {
    # No connection.
    "refused": Case(23, ("does not answer", "was refused"), lambda: at(closed_port())),
    "reset": Case(23, ("does not answer", "connection reset by peer"), lambda: at(listen(reset)), helm=False),
    "silent": Case(23, ("does not answer",), lambda: at(listen(HELD.append)), helm=False),
    "unknown host": Case(
        23,
        ("no address is known for no.such.host.invalid", "VPN"),
        lambda: {"server": "https://no.such.host.invalid:6443", **CA},
    ),
    "starting": Case(23, ("does not answer", "unable to handle"), good(status(503, "ServiceUnavailable", "x"))),
    "too many requests": Case(23, ("too many requests",), good(status(429, "TooManyRequests", "slow down"))),
    # TLS.
    "unknown authority": Case(
        80,
        ("is not trusted", "unknown authority", "earlier cluster"),
        lambda: at(serve(NOTHING, tls(GOOD)), **{"certificate-authority-data": encoded(OTHER.pem)}),
    ),
    "no authority at all": Case(
        80, ("is not trusted",), lambda: {"server": f"https://127.0.0.1:{serve(NOTHING, tls(GOOD))}"}
    ),
    "expired": Case(
        81, ("has expired", "clock"), shows(certificate("old", AUTHORITY, names=LOOPBACK, days=(-9, -2)))
    ),
    "not valid yet": Case(
        81, ("is not valid yet", "clock"), shows(certificate("new", AUTHORITY, names=LOOPBACK, days=(2, 9)))
    ),
    "another name": Case(
        82,
        ("is for another host",),
        shows(certificate("x", AUTHORITY, names=[x509.DNSName("prod.example.com")])),
    ),
    "no name": Case(82, ("is for another host",), shows(certificate("x", AUTHORITY))),
    "tls-server-name": Case(82, ("is for another host", "api.example"), good(more={"tls-server-name": "api.example"})),
    "plain HTTP behind https": Case(84, ("does not speak TLS", "curl"), lambda: at(serve(NOTHING))),
    "SSH behind https": Case(
        84, ("does not speak TLS",), lambda: at(listen(talk))
    ),
    "https behind http": Case(
        84, ("begins with http://", "set the server to https://"), lambda: at(serve(NOTHING, tls(GOOD)), "http"),
        helm=False,
    ),
    "an API server behind http": Case(
        84, ("begins with http://",),
        lambda: {"server": f"http://127.0.0.1:{serve(Answer(400, 'Client sent an HTTP request', 'text/plain'))}"},
    ),
    "old TLS": Case(84, ("ended the TLS handshake",), shows(GOOD, newest=ssl.TLSVersion.TLSv1)),
    # Credentials.
    "client certificate missing": Case(
        27, ("does not accept the credentials",), shows(GOOD, clients=AUTHORITY), helm=False  # it tries only once
    ),
    "client certificate expired": Case(
        27,
        ("does not accept the credentials", "expired certificate"),
        shows(GOOD, **OF_OURS),
        certificate("me", AUTHORITY, days=(-9, -2)).user,
    ),
    "client certificate of another": Case(
        27, ("does not accept the credentials",), shows(GOOD, **OF_OURS), certificate("me", OTHER).user
    ),
    "401": Case(27, ("earlier cluster", "export"), good(status(401, "Unauthorized", "Unauthorized"))),
    "401 in plain text": Case(27, ("export the kubeconfig again",), good(Answer(401, "Unauthorized", "text/plain"))),
    "403": Case(28, ("does not allow this", "auth can-i"), good(status(403, "Forbidden", "no"))),
    # Credential plugins.
    "plugin missing": Case(
        29,
        ("no-such-plugin of context", "is not installed", "PATH"),
        good(),
        plugin("no-such-plugin", installHint="get it from example.com"),
    ),
    "plugin by a path that is not there": Case(29, ("is not installed",), good(), plugin("/nowhere/plugin")),
    "plugin that is no program": Case(29, ("chmod +x",), good(), plugin(__file__)),
    "plugin that fails": Case(
        29, ("failed", "token has expired"), good(), plugin("sh", "-c", "echo 'the token has expired' >&2; exit 3")
    ),
    "plugin that prints something else": Case(29, ("plugin",), good(), plugin("echo", "hello")),
    "plugin of another version": Case(
        29,
        ("does not fit the kubeconfig",),
        good(),
        plugin("echo", json.dumps({**TOKEN, "apiVersion": "client.authentication.k8s.io/v1beta1"})),
    ),
    "plugin with an old apiVersion": Case(
        29,
        ("does not fit the kubeconfig",),
        good(),
        plugin("echo", apiVersion="client.authentication.k8s.io/v1alpha1"),
    ),
    "plugin without a mode": Case(
        29, ("does not fit the kubeconfig",), good(), {"exec": {"apiVersion": EXEC["apiVersion"], "command": "echo"}}
    ),
    "plugin that wants a terminal": Case(29, ("wants a terminal",), good(), plugin("echo", interactiveMode="Always")),
    "plugin without a token": Case(29, ("plugin",), good(), plugin("echo", json.dumps({**TOKEN, "status": {}}))),
    "plugin with a token that is not accepted": Case(
        27, ("log in again (aws sso login)",), good(status(401, "Unauthorized", "Unauthorized")),
        plugin("{folder}/aws", json.dumps(TOKEN)),
    ),
    "auth-provider gcp": Case(29, ("gke-gcloud-auth-plugin",), good(), {"auth-provider": {"name": "gcp"}}),
    "auth-provider oidc": Case(29, ("oidc-login",), good(), {"auth-provider": {"name": "oidc", "config": {}}}),
    # Something in between.
    "a login page": Case(85, ("is not a Kubernetes API server",), good(html(200, "Please log in"))),
    "a redirect to a login page": Case(
        85, ("sent the request on to login.invalid",), good(html(302, "", Location="https://login.invalid/")),
    ),
    "a page that denies": Case(85, ("NO_PROXY",), good(html(403, "Access denied"))),
    "a page of a gateway": Case(85, ("not a Kubernetes API server",), good(html(502, "502 Bad Gateway"))),
    "no such page": Case(85, ("not a Kubernetes API server",), good(Answer(404, "404 page not found", "text/plain"))),
    "407 behind the URL": Case(85, ("user name and a password",), good(html(407, ""))),
    "a proxy that is not there": Case(
        85, ("the proxy http://127.0.0.1:", "does not answer", "export NO_PROXY=192.0.2.7"),
        lambda: {"server": FAR, **CA}, env=lambda: {"HTTPS_PROXY": f"http://me:secret@127.0.0.1:{closed_port()}"},
    ),
    "a proxy that asks for a password": Case(
        85, ("asks for a user name and a password",), lambda: {"server": FAR, **CA}, env=proxied(html(407, "")),
    ),
    "a proxy that forbids it": Case(
        85, ("did not let the request through",), lambda: {"server": FAR, **CA}, env=proxied(html(403, "")),
    ),
    "a proxy without a way": Case(
        85, ("did not let the request through",), lambda: {"server": FAR, **CA}, env=proxied(html(502, "")),
    ),
    "proxy-url that is not there": Case(
        85, ("does not answer",),
        lambda: {"server": FAR, "proxy-url": f"socks5://127.0.0.1:{closed_port()}", **CA},
    ),
    # What kubectl alone finds out about the kubeconfig.
    "an authority that is no certificate": Case(
        88, ("cannot use the kubeconfig's entries",),
        good(more={"certificate-authority-data": encoded(AUTHORITY.pem.replace(b"\nMII", b"\nAAA"))}),
    ),
    "a key of another certificate": Case(
        88, ("cannot use the kubeconfig's entries",), good(),
        {**certificate("me", AUTHORITY).user, "client-key-data": encoded(OTHER.key_pem)},
    ),
    "an authority although it is not to be checked": Case(
        88, ("root certificates file with the insecure flag",),
        lambda: {**at(serve(NOTHING, tls(GOOD))), "insecure-skip-tls-verify": True},
    ),
    "two kinds of credentials": Case(
        88, ("more than one authentication method",), good(), {"token": "t", "username": "me", "password": "p"}
    ),
    "a token with a line break": Case(88, ("cannot use the kubeconfig's entries",), good(), {"token": "a\nb"}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*os.environ]:
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(calls, "FIRST", 4.0)  # seconds for a server that says nothing
    monkeypatch.setattr("kubetasks.tools.kubectl.REQUEST_TIMEOUT", "1s")


def settings() -> Settings:
    return load({"project": "shop", "target": "context", "context": "far", "allowed_contexts": ["far"]}, environ={})


def runner(tmp_path: Path) -> SystemRunner:
    # Those of the wheels: what a machine has may be old.
    return SystemRunner(tmp_path, programs={name: str(PROGRAMS / name) for name in ("kubectl", "helm")})


def chosen(path: Path, tmp_path: Path) -> Target:
    return detect.choose(settings(), runner(tmp_path), tmp_path, named_context="far", kubeconfig_paths=str(path))


def prepared(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in case.env().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "aws").write_text('#!/bin/sh\necho "$1"\n')
    (tmp_path / "aws").chmod(0o755)
    user = json.loads(json.dumps(case.user).replace("{folder}", str(tmp_path)))
    return kubeconfig(tmp_path / "config", "far", case.cluster(), user)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_kind_has_its_exit_code_and_its_advice_and_doctor_says_the_same(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = prepared(case, tmp_path, monkeypatch)
    with pytest.raises(KubetasksError) as caught:
        chosen(path, tmp_path).store.get(["ConfigMap", "Secret"])
    error = caught.value
    assert error.exit_code == case.code, error.line
    for text in case.says:
        assert text in error.line
    assert error.fix
    assert "secret" not in error.line
    assert "\n" not in error.line

    monkeypatch.setenv("KUBECONFIG", str(path))
    found = [each for each in way_in.examine(settings(), runner(tmp_path), needed=True) if each.status == "missing"]
    assert [each.fix.split("127.0.0.1")[0] for each in found] == [error.fix.split("127.0.0.1")[0]]
    assert f"(exit {case.code})" in found[0].found
    assert error.what.split(" at http")[0] in found[0].found


def run_helm(path: Path, tmp_path: Path) -> None:
    target = chosen(path, tmp_path)
    assert target.cluster is not None
    HelmDeployer(settings(), tmp_path, runner(tmp_path), target.store, target.cluster).test()


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.helm], ids=[name for name, case in CASES.items() if case.helm]
)
def test_helm_says_the_same(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = prepared(case, tmp_path, monkeypatch)
    with pytest.raises(KubetasksError) as caught:
        run_helm(path, tmp_path)
    assert caught.value.exit_code == case.code, caught.value.line


@pytest.mark.parametrize("case", [CASES["401"], CASES["refused"], CASES["403"], CASES["plugin missing"]])
def test_writes_end_the_same_way(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    store = chosen(prepared(case, tmp_path, monkeypatch), tmp_path).store
    for call in (
        lambda: store.apply([item]),
        lambda: store.create(item),
        lambda: store.delete([item]),
        store.delete_all,
    ):
        with pytest.raises(KubetasksError) as caught:
            call()
        assert caught.value.exit_code == case.code, caught.value.line
