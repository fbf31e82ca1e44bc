"""The way to the cluster: preferences, proxies, kubeconfigs and plugins of the user, and connections that are lost."""

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

from tests.checkout import Checkout
from tests.e2e.conftest import NAME, Cluster, need
from tests.fake_api import certificate, closed_port

KUBERC = """\
apiVersion: kubectl.config.k8s.io/v1beta1
kind: Preference
defaults:
- command: delete
  options: [{name: interactive, default: "true"}]
- command: apply
  options: [{name: dry-run, default: client}]
- command: create
  options: [{name: dry-run, default: server}]
- command: get
  options: [{name: output, default: wide}]
"""
HOSTILE = {
    "KUBECTL_KUBERC": "true",
    "KUBERNETES_MASTER": "http://127.0.0.1:9",
    "KUBERNETES_SERVICE_HOST": "127.0.0.1",
    "KUBERNETES_SERVICE_PORT": "9",
    "POD_NAMESPACE": "kube-system",
    "HELM_NAMESPACE": "default",
    "HELM_KUBECONTEXT": "gone",
    "HELM_KUBEAPISERVER": "https://127.0.0.1:9",
    "HELM_KUBETOKEN": "wrong",
    "HELM_KUBEASUSER": "nobody",
    "HELM_DRIVER": "sql",
    "HELM_DEBUG": "true",
    "HELM_MAX_HISTORY": "1",
    "HELM_REPOSITORY_CONFIG": "/etc/passwd",
    "DOCKER_DEFAULT_PLATFORM": "linux/s390x",
    "DOCKER_CONTENT_TRUST": "1",
    "DOCKER_API_VERSION": "1.12",
    "DOCKER_BUILDKIT": "0",
    "BUILDX_BUILDER": "no-such-builder",
    "BUILDKIT_PROGRESS": "rawjson",
    "KIND_EXPERIMENTAL_PROVIDER": "podman",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "",
    "LC_ALL": "tr_TR.UTF-8",
    "LANGUAGE": "de",
    "COLUMNS": "20",
    "CLICOLOR_FORCE": "1",
    "GODEBUG": "http2debug=2",
    "GIT_DIR": "/nowhere",
}


def test_the_users_own_preferences_change_nothing(cluster: Cluster, checkout: Checkout, tmp_path: Path) -> None:
    space = checkout.namespace
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube" / "kuberc").write_text(KUBERC)
    plugin = home / "plugins" / "damaged"
    plugin.mkdir(parents=True)
    (plugin / "plugin.yaml").write_text("name: damaged\nversion: {")
    checkout.env |= {**HOSTILE, "HOME": str(home), "HELM_PLUGINS": str(plugin.parent)}
    checkout.append("app/frontend/main.py", f"\nBUILT_FOR = {space!r}\n")
    checkout.inv("deploy", "--no-verify")
    assert len(cluster.objects("deployments", space)) == 2
    assert "nothing changed" in checkout.inv("deploy", "--no-verify")
    checkout.inv("deploy", "--with", "helm", "--no-verify")
    assert len(cluster.objects("secrets", space, "owner=helm,status=deployed")) == 1
    assert f"namespace {space} is deleted" in checkout.inv("destroy")
    assert space not in cluster.kubectl("get", "namespaces", "--output", "name")


