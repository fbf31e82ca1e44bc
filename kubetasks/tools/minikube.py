"""minikube: command lines, and what it prints (seen with 1.38; recorded runs are in tests/recorded/minikube)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# ``status`` of a profile that is not there exits with this.
NO_PROFILE: Final = 85
_BARE = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$")


@dataclass(frozen=True)
class Profile:
    """A profile as ``profile list`` gives it; the states are minikube's own words."""

    name: str
    status: str
    driver: str
    runtime: str
    nodes: int
    version: str = ""
    # The machines' names: containers with the docker driver.
    machines: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """Whether its API server can be expected to answer (``Running`` until minikube 1.35, ``OK`` since)."""
        return self.status in {"Running", "OK"}


@dataclass(frozen=True)
class Status:
    """The state of a profile's first node."""

    host: str
    kubelet: str
    api_server: str
    kubeconfig: str

    @property
    def running(self) -> bool:
        """Whether the cluster is up."""
        return self.host == self.kubelet == self.api_server == "Running"

    @property
    def paused(self) -> bool:
        """Whether ``minikube pause`` froze it: its API server accepts connections and never answers."""
        return self.api_server == "Paused"


def version() -> list[str]:
    """``minikube version``."""
    return ["minikube", "version", "-o", "json"]


def profile_list() -> list[str]:
    """``minikube profile list``; ``--light`` would leave the states out."""
    return ["minikube", "profile", "list", "-o", "json"]


def status(profile: str) -> list[str]:
    """``minikube status``: exits 7 when stopped, 6 when partly up, 85 without such a profile."""
    return ["minikube", "-p", profile, "status", "-o", "json"]


def docker_env(profile: str) -> list[str]:
    """``minikube docker-env`` as bare ``KEY=value`` lines; ``-o json`` prints shell lines all the same."""
    return ["minikube", "-p", profile, "docker-env", "--shell", "none"]


def image_load(profile: str, references: Sequence[str]) -> list[str]:
    """``minikube image load``: from the host's engine to every node. Look afterwards whether it arrived."""
    return ["minikube", "-p", profile, "image", "load", "--daemon=true", *references]


def image_load_archive(profile: str, path: str) -> list[str]:
    """``minikube image load`` of an archive that ``docker save`` wrote: into every node."""
    return ["minikube", "-p", profile, "image", "load", path]


def image_ls(profile: str) -> list[str]:
    """``minikube image ls``."""
    return ["minikube", "-p", profile, "image", "ls", "--format", "json"]


def start(
    profile: str,
    *,
    driver: str = "",
    runtime: str = "",
    cpus: int = 0,
    memory: int = 0,
    base_image: str = "",
) -> list[str]:
    """``minikube start``; what is empty or 0 is left to minikube. ``memory`` in MiB.

    An existing profile is started with its name alone: another runtime would break it.
    """
    argv = ["minikube", "-p", profile, "start", "--wait=all"]
    for flag, value in (("driver", driver), ("container-runtime", runtime), ("base-image", base_image)):
        if value:
            argv.append(f"--{flag}={value}")
    if cpus:
        argv.append(f"--cpus={cpus}")
    if memory:
        argv.append(f"--memory={memory}")
    return argv


def tunnel(profile: str) -> list[str]:
    """``minikube tunnel``; ``--cleanup`` removes the routes that a killed one left."""
    return ["minikube", "-p", profile, "tunnel", "--cleanup"]


def update_context(profile: str) -> list[str]:
    """``minikube update-context``: write the kubeconfig's entries of a running profile again."""
    return ["minikube", "-p", profile, "update-context"]


def unpause(profile: str) -> list[str]:
    """``minikube unpause``."""
    return ["minikube", "-p", profile, "unpause"]


def ssh(profile: str, machine: str, argv: Sequence[str]) -> list[str]:
    """``minikube ssh``: run a program on one machine of a profile."""
    return ["minikube", "-p", profile, "ssh", "--node", machine, "--", *argv]


