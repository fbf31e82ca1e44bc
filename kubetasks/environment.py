"""The environment of every child: what of the user's own reaches a program that we start, and what does not.

Each program has a row in ``PROGRAMS``. Variables that change what our call does are removed by name or by prefix,
so that a variable of a later release of the program is covered, too; what chooses the engine or gives credentials
stays; what has to have one value is set. docs/environment.md explains the same table to users; a test keeps the two
equal. Preferences that live in files (kuberc, Helm's plugins and repositories) are switched off here as well.

What a caller gives for one call always wins. A caller that needs an exact environment gives ``Exact``.
"""

import fnmatch
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from kubetasks.addresses import host_of, is_local_url

Environment = Mapping[str, str | None]

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
NO_PROXY: Final = ("NO_PROXY", "no_proxy")
SCRATCH: Final = "{scratch}"  # stands for a private folder of this run


# Names the hook for what a hook runs: a deploy that it starts runs no hooks of its own.
HOOK: Final = "KUBETASKS_HOOK"


class Exact(dict[str, str]):
    """A whole environment: the child gets this and nothing else."""


@dataclass(frozen=True)
class Program:
    """What the environment of one program is made of.

    Args:
        drops: patterns (``fnmatch``) of variables that never reach it.
        keeps: patterns of variables that reach it although a pattern in ``drops`` matches.
        sets: variables with one fixed value; ``{scratch}`` is a private folder of this run.
        direct: hosts that it never reaches through a proxy.
        kubeconfig: whether it reads or writes the user's own kubeconfig. Every other program gets none here; those
            that talk to a cluster are given the private one that the guard checked.
    """

    drops: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    direct: tuple[str, ...] = ()
    kubeconfig: bool = False


# Output that we parse must not depend on language, colour or width; no file may run before the program itself.
EVERYWHERE: Final = Program(
    drops=(
        "LANGUAGE", "LC_*",
        "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES",
        "BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "BASH_FUNC_*", "BASH_COMPAT", "BASH_XTRACEFD",
        "CDPATH", "GLOBIGNORE", "PS4", "POSIXLY_CORRECT",
        "GODEBUG", "GOTRACEBACK", "OTEL_*", "GIT_*",
        "KUBE*", "POD_NAME*",
    ),
    keeps=("GIT_SSH*", "GIT_ASKPASS", "GIT_SSL_*"),
    sets={"LC_ALL": "C", "NO_COLOR": "1", "TERM": "dumb", "GIT_TERMINAL_PROMPT": "0"},
)  # fmt: skip

_ENGINE: Final = (
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
    "DOCKER_AUTH_CONFIG", "BUILDX_CONFIG",
)  # fmt: skip
_DOCKER: Final = ("DOCKER_*", "BUILDKIT_*", "BUILDX_*", "EXPERIMENTAL_BUILDKIT_*", "COMPOSE_*", "SOURCE_DATE_EPOCH")

# ``minikube docker-env`` exports these, and keeps what they were under its own name
# (https://minikube.sigs.k8s.io/docs/commands/docker-env/).
ACTIVE_PROFILE: Final = "MINIKUBE_ACTIVE_DOCKERD"
BEFORE: Final = "MINIKUBE_EXISTING_"
REDIRECTED: Final = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")

PROGRAMS: Final[Mapping[str, Program]] = {
    "kubectl": Program(
        drops=("KUSTOMIZE_*",),
        sets={"KUBECONFIG": os.devnull, "KUBECTL_KUBERC": "false", "KUBERC": "off"},
    ),
    "helm": Program(
        drops=("HELM_*",),
        sets={
            "KUBECONFIG": os.devnull,
            "HELM_DRIVER": "secret",
            "HELM_NO_PLUGINS": "1",
            "HELM_PLUGINS": f"{SCRATCH}/helm/plugins",
            "HELM_CACHE_HOME": f"{SCRATCH}/helm/cache",
            "HELM_CONFIG_HOME": f"{SCRATCH}/helm/config",
            "HELM_DATA_HOME": f"{SCRATCH}/helm/data",
        },
    ),
    "docker": Program(
        drops=_DOCKER,
        keeps=_ENGINE,
        sets={"DOCKER_CLI_HINTS": "false", "BUILDX_BUILDER": "default"},
    ),
    "kind": Program(
        drops=("KIND_*", *_DOCKER),
        keeps=_ENGINE,
        sets={"KIND_EXPERIMENTAL_PROVIDER": "docker"},
        kubeconfig=True,
    ),
    "minikube": Program(
        drops=("MINIKUBE_*", *_DOCKER),
        keeps=("MINIKUBE_HOME", *_ENGINE),
        sets={"MINIKUBE_WANTUPDATENOTIFICATION": "false", "MINIKUBE_IN_STYLE": "false"},
        # https://minikube.sigs.k8s.io/docs/handbook/vpn_and_proxy/
        direct=(
            "localhost", "127.0.0.1", "10.96.0.0/12", "192.168.39.0/24", "192.168.49.0/24", "192.168.59.0/24",
            "control-plane.minikube.internal", "host.minikube.internal",
        ),
        kubeconfig=True,
    ),
    # Scanners: what raises or lowers their demands, and what lets checkov send results to a service.
    "hadolint": Program(drops=("HADOLINT_*",)),
    "checkov": Program(drops=("CHECKOV_*", "CKV_*", "BC_*", "PRISMA_*", "LOG_LEVEL", "PYTHON*", "VIRTUAL_ENV")),
    # docker/offline/up: it compiles, packs and installs.
    "bash": Program(
        drops=(
            "PYTHON*", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_*", "VIRTUAL_ENV",
            "GOFLAGS", "GOOS", "GOARCH", "GOBIN", "GOROOT", "GOWORK", "GOENV", "GOEXPERIMENT", "CGO_*", "GO111MODULE",
            "CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "MAKEFILES",
            "TAR_OPTIONS", "GZIP", "BZIP2", "XZ_OPT", "XZ_DEFAULTS", "ZSTD_*", "GREP_OPTIONS", "GREP_COLOR*",
            "LS_COLORS", "QUOTING_STYLE", "TIME_STYLE", "BLOCK_SIZE", "DPKG_*", "DEB_*", "APT_CONFIG",
            *_DOCKER,
        ),
        keeps=("KUBETASKS_*", *_ENGINE),
    ),
}  # fmt: skip


