"""Which target: ``--target auto|minikube|kind|context|local``, chosen once."""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kubetasks.addresses import without_password
from kubetasks.errors import ContextNotFound, ContextRefused, KubeconfigError, SettingsError, UsageError
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets import asleep, guard, kubeconfigs
from kubetasks.targets.asleep import Asleep
from kubetasks.targets.base import Target
from kubetasks.targets.kind import CONTEXT_PREFIX
from kubetasks.targets.providers import named, provider_of
from kubetasks.targets.reach import answers, reach
from kubetasks.tools import kind, minikube
from kubetasks.tools.kubeconfig import Context, Kubeconfig


def default_kubeconfig() -> str:
    """What $KUBECONFIG says: the files that kubectl is going to read. Empty for its default, ``~/.kube/config``."""
    return os.environ.get("KUBECONFIG", "")


def choose(
    settings: Settings,
    runner: Runner,
    root: Path,
    *,
    named_context: str = "",
    kubeconfig_paths: str | None = None,
    probe: Callable[[str], bool] = answers,
    warn: Callable[[str], None] = lambda _: None,
) -> Target:
    """The target.

    Args:
        settings: the settings; ``target`` and ``context`` are looked at first.
        runner: starts programs; none is started when the current context is a running kind or minikube cluster.
        root: the project's root.
        named_context: what ``--context`` named; empty when it was not given.
        kubeconfig_paths: kubeconfig files as in $KUBECONFIG; what the environment says where None.
        probe: whether an API server answers at its URL.
        warn: called where ``auto`` takes a target in the place of a cluster that is stopped.

    Raises:
        ClusterUnreachable: the minikube profile that was asked for is stopped or paused.
        KubeconfigError: the kubeconfig is damaged, or missing or empty and a cluster was asked for.
        ContextNotFound: it has no such context.
        ContextRefused: the guard.
        UsageError: ``--context`` and ``--target`` contradict each other.
        SettingsError: ``--target context`` without a context.
    """
    paths = default_kubeconfig() if kubeconfig_paths is None else kubeconfig_paths
    chooser = _Chooser(settings, runner, root, named_context, paths, probe)
    if settings.target == "local":
        return chooser.local("asked for")
    if settings.target != "auto" or named_context:
        return chooser.asked()
    target = chooser.auto()
    for each in chooser.asleep:
        here = f"context {target.cluster.context}" if target.cluster else "the local target"
        choose_it = f"--context {target.cluster.context}" if target.cluster else "--target local"
        warn(
            f"{each.what}; this command uses {here} instead. Start the cluster ({each.start}), or add {choose_it} if "
            "this is what you want"
        )
    return target


def kind_of(context: Context, profiles: Collection[str]) -> str:
    """What a context's cluster is, by the name of its provider: ``kind``, ``minikube``, ``k3d`` …, or ``context``.

    Args:
        context: the context.
        profiles: names of minikube profiles.
    """
    return provider_of(context, profiles).name


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder of another user on the way
        return True


