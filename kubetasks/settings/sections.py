"""Every setting as a frozen, typed class: its default, its limits and its description.

``docs/settings.schema.json``, ``docs/settings.md`` and the comments of ``invoke.yaml`` come from here; a test keeps
them equal.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, field

TargetName = Literal["auto", "minikube", "kind", "context", "local"]
DeployerName = Literal["manifests", "helm"]
DatabaseMode = Literal["auto", "bundled", "external"]
PodSecurity = Literal["none", "baseline", "restricted"]
SecretKind = Literal["required", "optional", "generated"]
Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
SecretSource = Literal["env", "file", "command", "prompt"]
SecretForm = Literal["text", "line", "url"]
AiopsTool = Literal["auto", "kubectl-ai", "direct", "rules"]
SandboxKind = Literal["auto", "bubblewrap", "container"]

SOURCES: tuple[SecretSource, ...] = ("env", "file", "command", "prompt")

Seconds = Annotated[int, Meta(ge=1, le=3600)]
Port = Annotated[int, Meta(ge=1, le=65535)]
DnsLabel = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
OptionalDnsLabel = Annotated[str, Meta(pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group of keys; unknown ones are rejected."""


class ServiceLocal(Section, frozen=True):
    """How a service runs on the local target, if its Dockerfile does not describe it."""

    command: Annotated[
        list[str], Meta(description="The command line; ENTRYPOINT and CMD of the Dockerfile if empty.")
    ] = field(default_factory=list)
    cwd: Annotated[
        str,
        Meta(description="The working directory, relative to the project's root; derived from WORKDIR if empty."),
    ] = ""
    python: Annotated[str, Meta(description="The interpreter, e.g. web/.venv/bin/python; `local.python` if empty.")] = (
        ""
    )
    skip: Annotated[bool, Meta(description="Omit its workloads.")] = False


class Service(Section, frozen=True):
    """One service: an image to build and the workload (Deployment and Service of the same name) that runs it."""

    image: Annotated[
        str,
        Meta(
            description="The name of its image in manifests and charts, with any tag or digest; "
            "the service's name if empty."
        ),
    ] = ""
    context: Annotated[str, Meta(description="The build context, relative to the project's root.")] = "."
    dockerfile: Annotated[str, Meta(description="The Dockerfile, relative to the project's root.")] = "Dockerfile"
    build_args: Annotated[dict[str, str], Meta(description="Build arguments of this image.")] = field(
        default_factory=dict
    )
    local_port: Annotated[
        int, Meta(ge=0, le=65535, description="Its port on the local target; 0 uses the container's own.")
    ] = 0
    local: Annotated[ServiceLocal, Meta(description="How it runs on the local target.")] = field(
        default_factory=ServiceLocal
    )


class Images(Section, frozen=True):
    """How images are built and named."""

    repository: Annotated[str, Meta(description="The first part of every image's name.")] = "kubetasks"
    base: Annotated[str, Meta(description="Passed as BASE_IMAGE to each build that declares that ARG.")] = (
        "python:3.11-slim"
    )
    offline_base: Annotated[str, Meta(description="BASE_IMAGE with `offline` set.")] = "kubetasks.local/python:3.11"
    registry: Annotated[str, Meta(description="Where `--target context` pushes, e.g. ghcr.io/me.")] = ""
    platform: Annotated[
        str, Meta(description="The platform to build for, e.g. linux/arm64; the engine's own if empty.")
    ] = ""
    build_timeout: Annotated[Seconds, Meta(description="The time limit for a build, in seconds.")] = 1200
    keep: Annotated[int, Meta(ge=1, description="How many tags of each image `inv image.prune` keeps.")] = 3


class Database(Section, frozen=True):
    """The application's Postgres."""

    mode: Annotated[
        DatabaseMode,
        Meta(description="auto: external if the URL below has a value, otherwise bundled (SQLite on local)."),
    ] = "auto"
    url_secret: Annotated[str, Meta(description="The secret with the URL of an external Postgres.")] = "DATABASE_URL"
    image: Annotated[str, Meta(description="The image of the bundled Postgres.")] = "postgres:17"
    offline_image: Annotated[str, Meta(description="The image of the bundled Postgres with `offline` set.")] = (
        "kubetasks.local/postgres:15"
    )


