"""What of the user's environment reaches a child: one case for every program and every variable that is known."""

import os
import re
from pathlib import Path

import pytest

from kubetasks.environment import (
    EVERYWHERE,
    NO_PROXY,
    PROGRAMS,
    Exact,
    compose,
    program_name,
    redirected_to,
    resolve_paths,
)

ROOT = Path(__file__).resolve().parents[2]
# What each program reads, as far as it changes what a call does: from its documentation and from its binary.
HOSTILE: dict[str, tuple[str, ...]] = {
    "kubectl": (
        "KUBECONFIG", "KUBERC", "KUBECTL_KUBERC", "KUBERNETES_MASTER", "KUBERNETES_SERVICE_HOST",
        "KUBERNETES_SERVICE_PORT", "KUBECTL_EXTERNAL_DIFF", "KUBECTL_COMMAND_HEADERS", "KUBECTL_APPLYSET",
        "KUBECTL_PORT_FORWARD_WEBSOCKETS", "KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "KUBECTL_ENABLE_CMD_SHADOW",
        "KUBECTL_INTERACTIVE_DELETE", "KUBECTL_OPENAPIV3_PATCH", "KUBECTL_PATH", "KUBE_EDITOR", "KUBECACHEDIR",
        "KUBE_FEATURE_WatchListClient", "POD_NAMESPACE", "POD_NAME", "KUSTOMIZE_PLUGIN_HOME", "KUBECOLOR_PRESET",
    ),
    "helm": (
        "HELM_NAMESPACE", "HELM_KUBECONTEXT", "HELM_KUBETOKEN", "HELM_KUBEAPISERVER", "HELM_KUBEASUSER",
        "HELM_KUBEASGROUPS", "HELM_KUBECAFILE", "HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "HELM_KUBETLS_SERVER_NAME",
        "HELM_DRIVER_SQL_CONNECTION_STRING", "HELM_DEBUG", "HELM_MAX_HISTORY", "HELM_BURST_LIMIT", "HELM_QPS",
        "HELM_REPOSITORY_CONFIG", "HELM_REPOSITORY_CACHE", "HELM_REGISTRY_CONFIG", "HELM_COLOR", "HELM_CONTENT_CACHE",
        "HELM_DIFF_COLOR", "HELM_BIN", "HELM_EXPERIMENTAL_OCI", "KUBECONFIG", "KUBERNETES_SERVICE_HOST",
    ),
    "docker": (
        "DOCKER_DEFAULT_PLATFORM", "DOCKER_BUILDKIT", "DOCKER_CONTENT_TRUST", "DOCKER_CONTENT_TRUST_SERVER",
        "DOCKER_API_VERSION", "DOCKER_CUSTOM_HEADERS", "DOCKER_CLI_EXPERIMENTAL", "DOCKER_HIDE_LEGACY_COMMANDS",
        "BUILDKIT_PROGRESS", "BUILDKIT_HOST", "BUILDKIT_COLORS", "BUILDKIT_TTY_LOG_LINES", "BUILDX_EXPERIMENTAL",
        "BUILDX_NO_DEFAULT_ATTESTATIONS", "BUILDX_METADATA_PROVENANCE", "BUILDX_GIT_INFO", "BUILDX_BAKE_FILE",
        "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "SOURCE_DATE_EPOCH", "COMPOSE_FILE", "GIT_DIR", "GIT_WORK_TREE",
    ),
    "kind": ("KIND_CLUSTER_NAME", "KIND_EXPERIMENTAL_DOCKER_NETWORK", "KIND_DNS_SEARCH", "DOCKER_DEFAULT_PLATFORM"),
    "minikube": (
        "MINIKUBE_DRIVER", "MINIKUBE_PROFILE", "MINIKUBE_CONTAINER_RUNTIME", "MINIKUBE_CPUS", "MINIKUBE_ROOTLESS",
        "MINIKUBE_ACTIVE_DOCKERD", "MINIKUBE_FORCE_SYSTEMD", "DOCKER_API_VERSION",
    ),
    "hadolint": ("HADOLINT_FAILURE_THRESHOLD", "HADOLINT_IGNORE", "HADOLINT_FORMAT", "HADOLINT_NOFAIL"),
    "checkov": ("CKV_FRAMEWORK", "CKV_SKIP_CHECK", "BC_API_KEY", "PRISMA_API_URL", "LOG_LEVEL", "PYTHONPATH"),
    "bash": (
        "PYTHONWARNINGS", "PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "GOFLAGS",
        "GOOS", "GOARCH", "CGO_ENABLED", "CFLAGS", "TAR_OPTIONS", "GZIP", "XZ_OPT", "GREP_OPTIONS", "APT_CONFIG",
    ),
}  # fmt: skip
ANYWHERE = (
    "LC_MESSAGES", "LC_NUMERIC", "LANGUAGE", "CLICOLOR_FORCE", "FORCE_COLOR", "COLUMNS", "LINES", "BASH_ENV", "ENV",
    "SHELLOPTS", "BASH_FUNC_kubectl%%", "CDPATH", "POSIXLY_CORRECT", "GODEBUG", "OTEL_EXPORTER_OTLP_ENDPOINT",
    "GIT_INDEX_FILE", "GIT_TRACE",
)  # fmt: skip
# What chooses the engine, gives credentials or leads to the network belongs to the user.
WELCOME: dict[str, tuple[str, ...]] = {
    "kubectl": ("AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_CONFIG_DIR", "HTTPS_PROXY", "SSL_CERT_FILE"),
    "helm": ("AWS_PROFILE", "HTTPS_PROXY", "NO_PROXY"),
    "docker": ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
               "DOCKER_AUTH_CONFIG", "BUILDX_CONFIG", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS"),
    "kind": ("DOCKER_HOST", "DOCKER_CONTEXT", "HTTPS_PROXY"),
    "minikube": ("MINIKUBE_HOME", "DOCKER_HOST"),
    "hadolint": ("PATH",),
    "checkov": ("HTTPS_PROXY", "SSL_CERT_FILE"),
    "bash": ("GOPROXY", "GONOSUMDB", "PIP_INDEX_URL", "DOCKER_HOST", "KUBETASKS_CACHE"),
}  # fmt: skip
USUAL = ("PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_DIR", "GIT_SSH_COMMAND")


