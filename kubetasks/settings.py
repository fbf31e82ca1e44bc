"""The settings: one frozen, typed object, made once from flags, the environment and ``invoke.yaml``.

Every key has a default and a description. ``docs/settings.schema.json``, ``docs/settings.md`` and the comments of
``invoke.yaml`` come from the classes below; a test keeps them equal.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from kubetasks.errors import SettingsError, UsageError

ENVIRONMENT_PREFIX = "KUBETASKS_"

TargetName = Literal["auto", "minikube", "kind", "context", "local"]
DeployerName = Literal["manifests", "helm"]
DatabaseMode = Literal["auto", "bundled", "external"]
SecretKind = Literal["required", "optional", "generated"]

Seconds = Annotated[int, Meta(ge=1, le=3600)]
Port = Annotated[int, Meta(ge=1, le=65535)]
DnsLabel = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
OptionalDnsLabel = Annotated[str, Meta(pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group of keys; unknown ones are refused."""


class Service(Section, frozen=True):
    """One service: an image to build and the workload (Deployment and Service of the same name) that runs it."""

    context: Annotated[str, Meta(description="The build context, relative to the project's root.")] = "."
    dockerfile: Annotated[str, Meta(description="The Dockerfile, relative to the project's root.")] = "Dockerfile"
    build_args: Annotated[dict[str, str], Meta(description="Build arguments of this image.")] = field(
        default_factory=dict
    )
    local_port: Annotated[
        int, Meta(ge=0, le=65535, description="Its port on the local target; 0 takes the container's own.")
    ] = 0


class Images(Section, frozen=True):
    """How images are built and named."""

    repository: Annotated[str, Meta(description="The first part of every image's name.")] = "kubetasks"
    base: Annotated[str, Meta(description="Passed to every build as BASE_IMAGE.")] = "python:3.11-slim"
    offline_base: Annotated[str, Meta(description="BASE_IMAGE with `offline` set.")] = "kubetasks.local/python:3.11"
    registry: Annotated[str, Meta(description="Where `--target context` pushes, e.g. ghcr.io/me.")] = ""
    platform: Annotated[
        str, Meta(description="The platform to build for, e.g. linux/arm64; the engine's own where empty.")
    ] = ""
    build_timeout: Annotated[Seconds, Meta(description="The longest a build may take, in seconds.")] = 1200
    keep: Annotated[int, Meta(ge=1, description="How many tags of each image `inv image.prune` keeps.")] = 3


class Database(Section, frozen=True):
    """The application's Postgres."""

    mode: Annotated[
        DatabaseMode,
        Meta(description="auto: external when the URL below has a value, else bundled (SQLite on the local target)."),
    ] = "auto"
    url_secret: Annotated[str, Meta(description="The secret that holds the URL of an external Postgres.")] = (
        "DATABASE_URL"
    )
    image: Annotated[str, Meta(description="The image of the bundled Postgres.")] = "postgres:17"
    offline_image: Annotated[str, Meta(description="The image of the bundled Postgres with `offline` set.")] = (
        "kubetasks.local/postgres:15"
    )


class Migrations(Section, frozen=True):
    """The Job that brings the database's schema up to date, before the new pods start."""

    job: Annotated[str, Meta(description="The Job's name in the manifests and the chart; empty for none.")] = ""
    service: Annotated[str, Meta(description="The service whose image runs it.")] = ""
    paths: Annotated[
        list[str], Meta(description="Files and folders that decide whether it has to run again, relative to the root.")
    ] = field(default_factory=list)


class Secret(Section, frozen=True):
    """One key of the application's Secret."""

    kind: Annotated[
        SecretKind,
        Meta(description="required, optional, or generated: made once, then kept for as long as the namespace lives."),
    ] = "required"
    help: Annotated[str, Meta(description="What it is and where to get it; shown when it is missing.")] = ""
    bytes: Annotated[int, Meta(ge=16, le=128, description="How much randomness a generated one holds.")] = 32
    rotate: Annotated[bool, Meta(description="Whether `inv secret.rotate` may replace it.")] = True


class Manifests(Section, frozen=True):
    """The raw manifests."""

    path: Annotated[
        str, Meta(description="The folder of the kustomize overlays, one for each database: external, bundled, sqlite.")
    ] = "manifests/overlays"


class Chart(Section, frozen=True):
    """The Helm chart."""

    path: Annotated[str, Meta(description="The chart's folder, relative to the project's root.")] = "chart"
    values: Annotated[
        list[str], Meta(description="Values files on top of the chart's own, relative to the project's root.")
    ] = field(default_factory=list)


