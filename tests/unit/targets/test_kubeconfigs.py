"""Reading the user's kubeconfig once, and the private copy of one context: what goes into it, and what is refused."""

import base64
import json
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import (
    EntryDamaged,
    KubeconfigDenied,
    KubeconfigError,
    PluginFailed,
    ServerInvalid,
    WindowsPath,
)
from kubetasks.targets import kubeconfigs

SERVER = "https://127.0.0.1:6443"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def document(cluster: Mapping[str, Any] | None = None, user: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "one", "cluster": {"server": SERVER, **(cluster or {})}}, {"name": "x", "cluster": {}}],
        "users": [{"name": "me", "user": dict(user if user is not None else {"token": "t"})}],
        "contexts": [
            {"name": "c", "context": {"cluster": "one", "user": "me", "namespace": "other"}},
            {"name": "d", "context": {"cluster": "x", "user": "gone"}},
        ],
    }


def write(path: Path, made: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made))
    return path


def copied(path: Path, name: str = "c") -> dict[str, Any]:
    config = kubeconfigs.load([path])
    made = kubeconfigs.copied(config, config.contexts[name])
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    found: dict[str, Any] = json.loads(made.read_text())
    return found


def test_the_copy_holds_one_context_and_nothing_else(tmp_path: Path) -> None:
    assert copied(write(tmp_path / "config", document())) == {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": SERVER}}],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }


def test_certificates_go_into_it_and_paths_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "kube/pki").mkdir(parents=True)
    for name, text in (("ca.crt", CERTIFICATE), ("me.crt", CERTIFICATE), ("me.key", KEY), ("token", "t")):
        (tmp_path / "kube/pki" / name).write_text(text)
    user = {
        "client-certificate": "pki/me.crt",
        "client-key": str(tmp_path / "kube/pki/me.key"),
        "tokenFile": "pki/token",
        "exec": {**PLUGIN, "command": "./bin/plugin", "args": ["./stays"]},
    }
    made = copied(write(tmp_path / "kube/config", document({"certificate-authority": "pki/ca.crt"}, user)))
    assert made["clusters"][0]["cluster"] == {"server": SERVER, "certificate-authority-data": encoded(CERTIFICATE)}
    assert made["users"][0]["user"] == {
        "client-certificate-data": encoded(CERTIFICATE),
        "client-key-data": encoded(KEY),
        "tokenFile": str(tmp_path / "kube/pki/token"),
        "exec": {**PLUGIN, "command": str(tmp_path / "kube/bin/plugin"), "args": ["./stays"]},
    }


def test_everything_that_decides_how_the_cluster_is_reached_goes_into_it(tmp_path: Path) -> None:
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    cluster = {
        "tls-server-name": "kubernetes",
        "proxy-url": "socks5://127.0.0.1:1080",
        "insecure-skip-tls-verify": True,
        "disable-compression": True,
        "extensions": [extension, {"name": "other", "extension": {}}],
    }
    user = {"as": "admin", "as-groups": ["system:masters"], "as-user-extra": {"a": ["b"]}, "username": "u",
            "password": "p", "exec": {**PLUGIN, "command": "aws"}}  # fmt: skip
    made = copied(write(tmp_path / "config", document(cluster, user)))
    assert made["clusters"][0]["cluster"] == {"server": SERVER, **cluster, "extensions": [extension]}
    assert made["users"][0]["user"] == user


def test_content_counts_more_than_a_path_as_it_does_for_kubectl(tmp_path: Path) -> None:
    cluster = {"certificate-authority": "/nowhere", "certificate-authority-data": encoded(CERTIFICATE)}
    made = copied(write(tmp_path / "config", document(cluster)))
    assert made["clusters"][0]["cluster"]["certificate-authority-data"] == encoded(CERTIFICATE)


