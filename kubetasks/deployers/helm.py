"""The Helm deployer: one release, values on stdin, waiting left to kubetasks."""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from kubetasks import documents
from kubetasks.deployers import ownership, scaling
from kubetasks.deployers.base import Release
from kubetasks.deployers.chart_changes import changes, key_of, post_renderer
from kubetasks.deployers.manifests import KINDS, helm_secrets, left_behind, live_of, orphans, stays
from kubetasks.deployers.render import ChartRenderer
from kubetasks.errors import ApplyFailed, NotEffective, NothingToRollBack, RenderFailed, ToolMissing
from kubetasks.objects import (
    MANAGED_BY,
    Object,
    Objects,
    containers,
    identity,
    is_hook,
    is_leaving,
    is_record,
    kind_of,
    staying,
)
from kubetasks.runner import Result, Runner
from kubetasks.settings import Settings
from kubetasks.targets import departure, fence
from kubetasks.targets.base import Cluster, Progress, Store
from kubetasks.targets.calls import Calls
from kubetasks.targets.kubectl_store import KubectlStore
from kubetasks.targets.link import Attempt
from kubetasks.tools import helm as tool

TIMEOUT: Final = 180.0
# What Helm was doing when it was interrupted; no upgrade is possible until that record is removed.
STUCK: Final = (*tool.PENDING, "uninstalling")
DEPLOYED: Final = "deployed"
KEEP: Final = "helm.sh/resource-policy"