def remove(profile: str, machine: str, folder: str) -> list[str]:
    """``minikube ssh``: remove a folder on one machine of a profile."""
    return ssh(profile, machine, ["sudo", "rm", "-rf", "--", folder])


def delete(profile: str) -> list[str]:
    """``minikube delete``."""
    return ["minikube", "-p", profile, "delete"]


def _json(text: str) -> Any:
    """The first JSON document in a text that may have other lines around it; None without one."""
    for line in [text, *text.splitlines()]:
        try:
            return json.loads(line)
        except ValueError:
            continue
    return None


def parse_version(text: str) -> str:
    """``v1.38.1``; empty when it is not there."""
    found = _json(text)
    return str(found.get("minikubeVersion", "")) if isinstance(found, dict) else ""


def parse_profiles(text: str) -> list[Profile]:
    """The valid profiles of ``profile list``."""
    document = _json(text)
    if not isinstance(document, dict):
        return []
    return [
        Profile(
            name=str(item["Name"]),
            machines=_machines(item),
            status=str(item.get("Status", "")),
            driver=str(item.get("Config", {}).get("Driver", "")),
            runtime=str(item.get("Config", {}).get("KubernetesConfig", {}).get("ContainerRuntime", "")),
            nodes=len(item.get("Config", {}).get("Nodes") or ()) or 1,
            version=str(item.get("Config", {}).get("KubernetesConfig", {}).get("KubernetesVersion", "")),
        )
        for item in document.get("valid") or ()
    ]


def _machines(item: Mapping[str, Any]) -> tuple[str, ...]:
    """A profile's machines: the first has the profile's name, another one its node's name behind that."""
    nodes: Sequence[Mapping[str, Any]] = item.get("Config", {}).get("Nodes") or ({},)
    names = [str(node.get("Name") or "") for node in nodes]
    return tuple(f"{item['Name']}-{name}" if name else str(item["Name"]) for name in names)


def parse_status(text: str) -> Status | None:
    """The first node's state; None when there is no such profile (its output is an event stream then)."""
    document = _json(text)
    if isinstance(document, list):  # one entry a node
        document = document[0] if document else None
    if not isinstance(document, dict) or "Host" not in document:
        return None
    return Status(
        host=str(document["Host"]),
        kubelet=str(document.get("Kubelet", "")),
        api_server=str(document.get("APIServer", "")),
        kubeconfig=str(document.get("Kubeconfig", "")),
    )


def parse_docker_env(text: str) -> dict[str, str | None]:
    """The variables of ``docker-env --shell none``; empty when it did not work.

    The empty ``SSH_*`` ones are left out: they would switch the user's SSH agent off for the child. Of the rest, an
    empty value takes the variable away (None).
    """
    if text.lstrip().startswith("false exit code"):
        return {}
    found: dict[str, str | None] = {}
    for line in text.splitlines():
        row = _BARE.match(line.strip())
        if row is None or (row["name"].startswith("SSH_") and not row["value"]):
            continue
        found[row["name"]] = row["value"].strip('"') or None
    return found if found.get("DOCKER_HOST") else {}


@dataclass(frozen=True)
class Listed:
    """One image of ``image ls``: the digest of its configuration, and those of its manifests where they are known."""

    config: str
    manifests: frozenset[str]


def parse_images(text: str) -> dict[str, Listed]:
    """Every name that ``image ls`` lists, with its image."""
    document = _json(text)
    found: dict[str, Listed] = {}
    for item in document if isinstance(document, list) else []:
        number = str(item.get("id", "")).removeprefix("sha256:")
        digests = frozenset(str(each).rpartition("@")[2] for each in item.get("repoDigests") or ())
        found.update({str(name): Listed(f"sha256:{number}", digests) for name in item.get("repoTags") or ()})
    return found


def reason(text: str) -> str:
    """What minikube says went wrong: its ``Exiting due to`` line, else the last one."""
    told = [line.strip() for line in text.splitlines() if line.strip()]
    for line in told:
        found = re.search(r"Exiting due to (?P<why>.+)$", line)
        if found:
            return found["why"].strip()
    return told[-1] if told else ""
