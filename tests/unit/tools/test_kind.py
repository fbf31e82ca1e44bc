"""kind: command lines, and what runs of kind 0.33 printed."""

import pytest

from kubetasks.tools import kind

FAILED = """\
cgroup v1 is deprecated in Kubernetes and will not be supported in a future kind release, please upgrade to cgroup v2
Creating cluster "absent" ...
 \x1b[32m•\x1b[0m Ensuring node image (example.local/none:1) 🖼️  ...
 \x1b[31m✗\x1b[0m Ensuring node image (example.local/none:1) 🖼️
ERROR: failed to create cluster: failed to pull image "example.local/none:1": command failed with error: exit status 1

Command Output: Error response from daemon: lookup example.local: no such host
"""


def test_create_leaves_to_kind_what_is_not_given() -> None:
    assert kind.create("dev") == ["kind", "create", "cluster", "--name", "dev"]


def test_create_with_everything() -> None:
    assert kind.create("dev", image="node:1", config="/p/kind.yaml", wait=180, kubeconfig="/k", retain=True) == [
        *("kind", "create", "cluster", "--name", "dev", "--image", "node:1", "--config", "/p/kind.yaml"),
        *("--kubeconfig", "/k", "--wait", "180s", "--retain"),
    ]


def test_other_command_lines() -> None:
    assert kind.delete("dev") == ["kind", "delete", "cluster", "--name", "dev"]
    assert kind.delete("dev", kubeconfig="/k") == ["kind", "delete", "cluster", "--name", "dev", "--kubeconfig", "/k"]
    assert kind.export_kubeconfig("dev") == ["kind", "export", "kubeconfig", "--name", "dev"]
    assert kind.load_archive("dev") == ["kind", "load", "image-archive", "-", "--name", "dev"]
    assert kind.load_archive("dev", "/a.tar") == ["kind", "load", "image-archive", "/a.tar", "--name", "dev"]
    assert kind.version() == ["kind", "version"]
    assert kind.start(["dev-control-plane"]) == ["docker", "start", "dev-control-plane"]
    assert kind.containers() == [
        *("docker", "ps", "--all", "--filter", "label=io.x-k8s.kind.cluster"),
        *("--format", '{{.Label "io.x-k8s.kind.cluster"}} {{.State}} {{.Names}}'),
    ]


def test_context() -> None:
    assert kind.context("dev") == "kind-dev"


def test_parse_containers() -> None:
    text = "dev running dev-control-plane\nother exited other-control-plane\n\nodd\n"
    assert kind.parse_containers(text) == [
        kind.Container("dev", "running", "dev-control-plane"),
        kind.Container("other", "exited", "other-control-plane"),
    ]


def test_parse_version() -> None:
    assert kind.parse_version("kind v0.33.0 go1.26.8 linux/amd64\n") == "v0.33.0"
    assert kind.parse_version("sh: kind: not found") == ""


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (" \x1b[32m✓\x1b[0m Preparing nodes 📦 ", "Preparing nodes"),
        (" • Installing CNI 🔌  ...", "Installing CNI"),
        ('Deleting cluster "dev" ...', 'Deleting cluster "dev"'),
        ("", ""),
    ],
)
def test_progress_line(line: str, shown: str) -> None:
    assert kind.progress_line(line) == shown


def test_reason_is_the_line_that_says_error() -> None:
    assert kind.reason(FAILED).startswith('failed to create cluster: failed to pull image "example.local/none:1"')


def test_reason_without_one() -> None:
    assert kind.reason("first\nlast\n") == "last"
    assert kind.reason("") == ""