class Migrations(Section, frozen=True):
    """The Job that migrates the database before the new pods start."""

    job: Annotated[str, Meta(description="The Job's name in the manifests and the chart; empty for none.")] = ""
    service: Annotated[str, Meta(description="The service whose image runs it.")] = ""
    paths: Annotated[
        list[str], Meta(description="Files and folders whose changes make it run again, relative to the root.")
    ] = field(default_factory=list)


class Secret(Section, frozen=True, rename={"sources": "from"}):
    """One secret: where its value comes from, and the Secrets and keys that it goes to."""

    kind: Annotated[
        SecretKind,
        Meta(description="required, optional, or generated: created once, then kept as long as the namespace."),
    ] = "required"
    form: Annotated[
        SecretForm,
        Meta(description="The form of its value: text, a line (no line break), or a url (percent-encoded)."),
    ] = "text"
    help: Annotated[str, Meta(description="What it is and where to get it; shown when it is missing.")] = ""
    bytes: Annotated[int, Meta(ge=16, le=128, description="The number of random bytes in a generated value.")] = 32
    rotate: Annotated[bool, Meta(description="Whether `inv secret.rotate` can replace it.")] = True
    into: Annotated[
        str | list[str],
        Meta(
            description="The Secrets and keys that get its value, as SECRET/KEY; `<project>-secrets/NAME` where empty."
        ),
    ] = field(default_factory=list)
    sources: Annotated[
        list[SecretSource],
        Meta(
            description="Where its value may come from, in this order: env (a variable of its name), file (the env "
            "file), command, prompt (at a terminal)."
        ),
    ] = field(default_factory=lambda: list(SOURCES))
    command: Annotated[
        list[str],
        Meta(
            description="A program and its arguments, e.g. [op, read, op://vault/item/field]. Its standard output is "
            "the value. No shell is involved."
        ),
    ] = field(default_factory=list)

    def places(self, default: str) -> list[tuple[str, str]]:
        """The Secrets and keys that get its value; ``default`` as SECRET/KEY counts where none is set."""
        named = [self.into] if isinstance(self.into, str) else self.into
        pairs = [each.partition("/") for each in ([each for each in named if each] or [default])]
        return [(secret, key) for secret, _, key in pairs]


class Manifests(Section, frozen=True):
    """The raw manifests. A list instead of a mapping sets ``files``."""

    files: Annotated[
        list[str],
        Meta(description="Files, globs, folders and kustomizations, relative to the root; if empty, `path` is used."),
    ] = field(default_factory=list)
    path: Annotated[
        str,
        Meta(
            description="A kustomization, a folder of files, or a folder with an overlay for each database: "
            "external, bundled, sqlite."
        ),
    ] = "manifests/overlays"


class Chart(Section, frozen=True):
    """The Helm chart."""

    path: Annotated[str, Meta(description="The chart's folder, relative to the project's root.")] = "chart"
    values: Annotated[
        list[str], Meta(description="Values files on top of the chart's own, relative to the project's root.")
    ] = field(default_factory=list)
    repository: Annotated[
        str,
        Meta(
            description="Where the chart is pulled from in place of `path`: oci://REGISTRY/PATH, or the URL of a "
            "repository."
        ),
    ] = ""
    name: Annotated[str, Meta(description="The chart's name in that repository.")] = ""
    version: Annotated[str, Meta(description="Its exact version.")] = ""
    digest: Annotated[
        str, Meta(description="The SHA-256 digest of its archive, as sha256:…; another one is refused.")
    ] = ""
    image_values: Annotated[
        dict[str, dict[str, str]],
        Meta(
            description="Where the chart's values take the image of a service: `image` (the whole reference), "
            "`repository`, `tag` or `pull_policy` to a dotted path. Only for what no post-renderer gets, as hooks "
            "with Helm 3."
        ),
    ] = field(default_factory=dict)