@pytest.mark.parametrize("user", [{}, {"as": "admin"}, None])
def test_without_credentials_kubectl_would_ask(tmp_path: Path, user: dict[str, Any] | None) -> None:
    made = document({}, user or {})
    if user is None:
        del made["contexts"][0]["context"]["user"]
    with pytest.raises(EntryDamaged, match="there are no credentials"):
        copied(write(tmp_path / "config", made))
    # Over plain HTTP nobody is asked (kubectl proxy).
    made["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:8001"
    assert copied(write(tmp_path / "config", made))["users"] == [{"name": "c", "user": user or {}}]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, type[KubeconfigError], str]] = {
    "no server": ({"server": ""}, None, ServerInvalid, "has no server"),
    "null server": ({"server": None}, None, ServerInvalid, "has no server"),
    "port too large": ({"server": "https://127.0.0.1:99999"}, None, ServerInvalid, "its port is 99999"),
    "port zero": ({"server": "https://127.0.0.1:0"}, None, ServerInvalid, "its port is 0"),
    "port in words": ({"server": "https://127.0.0.1:https"}, None, ServerInvalid, "its port is https"),
    "negative port": ({"server": "https://127.0.0.1:-1"}, None, ServerInvalid, "its port is -1"),
    "unknown scheme": ({"server": "ftp://127.0.0.1"}, None, ServerInvalid, "its scheme is ftp"),
    "no host": ({"server": "https://"}, None, ServerInvalid, "it has no host"),
    "half an address": ({"server": "https://[::1"}, None, ServerInvalid, "Invalid IPv6 URL"),
    "a space": ({"server": "https://127.0.0.1:6443 "}, None, ServerInvalid, "a space"),
    "unknown proxy": ({"proxy-url": "ftp://x"}, None, ServerInvalid, "proxy-url ftp://x"),
    "server is a number": ({"server": 6443}, None, EntryDamaged, "server is not text: put it in quotes"),
    "insecure as text": ({"insecure-skip-tls-verify": "true"}, None, EntryDamaged, "not true or false"),
    "bad base64": ({"certificate-authority-data": "!!!"}, None, EntryDamaged, "not valid base64"),
    "no PEM": ({"certificate-authority-data": encoded("x")}, None, EntryDamaged, "has no PEM block CERTIFICATE"),
    "authority is not there": ({"certificate-authority": "gone.crt"}, None, EntryDamaged, "which does not exist"),
    "authority is a folder": ({"certificate-authority": "."}, None, EntryDamaged, "is a folder"),
    "token is a number": ({}, {"token": 4711}, EntryDamaged, "token is not text: put it in quotes"),
    "half a certificate": (
        {}, {"client-certificate-data": encoded(CERTIFICATE)}, EntryDamaged, "client-key is missing"
    ),
    "half a key": ({}, {"client-key-data": encoded(KEY)}, EntryDamaged, "client-certificate is missing"),
    "key is none": (
        {}, {"client-certificate-data": encoded(CERTIFICATE), "client-key-data": encoded("x")}, EntryDamaged,
        "has no PEM block PRIVATE KEY",
    ),
    "token file is not there": ({}, {"tokenFile": "gone"}, EntryDamaged, "which does not exist"),
    "plugin has no command": ({}, {"exec": PLUGIN}, EntryDamaged, "has no command"),
    "plugin is text": ({}, {"exec": "aws"}, EntryDamaged, "exec is not a mapping"),
    "Windows authority": (
        {"certificate-authority": r"C:\Users\me\.minikube\ca.crt"}, None, WindowsPath, "this is not Windows"
    ),
    "Windows share": ({"certificate-authority": r"\\server\share\ca.crt"}, None, WindowsPath, r"\\server"),
    "Windows key": (
        {}, {"client-certificate": "c:/me.crt", "client-key": "c:/me.key"}, WindowsPath, "client-certificate is c:/me"
    ),
    "Windows plugin": ({}, {"exec": {**PLUGIN, "command": r"C:\aws.exe"}}, WindowsPath, r"plugin is C:\aws.exe"),
    "Windows token": ({}, {"tokenFile": r"D:\token"}, WindowsPath, "wslpath"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_cannot_work_is_refused_before_any_request(
    tmp_path: Path, case: tuple[dict[str, Any], dict[str, Any] | None, type[KubeconfigError], str]
) -> None:
    cluster, user, error, says = case
    (tmp_path / "empty").touch()
    path = write(tmp_path / "config", document(cluster, user))
    with pytest.raises(error) as caught:
        copied(path)
    assert type(caught.value) is error
    assert says in caught.value.line
    assert str(path) in caught.value.line
    assert caught.value.fix


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("cluster", "gone", "names cluster gone, which is not in `clusters`"),
        ("cluster", "", "names cluster (none)"),
        ("user", "gone", "names user gone, which is not in `users`"),
    ],
)
def test_an_entry_that_the_context_names_has_to_be_there(tmp_path: Path, field: str, value: str, says: str) -> None:
    made = document()
    made["contexts"][0]["context"][field] = value
    with pytest.raises(EntryDamaged) as caught:
        copied(write(tmp_path / "config", made))
    assert says in caught.value.why


def test_damage_in_other_entries_is_of_no_concern(tmp_path: Path) -> None:
    path = write(tmp_path / "config", document())
    copied(path)
    with pytest.raises(EntryDamaged):
        copied(path, "d")


@pytest.mark.parametrize("name", ["oidc", "gcp", "azure", "other", ""])
def test_an_auth_provider_is_refused_with_what_to_use_instead(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "config", document({}, {"auth-provider": {"name": name}}))
    with pytest.raises(PluginFailed, match="use a credential plugin instead"):
        copied(path)


