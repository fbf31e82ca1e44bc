"""What no type can say of settings: names that must exist, values that cannot work together, files that do not exist.

Each fault is found before anything is built or changed, and named by its path. Sources of the rules: the reference
grammar of github.com/distribution/reference, Kubernetes' object names (RFC 1123 labels, ConfigMap and Secret keys),
Helm's limit of 53 characters for a release's name.
"""

import os
import re
import shutil
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kubetasks.settings import chart_faults, http_checks, model, secret_places
from kubetasks.settings.fault import Fault, nearest, unstorable
from kubetasks.settings.sections import Settings

COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# The first part of a name is a host only where it has a dot or a port, or is `localhost`.
DOMAIN: Final = rf"(?:localhost|{PART}(?:\.{PART})+|{PART}(?=:[0-9])|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?"
PATH: Final = rf"{COMPONENT}(?:/{COMPONENT})*"
NAME: Final = rf"(?:{DOMAIN}/)?{PATH}"
REPOSITORY: Final = re.compile(NAME)
REGISTRY: Final = re.compile(rf"{DOMAIN}(?:/{PATH})?|{PATH}")
REFERENCE: Final = re.compile(rf"{NAME}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?")
LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_RULE: Final = "it must be a DNS label: lower-case letters, digits and -, at most 63 characters"
KEY: Final = re.compile(r"[-._A-Za-z0-9]{1,253}")
KEY_RULE: Final = "a key consists of letters, digits, -, _ and ."
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SUBDOMAIN: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
# What leads to Services, beside their own names.
ROUTES: Final = ("Ingress", "HTTPRoute", "Gateway")
PORT_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?")
SYSTEMS: Final = ("linux", "windows", "darwin", "freebsd", "wasip1")
# With the other names that Docker takes for them (github.com/containerd/platforms).
ARCHITECTURES: Final = re.compile(
    r"amd64|x86[_-]64|arm64|aarch64|arm|armhf|armel|[3-6]86|ppc64le|s390x|riscv64|mips64(le)?|loong64|wasm"
)
RELEASE_LENGTH: Final = 53
JOB_LENGTH: Final = 50  # a Job's name gets a dash and 12 digits, and is a label's value
RUNTIMES: Final = ("docker", "containerd", "cri-o")
PROGRAMS: Final = ("docker", "kubectl", "helm", "kind", "minikube", "bash", "ps", "kubectl-ai", "bwrap")
# May be absent although it is named: it is never committed, so a fresh checkout and CI have none.
USUAL_ENV_FILE: Final = ".env"


def faults(settings: Settings) -> Iterator[Fault]:
    """Values that cannot work on any machine."""
    yield from _names(settings)
    yield from _services(settings)
    yield from _images(settings)
    yield from _migrations(settings)
    yield from _verify(settings)
    yield from http_checks.faults(settings)
    yield from secret_places.faults(settings)
    yield from chart_faults.faults(settings)
    yield from _database(settings)
    yield from model.faults(settings)
    if settings.minikube.runtime not in RUNTIMES:
        yield Fault("minikube.runtime", "unknown value", f"choose one of {', '.join(RUNTIMES)}")


def _names(settings: Settings) -> Iterator[Fault]:
    if settings.deployer == "helm" and len(settings.project) > RELEASE_LENGTH:
        why = f"it is the Helm release's name too, which has {RELEASE_LENGTH} characters at most"
        yield Fault("project", why, "choose a shorter one, or the deployer manifests")
    for group, keys in (("config", settings.config), ("secrets", settings.secrets)):
        for key in keys:
            if not KEY.fullmatch(key):
                yield Fault(f"{group}.{key}", KEY_RULE, "rename it")
    for key, value in settings.config.items():
        if unstorable(value):
            yield Fault(f"config.{key}", unstorable(value), "remove it")
    for name in settings.programs:
        if name not in PROGRAMS:
            yield Fault(f"programs.{name}", "kubetasks starts no such program", nearest(name, PROGRAMS, "programs"))