class Kind(Section, frozen=True):
    """The kind target."""

    name: Annotated[DnsLabel, Meta(description="The cluster's name.")] = "kubetasks"
    node_image: Annotated[str, Meta(description="The node image; kind's own default where empty.")] = ""
    offline_node_image: Annotated[str, Meta(description="The node image with `offline` set.")] = (
        "kubetasks.local/kind-node:v1.34.4"
    )
    config: Annotated[str, Meta(description="A kind cluster configuration, relative to the root.")] = ""
    wait: Annotated[Seconds, Meta(description="How long cluster.up waits for a Ready node, in seconds.")] = 180


class Minikube(Section, frozen=True):
    """The minikube target."""

    profile: Annotated[str, Meta(min_length=1, description="The profile's name.")] = "minikube"
    driver: Annotated[str, Meta(description="The driver for cluster.up; minikube chooses where empty.")] = ""
    runtime: Annotated[
        str, Meta(description="The container runtime for cluster.up; docker allows building inside the node.")
    ] = "docker"
    cpus: Annotated[int, Meta(ge=2, description="CPUs for cluster.up.")] = 2
    memory: Annotated[int, Meta(ge=1800, description="Memory for cluster.up, in MiB.")] = 4096
    base_image: Annotated[str, Meta(description="The node image for cluster.up; minikube's own where empty.")] = ""


class Login(Section, frozen=True):
    """How verify gets a token before it tries the HTTP contract."""

    operation: Annotated[str, Meta(description="The operationId that answers with a token; empty for none.")] = ""
    token: Annotated[str, Meta(description="The JSON pointer to the bearer token in its answer.")] = "/token"
    parameters: Annotated[
        dict[str, str], Meta(description="Parameter names of other operations to JSON pointers into its answer.")
    ] = field(default_factory=dict)


class Verify(Section, frozen=True):
    """What `inv verify` proves."""

    entry: Annotated[str, Meta(description="The Service a user opens, as SERVICE or SERVICE:PORT.")] = ""
    contract: Annotated[str, Meta(description="An OpenAPI document, tried through the entry; empty for none.")] = ""
    login: Annotated[Login, Meta(description="How to get a token first.")] = field(default_factory=Login)
    journeys: Annotated[
        list[str], Meta(description="YAML files with HTTP journeys a user takes, tried through the entry.")
    ] = field(default_factory=list)
    timeout: Annotated[Seconds, Meta(description="The limit of one HTTP request, in seconds.")] = 15


class Local(Section, frozen=True):
    """The local target: the rendered workloads as supervised processes on loopback."""

    python: Annotated[
        str, Meta(description="The interpreter for containers whose command is `python`; this one where empty.")
    ] = ""
    sqlite: Annotated[
        str,
        Meta(description="The URL put into `database.url_secret` there; {data} is the state folder's data directory."),
    ] = "sqlite:///{data}/app.db"


class Settings(Section, frozen=True):
    """Everything that can be set, below the key ``kubetasks`` of invoke.yaml."""

    project: Annotated[DnsLabel, Meta(description="The application's name: its label, Helm release and prefix.")] = (
        "app"
    )
    namespace: Annotated[OptionalDnsLabel, Meta(description="The namespace; the project's name where empty.")] = ""
    target: Annotated[TargetName, Meta(description="Where to deploy.")] = "auto"
    deployer: Annotated[DeployerName, Meta(description="What deploys: raw manifests or the Helm chart (--with).")] = (
        "manifests"
    )
    context: Annotated[str, Meta(description="The kubeconfig context for `target: context`.")] = ""
    allowed_contexts: Annotated[
        list[str],
        Meta(description="Contexts beyond the local ones that may be deployed to, once named with --context."),
    ] = field(default_factory=list)
    offline: Annotated[
        bool, Meta(description="Use the images that docker/offline makes where no image registry answers.")
    ] = False
    deadline: Annotated[Seconds, Meta(description="How long a rollout may take, in seconds.")] = 120
    history: Annotated[int, Meta(ge=2, le=50, description="How many revisions are kept to roll back to.")] = 5
    env_file: Annotated[str, Meta(description="Where secrets' values are read from when it exists.")] = ".env"
    services: Annotated[dict[str, Service], Meta(description="The services, by name.")] = field(default_factory=dict)
    secrets: Annotated[dict[str, Secret], Meta(description="The keys of the application's Secret, by name.")] = field(
        default_factory=dict
    )
    images: Annotated[Images, Meta(description="Images.")] = field(default_factory=Images)
    database: Annotated[Database, Meta(description="The database.")] = field(default_factory=Database)
    migrations: Annotated[Migrations, Meta(description="The migration Job.")] = field(default_factory=Migrations)
    manifests: Annotated[Manifests, Meta(description="The raw manifests.")] = field(default_factory=Manifests)
    chart: Annotated[Chart, Meta(description="The Helm chart.")] = field(default_factory=Chart)
    kind: Annotated[Kind, Meta(description="The kind target.")] = field(default_factory=Kind)
    minikube: Annotated[Minikube, Meta(description="The minikube target.")] = field(default_factory=Minikube)
    local: Annotated[Local, Meta(description="The local target.")] = field(default_factory=Local)
    verify: Annotated[Verify, Meta(description="Verification.")] = field(default_factory=Verify)
    programs: Annotated[
        dict[str, str], Meta(description="Paths of outside programs, by name, where PATH is not to decide.")
    ] = field(default_factory=dict)

    @property
    def in_namespace(self) -> str:
        """The namespace that everything goes to."""
        return self.namespace or self.project

    @property
    def secret_name(self) -> str:
        """The name of the application's Secret."""
        return f"{self.project}-secrets"

    @property
    def base_image(self) -> str:
        """What images are built from."""
        return self.images.offline_base if self.offline else self.images.base

    @property
    def postgres_image(self) -> str:
        """The bundled Postgres."""
        return self.database.offline_image if self.offline else self.database.image

    @property
    def node_image(self) -> str:
        """The node image of a kind cluster; empty for kind's default."""
        return self.kind.offline_node_image if self.offline else self.kind.node_image