def reached(cluster: Cluster, path: Path, change: Any) -> Path:
    """The cluster's kubeconfig with something changed in its one cluster and user."""
    text = cluster.kubectl("config", "view", "--raw", "--flatten", "--output", "json")
    document = json.loads(text)
    change(document["clusters"][0]["cluster"], document["users"][0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def leftovers(folder: Path) -> list[Path]:
    """The private kubeconfigs of runs that have ended, in the folder for temporary files that they had."""
    return [*folder.glob("kubetasks-run-*/*/kubeconfig")]


def test_ways_that_lead_to_the_cluster(cluster: Cluster, checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    checkout.env |= {"TMPDIR": str(tmp_path / "temporary"), "XDG_RUNTIME_DIR": ""}
    status = ["status", "--target", "context", "--context", cluster.context]

    def with_files(own: dict[str, Any], user: dict[str, Any]) -> None:
        folder = checkout.path / "kube" / "pki"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ca").write_bytes(base64.b64decode(own.pop("certificate-authority-data")))
        own["certificate-authority"] = "pki/ca"
        for name in ("client-certificate", "client-key"):
            (folder / name).write_bytes(base64.b64decode(user["user"].pop(f"{name}-data")))
            user["user"][name] = f"pki/{name}"

    # A relative path and relative certificates; a home folder that no shell expanded; a proxy that is not there.
    reached(cluster, checkout.path / "kube" / "config", with_files)
    checkout.inv(*status, env={"KUBECONFIG": os.pathsep.join(["kube/missing", "kube/config"])})
    checkout.inv(*status, env={"KUBECONFIG": "~/kube/config", "HOME": str(checkout.path)})
    checkout.inv(*status, env={"HTTPS_PROXY": f"http://127.0.0.1:{closed_port()}", "NO_PROXY": ""})

    # A credential plugin, by a path relative to the kubeconfig.
    plugin = checkout.path / "kube" / "bin" / "plugin"
    plugin.parent.mkdir()

    def with_plugin(_: dict[str, Any], user: dict[str, Any]) -> None:
        held = user["user"]
        texts = {name: base64.b64decode(held[f"client-{name}-data"]).decode() for name in ("certificate", "key")}
        given = {"clientCertificateData": texts["certificate"], "clientKeyData": texts["key"]}
        answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": given}
        plugin.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n")
        plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
        user["user"] = {
            "exec": {"apiVersion": answer["apiVersion"], "command": "./bin/plugin", "interactiveMode": "Never"}
        }

    path = reached(cluster, checkout.path / "kube" / "plugged", with_plugin)
    plugged = {"KUBECONFIG": str(path)}
    assert "credentials come from the program" in checkout.inv(*status, code=22, env=plugged)
    plugged["KUBETASKS_ALLOWED_CONTEXTS"] = cluster.context
    checkout.inv(*status, env=plugged)
    plugin.write_text("#!/bin/sh\necho 'log in first' >&2\nexit 1\n")
    assert "log in first" in checkout.inv(*status, code=29, env=plugged)
    plugin.unlink()
    assert "is not installed" in checkout.inv(*status, code=29, env=plugged)
    assert leftovers(tmp_path / "temporary") == []


def test_the_kubeconfig_of_an_earlier_cluster(cluster: Cluster, checkout: Checkout, tmp_path: Path) -> None:
    other = certificate("other")

    def other_user(_: dict[str, Any], user: dict[str, Any]) -> None:
        user["user"] = certificate("kubernetes-admin", other).user

    def other_authority(own: dict[str, Any], _: dict[str, Any]) -> None:
        own["certificate-authority-data"] = base64.b64encode(other.pem).decode()

    export = f"kind export kubeconfig --name {NAME}"
    for change, code in ((other_user, 27), (other_authority, 80)):
        env = {"KUBECONFIG": str(reached(cluster, tmp_path / "config", change))}
        out = checkout.inv("status", "--context", cluster.context, code=code, env=env)
        assert export in out
        doctor = checkout.inv("doctor", "--context", cluster.context, code=1, env=env)
        assert f"(exit {code})" in doctor
        assert export in doctor


LOSING = """#!/bin/sh
# Loses the answer of every third call to the cluster: before it, or after it, in turn.
case " $* " in *" kustomize "* | *" version "* | *" template "*) exec {program} "$@" ;; esac
echo >> {count}
case $(($(wc -l < {count}) % 6)) in
3) cat > /dev/null; echo 'Unable to connect to the server: net/http: TLS handshake timeout' >&2; exit 1 ;;
0) {program} "$@" > /dev/null 2>&1; echo 'Unable to connect to the server: EOF' >&2; exit 1 ;;
esac
exec {program} "$@"
"""


def test_a_connection_that_is_lost_again_and_again(cluster: Cluster, checkout: Checkout, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("kubectl", "helm"):
        script = folder / name
        program = need(name, "./inv brings one")
        script.write_text(LOSING.format(count=tmp_path / name, program=program))
        script.chmod(0o755)
    checkout.env["PATH"] = f"{folder}:{checkout.env['PATH']}"
    (tmp_path / "helm").write_text("\n\n")  # so that its first call to the cluster, the upgrade, is lost
    for number, deployer in enumerate(("manifests", "helm"), start=1):
        checkout.inv("deploy", "--with", deployer, "--no-verify")
        revision = json.loads(checkout.inv("status", "--json"))["revision"]
        assert (revision["number"], revision["status"]) == (number, "deployed")
    assert len((tmp_path / "kubectl").read_text()) > 20
    assert len((tmp_path / "helm").read_text()) > 3
    assert cluster.objects("leases", checkout.namespace) == []
    checkout.inv("destroy")
    assert checkout.namespace not in cluster.kubectl("get", "namespaces", "--output", "name")