def program_name(argv0: str) -> str:
    """The row of ``PROGRAMS`` for a program's name or path."""
    return re.sub(r"\.(exe|cmd|bat)$", "", re.split(r"[/\\]", argv0)[-1].lower())


def resolve_paths(value: str, folder: Path) -> str:
    """A list of paths as in $KUBECONFIG, each absolute; ``~`` is the home folder.

    Args:
        value: the list; empty parts are left out.
        folder: what relative paths are relative to.
    """
    return os.pathsep.join(str(folder / _home(part)) for part in value.split(os.pathsep) if part)


def _home(part: str) -> Path:
    try:
        return Path(part).expanduser()
    except RuntimeError:  # a user without a home folder
        return Path(part)


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or "(?!)")


def _passes(name: str, row: Program) -> bool:
    """Whether a variable of the user's reaches a program."""
    drops, keeps = (*EVERYWHERE.drops, *row.drops), (*EVERYWHERE.keeps, *row.keeps)
    upper = name.upper()  # Windows does not tell them apart, and programs read some in small letters
    return not _any_of(drops).match(upper) or _any_of(keeps).match(upper) is not None


def without_proxy(environ: Mapping[str, str], *hosts: str) -> dict[str, str]:
    """The variables that keep programs from reaching these hosts through a proxy; none where no proxy is set.

    Both spellings are set: programs differ in which of the two they read first.
    """
    if not any(environ.get(name) for name in PROXIES):
        return {}
    old = [part.strip() for name in NO_PROXY for part in environ.get(name, "").split(",")]
    value = ",".join(dict.fromkeys(part for part in (*old, *hosts) if part))
    return dict.fromkeys(NO_PROXY, value)


def redirected_to(environ: Mapping[str, str]) -> str:
    """The minikube profile whose engine ``minikube docker-env`` made this shell's own; empty for none.

    A DOCKER_HOST that is no address of a profile was set since, and is the user's.
    """
    at_a_profile = environ.get("DOCKER_HOST", "").startswith(("tcp://", "ssh://"))
    return environ.get(ACTIVE_PROFILE, "") if at_a_profile else ""


def without_redirect(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the host's own engine in it, whatever ``minikube docker-env`` exported.

    A target whose images are built inside a profile names that engine in each call. Every other call means the
    host's, or what DOCKER_HOST was before.
    """
    own = dict(environ)
    if redirected_to(environ):
        own.pop(ACTIVE_PROFILE)
        for name in REDIRECTED:
            own.pop(name, None)
            if environ.get(BEFORE + name):
                own[name] = environ[BEFORE + name]
    return own


def compose(
    argv0: str,
    environ: Mapping[str, str],
    given: Environment | None = None,
    *,
    folder: Path | None = None,
    scratch: Callable[[], Path] | None = None,
) -> dict[str, str]:
    """The whole environment of one child.

    Args:
        argv0: the program's name or path.
        environ: this process's own environment.
        given: what the caller wants in this call: None takes a variable away; ``Exact`` is all there is.
        folder: what relative paths in $KUBECONFIG are relative to: where the user typed the command.
        scratch: gives the private folder of this run.
    """
    if isinstance(given, Exact):
        return dict(given)
    row = PROGRAMS.get(program_name(argv0), Program())
    environ = without_redirect(environ)
    child = {name: value for name, value in environ.items() if _passes(name, row)}
    if row.kubeconfig and environ.get("KUBECONFIG"):
        child["KUBECONFIG"] = resolve_paths(environ["KUBECONFIG"], folder or Path.cwd())
    for name, value in {**EVERYWHERE.sets, **row.sets}.items():
        child[name] = value
        if SCRATCH in value and scratch is not None:
            child[name] = value.replace(SCRATCH, str(scratch()))
    for name, wanted in (given or {}).items():
        child.pop(name, None)
        if wanted is not None:
            child[name] = wanted
    if given and given.get("DOCKER_HOST"):
        child.pop("DOCKER_CONTEXT", None)  # two answers to "which engine?"
    engine = child.get("DOCKER_HOST", "")
    direct = (*row.direct, *([host_of(engine)] if engine.startswith("tcp:") and is_local_url(engine) else ()))
    if direct and not (given and set(NO_PROXY) & set(given)):
        child |= without_proxy(child, *direct)
    return child
