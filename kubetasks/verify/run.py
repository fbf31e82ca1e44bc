"""One run: what is there is read once, the checks are chosen and run in parallel, and become one report."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kubetasks.console import Console
from kubetasks.deployers.scaling import adopted
from kubetasks.errors import Forbidden, SettingsError
from kubetasks.objects import Objects
from kubetasks.redact import Redactor
from kubetasks.settings import Settings
from kubetasks.targets.base import Target
from kubetasks.verify import builtin, cluster, conform, declared, http_checks, journeys, openapi_reader, plugins
from kubetasks.verify.check import CUSTOM, Check
from kubetasks.verify.context import Context, Scene
from kubetasks.verify.doors import Doors
from kubetasks.verify.openapi import Document
from kubetasks.verify.report import LAYERS, Report
from kubetasks.verify.results import Layer, Result, summary
from kubetasks.verify.schedule import Schedule
from kubetasks.verify.selection import Selection
from kubetasks.verify.silence import OURS, quiet
from kubetasks.verify.timeline import Span, of_layers


@dataclass
class Run:
    """One run of verify; see ``kubetasks.verify.verify`` for the arguments."""

    settings: Settings
    root: Path
    target: Target
    objects: Objects
    console: Console
    selection: Selection = field(default_factory=Selection)
    before: Sequence[Span] = ()
    # Tokens that the application gives us are hidden too, beside the secrets that the console knows of.
    redactor: Redactor = field(default_factory=Redactor)
    broken: list[Result] = field(default_factory=list)

    def hide(self, text: str) -> str:
        """The text without secrets."""
        return self.console.hide(self.redactor(text))

    def scene(self, doors: Doors) -> Scene:
        """Read what exists.

        Raises:
            SettingsError: the contract, a journey or a check in the settings is missing or malformed.
            ClusterUnreachable: the API server does not answer.
        """
        objects = cluster.expected(self.objects)
        if self.target.cluster is None:  # it runs no Pod that no workload made
            objects = [item for item in objects if item["kind"] != "Pod"]
        document, taken = prepare(self.settings, self.root, objects)
        if document is not None:
            threading.Thread(target=conform.warm, name=f"{OURS}warm", daemon=True).start()
        store, project = self.target.store, self.settings.project
        live, leaving = cluster.read(store, objects)
        try:
            pods = store.get(["Pod"])
        except Forbidden:
            pods = None
        return Scene(
            settings=self.settings,
            root=self.root,
            target=self.target,
            objects=objects,
            compared=adopted(store, project, objects, live.values()),
            live=live,
            leaving=leaving,
            complete=cluster.completed(store, project, objects, live),
            pods=pods,
            doors=doors,
            document=document,
            journeys=taken,
            redactor=self.redactor,
        )

    def checks(self, scene: Scene) -> list[Check]:
        """All checks there are: the built-in ones, those of the settings, and those of installed packages."""
        results = Layer(CUSTOM, self.hide)
        taken = http_checks.checks(self.settings)
        found = [*builtin.checks(scene), *taken, *plugins.checks(results, [each.name for each in taken])]
        self.broken = results.checks
        return sorted(found, key=lambda each: LAYERS.index(each.layer))

    def run(self) -> Report:
        """Run what is chosen.

        Raises:
            SettingsError: as ``scene``.
            UsageError: a name or layer that was chosen is unknown.
            NoContact: the API server does not answer.
        """
        started, origin = datetime.now(UTC), time.monotonic()
        with quiet(), Doors(self.target) as doors:
            scene = self.scene(doors)
            every = self.checks(scene)
            chosen = self.selection.of(every)
            progress = _Progress(self.console, chosen, self._others(scene, every))

            def context(results: Layer, stop: threading.Event) -> Context:
                return Context(scene, results, stop)

            schedule = Schedule(chosen, context, scene.lacks, self.hide, origin, progress.ended)
            progress.begin()
            schedule.run()
        results = [result for check in chosen for result in schedule.results[check.id].checks] + progress.others
        ordered = tuple(sorted(results, key=lambda each: LAYERS.index(each.layer)))
        place, seconds = self.target.cluster, time.monotonic() - origin
        return Report(
            checks=ordered,
            started=started,
            target=self.target.name,
            context=place.context if place else "",
            namespace=place.namespace if place else self.settings.in_namespace,
            seconds=seconds,
            project=self.settings.project,
            timeline=(*self.before, *of_layers(ordered, started, seconds)),
        )

    def _others(self, scene: Scene, every: Sequence[Check]) -> list[Result]:
        """Results that no check gives: of plugins that cannot be used, and of layers that have no check."""
        found = [each for each in self.broken if self.selection.whole or self.selection.names_plugins]
        if self.selection.whole:
            there = {check.layer for check in every}
            for layer, why in builtin.empty(scene).items():
                if layer not in there:
                    results = Layer(layer, self.hide)
                    results.skipped("all", scene.lacks("deployed") or why)
                    found += results.checks
        return found


@dataclass
class _Progress:
    """Prints a line for each layer, in their order, once its checks have ended."""

    console: Console
    chosen: Sequence[Check]
    others: list[Result]
    _results: dict[str, list[Result]] = field(default_factory=dict)
    _left: dict[str, int] = field(default_factory=dict)
    _next: int = 0

    def begin(self) -> None:
        for check in self.chosen:
            self._left[check.layer] = self._left.get(check.layer, 0) + 1
        for each in self.others:
            self._results.setdefault(each.layer, []).append(each)
        self._print()

    def ended(self, check: Check, results: Layer) -> None:
        self._results.setdefault(check.layer, []).extend(results.checks)
        self._left[check.layer] -= 1
        self._print()

    def _print(self) -> None:
        while self._next < len(LAYERS) and not self._left.get(LAYERS[self._next]):
            layer = LAYERS[self._next]
            self._next += 1
            found = self._results.get(layer)
            if found:
                statuses = {each.status for each in found}
                mark = "failed" if "fail" in statuses else "done" if "pass" in statuses else "skipped"
                self.console.line(f"{layer}: {summary(found)}", mark=mark)


def prepare(
    settings: Settings, root: Path, objects: Objects | None = None
) -> tuple[Document | None, list[journeys.Journey]]:
    """The contract and the journeys that settings name.

    Raises:
        SettingsError: one is missing or malformed, or a check in the settings is.
    """
    verify = settings.verify
    http_checks.check(settings, objects)
    document = openapi_reader.load(root / verify.contract, verify.contract) if verify.contract else None
    return document, [_journey(settings, root, path) for path in verify.journeys]


def _journey(settings: Settings, root: Path, path: str) -> journeys.Journey:
    found = journeys.load(root / path, path)
    for why in declared.unknown(found, settings):
        raise SettingsError(f"the journey {path}", why=why, fix="declare it, or correct its name")
    return found


def listed(run: Run) -> tuple[list[Check], list[Result]]:
    """The checks that would run, without running them, and what is wrong with those that cannot be used."""
    with quiet(), Doors(run.target) as doors:
        return run.selection.of(run.checks(run.scene(doors))), run.broken
