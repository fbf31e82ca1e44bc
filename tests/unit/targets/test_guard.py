"""The guard, by tables."""

import pytest

from kubetasks.addresses import is_local_url
from kubetasks.errors import ContextRefused
from kubetasks.targets.guard import check, is_known_local, is_local
from kubetasks.tools.kubeconfig import MINIKUBE, Context

PUBLIC = "https://203.0.113.7:6443"
EKS = "https://ABCDEF.gr7.eu-central-1.eks.amazonaws.com"

URLS = [
    ("https://127.0.0.1:34567", True),
    ("https://127.8.9.1:6443", True),
    ("https://localhost:6443", True),
    ("https://LOCALHOST:6443", True),
    ("https://localhost.:6443", True),
    ("https://api.localhost:6443", True),
    ("https://10.1.2.3", True),
    ("https://172.16.0.1", True),
    ("https://172.31.255.255", True),
    ("https://192.168.49.2:8443", True),
    ("https://0.0.0.0:6550", True),  # k3d
    ("https://[::1]:6443", True),
    ("https://[::]:6443", True),
    ("https://[fd00:dead::1]:6443", True),
    ("https://[::ffff:127.0.0.1]:6443", True),
    ("https://kubernetes.docker.internal:6443", True),
    ("https://host.docker.internal:6443", True),
    ("https://control-plane.minikube.internal:8443", True),
    ("https://k8s.orb.local:26443", True),
    (PUBLIC, False),
    (EKS, False),
    ("https://172.15.0.1", False),
    ("https://172.32.0.1", False),
    ("https://192.169.0.1", False),
    ("https://11.0.0.1", False),
    ("https://100.64.0.1:6443", False),  # carrier-grade NAT, mesh VPNs
    ("https://100.127.255.254", False),
    ("https://169.254.169.254", False),  # a cloud's metadata service
    ("https://0.0.0.1", False),
    ("https://198.18.0.1", False),
    ("https://224.0.0.1", False),
    ("https://[2001:db8::1]:6443", False),
    ("https://[2a00:1450:4001::1]", False),
    ("https://[fe80::1%25eth0]:6443", False),
    ("https://[::ffff:203.0.113.7]:6443", False),
    ("https://[64:ff9b::7f00:1]", False),
    ("https://127.0.0.1.evil.example", False),
    ("https://127.0.0.1@evil.example", False),
    ("https://localhost@evil.example:6443", False),
    ("https://localhost.evil.example", False),
    ("https://notlocalhost", False),
    ("https://docker.internal", False),
    ("https://printer.local", False),
    ("https://0x7f000001", False),
    ("https://2130706433", False),
    ("https://127.1", False),
    ("https://0177.0.0.1", False),
    ("https://[::1", False),
    ("https://", False),
    ("", False),
    ("localhost:5000", True),
    ("127.0.0.1:5000", True),
    ("ghcr.io", False),
]


@pytest.mark.parametrize(("url", "local"), URLS)
def test_addresses(url: str, local: bool) -> None:
    assert is_local_url(url) is local


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("kind-kubetasks", True),
        ("kind-prod", True),
        ("minikube", True),
        ("mine", True),  # a minikube profile, see below
        ("docker-desktop", True),
        ("docker-for-desktop", True),
        ("rancher-desktop", True),
        ("orbstack", True),
        ("colima", True),
        ("colima-dev", True),
        ("k3d-dev", True),
        ("microk8s", True),
        ("kind-", False),
        ("kind", False),
        ("my-kind-cluster", False),
        ("minikube-prod", False),
        ("Minikube", False),
        ("docker-desktop-prod", False),
        ("prod", False),
        ("", False),
        ("arn:aws:eks:eu-central-1:1:cluster/kind-prod", False),
    ],
)
def test_names(name: str, known: bool) -> None:
    assert is_known_local(Context(name), ["mine"]) is known


def test_minikube_says_so_itself() -> None:
    assert is_known_local(Context("my-profile", provider=MINIKUBE))
    assert not is_known_local(Context("my-profile", provider="somebody else"))


@pytest.mark.parametrize(
    ("name", "server", "local"),
    [
        ("kind-kubetasks", "https://127.0.0.1:34567", True),
        ("minikube", "https://192.168.49.2:8443", True),
        ("kind-prod", PUBLIC, False),
        ("minikube", EKS, False),
        ("k3d-dev", "https://0.0.0.0:6550", True),
        ("prod", "https://127.0.0.1:6443", False),
        ("prod", "https://10.0.0.1", False),
        ("kind-prod", "https://100.64.0.1", False),
        ("kind-gone", "", False),
    ],
)
def test_both_name_and_address(name: str, server: str, local: bool) -> None:
    assert is_local(Context(name, server)) is local


def test_a_proxy_may_lead_anywhere() -> None:
    with pytest.raises(ContextRefused, match=r"goes through the proxy socks5://127\.0\.0\.1:1080"):
        check(Context("kind-x", "https://10.0.0.1", proxy="socks5://127.0.0.1:1080"), allowed=[])


@pytest.mark.parametrize(
    ("allowed", "named", "todo"),
    [
        (
            [],
            "",
            "add `prod` to kubetasks.allowed_contexts in invoke.yaml and add --context prod to the command",
        ),
        (["prod"], "", "if you mean it, add --context prod to the command"),
        ([], "prod", "if you mean it, add `prod` to kubetasks.allowed_contexts in invoke.yaml"),
        (["pro", "prod2"], "other", "add `prod` to kubetasks.allowed_contexts in invoke.yaml and add --context prod"),
    ],
)
def test_another_context_needs_both(allowed: list[str], named: str, todo: str) -> None:
    with pytest.raises(ContextRefused) as caught:
        check(Context("prod", EKS), allowed=allowed, named=named)
    assert todo in caught.value.fix
    assert EKS in caught.value.why
    assert "both named with --context and listed in allowed_contexts" in caught.value.why


def test_named_and_listed_is_allowed() -> None:
    check(Context("prod", EKS), allowed=["prod"], named="prod")
    check(Context("kind-x", "https://127.0.0.1:1"), allowed=[])


def test_tells_that_a_local_name_is_at_a_foreign_address() -> None:
    with pytest.raises(
        ContextRefused, match=r"called like a local cluster, but its API server is https://203\.0\.113\.7"
    ):
        check(Context("kind-prod", PUBLIC), allowed=[])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"tls_server_name": "api.prod.example"}, "checked against the name api.prod.example"),
        ({"insecure": True}, "its certificate is not checked"),
        ({"plugin": "aws"}, "its credentials come from the program aws"),
        ({"proxy": "http://me:secret@proxy.example:3128"}, "goes through the proxy http://proxy.example:3128"),
    ],
)
def test_what_makes_a_local_address_a_door_to_somewhere_else(fields: dict[str, str], says: str) -> None:
    context = Context("kind-kubetasks", "https://127.0.0.1:6443", **fields)  # type: ignore[arg-type]
    assert not is_local(context)
    with pytest.raises(ContextRefused) as caught:
        check(context, allowed=[], named=context.name)
    assert says in caught.value.why
    assert "secret" not in caught.value.line
    check(context, allowed=[context.name], named=context.name)


@pytest.mark.parametrize("name", ["kubernetes", "kubernetes.default.svc", "localhost", "127.0.0.1", "minikube"])
def test_names_that_every_certificate_has_lead_nowhere_else(name: str) -> None:
    assert is_local(Context("kind-kubetasks", "https://127.0.0.1:6443", tls_server_name=name))