def test_every_program_has_its_cases() -> None:
    assert set(HOSTILE) == set(WELCOME) == set(PROGRAMS)


@pytest.mark.parametrize(
    ("program", "name"),
    [(program, name) for program in PROGRAMS for name in (*HOSTILE[program], *ANYWHERE)],
)
def test_a_variable_that_changes_a_call_does_not_reach_the_program(program: str, name: str) -> None:
    made = compose(program, {name: "hostile"}, scratch=lambda: Path("/scratch"))
    assert made.get(name, "") != "hostile" or name == "KUBECONFIG"


@pytest.mark.parametrize(
    ("program", "name"), [(program, name) for program in PROGRAMS for name in (*WELCOME[program], *USUAL)]
)
def test_what_belongs_to_the_user_reaches_the_program(program: str, name: str) -> None:
    assert compose(program, {name: "mine"}, scratch=lambda: Path("/scratch"))[name] == "mine"


@pytest.mark.parametrize("program", [*PROGRAMS, "anything"])
def test_what_is_parsed_depends_on_no_language_colour_or_width(program: str) -> None:
    made = compose(program, {"LANG": "de_DE.UTF-8", "LC_ALL": "tr_TR", "TERM": "xterm"}, scratch=lambda: Path("/s"))
    assert {name: made[name] for name in EVERYWHERE.sets} == EVERYWHERE.sets
    assert (made["LC_ALL"], made["NO_COLOR"], made["TERM"]) == ("C", "1", "dumb")


def test_kubectl_and_helm_see_no_kubeconfig_but_the_one_they_are_given() -> None:
    for program in ("kubectl", "helm"):
        environ = {"KUBECONFIG": "/mine", "HOME": "/home/me"}
        assert compose(program, environ, scratch=lambda: Path("/s"))["KUBECONFIG"] == os.devnull
        given = compose(program, environ, {"KUBECONFIG": "/checked"}, scratch=lambda: Path("/s"))
        assert given["KUBECONFIG"] == "/checked"


def test_kubectl_reads_no_preferences() -> None:
    made = compose("kubectl", {"KUBECTL_KUBERC": "true", "KUBERC": "/mine"})
    assert (made["KUBECTL_KUBERC"], made["KUBERC"]) == ("false", "off")


def test_helm_gets_folders_of_its_own_and_no_plugins() -> None:
    made = compose("/usr/bin/helm", {"HELM_PLUGINS": "/mine", "HELM_DRIVER": "sql"}, scratch=lambda: Path("/run/x"))
    assert made["HELM_DRIVER"] == "secret"
    assert made["HELM_NO_PLUGINS"] == "1"
    folders = {name: value for name, value in made.items() if name.endswith("_HOME") or name == "HELM_PLUGINS"}
    assert folders == {
        "HELM_PLUGINS": "/run/x/helm/plugins",
        "HELM_CACHE_HOME": "/run/x/helm/cache",
        "HELM_CONFIG_HOME": "/run/x/helm/config",
        "HELM_DATA_HOME": "/run/x/helm/data",
    }


@pytest.mark.parametrize("program", ["kind", "minikube"])
def test_what_writes_the_users_kubeconfig_gets_it_by_its_whole_path(program: str, tmp_path: Path) -> None:
    environ = {"KUBECONFIG": os.pathsep.join(["kube/one", "/two", "", "~/three"]), "HOME": "/home/me"}
    made = compose(program, environ, folder=tmp_path)
    home = Path("~").expanduser()
    assert made["KUBECONFIG"] == os.pathsep.join([f"{tmp_path}/kube/one", "/two", f"{home}/three"])
    assert "KUBECONFIG" not in compose(program, {}, folder=tmp_path)