def _services(settings: Settings) -> Iterator[Fault]:
    ports: dict[int, str] = {}
    for name, service in settings.services.items():
        path = f"services.{name}"
        if not LABEL.fullmatch(name):
            yield Fault(path, LABEL_RULE, "rename the service to match its workload")
        for key in service.build_args:
            if not VARIABLE.fullmatch(key):
                yield Fault(
                    f"{path}.build_args.{key}", "a build argument's name has letters, digits and _", "rename it"
                )
        port = service.local_port
        if port and port in ports:
            yield Fault(f"{path}.local_port", f"{port} is the local port of {ports[port]} too", "choose another one")
        ports[port] = name


def _images(settings: Settings) -> Iterator[Fault]:
    images = settings.images
    if not REPOSITORY.fullmatch(images.repository):
        yield Fault(
            "images.repository", "it is not an image name", "lower-case letters, digits, . _ - and /: acme/shop"
        )
    yield from _registry(images.registry)
    yield from _platform(images.platform)
    for path, reference in (
        ("images.base", images.base),
        ("images.offline_base", images.offline_base),
        ("database.image", settings.database.image),
        ("database.offline_image", settings.database.offline_image),
        ("kind.node_image", settings.kind.node_image),
        ("kind.offline_node_image", settings.kind.offline_node_image),
        ("minikube.base_image", settings.minikube.base_image),
    ):
        empty = reference == "" and path in {"kind.node_image", "minikube.base_image"}
        if not empty and not REFERENCE.fullmatch(reference):
            yield Fault(path, "it is not an image reference", "write NAME:TAG, e.g. python:3.11-slim")


def _registry(registry: str) -> Iterator[Fault]:
    port = re.search(r":([0-9]+)(?:/|$)", registry)
    if "://" in registry:
        yield Fault("images.registry", "it has a scheme", f"write it without: {registry.partition('://')[2]}")
    elif registry and (
        not REGISTRY.fullmatch(registry.removesuffix("/")) or (port and int(port[1]) not in range(1, 65536))
    ):
        yield Fault("images.registry", "it is not HOST[:PORT][/PATH]", "e.g. ghcr.io/me; the path in lower case")


def _platform(platform: str) -> Iterator[Fault]:
    if not platform:
        return
    if "," in platform:
        yield Fault("images.platform", "it names several", "name one: a node runs one")
        return
    parts = platform.lower().split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    variant = len(parts) == 3 and bool(re.fullmatch(r"v?[0-9]+", parts[2]))
    if parts[0] not in SYSTEMS or not ARCHITECTURES.fullmatch(parts[1]) or not (len(parts) == 2 or variant):
        yield Fault("images.platform", "it is not OS/ARCHITECTURE[/VARIANT]", "e.g. linux/amd64 or linux/arm64")


def _migrations(settings: Settings) -> Iterator[Fault]:
    migrations = settings.migrations
    if migrations.service and migrations.service not in settings.services:
        fix = nearest(migrations.service, settings.services, "services")
        yield Fault("migrations.service", f"there is no service `{migrations.service}`", fix)
    if migrations.job and not migrations.service:
        yield Fault("migrations.service", f"it is empty, and the Job {migrations.job} has to run an image", "name one")
    if migrations.job and not (LABEL.fullmatch(migrations.job) and len(migrations.job) <= JOB_LENGTH):
        why = f"it must be a DNS label of {JOB_LENGTH} characters at most: 13 more are added"
        yield Fault("migrations.job", why, "choose a shorter one")


def _verify(settings: Settings) -> Iterator[Fault]:
    kind, slash, route = settings.verify.entry.partition("/")
    name, colon, port = ("", "", "") if slash else settings.verify.entry.partition(":")
    if slash and kind not in ROUTES:
        yield Fault("verify.entry", f"`{kind}` leads to no Service", nearest(kind, ROUTES, "kinds"))
    elif (slash and not SUBDOMAIN.fullmatch(route)) or ((name or colon) and not LABEL.fullmatch(name)):
        why = f"`{route if slash else name}` is not the name of an object"
        yield Fault("verify.entry", why, "write SERVICE, SERVICE:PORT or Ingress/NAME")
    number = int(port) in range(1, 65536) if port.isascii() and port.isdigit() and len(port) < 6 else None
    if colon and not (number or (number is None and PORT_NAME.fullmatch(port))):
        yield Fault("verify.entry", f"`{port}` is neither a port nor a port's name", "write SERVICE or SERVICE:PORT")
    pointers = [("token", settings.verify.login.token)]
    pointers += [(f"parameters.{name}", pointer) for name, pointer in settings.verify.login.parameters.items()]
    for key, pointer in pointers:
        if pointer and not pointer.startswith("/"):
            yield Fault(f"verify.login.{key}", "it is not a JSON pointer", f"write /{pointer}")


