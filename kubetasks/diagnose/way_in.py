"""Whether a deploy would get in: the kubeconfig, the guard, the connection and the credentials."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from kubetasks.diagnose.checkup import Finding, Status, judged, said
from kubetasks.diagnose.versions import kubectl_versions, shown
from kubetasks.errors import ContextRefused, KubetasksError, ToolMissing
from kubetasks.objects import PART_OF
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets import asleep, guard, kubeconfigs
from kubetasks.targets.base import Cluster
from kubetasks.targets.calls import Calls
from kubetasks.targets.detect import default_kubeconfig, kind_of
from kubetasks.targets.kind import CONTEXT_PREFIX
from kubetasks.targets.link import Link
from kubetasks.targets.reach import reach
from kubetasks.tools import kubectl, minikube

# kubectl works with an API server one minor version older or newer: https://kubernetes.io/releases/version-skew-policy/
SKEW: Final = 1


def examine(settings: Settings, runner: Runner, *, needed: bool) -> Iterator[Finding]:
    """The context that a deploy would look at first, whether the guard lets it pass, and whether it answers.

    The message is that of the error that a deploy would end with.

    Args:
        settings: say which context is meant.
        runner: starts kubectl.
        needed: whether a deploy with these settings needs a cluster.
    """
    wants = "a local cluster, or one in allowed_contexts"
    absent: Status = "missing" if needed else "ok"
    try:
        config = kubeconfigs.load(kubeconfigs.locate(default_kubeconfig(), Path.cwd()))
    except KubetasksError as error:
        yield said("kubeconfig", error, "readable", "missing")
        return
    wanted = _wanted(settings) or config.current
    context = config.contexts.get(wanted)
    if context is None:
        target = "minikube" if settings.target == "minikube" else "kind"
        fix = "" if absent == "ok" else f"inv cluster.up --target {target}"
        yield Finding("context", f"no {wanted}" if wanted else "none", wants, absent, fix)
        return
    profiles = (settings.minikube.profile,)
    try:
        kubeconfigs.minimal(config, context)
        guard.check(context, allowed=settings.allowed_contexts, named=settings.context, profiles=profiles)
        cluster = reach(settings, config, context, kind_of(context, profiles))
    except ContextRefused as error:
        # Nothing more is asked of a cluster that is not to be touched.
        yield Finding("context", f"{wanted}: refused, {error.why}", wants, "warn", error.fix)
        return
    except KubetasksError as error:
        yield said("context", error, wants, "missing" if needed else "warn")
        return
    yield Finding("context", f"{wanted} at {context.server}", wants, "ok")
    yield _server(settings, runner, cluster, needed=needed)


def profile(settings: Settings, listed: str) -> Iterator[Finding]:
    """The minikube profile of the settings: its state, and what it is made of.

    Args:
        settings: name it.
        listed: what ``minikube profile list`` printed.
    """
    name, wanted = settings.minikube.profile, settings.target == "minikube"
    absent: Status = "missing" if wanted else "ok"
    there = next((each for each in minikube.parse_profiles(listed) if each.name == name), None)
    if there is None:
        if wanted:
            fix = "inv cluster.up --target minikube"
            yield Finding("minikube profile", f"there is no {name}", "running", absent, fix)
        return
    nodes = f"{there.nodes} node{'' if there.nodes == 1 else 's'}"
    state = "running" if there.running else there.status.lower() or "in no known state"
    shown_as = f"{name} is {state}: {there.runtime}, driver {there.driver}, {nodes}"
    fix = "" if there.running or not wanted else asleep.of_profile(name, there.status).start
    yield Finding("minikube profile", shown_as, "running", "ok" if there.running else absent, fix)


def _wanted(settings: Settings) -> str:
    """The context that the settings mean; empty for whichever is current."""
    return {
        "kind": f"{CONTEXT_PREFIX}{settings.kind.name}",
        "minikube": settings.minikube.profile,
    }.get(settings.target, settings.context)


def _server(settings: Settings, runner: Runner, cluster: Cluster, *, needed: bool) -> Finding:
    """Whether the API server answers what a deploy asks first, and whether kubectl is near enough to it."""
    wants = f"answers; kubectl within {SKEW} minor version"
    absent: Status = "missing" if needed else "warn"
    tool = kubectl.Kubectl(cluster.context, cluster.namespace)
    calls = Calls(replace(cluster, link=Link(0.0)), runner)  # a doctor does not wait for recovery
    try:
        calls.call(tool.get(["ConfigMap"], selector=f"{PART_OF}={settings.project}"))
        answer = calls.call(tool.cluster_version())
    except ToolMissing:
        return Finding("cluster", "cannot be asked without kubectl", wants, absent)
    except KubetasksError as error:
        return said("cluster", error, wants, absent)
    client, server = kubectl_versions(answer.stdout)
    if not client or not server:
        command = f"kubectl --context {cluster.context} version"
        return Finding("cluster", "answers without a version", wants, "warn", f"see what it says: {command}")
    near = client[:1] == server[:1] and abs(client[1] - server[1]) <= SKEW
    fix = f"install kubectl {shown(server[:2])} (https://kubernetes.io/releases/download/)"
    return Finding("cluster", f"Kubernetes {shown(server)}", wants, *judged(near, "warn", fix))