class Kind(Section, frozen=True):
    """The kind target."""

    name: Annotated[DnsLabel, Meta(description="The cluster's name.")] = "kubetasks"
    node_image: Annotated[str, Meta(description="The node image; kind's own default if empty.")] = ""
    offline_node_image: Annotated[str, Meta(description="The node image with `offline` set.")] = (
        "kubetasks.local/kind-node:v1.34.4"
    )
    config: Annotated[str, Meta(description="A kind cluster configuration, relative to the root.")] = ""
    wait: Annotated[Seconds, Meta(description="How long cluster.up waits for a Ready node, in seconds.")] = 180


class Minikube(Section, frozen=True):
    """The minikube target."""

    profile: Annotated[str, Meta(min_length=1, description="The profile's name.")] = "minikube"
    driver: Annotated[str, Meta(description="The driver for cluster.up; minikube chooses if empty.")] = ""
    runtime: Annotated[
        str, Meta(description="The container runtime for cluster.up; docker allows building inside the node.")
    ] = "docker"
    cpus: Annotated[int, Meta(ge=2, description="CPUs for cluster.up.")] = 2
    memory: Annotated[int, Meta(ge=1800, description="Memory for cluster.up, in MiB.")] = 4096
    base_image: Annotated[str, Meta(description="The node image for cluster.up; minikube's own if empty.")] = ""


class Login(Section, frozen=True):
    """How verify gets a token for the HTTP contract."""

    operation: Annotated[str, Meta(description="The operationId that returns a token; empty for none.")] = ""
    token: Annotated[str, Meta(description="The JSON pointer to the bearer token in its response.")] = "/token"
    parameters: Annotated[
        dict[str, str], Meta(description="Parameter names of other operations, and JSON pointers into its response.")
    ] = field(default_factory=dict)


class HttpCheck(Section, frozen=True):
    """A user-defined check: one HTTP request and its expected response."""

    name: Annotated[str, Meta(min_length=1, max_length=80, description="Its name, unique among the checks.")]
    path: Annotated[str, Meta(description="The path, with or without a query, at the entry or `service`.")] = ""
    url: Annotated[str, Meta(description="A complete URL instead of a path, such as that of an ingress.")] = ""
    service: Annotated[str, Meta(description="The Service, as SERVICE or SERVICE:PORT; the entry if empty.")] = ""
    method: Annotated[Method, Meta(description="The method.")] = "GET"
    headers: Annotated[dict[str, str], Meta(description="Headers to send.")] = field(default_factory=dict)
    json: Annotated[Any, Meta(description="A JSON body to send.")] = UNSET
    status: Annotated[
        int | str | list[int], Meta(description="The expected status: a number, `200|201`, or a list.")
    ] = 200
    response_headers: Annotated[
        dict[str, Any], Meta(description="Expected headers: a value, or matchers as in a journey.")
    ] = field(default_factory=dict)
    body: Annotated[dict[str, Any], Meta(description="JSON pointers into the body, each with a value or matchers.")] = (
        field(default_factory=dict)
    )
    text: Annotated[Any, Meta(description="The expected body as text: a value or matchers.")] = UNSET
    latency: Annotated[
        int, Meta(ge=0, description="The limit for the response time, in milliseconds; 0 for no limit.")
    ] = 0
    needs: Annotated[
        list[str], Meta(description="Layers and checks that must pass first, in addition to its Service.")
    ] = field(default_factory=list)