@dataclass
class _Chooser:
    settings: Settings
    runner: Runner
    root: Path
    named: str
    paths: str
    probe: Callable[[str], bool]
    # Why each earlier possibility was not taken.
    passed: list[str] = field(default_factory=list)
    # Clusters that the user may mean, and that are stopped.
    asleep: list[Asleep] = field(default_factory=list)

    @property
    def profiles(self) -> tuple[str, ...]:
        return (self.settings.minikube.profile,)

    def load(self) -> Kubeconfig:
        """Every kubeconfig file that is there; see ``kubeconfigs.load``."""
        return kubeconfigs.load(self.files)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        return kubeconfigs.locate(self.paths, Path.cwd())

    def asked(self) -> Target:
        """A cluster that was asked for by target or by context."""
        name = self.named or self.wanted()
        config = self.load()
        context = config.contexts.get(name)
        if context is None:
            may_be = not name.startswith(CONTEXT_PREFIX)  # stopping a minikube profile removes its context
            stopped = asleep.profile(name, self.runner) if may_be else None
            raise stopped.error if stopped is not None else self.no_context(config, name)
        target = self.settings.target
        kind = kind_of(context, self.profiles)
        if target in {"kind", "minikube"} and kind != target:
            if self.named:
                raise UsageError(
                    f"--context {name}",
                    why=f"it is no {target} cluster",
                    fix=f"leave out --target {target}, or the context",
                )
            kind = target  # what the settings call the profile is one
        if target == "context":
            kind = "context"
        kubeconfigs.minimal(config, context)
        guard.check(context, allowed=self.settings.allowed_contexts, named=self.named, profiles=self.profiles)
        if kind == "minikube" and not self.probe(context.server):
            stopped = asleep.profile(name, self.runner)
            if stopped is not None:
                raise stopped.error
        return self.made(kind, config, context, f"context {name}, asked for")

    def wanted(self) -> str:
        """The context that ``target`` means."""
        if self.settings.target == "kind":
            return f"{CONTEXT_PREFIX}{self.settings.kind.name}"
        if self.settings.target == "minikube":
            return self.settings.minikube.profile
        if not self.settings.context:
            raise SettingsError(
                "--target context needs to know which", why="no context is named", fix="add --context NAME"
            )
        return self.settings.context

    def no_context(self, config: Kubeconfig, name: str) -> KubeconfigError | ContextNotFound:
        shown = os.pathsep.join(map(str, self.files))
        make = {
            "kind": "make the cluster: inv cluster.up --target kind",
            "minikube": "create it, or write its context: inv cluster.up --target minikube",
        }.get(self.settings.target, "use --target local, which needs no cluster, or set KUBECONFIG")
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            make = f"{make}; the service account of this pod is not used"
        if not any(_exists(path) for path in self.files):
            return KubeconfigError("there is no kubeconfig", why=f"{shown} is missing", fix=make)
        if not config.contexts:
            return KubeconfigError("the kubeconfig is empty", why=f"{shown} has no contexts", fix=make)
        near = config.nearest(name)
        known = ", ".join(sorted(config.contexts))
        return ContextNotFound(
            f"there is no context {name}",
            why=f"{shown} has {known}",
            fix=f"did you mean {near}?" if near and self.named else make,
        )

    def auto(self) -> Target:
        """The current context if it is local and runs, else minikube, else kind, else local."""
        config = self.load()
        return (
            self.current(config)
            or self.minikube(config)
            or self.kind(config)
            or self.local(self.why("no cluster runs"))
        )

    def why(self, reason: str) -> str:
        return "; ".join([reason, *self.passed])

    def current(self, config: Kubeconfig) -> Target | None:
        context = config.contexts.get(config.current)
        if context is None:
            self.passed.append(f"current context {config.current} is gone" if config.current else "no current context")
            return None
        if not guard.is_known_local(context, self.profiles):
            self.passed.append(f"current context {context.name} is no known local cluster")
            return None
        kubeconfigs.minimal(config, context)
        # One that is called local and is not: somebody is mistaken, and going on elsewhere in silence would hide it.
        guard.check(context, allowed=(), profiles=self.profiles)
        if not self.probe(context.server):
            self.passed.append(f"current context {context.name} does not answer")
            if kind_of(context, self.profiles) == "minikube":
                stopped = asleep.profile(context.name, self.runner)
                if stopped is not None:
                    self.missed(stopped)
            return None
        return self.made(kind_of(context, self.profiles), config, context, f"current context {context.name}")

    def minikube(self, config: Kubeconfig) -> Target | None:
        if self.runner.which("minikube") is None:
            return None
        result = self.runner.run(minikube.profile_list(), timeout=60, check=False)
        profiles = minikube.parse_profiles(result.stdout)
        running = [profile.name for profile in profiles if profile.running]
        for profile in profiles:
            if profile.name in self.profiles and profile.status in {"Stopped", "Paused"}:
                self.missed(asleep.of_profile(profile.name, profile.status))
        running.sort(key=lambda name: (name not in self.profiles, name))
        return self.running("minikube", [(name, name) for name in running], config)

    def kind(self, config: Kubeconfig) -> Target | None:
        if self.runner.which("docker") is None:
            return None
        result = self.runner.run(kind.containers(), timeout=20, check=False)
        held = kind.parse_containers(result.stdout) if result.ok else []
        ours = self.settings.kind.name
        stopped = {name: asleep.of_kind(name, held, ours) for name in {each.cluster for each in held}}
        for name, each in stopped.items():
            if each is not None and (name == ours or f"{CONTEXT_PREFIX}{name}" == config.current):
                self.missed(each)
        names = sorted(name for name, each in stopped.items() if each is None)
        names.sort(key=lambda name: name != self.settings.kind.name)
        return self.running("kind", [(name, f"{CONTEXT_PREFIX}{name}") for name in names], config)

    def missed(self, cluster: Asleep) -> None:
        """Note a cluster that is stopped, once."""
        if cluster not in self.asleep:
            self.asleep.append(cluster)

    def running(self, kind: str, found: list[tuple[str, str]], config: Kubeconfig) -> Target | None:
        """The first running cluster that the kubeconfig knows and the guard lets through."""
        for name, context_name in found:
            context = config.contexts.get(context_name)
            if context is None:
                self.passed.append(f"{kind} cluster {name} is not in the kubeconfig")
                continue
            try:
                kubeconfigs.minimal(config, context)
                guard.check(context, allowed=(), profiles=[context_name])
            except (ContextRefused, KubeconfigError) as refused:
                self.passed.append(refused.what)
                continue
            return self.made(kind, config, context, self.why(f"{kind} cluster {name} runs"))
        return None

    def made(self, kind: str, config: Kubeconfig, context: Context, reason: str) -> Target:
        """The target for a context that the guard let through."""
        cluster = reach(self.settings, config, context, kind)
        if cluster.proxy:
            reason = f"{reason}; through the proxy {without_password(cluster.proxy)}"
        return named(kind).make(self.settings, self.runner, cluster, reason)

    def local(self, reason: str) -> Target:
        from kubetasks.targets.local import LocalTarget  # noqa: PLC0415

        return LocalTarget(self.settings, self.runner, self.root, reason)
