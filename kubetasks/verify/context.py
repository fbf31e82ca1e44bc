"""The input of checks: the state that was read once, and the context of each check."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kubetasks.entry import Entry, candidates, choose, unclear
from kubetasks.errors import KubetasksError
from kubetasks.objects import Object, Objects, identity, of_kind
from kubetasks.redact import Redactor, Sensitive
from kubetasks.settings import Settings
from kubetasks.targets.base import Store, Target
from kubetasks.verify import declared
from kubetasks.verify.check import CheckFailed
from kubetasks.verify.client import Client, NoAnswer, Request, Response
from kubetasks.verify.doors import Door, Doors
from kubetasks.verify.results import Layer

if TYPE_CHECKING:
    from kubetasks.verify.journeys import Journey
    from kubetasks.verify.openapi import Document

# Seconds within which every node's kube-proxy has received a new endpoint (its --iptables-min-sync-period is 1 s).
SETTLING: Final = 5.0


@dataclass
class Scene:
    """The state that was read before the first check, for all checks.

    Args:
        settings: the settings.
        root: the project's root.
        target: where it is deployed.
        objects: the rendered objects that must be live.
        compared: the same, with the replicas that an autoscaler has set.
        live: what exists, by ``Kind/name``.
        leaving: the names of what is being deleted.
        complete: the names of Jobs that have completed and no longer exist.
        pods: the pods at the start; None if they may not be listed.
        doors: the connections to Services.
        document: the contract; None for none.
        journeys: the journeys.
        redactor: hides what checks learn, such as tokens.
    """

    settings: Settings
    root: Path
    target: Target
    objects: Objects
    compared: Objects
    live: Mapping[str, Object]
    leaving: set[str]
    complete: set[str]
    pods: Objects | None
    doors: Doors
    document: "Document | None" = None
    journeys: "list[Journey]" = field(default_factory=list)
    redactor: Redactor = field(default_factory=Redactor)

    @cached_property
    def entry(self) -> Door | None:
        """The Service that a user opens, and its port; None where that is not clear."""
        chosen = choose(self.objects, self.settings.verify.entry)
        return (chosen.service, chosen.port) if chosen else None

    @cached_property
    def ways_in(self) -> list[Entry]:
        """What a user can open: what the setting names, else everything that could be meant."""
        chosen = choose(self.objects, self.settings.verify.entry)
        return [chosen] if chosen else [] if self.settings.verify.entry else candidates(self.objects)

    def door(self, name: str, port: str = "") -> Door | None:
        """A Service's port by its number or name, the first one where it is empty; None if there is none."""
        if port.isdigit():
            return name, int(port)
        for service in of_kind(self.objects, "Service"):
            ports = service["spec"].get("ports") or ()
            if service["metadata"]["name"] == name and ports:
                named = [each["port"] for each in ports if port and each.get("name") == port]
                return name, (named or [ports[0]["port"]])[0]
        return None

    def lacks(self, capability: str) -> str:
        """Why the target does not have a capability; empty if it has it."""
        if capability == "cluster" and self.target.cluster is None:
            return f"the target {self.target.name} is not a cluster"
        if capability == "deployed" and not any(identity(item) in self.live for item in self.objects):
            return f"nothing is deployed in {self.settings.in_namespace}"
        if capability == "entry" and self.entry is None:
            return unclear(self.objects, self.settings.verify.entry)
        return ""


@dataclass
class Context:
    """The context of one check.

    Args:
        scene: what was read before.
        results: where it may record results by name.
        stop: set when the check has to end: its time is over, or verify was interrupted.
    """

    scene: Scene
    results: Layer
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.scene.settings

    @property
    def namespace(self) -> str:
        """The namespace."""
        return self.settings.in_namespace

    @property
    def store(self) -> Store:
        """The object store: ``store.get(["ConfigMap"])`` gives the live ones of a kind."""
        return self.scene.target.store

    @property
    def live(self) -> Mapping[str, Object]:
        """The live objects of all rendered kinds when verify began, by ``Kind/name``."""
        return self.scene.live

    def secret(self, value: str) -> str:
        """Hide a value in all evidence from now on; returns it."""
        self.scene.redactor.add([Sensitive(value)])
        return value

    def declared(self, names: set[str]) -> Mapping[str, str]:
        """The values of declared secrets that are deployed, by name; hidden in all evidence from now on.

        Raises:
            NoValue: one has no value.
        """
        return declared.read(self.settings, self.store, names, self.scene.redactor)

    def url(self, service: str = "") -> str:
        """The base URL of a Service, given as ``NAME`` or ``NAME:PORT``; of the entry if empty.

        Raises:
            CheckFailed: there is no such Service, or no way to it.
        """
        name, _, port = service.partition(":")
        door = self.scene.door(name, port) if name else self.scene.entry
        if door is None:
            raise CheckFailed(f"there is no Service {name} with a port" if name else self.scene.lacks("entry"))
        try:
            return self.scene.doors.url(*door)
        except KubetasksError as error:
            raise CheckFailed(error.line) from None

    def client(self, service: str = "") -> Client:
        """An HTTP client for a Service, as in ``url``; it is to be closed (``with``)."""
        return self.client_at(self.url(service))

    def client_at(self, base: str, timeout: float = 0) -> Client:
        """An HTTP client for a base URL, which ends when the check has to."""
        return Client(base, timeout or self.settings.verify.timeout, self.stop)

    def get(self, path: str, service: str = "") -> Response:
        """GET a path of a Service, as in ``url``.

        Raises:
            CheckFailed: no answer came.
        """
        with self.client(service) as client:
            try:
                return client.send(Request("GET", path))
            except NoAnswer as error:
                raise CheckFailed(f"GET {path}: {error}") from None

    def passed(self, name: str, evidence: str = "") -> None:
        """Record a result that passed."""
        self.results.passed(name, evidence)

    def failed(self, name: str, evidence: str) -> None:
        """Record a result that failed."""
        self.results.failed(name, evidence)

    def skipped(self, name: str, why: str) -> None:
        """Record a result that could not run."""
        self.results.skipped(name, why)