def test_paths_are_resolved_once(tmp_path: Path) -> None:
    assert resolve_paths("", tmp_path) == ""
    assert resolve_paths("a", tmp_path) == f"{tmp_path}/a"
    assert resolve_paths("~no-such-user/x", tmp_path) == f"{tmp_path}/~no-such-user/x"


def test_what_a_call_gives_wins() -> None:
    environ = {"DOCKER_BUILDKIT": "0", "DOCKER_HOST": "ssh://a", "DOCKER_CONTEXT": "b", "LC_ALL": "x"}
    made = compose("docker", environ, {"DOCKER_BUILDKIT": "1", "DOCKER_HOST": None, "LC_ALL": None})
    assert made["DOCKER_BUILDKIT"] == "1"
    assert "DOCKER_HOST" not in made
    assert "LC_ALL" not in made
    assert made["DOCKER_CONTEXT"] == "b"


def test_another_engine_is_not_mixed_with_the_users_context() -> None:
    made = compose("docker", {"DOCKER_CONTEXT": "remote"}, {"DOCKER_HOST": "tcp://192.168.49.2:2376"})
    assert "DOCKER_CONTEXT" not in made


MINIKUBES = {
    "MINIKUBE_ACTIVE_DOCKERD": "dev",
    "DOCKER_HOST": "tcp://192.168.49.2:2376",
    "DOCKER_TLS_VERIFY": "1",
    "DOCKER_CERT_PATH": "/home/me/.minikube/certs",
}


@pytest.mark.parametrize("program", [*PROGRAMS, "anything"])
@pytest.mark.parametrize("engine", ["tcp://192.168.49.2:2376", "ssh://docker@127.0.0.1:55001"])
def test_a_shell_in_a_minikube_engine_does_not_redirect_other_calls(program: str, engine: str) -> None:
    made = compose(program, {**MINIKUBES, "DOCKER_HOST": engine}, scratch=lambda: Path("/s"))
    assert not [name for name in made if name in MINIKUBES]
    before = {"MINIKUBE_EXISTING_DOCKER_HOST": "ssh://build", "MINIKUBE_EXISTING_DOCKER_TLS_VERIFY": ""}
    assert compose(program, {**MINIKUBES, **before}, scratch=lambda: Path("/s"))["DOCKER_HOST"] == "ssh://build"


def test_a_call_into_a_minikube_engine_reaches_it() -> None:
    made = compose("docker", MINIKUBES, {**MINIKUBES, "DOCKER_HOST": "tcp://192.168.58.2:2376"})
    assert made["DOCKER_HOST"] == "tcp://192.168.58.2:2376"
    assert made["DOCKER_TLS_VERIFY"] == "1"


def test_an_engine_that_was_chosen_since_is_the_users() -> None:
    environ = {**MINIKUBES, "DOCKER_HOST": "unix:///run/user/1000/docker.sock"}
    assert compose("docker", environ)["DOCKER_HOST"] == "unix:///run/user/1000/docker.sock"
    assert redirected_to(environ) == ""
    assert redirected_to(MINIKUBES) == "dev"
    assert redirected_to({"DOCKER_HOST": "tcp://build:2376"}) == ""


def test_an_exact_environment_is_all_there_is() -> None:
    assert compose("kubectl", {"PATH": "/bin", "SECRET": "x"}, Exact(A="1")) == {"A": "1"}


def test_a_local_engine_is_not_reached_through_a_proxy() -> None:
    environ = {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "corp.example"}
    made = compose("docker", environ, {"DOCKER_HOST": "tcp://192.168.49.2:2376"})
    assert made["NO_PROXY"] == made["no_proxy"] == "corp.example,192.168.49.2"
    made = compose("docker", environ, {"DOCKER_HOST": "tcp://build.example:2376"})
    assert "build.example" not in made["no_proxy"]
    assert "NO_PROXY" not in compose("docker", {}, {"DOCKER_HOST": "tcp://192.168.49.2:2376"})
    minikube = compose("minikube", environ)
    assert "192.168.49.0/24" in minikube["NO_PROXY"]
    assert minikube["HTTPS_PROXY"] == "http://proxy:3128"
    given = compose("minikube", environ, {"NO_PROXY": "mine", "no_proxy": "mine"})
    assert {given[name] for name in NO_PROXY} == {"mine"}


@pytest.mark.parametrize(
    ("path", "name"),
    [("kubectl", "kubectl"), ("/usr/bin/docker", "docker"), (r"C:\tools\HELM.EXE", "helm"), ("./kind", "kind")],
)
def test_a_program_is_known_by_its_name(path: str, name: str) -> None:
    assert program_name(path) == name


def test_the_page_for_users_has_every_row() -> None:
    page = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
    written = set(re.findall(r"`([^`]+)`", page))
    for name, row in {"everywhere": EVERYWHERE, **PROGRAMS}.items():
        for pattern in (*row.drops, *row.keeps, *row.sets):
            assert any(pattern == each.partition("=")[0] for each in written), f"{name}: {pattern} is not on the page"