@pytest.mark.parametrize("key", ["clusters", "users", "contexts"])
def test_two_entries_of_one_name_are_refused(tmp_path: Path, key: str) -> None:
    made = document()
    made[key].append(made[key][0])
    with pytest.raises(EntryDamaged, match=f"`{key}` has two entries with the name"):
        kubeconfigs.load([write(tmp_path / "config", made)])
    # In two files it is not damage: the first one counts.
    one, two = document(), document({"server": "https://elsewhere"})
    config = kubeconfigs.load([write(tmp_path / "one", one), write(tmp_path / "two", two)])
    assert config.contexts["c"].server == SERVER


@pytest.mark.parametrize("name", [4711, True, 1.5])
def test_a_name_that_is_no_text_is_refused(tmp_path: Path, name: object) -> None:
    made = document()
    made["users"][0]["name"] = name
    with pytest.raises(EntryDamaged, match="which is not text: put it in quotes"):
        kubeconfigs.load([write(tmp_path / "config", made)])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: [", "it is not valid YAML"),
        (b"\xff\xfe\x00", "it is not text in UTF-8"),
        (b"caf\xe9: 1", "it is not text in UTF-8"),
        (b"{}" * 10_000_000, "more than 16 MiB"),
        (b"[" * 100_000, "too deeply"),
        (b'{"a":' * 100_000, "too deeply"),
        (b"- " * 100_000, "too deeply"),
        (b"? " * 100_000, "too deeply"),
        (b"apiVersion: apps/v1\nkind: Deployment", "it is not a kubeconfig: its apiVersion is apps/v1"),
        (b"<html></html>", "it is not a mapping"),
        (b"users: x", "`users` is not a list of mappings"),
    ],
)
def test_a_file_that_is_no_kubeconfig(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(KubeconfigError) as caught:
        kubeconfigs.load([path])
    assert caught.value.exit_code == 20
    assert says in caught.value.why
    assert str(path) in caught.value.what


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=f"kubeconfig {tmp_path} is a folder") as caught:
        kubeconfigs.load([tmp_path])
    assert str(tmp_path / "config") in caught.value.fix


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_powershell_writes_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(json.dumps(document()).encode(encoding))
    assert copied(path)["current-context"] == "c"


def test_of_several_documents_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"---\n{json.dumps(document())}\n---\nkind: Other\n")
    assert copied(tmp_path / "config")["current-context"] == "c"


def test_a_device_is_empty_and_a_pipe_is_read_once(tmp_path: Path) -> None:
    assert kubeconfigs.load([Path(os.devnull)]).contexts == {}
    pipe = tmp_path / "pipe"  # as KUBECONFIG=<(…) gives one
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDWR)  # a writer that is there before we look
    os.write(holder, json.dumps(document()).encode())
    threading.Timer(0.2, os.close, [holder]).start()
    assert kubeconfigs.load([pipe]).current == "c"


def test_files_that_are_not_there_say_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "config", document())
    config = kubeconfigs.load([tmp_path / "gone", path / "below-a-file", path])
    assert config.current == "c"


def test_a_file_of_another_user_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "config", document())

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("kubetasks.targets.kubeconfigs.os.open", refuse)
    monkeypatch.setattr("kubetasks.targets.kubeconfigs.os.getuid", lambda: 4711)
    with pytest.raises(KubeconfigDenied) as caught:
        kubeconfigs.load([path])
    assert caught.value.exit_code == 86
    assert "permission denied; it belongs to user" in caught.value.why
    assert f"sudo chown $USER {path}" in caught.value.fix
    monkeypatch.undo()
    named = write(tmp_path / "named", document({"certificate-authority": str(path)}))
    config = kubeconfigs.load([named])
    monkeypatch.setattr("kubetasks.targets.kubeconfigs.os.open", refuse)
    with pytest.raises(KubeconfigDenied, match=str(path)):
        kubeconfigs.minimal(config, config.contexts["c"])


def test_where_the_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    value = os.pathsep.join(["kube/one", "", "~/two", "/three", "kube/one"])
    assert kubeconfigs.locate(value, tmp_path) == (tmp_path / "kube/one", Path("/home/me/two"), Path("/three"))
    assert kubeconfigs.locate("", tmp_path) == (Path("/home/me/.kube/config"),)
    assert kubeconfigs.locate(os.pathsep, tmp_path) == (Path("/home/me/.kube/config"),)


def test_a_user_without_a_home_folder_has_no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", homeless)
    assert kubeconfigs.locate("", tmp_path) == (Path("/.kube/config"),)