def _database(settings: Settings) -> Iterator[Fault]:
    key = settings.database.url_secret
    declared = key in settings.secrets
    if not declared and (settings.database.mode == "external" or key != type(settings.database)().url_secret):
        yield Fault("database.url_secret", f"`{key}` is not declared", nearest(key, settings.secrets, "secrets"))
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(settings.local.sqlite) if name is not None}
    except ValueError:
        fields = {""}
    if fields - {"data"}:
        yield Fault("local.sqlite", "its only placeholder is {data}", "write other braces twice: {{ and }}")
    elif "://" not in settings.local.sqlite:
        yield Fault("local.sqlite", "it is not a URL", "e.g. sqlite:///{data}/app.db")


def too_large(settings: Settings, cpus: int, memory: int) -> Iterator[Fault]:
    """A Minikube node that this machine cannot hold; the drivers ssh and none have a machine of their own.

    Args:
        settings: the node's size.
        cpus: the CPUs of this machine; 0 if it does not say.
        memory: its memory in MiB; 0 if it does not say.
    """
    wanted = settings.minikube
    if wanted.driver in {"ssh", "none"}:
        return
    if 0 < cpus < wanted.cpus:
        yield Fault(
            "minikube.cpus", f"{wanted.cpus} are requested, and this machine has {cpus}", f"set it to {cpus} or less"
        )
    if 0 < memory < wanted.memory:
        why = f"{wanted.memory} MiB are requested, and this machine has {memory}"
        yield Fault("minikube.memory", why, "lower it, and leave some for the system")


def program(value: str, root: Path) -> str | None:
    """The path of a program that a setting names, by name or by path; None if there is none that can be started."""
    path = Path(os.path.expanduser(value))  # noqa: PTH111  (leaves the ~ of a user without a home folder)
    return shutil.which(root / path if len(path.parts) > 1 else value)


def missing_programs(settings: Settings, root: Path) -> Iterator[Fault]:
    """Programs that settings name and that do not exist."""
    named = [(f"programs.{name}", value) for name, value in settings.programs.items()]
    if settings.local.python:
        named.append(("local.python", settings.local.python))
    for path, value in named:
        if program(value, root) is None:
            why = f"{value} is not an executable program" if value else "it is empty"
            yield Fault(path, why, "give its path, or leave it out to search PATH")


def missing(settings: Settings, root: Path) -> Iterator[Fault]:
    """Files and folders that settings name and that do not exist; the services' own have errors of their own.

    A default counts as not set: a project without a chart needs no folder ``chart``.
    """
    plain = Settings()
    own = bool(settings.chart.repository)  # then no folder counts
    wanted = [
        ("manifests.path", settings.manifests.path, True, settings.manifests.path == plain.manifests.path),
        *(("manifests.files", path, None, False) for path in settings.manifests.files if not set("*?[") & {*path}),
        ("chart.path", settings.chart.path, True, own or settings.chart.path == plain.chart.path),
        *(("chart.values", path, False, False) for path in settings.chart.values),
        *(("migrations.paths", path, None, False) for path in settings.migrations.paths),
        ("kind.config", settings.kind.config, False, False),
        ("verify.contract", settings.verify.contract, False, False),
        *(("verify.journeys", path, False, False) for path in settings.verify.journeys),
    ]
    for setting, path, folder, default in wanted:
        if not path and setting not in {"manifests.files", "chart.values", "migrations.paths", "verify.journeys"}:
            if folder:
                yield Fault(setting, "it is empty", "name a folder, or leave it out")
            continue
        there = root / path
        if not path or not there.exists():
            if not default:
                yield Fault(setting, f"there is no {path or 'file without a name'}", f"paths are relative to {root}")
        elif folder is not None and there.is_dir() != folder:
            yield Fault(
                setting, f"{path} is a {'file' if folder else 'folder'}", f"name a {'folder' if folder else 'file'}"
            )
