"""The tasks a user types, one noun per file, as one Invoke collection."""

from invoke.collection import Collection

from kubetasks.tasks import (
    aiops,
    aiops_agent,
    aiops_gordon,
    aiops_invoke,
    aiops_mcp,
    chart,
    cluster,
    config,
    deploy,
    diagnose,
    image,
    init,
    lock,
    look,
    manifest,
    secret,
)


def _noun(name: str, module: object, *tasks: str) -> Collection:
    found = Collection(name)
    for each in tasks:
        found.add_task(getattr(module, each))
    return found


_aiops = _noun("aiops", aiops, "ask")
_aiops.add_task(aiops_mcp.mcp)
_aiops.add_task(aiops_gordon.gordon)
_agent = _noun("agent", aiops_agent, "install", "status", "remove")
_agent.add_task(aiops_invoke.invoke)
_aiops.add_collection(_agent)

collection = Collection()
for _task in (
    deploy.deploy,
    look.verify,
    look.status,
    diagnose.diagnose,
    look.logs,
    look.open_,
    deploy.plan,
    deploy.diff,
    deploy.rollback,
    deploy.destroy,
    look.doctor,
    init.init,
    look.completion,
):
    collection.add_task(_task)
for _collection in (
    _aiops,
    _noun("image", image, "build", "list_", "load", "prune", "scan"),
    _noun("cluster", cluster, "up", "down", "env", "list_", "tunnel"),
    _noun("config", config, "show"),
    _noun("secret", secret, "apply", "check", "rotate"),
    _noun("lock", lock, "status", "release"),
    _noun("manifest", manifest, "render", "validate", "apply"),
    _noun("chart", chart, "lint", "template", "upgrade", "rollback", "test", "score"),
):
    collection.add_collection(_collection)
