"""Kubeconfig files."""

import json

import pytest

from kubetasks.tools.kubeconfig import Context, Damaged, Kubeconfig, merge, parse

ONE = """
apiVersion: v1
kind: Config
current-context: kind-one
clusters:
- name: kind-one
  cluster: {server: "https://127.0.0.1:6443"}
- name: far
  cluster: {server: "https://far.example", proxy-url: "http://proxy:3128"}
contexts:
- name: kind-one
  context: {cluster: kind-one, user: kind-one}
- name: far
  context: {cluster: far, user: me}
- name: broken
  context: {cluster: gone}
users: []
"""
TWO = """
current-context: far
clusters:
- {name: kind-one, cluster: {server: "https://evil.example"}}
- name: minikube
  cluster:
    server: https://192.168.49.2:8443
    extensions: [{name: cluster_info, extension: {provider: minikube.sigs.k8s.io, version: v1.38.1}}]
contexts:
- name: dev
  context:
    cluster: minikube
    extensions: [{name: context_info, extension: {provider: minikube.sigs.k8s.io}}]
"""


def test_contexts_and_their_servers() -> None:
    found = merge([parse(ONE)])
    assert found.current == "kind-one"
    assert found.contexts == {
        "kind-one": Context("kind-one", "https://127.0.0.1:6443"),
        "far": Context("far", "https://far.example", "http://proxy:3128"),
        "broken": Context("broken"),
    }


def test_the_first_file_to_name_a_thing_wins() -> None:
    found = merge([parse(ONE), parse(TWO)])
    assert found.current == "kind-one"
    assert found.contexts["kind-one"].server == "https://127.0.0.1:6443"
    assert found.contexts["dev"] == Context("dev", "https://192.168.49.2:8443", provider="minikube.sigs.k8s.io")
    assert merge([parse(TWO), parse(ONE)]).current == "far"


def test_json_is_yaml() -> None:
    assert merge([parse(json.dumps(parse(ONE)))]) == merge([parse(ONE)])


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "{}"])
def test_an_empty_file_has_no_contexts(text: str) -> None:
    assert merge([parse(text)]) == Kubeconfig()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "it is not valid YAML: .* in line [12]"),
        ("a: b: c", "it is not valid YAML"),
        ("\tx", "it is not valid YAML"),
        ("a: 2026-13-45", "it is not valid YAML"),
        ("\x00", "it is not valid YAML"),
        ("!!python/object:os.system {}", "it is not valid YAML"),
        ("just words", "it is not a mapping"),
        ("[1, 2]", "it is not a mapping"),
        ("contexts: words", "`contexts` is not a list of mappings"),
        ("clusters: [a]", "`clusters` is not a list of mappings"),
        ("current-context: [a]", "`current-context` is not a name"),
    ],
)
def test_says_what_is_damaged(text: str, says: str) -> None:
    with pytest.raises(Damaged, match=says):
        parse(text)


def test_odd_entries_do_no_harm() -> None:
    text = "contexts: [{name: a}, {context: {cluster: x}}, {name: b, context: words}]\n"
    text += "clusters: [{name: x, cluster: null}]"
    assert merge([parse(text)]).contexts == {"a": Context("a"), "b": Context("b")}


def test_nearest() -> None:
    found = merge([parse(ONE)])
    assert found.nearest("kind-noe") == "kind-one"
    assert found.nearest("zzz") == ""