class Verify(Section, frozen=True):
    """What `inv verify` checks."""

    entry: Annotated[
        str,
        Meta(
            description="What a user opens: SERVICE, SERVICE:PORT, Ingress/NAME, HTTPRoute/NAME or Gateway/NAME; "
            "inferred if empty."
        ),
    ] = ""
    contract: Annotated[str, Meta(description="An OpenAPI document, tested through the entry; empty for none.")] = ""
    login: Annotated[Login, Meta(description="How to get a token first.")] = field(default_factory=Login)
    journeys: Annotated[
        list[str], Meta(description="YAML files with HTTP journeys of a user, tested through the entry.")
    ] = field(default_factory=list)
    checks: Annotated[
        list[HttpCheck], Meta(description="Your own checks: HTTP requests and their expected responses.")
    ] = field(default_factory=list)
    timeout: Annotated[Seconds, Meta(description="The limit of one HTTP request, in seconds.")] = 15
    limit: Annotated[Seconds, Meta(description="The limit of one built-in check, in seconds.")] = 300


class Aiops(Section, frozen=True):
    """Questions in plain language (`inv aiops.ask`): the model, and the limits for what is sent to it."""

    endpoint: Annotated[
        str,
        Meta(description="The base URL of an OpenAI-compatible API, e.g. https://api.openai.com/v1; empty for none."),
    ] = ""
    model: Annotated[str, Meta(description="The model's name at that endpoint.")] = ""
    key_secret: Annotated[
        str,
        Meta(
            description="The name of the endpoint's key: one of `secrets`, or a variable that is set here and "
            "stays here. An endpoint at a local address needs none."
        ),
    ] = "LLM_API_KEY"
    tool: Annotated[
        AiopsTool,
        Meta(
            description="The tool that asks the model: kubectl-ai (in a sandbox), direct (kubetasks, with read-only "
            "tools), rules (no model); auto: kubectl-ai if it is installed (on Linux), otherwise direct."
        ),
    ] = "auto"
    sandbox: Annotated[
        SandboxKind,
        Meta(description="The sandbox for kubectl-ai; auto: bubblewrap if it works, otherwise a container."),
    ] = "auto"
    requests: Annotated[int, Meta(ge=1, le=1000, description="The maximum number of requests for one question.")] = 40
    bytes: Annotated[int, Meta(ge=10_000, description="The maximum number of bytes sent for one question.")] = 1_000_000
    timeout: Annotated[Seconds, Meta(description="The time limit for one question, in seconds.")] = 120


class Local(Section, frozen=True):
    """The local target: the rendered workloads as supervised processes on loopback."""

    python: Annotated[
        str, Meta(description="The interpreter for containers whose command is `python`; the current one if empty.")
    ] = ""
    sqlite: Annotated[
        str,
        Meta(description="The URL put into `database.url_secret` there; {data} is the state folder's data directory."),
    ] = "sqlite:///{data}/app.db"


class Hooks(Section, frozen=True):
    """An application's own steps. Each is the name of an Invoke task, or a command as a list; no shell is involved."""

    before_build: Annotated[
        list[str | list[str]], Meta(description="Before anything is built, and before images get their tags.")
    ] = field(default_factory=list)
    before_apply: Annotated[
        list[str | list[str]], Meta(description="Before the objects are applied, once the images have arrived.")
    ] = field(default_factory=list)
    after_deploy: Annotated[
        list[str | list[str]], Meta(description="After a deploy that changed something, verified or not.")
    ] = field(default_factory=list)
    on_failure: Annotated[
        list[str | list[str]], Meta(description="After a failed deploy; KUBETASKS_FAILURE has the reason.")
    ] = field(default_factory=list)
    timeout: Annotated[Seconds, Meta(description="The time limit for each one, in seconds.")] = 600


