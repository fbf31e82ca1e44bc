"""The guard with kubeconfigs of every shape: never a cluster that the user did not mean.

Each row is a kubeconfig (one file, or several as in $KUBECONFIG) and the context that each way of asking may reach:
``auto``, ``kind`` and ``minikube``. None stands for a refusal, or for the local target. The private copy that kubectl
gets holds the server of that context and no other.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.errors import KubetasksError
from kubetasks.settings import load
from kubetasks.targets import detect
from kubetasks.tools import kind
from kubetasks.tools.kubeconfig import MINIKUBE
from tests.recording import RecordingRunner

PROD = "https://prod.example.com:6443"
EKS = "https://0A1B.gr7.eu-central-1.eks.amazonaws.com"
KIND, MINI = "https://127.0.0.1:34567", "https://192.168.49.2:8443"
STATUS = '{"Name":"x","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured"}'
TOKEN: dict[str, Any] = {"token": "t"}
EXEC = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "args": ["eks", "get-token"]}}
MARK = {"extensions": [{"name": "context_info", "extension": {"provider": MINIKUBE}}]}


def entry(name: str, server: str, user: dict[str, Any] = TOKEN, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """A file with one context, whose cluster and user have its name."""
    return {
        "clusters": [{"name": name, "cluster": {"server": server, **(more or {})}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": user}],
    }


def joined(current: str, *entries: dict[str, Any]) -> dict[str, Any]:
    """Entries in one file."""
    keys = ("clusters", "contexts", "users")
    return {"current-context": current, **{key: [row for each in entries for row in each[key]] for key in keys}}


def pointing(name: str, cluster: str, user: str) -> dict[str, Any]:
    return {"clusters": [], "contexts": [{"name": name, "context": {"cluster": cluster, "user": user}}], "users": []}


kind_entry, mini_entry, prod_entry = entry("kind-kubetasks", KIND), entry("minikube", MINI), entry("prod", PROD)


@dataclass(frozen=True)
class Row:
    """A kubeconfig, and the server that each way of asking reaches; None for none."""

    id: str
    files: list[Any]
    auto: str | None = None
    kind: str | None = None
    minikube: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


ROWS = [
    Row("no file", []),
    Row("an empty file", [""]),
    Row("only comments", ["# nothing\n"]),
    Row("no current context", [joined("", prod_entry, kind_entry)], auto=None, kind=KIND),
    Row("current is production", [joined("prod", prod_entry, kind_entry, mini_entry)], None, KIND, MINI),
    Row("current is kind", [joined("kind-kubetasks", prod_entry, kind_entry)], KIND, KIND),
    Row("current is gone", [joined("staging", prod_entry, kind_entry)], None, KIND),
    Row(
        "the first file's current context counts",
        [joined("prod", prod_entry), joined("minikube", mini_entry)],
        None,
        None,
        MINI,
    ),
    Row(
        "the first of two files of one name counts",
        [joined("kind-kubetasks", entry("kind-kubetasks", PROD)), joined("", kind_entry)],
    ),
    Row(
        "and the other way round",
        [joined("kind-kubetasks", kind_entry), joined("", entry("kind-kubetasks", PROD))],
        KIND,
        KIND,
    ),
    Row("one name twice in a file", [joined("kind-kubetasks", kind_entry, entry("kind-kubetasks", PROD))]),
    Row(
        "a context split over files",
        [joined("minikube", pointing("minikube", "far", "far")), joined("", entry("far", PROD))],
    ),
    Row(
        "a local name for production's cluster",
        [joined("kind-kubetasks", pointing("kind-kubetasks", "prod", "prod"), prod_entry)],
    ),
    Row(
        "production's name for a local cluster",
        [joined("prod", pointing("prod", "kind-kubetasks", "kind-kubetasks"), kind_entry)],
        None,
        KIND,
    ),
    Row("a tunnel to production under its own name", [joined("prod", entry("prod", "https://localhost:6443"))]),
    Row(
        "a tunnel with production's certificate name",
        [joined("kind-kubetasks", entry("kind-kubetasks", KIND, more={"tls-server-name": "prod.example.com"}))],
    ),
    Row(
        "a tunnel whose certificate is not checked",
        [joined("minikube", entry("minikube", "https://127.0.0.1:6443", more={"insecure-skip-tls-verify": True}))],
    ),
    Row(
        "a proxy to production",
        [joined("minikube", entry("minikube", MINI, more={"proxy-url": "socks5://127.0.0.1:1080"}))],
    ),
    Row("a local name with a credential plugin", [joined("kind-kubetasks", entry("kind-kubetasks", KIND, EXEC))]),
    Row(
        "a plugin in an entry that is not used",
        [joined("kind-kubetasks", entry("eks", EKS, EXEC), kind_entry)],
        KIND,
        KIND,
    ),
    Row(
        "a cloud's name for a context",
        [
            joined(
                "arn:aws:eks:eu-central-1:1:cluster/kind-kubetasks",
                entry("arn:aws:eks:eu-central-1:1:cluster/kind-kubetasks", EKS, EXEC),
            )
        ],
    ),
    Row("a name in other letters", [joined("Minikube", entry("Minikube", MINI))]),
    Row("a name with spaces around", [joined(" minikube ", entry(" minikube ", PROD), mini_entry)], None, None, MINI),
    Row("a name that begins with a dash", [joined("--kubeconfig=x", entry("--kubeconfig=x", PROD))]),
    Row("a name with a line break", [joined("kind-a\nb", entry("kind-a\nb", PROD))]),
    Row(
        "an address that only looks local",
        [joined("minikube", entry("minikube", "https://127.0.0.1.prod.example.com"))],
    ),
    Row("an address with a user in it", [joined("minikube", entry("minikube", "https://127.0.0.1@prod.example.com"))]),
    Row("a link-local address", [joined("minikube", entry("minikube", "https://169.254.169.254"))]),
    Row("minikube's mark at a foreign address", [joined("mine", entry("mine", PROD, more=MARK))]),
    Row(
        "a context without a cluster",
        [joined("kind-kubetasks", pointing("kind-kubetasks", "gone", "gone"), prod_entry)],
    ),
    Row(
        "a context without a user",
        [
            joined(
                "kind-kubetasks", pointing("kind-kubetasks", "kind-kubetasks", "gone"), {**kind_entry, "contexts": []}
            )
        ],
    ),
    Row(
        "another kind cluster is current",
        [joined("kind-other", entry("kind-other", "https://127.0.0.1:34999"), kind_entry)],
        "https://127.0.0.1:34999",
        KIND,
    ),
    Row("not a kubeconfig", ["apiVersion: v1\nkind: Secret\n"]),
    Row("not valid YAML", ["contexts: [\n"]),
    Row("a list", ["- kind-kubetasks\n"]),
    Row("null entries", [{"current-context": "kind-kubetasks", "clusters": None, "contexts": None, "users": None}]),
]
WAYS = ("auto", "kind", "minikube")


def written(folder: Path, files: list[Any]) -> str:
    paths = []
    for number, content in enumerate(files):
        path = folder / f"config-{number}"
        path.write_text(content if isinstance(content, str) else json.dumps({"kind": "Config", **content}))
        paths.append(str(path))
    return ":".join(paths or [str(folder / "missing")])


def reached(paths: str, folder: Path, *, named: str = "", **settings: Any) -> tuple[str | None, RecordingRunner, str]:
    """The server in the private kubeconfig; None where every cluster was refused. And the context's name."""
    # Whatever is asked for runs, so that nothing but the guard stands between the user and a wrong cluster.
    containers = "kubetasks running kubetasks-control-plane\nother running other-control-plane\n"
    runner = RecordingRunner(
        {
            tuple(kind.containers()): containers,
            ("minikube", "profile", "list"): '{"valid":[{"Name":"minikube","Status":"OK","Config":{}}]}',
            ("minikube",): STATUS,
        }
    )
    try:
        target = detect.choose(
            load({"project": "shop", **settings}, environ={}),
            runner,
            folder,
            named_context=named,
            kubeconfig_paths=paths,
            probe=lambda server: True,
        )
    except KubetasksError:
        return None, runner, ""
    if target.cluster is None:
        return None, runner, ""
    copy = yaml.safe_load(Path(target.cluster.kubeconfig).read_text())
    assert isinstance(copy, dict)
    assert [len(copy[key]) for key in ("clusters", "contexts", "users")] == [1, 1, 1]
    assert copy["current-context"] == copy["contexts"][0]["name"] == target.cluster.context
    assert copy["clusters"][0]["cluster"]["server"] == target.cluster.server
    return target.cluster.server, runner, target.cluster.context


