"""Advice that fits the cluster: what to type next on kind, on minikube, on a cloud's cluster."""

import pytest

from kubetasks.errors import ClusterUnreachable, KubetasksError, NoTls, Unauthorized
from kubetasks.targets.base import Cluster
from kubetasks.targets.contact import error_for, explain, export_again
from kubetasks.tools.trouble import Kind, Trouble

KIND = Cluster("kind-dev", "shop", "https://127.0.0.1:6443", kind="kind")
MINIKUBE = Cluster("mine", "shop", "https://192.168.49.2:8443", kind="minikube")
PLAIN = Cluster("far", "shop", "https://far.example:6443", kind="context")


def cloud(plugin: str) -> Cluster:
    return Cluster("far", "shop", "https://far.example", kind="context", plugin=plugin)


@pytest.mark.parametrize(
    ("cluster", "command"),
    [
        (KIND, ": kind export kubeconfig --name dev"),
        (MINIKUBE, ": minikube -p mine update-context"),
        (PLAIN, " with the tool that created the cluster"),
        (cloud("aws"), ": aws eks update-kubeconfig --name CLUSTER"),
        (cloud("/opt/bin/aws-iam-authenticator"), ": aws eks update-kubeconfig --name CLUSTER"),
        (cloud(r"C:\bin\gke-gcloud-auth-plugin"), ": gcloud container clusters get-credentials CLUSTER"),
        (cloud("kubelogin"), ": az aks get-credentials --name CLUSTER --resource-group GROUP"),
        (cloud("somebodys-own"), " with the tool that created the cluster"),
    ],
)
def test_the_command_that_writes_the_kubeconfig_again(cluster: Cluster, command: str) -> None:
    assert export_again(cluster) == f"export the kubeconfig again{command}"
    for kind in (Kind.UNAUTHORIZED, Kind.CLIENT_CERTIFICATE, Kind.UNTRUSTED, Kind.WRONG_NAME, Kind.CONFIG):
        assert export_again(cluster) in error_for(cluster, Trouble(kind, "why")).fix


@pytest.mark.parametrize(
    ("cluster", "kind", "advice"),
    [
        (KIND, Kind.REFUSED, "start it: inv cluster.up --target kind"),
        (KIND, Kind.REFUSED, "its port has changed: export the kubeconfig again: kind export kubeconfig --name dev"),
        (MINIKUBE, Kind.REFUSED, "start it: inv cluster.up --target minikube"),
        (MINIKUBE, Kind.NO_ROUTE, "or start it: inv cluster.up --target minikube"),
        (PLAIN, Kind.REFUSED, "see what is wrong: inv doctor"),
        (PLAIN, Kind.NO_NAME, "nslookup far.example"),
        (PLAIN, Kind.NO_ROUTE, "check the network and the VPN"),
        (KIND, Kind.EXPIRED, "docker exec dev-control-plane kubeadm certs renew all"),
        (MINIKUBE, Kind.EXPIRED, "minikube -p mine stop"),
        (PLAIN, Kind.EXPIRED, "kubeadm certs renew all"),
        (PLAIN, Kind.FORBIDDEN, "kubectl --context far --namespace shop auth can-i --list"),
        (cloud("aws"), Kind.UNAUTHORIZED, "log in again (aws sso login), or export"),
        (cloud("aws"), Kind.PLUGIN, "log in again: aws sso login"),
        (PLAIN, Kind.PROXY, "export NO_PROXY=far.example"),
        (PLAIN, Kind.CONTEXT, "kubectl config get-contexts"),
    ],
)
def test_what_to_type_next(cluster: Cluster, kind: Kind, advice: str) -> None:
    error = error_for(cluster, Trouble(kind, "why"))
    assert advice in error.fix
    assert cluster.context in error.what or kind is Kind.PROXY


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("cluster", [KIND, MINIKUBE, PLAIN, cloud("aws"), Cluster("bare", "shop")])
def test_every_kind_has_an_error_with_a_reason_and_a_next_step(cluster: Cluster, kind: Kind) -> None:
    error = error_for(cluster, Trouble(kind, "this is why"))
    assert isinstance(error, KubetasksError)
    assert error.exit_code > 20
    assert "this is why" in error.why
    assert error.fix
    assert error.what.strip() == error.what
    assert "  " not in error.line


def test_a_proxy_on_the_way_is_named_without_its_password() -> None:
    behind = Cluster("far", "shop", "https://far.example", kind="context", proxy="http://me:secret@proxy:3128")
    for kind in (Kind.REFUSED, Kind.LOST, Kind.NO_ROUTE, Kind.PROXY):
        line = error_for(behind, Trouble(kind, "why")).line
        assert "http://proxy:3128" in line
        assert "NO_PROXY=far.example" in line
        assert "secret" not in line


def test_plain_http_where_tls_is_spoken_is_told_by_the_url() -> None:
    plain = Cluster("far", "shop", "http://10.0.0.1:6443", kind="context")
    error = error_for(plain, Trouble(Kind.LOST, "EOF", passing=True))
    assert isinstance(error, NoTls)
    assert "set the server to https://10.0.0.1:6443" in error.fix


def test_explaining_what_was_printed() -> None:
    assert isinstance(explain(KIND, "error: You must be logged in to the server (Unauthorized)"), Unauthorized)
    assert isinstance(explain(KIND, "Unable to connect to the server: EOF"), ClusterUnreachable)
    assert explain(KIND, 'Error from server (NotFound): pods "x" not found') is None
