"""Whether a kind cluster is ready, by the user's own kubeconfig, which kind writes."""

from pathlib import Path
from time import sleep
from typing import Final

from kubetasks.errors import ClusterUnreachable, NotEffective, Unauthorized, Untrusted
from kubetasks.runner import Result, Runner
from kubetasks.settings import Settings
from kubetasks.targets import guard, kubeconfigs
from kubetasks.targets.base import Cluster
from kubetasks.targets.contact import explain
from kubetasks.targets.detect import default_kubeconfig
from kubetasks.targets.reach import reach
from kubetasks.tools import kind

# Seconds until a server that does not know us counts as another one than the kubeconfig means.
STARTING: Final = 30
STALE: Final = 2


def reached(settings: Settings) -> Cluster | None:
    """The cluster as the user's kubeconfig has it; None where it has no such context.

    Raises:
        ContextRefused: the context of that name leads to another cluster.
        KubeconfigError: the kubeconfig cannot be used.
    """
    config = kubeconfigs.load(kubeconfigs.locate(default_kubeconfig(), Path.cwd()))
    context = config.contexts.get(kind.context(settings.kind.name))
    if context is None:
        return None
    guard.check(context, allowed=())
    return reach(settings, config, context, "kind")


def _export(settings: Settings, runner: Runner) -> Result:
    """Have kind write its entries again; where it did, they are there.

    Raises:
        NotEffective: they are not.
    """
    name = settings.kind.name
    result = runner.run(kind.export_kubeconfig(name), check=False)
    if result.ok and reached(settings) is None:
        raise NotEffective(
            f"kind reported the kubeconfig of {name} as exported, but it has no context {kind.context(name)}",
            fix="see which files KUBECONFIG names, and whether they can be written",
        )
    return result


def _of_another(cluster: Cluster, result: Result) -> bool:
    return isinstance(explain(cluster, result.stderr), (Unauthorized, Untrusted, ClusterUnreachable))


def wait(settings: Settings, runner: Runner, *, fresh: bool) -> Result:
    """Wait for Ready nodes; where the kubeconfig is of an earlier cluster of this name, have kind write it again.

    Args:
        settings: the cluster's name, and how long to wait.
        runner: starts kubectl and kind.
        fresh: whether the nodes have just been started: then a server that refuses us may be starting, too.

    Returns:
        What ended the wait: the program's last run.

    Raises:
        ContextRefused: the context of that name leads to another cluster.
        KubeconfigError: the kubeconfig cannot be used.
        NotEffective: kind did not write it.
    """
    known = reached(settings)
    if known is not None:
        ready = _wait(settings, runner, known, patience=STARTING if fresh else STALE)
        if ready.ok or not _of_another(known, ready):
            return ready
    exported = _export(settings, runner)
    cluster = reached(settings) if exported.ok else None
    return exported if cluster is None else _wait(settings, runner, cluster)


def _wait(settings: Settings, runner: Runner, cluster: Cluster, patience: int = 3600) -> Result:
    """Wait for Ready nodes, and before that for the API server; ``patience``: seconds with one that is not ours.

    It needs a moment after its node has started; until /readyz says ok it may even refuse its own administrator.
    """
    limit = settings.kind.wait
    scope = ["kubectl", "--context", cluster.context]
    for second in range(limit):
        argv = [*scope, "get", "--raw=/readyz", "--request-timeout=5s"]
        result = runner.run(argv, env=cluster.env, timeout=15, check=False)
        if result.ok or second == limit - 1 or (second >= patience and _of_another(cluster, result)):
            break
        sleep(1)
    if not result.ok:
        return result
    waiting = [*scope, "wait", "--for=condition=Ready", "node", "--all", f"--timeout={limit}s"]
    return runner.run(waiting, env=cluster.env, timeout=limit + 30.0, check=False)