@dataclass(frozen=True)
class HelmDeployer:
    """Upgrades (or installs) the chart. Works with Helm 3.17 and later, and with Helm 4."""

    settings: Settings
    root: Path
    runner: Runner
    store: Store
    cluster: Cluster

    @property
    def name(self) -> str:
        """See ``Deployer.name``."""
        return "helm"

    @cached_property
    def renderer(self) -> ChartRenderer:
        """Renders the chart."""
        return ChartRenderer(self.settings, self.root, self.runner)

    @cached_property
    def helm(self) -> tool.Helm:
        """The helm there is, bound to the cluster and namespace.

        Raises:
            ToolMissing: it is too old to take objects over.
        """
        text = self.runner.run(tool.version()).stdout.strip()
        version = tool.parse_version(text)
        if version is None or version < tool.OLDEST:
            needed = ".".join(map(str, tool.OLDEST))
            raise ToolMissing(
                f"helm is {text or 'of an unknown version'}, {needed} or later is needed",
                fix="update Helm (https://helm.sh/docs/intro/install/), or deploy --with manifests",
            )
        return tool.Helm(self.cluster.context, self.cluster.namespace, version)

    @property
    def left_out(self) -> Sequence[str]:
        """See ``Deployer.left_out``."""
        return ()

    def render(self, release: Release) -> Objects:
        """See ``Deployer.render``.

        Raises:
            RenderFailed: also where a hook needs an image that is built here, and Helm cannot be made to use it.
        """
        found = self.renderer.render(release)
        raw = {key_of(item): _images(item) for item in self.renderer.raw if is_hook(item)}
        for item in found:
            if is_hook(item) and _images(item) != raw.get(key_of(item)) and self.helm.version[0] < 4:
                raise RenderFailed(
                    f"{identity(item)} is a hook of the chart with an image that is built here",
                    why="Helm 3 hands hooks to no post-renderer, and would run the image that the chart names",
                    fix="use Helm 4, or name the chart's values in kubetasks.chart.image_values (docs/composing.md)",
                )
        return found

    @property
    def calls(self) -> Calls:
        """Starts helm for this cluster."""
        return Calls(self.cluster, self.runner)

    def _refused(self, what: str, result: Result) -> ApplyFailed:
        return ApplyFailed(
            what,
            why=self.runner.redactor(tool.reason(result.stderr)),
            fix="nothing that runs was stopped; fix it and deploy again",
        )

    def recover(self, progress: Progress) -> None:
        """Free a release that an interrupted run left in ``pending-*``.

        Only Helm's record of the attempt is deleted. What that attempt applied stays; the next one takes it over.
        """
        stuck = [item for item in helm_secrets(self.store, self.settings.project) if _status(item) in STUCK]
        if stuck:
            names = ", ".join(f"{_status(item)} revision {item['metadata']['labels'].get('version')}" for item in stuck)
            progress(f"recovering the release from {names}")
            self.store.delete(stuck)

    def apply(self, release: Release, objects: Objects, progress: Progress) -> str:
        """See ``Deployer.apply``. Takes over from the manifests without touching what runs."""
        project = self.settings.project
        self.recover(progress)
        before = self.newest()
        live = live_of(self.store, project, objects)
        wanted = {identity(item) for item in objects}
        leaving = [item for item in live if is_leaving(item) and identity(item) in wanted]
        departure.wait_gone(self.store, self.cluster, leaving, progress)
        live = staying(live)
        self._take_over(live)
        server_side = self.helm.version[0] >= 4
        owned = scaling.live_owners(self.store, project, objects)
        if server_side:
            scaling.hand_over(self.store, owned)
        progress("helm upgrade --install")
        values = tool.values_text(self.renderer.values(release))
        files = [str(self.root / path) for path in self.settings.chart.values]
        chart = str(self.root / self.settings.chart.path)
        if self.renderer.raw == []:
            self.renderer.render(release)
        goals = scaling.without_replicas(objects, owned, live)
        if not server_side:
            goals = scaling.with_live_replicas(objects, owned, live)
        changed = changes(self.renderer.raw, goals, hooks=server_side)
        with post_renderer(changed, plugin=server_side) as (flags, env):
            argv = self.helm.upgrade_install(
                project, chart, values=files, history=self.settings.history, post_renderer=flags
            )
            result = self._changed(argv, progress, before, values=values, more=env)
        if not result.ok:
            if "YAML parse error" in result.stderr or "parse error" in result.stderr:
                raise RenderFailed("the chart does not render", why=tool.reason(result.stderr), fix="inv chart.lint")
            raise self._refused("helm could not upgrade the release", result)
        return str(self._deployed(before, "upgrade"))

    def prune(self, objects: Objects, progress: Progress) -> list[str]:
        """See ``Deployer.prune``. What the chart no longer has, Helm itself has deleted."""
        project = self.settings.project
        live = live_of(self.store, project, objects)
        spare = [item for item in orphans(live, objects, project) if _owner(item) != "Helm"]
        if spare:
            progress(f"pruning {len(spare)} objects")
            self.store.delete(spare, wait=False)
        return [stays(item) for item in left_behind(live, objects, project, self.settings.secret_places)]

    def _changed(
        self,
        argv: Sequence[str],
        progress: Progress,
        before: int,
        *,
        values: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a helm command that changes the release, again where the connection was lost.

        Helm cannot continue where it stopped. If its answer is lost, its own record shows whether it had finished; if
        not, the release is unlocked and the command runs again.
        """

        def attempt(state: Attempt) -> Result:
            if state.lost:
                newest = self._newest()
                if newest is not None and _number(newest) > before and _status(newest) == DEPLOYED:
                    return Result(tuple(argv), 0)
                self.recover(progress)
            fence.check()
            return self.calls.once(argv, state, input=values, timeout=TIMEOUT, more=more)

        return self.calls.until_answered(attempt)

    def _deployed(self, before: int, what: str) -> int:
        """The number of the newest revision, which must be a new one that Helm calls deployed.

        Raises:
            NotEffective: it is not.
        """
        newest = self._newest()
        if newest is None or _number(newest) <= before or _status(newest) != DEPLOYED:
            state = f"revision {_number(newest)} is {_status(newest)}" if newest is not None else "there is no release"
            raise NotEffective(
                f"helm reported the {what} as done, but the release does not show it",
                why=f"{state}; revision {before} existed before",
                fix="see which helm that is: type -a helm, setting programs.helm",
            )
        return _number(newest)

    def _take_over(self, live: Objects) -> None:
        """Helm 4 applies on the server's side: what it drops later must not be held by another owner."""
        others = any(_owner(item) not in {"Helm", ""} and not is_record(item) for item in live)
        if others and self.helm.version[0] >= 4 and isinstance(self.store, KubectlStore):
            kinds = sorted({*KINDS, *map(kind_of, live)} - {"Pod"})
            ownership.take_over(self.store, kinds, self.settings.project, ownership.HELM)

    def _newest(self) -> Object | None:
        held = helm_secrets(self.store, self.settings.project)
        return held[-1] if held else None

    def newest(self) -> int:
        """The number of the release's newest revision; 0 when there is no release."""
        newest = self._newest()
        return _number(newest) if newest is not None else 0

    def rollback(self, objects: Objects, revision: str, progress: Progress) -> str:
        """See ``Deployer.rollback``."""
        self.recover(progress)
        project = self.settings.project
        kept = [str(item["metadata"]["labels"].get("version", "")) for item in helm_secrets(self.store, project)]
        if revision not in kept:
            raise NothingToRollBack(
                f"Helm no longer has its revision {revision}",
                why=f"it keeps {', '.join(kept) or 'none'}",
                fix="deploy that source again: git checkout … && inv deploy",
            )
        self._refuse_reset(revision)
        progress(f"helm rollback {project} {revision}")
        before = max(map(int, kept))
        argv = self.helm.rollback(project, int(revision), history=self.settings.history)
        result = self._changed(argv, progress, before)
        if not result.ok:
            raise self._refused("helm could not roll back", result)
        return str(self._deployed(before, "rollback"))

    def _refuse_reset(self, revision: str) -> None:
        """Refuse to let Helm bring back a number of replicas that belongs to an autoscaler by now.

        Raises:
            NothingToRollBack: it would.
        """
        owned = scaling.live_owners(self.store, self.settings.project)
        if not owned:
            return
        [record] = [
            item
            for item in helm_secrets(self.store, self.settings.project)
            if item["metadata"]["labels"].get("version") == revision
        ]
        live = self.store.get(sorted({name.partition("/")[0] for name in owned}))
        reset = scaling.in_release(manifest_of(record), owned, live)
        if reset:
            raise NothingToRollBack(
                f"Helm would set the replicas of {', '.join(reset)} to those of its revision {revision}",
                why=f"they belong to {owned[reset[0]]}",
                fix="inv rollback goes back and leaves them as they are",
            )

    def delete(self, progress: Progress) -> None:
        """See ``Deployer.delete``."""
        progress("helm uninstall")
        self.recover(progress)
        project = self.settings.project
        # Repeated where the connection is lost: uninstalling what is uninstalled is no error.
        newest = self._newest()
        hooks = hooks_of(newest) if newest is not None else []
        result = self.calls.change(self.helm.uninstall(project), timeout=TIMEOUT)
        if not result.ok:
            raise self._refused("helm could not uninstall", result)
        self.store.delete(hooks)  # Helm leaves them
        left = [*helm_secrets(self.store, project), *self._owned()]
        if left:
            raise NotEffective(
                "helm reported the release as uninstalled, but the cluster still has it",
                why=", ".join(identity(item) for item in left[:5]),
                fix="see which helm that is (type -a helm, setting programs.helm), and run the same command again",
            )

    def _owned(self) -> Objects:
        """The project's live objects that Helm manages, without those that are on their way out or that it keeps."""
        live = live_of(self.store, self.settings.project, [])
        return [item for item in live if _owner(item) == "Helm" and not _leaves(item) and not is_hook(item)]

    def test(self) -> Result:
        """Run the chart's own tests against the release."""
        return self.calls.change(self.helm.test(self.settings.project), timeout=TIMEOUT)


def _leaves(item: Object) -> bool:
    """Whether an object is being deleted, or is one that an uninstall leaves."""
    return is_leaving(item) or (item["metadata"].get("annotations") or {}).get(KEEP) == "keep"


def _number(item: Object) -> int:
    return int(item["metadata"]["labels"].get("version", "0"))


def manifest_of(record: Object) -> str:
    """The objects, as YAML, that Helm has kept in a revision's Secret; empty if that is damaged."""
    try:
        packed = base64.b64decode(base64.b64decode(record["data"]["release"]))
        return str(json.loads(gzip.decompress(packed))["manifest"])
    except (KeyError, TypeError, ValueError, OSError, EOFError, zlib.error):
        return ""


def hooks_of(record: Object) -> Objects:
    """The hooks, by API version, kind and name, that Helm has kept in a revision's Secret."""
    try:
        packed = base64.b64decode(base64.b64decode(record["data"]["release"]))
        texts = [each["manifest"] for each in json.loads(gzip.decompress(packed)).get("hooks") or ()]
        found = [each for text in texts for each in documents.load_all(text)]
    except (KeyError, TypeError, ValueError, OSError, EOFError, zlib.error):
        return []
    return [
        {key: item[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": item["metadata"]["name"]}}
        for item in found
    ]


def _status(item: Object) -> str:
    return str(item["metadata"]["labels"].get("status", ""))


def _owner(item: Object) -> str:
    return str((item["metadata"].get("labels") or {}).get(MANAGED_BY, ""))


def _images(item: Object) -> list[str]:
    return [str(each.get("image", "")) for each in containers(item)]