def test_there_are_enough() -> None:
    assert len(ROWS) >= 20
    assert len({row.id for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
@pytest.mark.parametrize("way", WAYS)
def test_only_what_was_meant_is_reached(tmp_path: Path, row: Row, way: str) -> None:
    server, runner, _ = reached(written(tmp_path, row.files), tmp_path, target=way)
    expected = getattr(row, way)
    # Auto may take another local cluster that runs, when the current context is none; never one far away.
    allowed = {expected} if expected or way != "auto" else {None, KIND, MINI}
    assert server in allowed
    assert not [argv for argv in runner.argvs if argv[0] in {"kubectl", "helm"}], "the guard asks no cluster"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_neither_the_name_nor_the_list_alone_opens_production(tmp_path: Path, row: Row) -> None:
    paths = written(tmp_path, row.files)
    names = {str(each["name"]) for file in row.files if isinstance(file, dict) for each in file.get("contexts") or ()}
    for name in names | {"prod"}:
        local = {KIND, MINI, "https://127.0.0.1:34999", None}
        assert reached(paths, tmp_path, named=name, target="auto", context=name)[0] in local
        assert reached(paths, tmp_path, target="auto", allowed_contexts=[name])[0] in local
        for target in ("kind", "minikube", "context"):
            assert reached(paths, tmp_path, target=target, context=name, allowed_contexts=[name])[0] in local


@pytest.mark.parametrize("name", ["prod", "arn:aws:eks:eu-central-1:1:cluster/kind-kubetasks", "kind-kubetasks"])
def test_named_and_listed_reaches_exactly_that_one(tmp_path: Path, name: str) -> None:
    others = [entry(each, f"https://{number}.example.com") for number, each in enumerate(("prod-eu", "prod2", "pro"))]
    paths = written(tmp_path, [joined("prod2", *others, entry(name, PROD), mini_entry)])
    server, _, context = reached(paths, tmp_path, named=name, target="auto", context=name, allowed_contexts=[name])
    assert (server, context) == (PROD, name)