def _struct_in(hint: Any) -> type[Section] | None:
    """The section class behind an annotation, looking through Annotated."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint if isinstance(hint, type) and issubclass(hint, Section) else None


def _value_type(hint: Any) -> Any:
    """What a mapping or list holds; None for anything else."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in {dict, list}:
        return get_args(hint)[-1]
    return None


def keys(section: type[Section] = Settings, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """Every key below a section as (dotted path, default, description); ``*`` stands for a name of the user's."""
    hints = get_type_hints(section, include_extras=True)
    for item in msgspec.structs.fields(section):
        hint = hints[item.name]
        described = next((m.description for m in get_args(hint)[1:] if isinstance(m, Meta) and m.description), "")
        path = f"{prefix}{item.name}"
        inner = _struct_in(hint)
        if inner is not None:
            yield from keys(inner, f"{path}.")
            continue
        default = item.default_factory() if item.default_factory is not msgspec.NODEFAULT else item.default
        yield path, default, described
        held = _struct_in(_value_type(hint))
        if held is not None:
            yield from keys(held, f"{path}.*.")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the ``kubetasks`` section."""
    document = msgspec.json.schema(Settings)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "kubetasks settings", **document}


def _unknown(value: Any, section: type[Section], path: str) -> None:
    """Refuse the first key that no section knows, naming the nearest one that it does."""
    if not isinstance(value, Mapping):
        return
    hints = get_type_hints(section, include_extras=True)
    for key, inner in value.items():
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1, cutoff=0.5)
            fix = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(hints))}"
            raise SettingsError(f"unknown setting `{path}.{key}`", fix=fix)
        below = _struct_in(hints[key])
        if below is not None:
            _unknown(inner, below, f"{path}.{key}")
        held = _struct_in(_value_type(hints[key]))
        if held is not None and isinstance(inner, Mapping):
            for name, each in inner.items():
                _unknown(each, held, f"{path}.{key}.{name}")


def _plain(value: Any) -> Any:
    """Invoke's DataProxy and other mappings as plain dicts and lists."""
    if isinstance(value, Mapping) or hasattr(value, "items"):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged


def from_environment(environ: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that environment variables name: ``KUBETASKS_KIND_NAME`` sets ``kind.name``.

    Keys below a name of the user's (``services.*``) can be set for the names in ``given``. Numbers, booleans and
    comma-separated lists are read from their text.

    Raises:
        SettingsError: a variable with the prefix names no setting.
    """
    found: dict[str, Any] = {}
    known: dict[str, tuple[str, Any]] = {}
    for path, default, _ in keys():
        if ".*." in path:
            outer, inner = path.split(".*.")
            names = list(given.get(outer) or {})
            paths = [f"{outer}.{name}.{inner}" for name in names]
        else:
            paths = [path]
        for each in paths:
            known[ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", each).upper()] = (each, default)
    for name, text in environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        program = name.removeprefix(ENVIRONMENT_PREFIX + "PROGRAMS_")
        if program != name:
            found.setdefault("programs", {})[program.lower()] = text
            continue
        if name not in known:
            # Compared without the prefix, which would make any two of them look alike.
            tails = [each.removeprefix(ENVIRONMENT_PREFIX) for each in known]
            near = difflib.get_close_matches(name.removeprefix(ENVIRONMENT_PREFIX), tails, n=1, cutoff=0.5)
            fix = f"did you mean {ENVIRONMENT_PREFIX}{near[0]}?" if near else "unset it"
            raise SettingsError(f"unknown setting in the environment: {name}", fix=fix)
        path, default = known[name]
        value: Any = text
        if isinstance(default, bool):
            value = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}.get(
                text.lower(), text
            )
        elif isinstance(default, int):
            value = int(text) if re.fullmatch(r"-?\d+", text) else text
        elif isinstance(default, list):
            value = [part.strip() for part in text.split(",") if part.strip()]
        spot = found
        *outer_keys, last = path.split(".")
        for step in outer_keys:
            spot = spot.setdefault(step, {})
        spot[last] = value
    return found


def _hint(path: str) -> Any:
    """The annotation of a key; None where a path leads through a name of the user's or nowhere."""
    section: type[Section] | None = Settings
    hint: Any = None
    for part in path.split("."):
        hint = get_type_hints(section, include_extras=True).get(part) if section is not None else None
        section = _struct_in(hint)
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint


def _choices(path: str, value: Any) -> str:
    """``choose one of …`` for a key with named values, with the nearest one; empty for any other key."""
    hint = _hint(path)
    if get_origin(hint) is not Literal:
        return ""
    options = [str(option) for option in get_args(hint)]
    near = difflib.get_close_matches(str(value), options, n=1, cutoff=0.4)
    return f"choose one of {', '.join(options)}" + (f" (did you mean {near[0]}?)" if near else "")


def _at(nested: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    for part in path.split("."):
        nested = nested.get(part) if isinstance(nested, Mapping) else None
    return nested


def _named(path: str, nested: Mapping[str, Any]) -> str:
    """A path as msgspec gives it, with the user's own name in place of ``[...]``."""
    outer, wildcard, inner = path.partition("[...]")
    held = _struct_in(_value_type(_hint(outer))) if wildcard else None
    if held is not None:
        for name, each in nested[outer].items():
            try:
                msgspec.convert(each, held, strict=True)
            except msgspec.ValidationError:
                return f"{outer}.{name}{inner}"
    return path


def _refuse(error: msgspec.ValidationError, merged: Mapping[str, Any], over: Mapping[str, Any]) -> SettingsError:
    """A value of the wrong type, by the name of the place it came from."""
    reason, _, where = str(error).partition(" - at ")
    path = _named(where.strip("`").removeprefix("$").removeprefix("."), merged)
    variable = ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", path).upper()
    what = f"setting `kubetasks.{path}`" if _at(over, path) is None else f"setting {variable} in the environment"
    choices = _choices(path, _at(merged, path))
    return SettingsError(what, why="unknown value" if choices else reason, fix=choices or "see docs/settings.md")


def load(
    section: Any,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings: flags over environment over file over defaults.

    Args:
        section: the ``kubetasks`` section of Invoke's configuration; a mapping, or None.
        flags: dotted path to value, as given on the command line; None and "" count as not given.
        environ: the environment; this process's own where None.

    Raises:
        SettingsError: a key is unknown or ill-typed, with its path and, where there is one, the nearest known key.
        UsageError: a flag's value is not one of the possible ones.
    """
    file = _plain(section) if section is not None else {}
    if not isinstance(file, dict):
        raise SettingsError("setting `kubetasks`", why="it must be a mapping", fix="see docs/settings.md")
    _unknown(file, Settings, "kubetasks")
    over = from_environment(os.environ if environ is None else environ, file)
    merged = _merge(file, over)
    try:
        settings = msgspec.convert(merged, Settings, strict=True)
    except msgspec.ValidationError as error:
        raise _refuse(error, merged, over) from None
    given = {path: value for path, value in (flags or {}).items() if value not in (None, "")}
    if given:
        nested: dict[str, Any] = {}
        for path, value in given.items():
            spot = nested
            *outer, last = path.split(".")
            for step in outer:
                spot = spot.setdefault(step, {})
            spot[last] = value
        try:
            settings = msgspec.convert(_merge(merged, nested), Settings, strict=True)
        except msgspec.ValidationError as error:
            raise _usage(error, given) from None
    _cross_check(settings)
    return settings


def _usage(error: msgspec.ValidationError, given: Mapping[str, Any]) -> UsageError:
    """A flag's value that is not possible."""
    reason, _, where = str(error).partition(" - at ")
    path = where.strip("`").removeprefix("$.")
    flag = {"deployer": "with"}.get(path, path.rpartition(".")[2].replace("_", "-"))
    choices = _choices(path, given.get(path))
    return UsageError(
        f"--{flag} {given.get(path)}",
        why="unknown value" if choices else reason,
        fix=choices or "see docs/settings.md",
    )


def _cross_check(settings: Settings) -> None:
    """What one type cannot say: names that must exist elsewhere."""
    known = settings.services
    for path, name in (
        ("migrations.service", settings.migrations.service),
        ("verify.entry", settings.verify.entry.partition(":")[0]),
    ):
        if name and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise SettingsError(
                f"setting `kubetasks.{path}`",
                why=f"there is no service `{name}`",
                fix=f"did you mean `{near[0]}`?" if near else f"services: {', '.join(known) or 'none'}",
            )
