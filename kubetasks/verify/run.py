"""The layers in their order, and what a failed one means for those after it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kubetasks.console import Console
from kubetasks.deployers.scaling import adopted
from kubetasks.errors import KubetasksError
from kubetasks.objects import Objects, identity, of_kind
from kubetasks.redact import Redactor
from kubetasks.settings import Settings
from kubetasks.targets.base import Target
from kubetasks.verify import cluster, conform, ending, journeys, openapi_reader, probes
from kubetasks.verify.client import Client
from kubetasks.verify.contract import Contract
from kubetasks.verify.doors import Door, Doors
from kubetasks.verify.openapi import Document
from kubetasks.verify.play import Play
from kubetasks.verify.report import LAYERS, Layer, Report

# Seconds in which every node's kube-proxy has heard of a new endpoint (its --iptables-min-sync-period is 1 s).
SETTLING: Final = 5.0


@dataclass
class _Run:
    settings: Settings
    target: Target
    objects: Objects
    console: Console
    document: Document | None
    journeys: list[journeys.Journey]
    # Tokens that the application gives us are hidden too, beside the secrets that the console knows of.
    redactor: Redactor = field(default_factory=Redactor)
    layers: dict[str, Layer] = field(default_factory=dict)
    reachable: set[str] = field(default_factory=set)

    def hide(self, text: str) -> str:
        return self.console.hide(self.redactor(text))

    def layer(self, name: str, check: Callable[[Layer], None], unless: str = "") -> None:
        """One layer; with `unless` (a reason) it is skipped as a whole."""
        layer = self.layers[name] = Layer(name, self.hide)
        if unless:
            layer.skipped("all", unless)
        else:
            check(layer)
        mark = "failed" if not layer.ok else "skipped" if unless or not layer.checks else "done"
        self.console.line(f"{name}: {unless or layer.summary}", mark=mark)

    def failed(self, *names: str) -> list[str]:
        return [name for name in names if not self.layers[name].ok]

    def run(self) -> None:
        if self.document is not None:
            threading.Thread(target=conform.warm, daemon=True).start()
        store, project = self.target.store, self.settings.project
        live, leaving = cluster.read(store, self.objects)
        complete = cluster.completed(store, project, self.objects, live)
        compared = adopted(store, project, self.objects, live.values())
        found = [item for item in self.objects if identity(item) in live]
        nothing = "" if found else f"nothing is deployed in {self.settings.in_namespace}"
        self.layer("objects", lambda layer: cluster.check_objects(layer, compared, live, leaving, complete))

        def rollout(layer: Layer) -> None:
            cluster.check_rollout(layer, self.objects, live, complete)
            if layer.ok:
                ending.wait(layer, store, self.objects)

        self.layer("rollout", rollout, nothing)

        def endpoints(layer: Layer) -> None:
            self.reachable = cluster.check_endpoints(layer, self.objects, live)

        self.layer("endpoints", endpoints, nothing)
        with Doors(self.target) as doors:
            asked = probes.find(self.objects)
            entry = self._entry()
            wanted = [probe.door for probe in asked if probe.door is not None and probe.scheme == "HTTP"]
            if entry is not None and (self.document or self.journeys):
                wanted.append(entry)
            doors.open(door for door in wanted if door[0] in self.reachable)
            timeout = self.settings.verify.timeout
            self.layer(
                "probes", lambda layer: probes.check_probes(layer, asked, doors, self.reachable, timeout), nothing
            )
            self._application(doors, entry, nothing)

    def _application(self, doors: Doors, entry: Door | None, nothing: str) -> None:
        """The two layers that go through the entry."""
        verify = self.settings.verify
        broken = self.failed("rollout", "endpoints", "probes")
        unless = nothing
        if not unless and entry is None:
            unless = "`verify.entry` names no Service"
        if not unless and broken:
            unless = f"{' and '.join(broken)} must hold first"
        base = ""
        if not unless and entry is not None and (self.document or self.journeys):
            try:
                base = doors.url(*entry)
            except KubetasksError as error:
                line = error.line
                self.layer("contract", lambda layer: layer.failed("the entry can be reached", line))
                self.layer("journeys", lambda _: None, "the entry cannot be reached")
                return

        def contract(layer: Layer) -> None:
            assert self.document is not None  # noqa: S101  (skipped without one)
            with Client(base, verify.timeout) as client:
                patience = SETTLING if self.target.cluster is not None else 0.0
                Contract(self.document, client, layer, verify.login, self.redactor, patience).check()

        def play(layer: Layer) -> None:
            for journey in self.journeys:
                with Client(base, verify.timeout) as client:
                    Play(journey, client, layer, self.redactor).check()

        self.layer("contract", contract, unless or ("" if self.document else "`verify.contract` names no document"))
        self.layer("journeys", play, unless or ("" if self.journeys else "`verify.journeys` names none"))

    def _entry(self) -> Door | None:
        """The Service that a user opens, and its port: the first one unless the setting names another."""
        name, _, port = self.settings.verify.entry.partition(":")
        if not name:
            return None
        if port.isdigit():
            return name, int(port)
        for service in of_kind(self.objects, "Service"):
            ports = service["spec"].get("ports") or ()
            if service["metadata"]["name"] == name and ports:
                named = [each["port"] for each in ports if port and each.get("name") == port]
                return name, (named or [ports[0]["port"]])[0]
        return None


def prepare(settings: Settings, root: Path) -> tuple[Document | None, list[journeys.Journey]]:
    """The contract and the journeys that settings name.

    Raises:
        SettingsError: one is missing or malformed.
    """
    verify = settings.verify
    document = openapi_reader.load(root / verify.contract, verify.contract) if verify.contract else None
    return document, [journeys.load(root / path, path) for path in verify.journeys]


def run(settings: Settings, root: Path, target: Target, objects: Objects, console: Console) -> Report:
    """See `kubetasks.verify.verify`."""
    started, began = datetime.now(UTC), time.monotonic()
    document, taken = prepare(settings, root)
    work = _Run(settings, target, cluster.expected(objects), console, document, taken)
    work.run()
    place = target.cluster
    return Report(
        checks=tuple(check for name in LAYERS for check in work.layers[name].checks),
        started=started,
        target=target.name,
        context=place.context if place else "",
        namespace=place.namespace if place else settings.in_namespace,
        seconds=time.monotonic() - began,
    )