class Settings(Section, frozen=True):
    """All settings, under the key ``kubetasks`` of invoke.yaml."""

    project: Annotated[DnsLabel, Meta(description="The application's name: its label, Helm release and prefix.")] = (
        "app"
    )
    namespace: Annotated[OptionalDnsLabel, Meta(description="The namespace; the project's name if empty.")] = ""
    namespace_policy: Annotated[
        PodSecurity,
        Meta(description="The Pod Security Standard for a namespace that kubetasks creates; none for no standard."),
    ] = "none"
    target: Annotated[TargetName, Meta(description="Where to deploy.")] = "auto"
    deployer: Annotated[DeployerName, Meta(description="The deployer: raw manifests or the Helm chart (--with).")] = (
        "manifests"
    )
    context: Annotated[str, Meta(description="The kubeconfig context for `target: context`.")] = ""
    allowed_contexts: Annotated[
        list[str],
        Meta(description="Non-local contexts that you can deploy to, if also named with --context."),
    ] = field(default_factory=list)
    offline: Annotated[
        bool, Meta(description="Use the images that docker/offline builds, without an image registry.")
    ] = False
    deadline: Annotated[Seconds, Meta(description="The time limit for a rollout, in seconds.")] = 120
    history: Annotated[int, Meta(ge=2, le=50, description="How many revisions are kept for rollbacks.")] = 5
    env_file: Annotated[str, Meta(description="The file with the values of secrets, e.g. .env; no file if empty.")] = ""
    profile: Annotated[str, Meta(description="Which of `profiles` applies (--profile); none where empty.")] = ""
    profiles: Annotated[
        dict[str, dict[str, Any]],
        Meta(
            description="Settings by the name of a profile, such as staging or prod. Those of the chosen one go over "
            "the others: mappings are merged, anything else is replaced."
        ),
    ] = field(default_factory=dict)
    services: Annotated[dict[str, Service], Meta(description="The services, by name.")] = field(default_factory=dict)
    secrets: Annotated[dict[str, Secret], Meta(description="The application's secrets, by name.")] = field(
        default_factory=dict
    )
    config: Annotated[
        dict[str, str],
        Meta(description="Keys of the ConfigMap `<project>-config`, whose values override those in the source."),
    ] = field(default_factory=dict)
    images: Annotated[Images, Meta(description="Images.")] = field(default_factory=Images)
    database: Annotated[Database, Meta(description="The database.")] = field(default_factory=Database)
    migrations: Annotated[Migrations, Meta(description="The migration Job.")] = field(default_factory=Migrations)
    manifests: Annotated[Manifests, Meta(description="The raw manifests.")] = field(default_factory=Manifests)
    chart: Annotated[Chart, Meta(description="The Helm chart.")] = field(default_factory=Chart)
    kind: Annotated[Kind, Meta(description="The kind target.")] = field(default_factory=Kind)
    minikube: Annotated[Minikube, Meta(description="The minikube target.")] = field(default_factory=Minikube)
    local: Annotated[Local, Meta(description="The local target.")] = field(default_factory=Local)
    hooks: Annotated[Hooks, Meta(description="An application's own steps in a deploy.")] = field(default_factory=Hooks)
    verify: Annotated[Verify, Meta(description="Verification.")] = field(default_factory=Verify)
    aiops: Annotated[Aiops, Meta(description="Questions in plain language.")] = field(default_factory=Aiops)
    pod_templates: Annotated[
        dict[str, str],
        Meta(
            description="Where custom resources keep a pod template: Kind or Kind.group to a dotted path; "
            "`*` stands for each entry of a list."
        ),
    ] = field(default_factory=dict)
    programs: Annotated[
        dict[str, str], Meta(description="Paths of external programs, by name, where PATH is not to decide.")
    ] = field(default_factory=dict)

    @property
    def in_namespace(self) -> str:
        """The namespace that everything goes to."""
        return self.namespace or self.project

    @property
    def image_names(self) -> dict[str, str]:
        """Service to the image that stands for it in manifests and charts."""
        return {name: service.image or name for name, service in self.services.items()}

    @property
    def secret_name(self) -> str:
        """The name of the application's Secret."""
        return f"{self.project}-secrets"

    @property
    def secret_places(self) -> dict[str, dict[str, str]]:
        """Each Secret that is written, by name, with the key that gets each declared secret's value.

        The application's own Secret comes first. It is written even where every secret goes to another one.
        """
        found: dict[str, dict[str, str]] = {self.secret_name: {}}
        for name, secret in self.secrets.items():
            for where, key in secret.places(f"{self.secret_name}/{name}"):
                found.setdefault(where, {})[key] = name
        return found

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
