"""The namespace of a project: created where it does not exist, and not changed where kubetasks did not create it."""

from kubetasks.deployers import ownership
from kubetasks.deployers.render import namespace_object
from kubetasks.objects import is_leaving
from kubetasks.settings import Settings
from kubetasks.targets.base import Target
from kubetasks.targets.departure import namespaces, terminating


def ensure(target: Target, settings: Settings) -> str:
    """Make sure that the namespace exists; returns how it is.

    Raises:
        NamespaceTerminating: it is being deleted, with what holds it.
    """
    store, name = target.store, settings.in_namespace
    found = namespaces(store)
    if found is None:
        return f"{name} cannot be read; it is assumed to exist"
    if found and target.cluster is not None and is_leaving(found[0]):
        raise terminating(store, target.cluster, found[0])
    if found and not ownership.owned(found[0], settings.project):
        # With our labels on it, destroy would delete it and what else is in it.
        return f"{name} exists and is not ours; it is not changed"
    store.apply([namespace_object(settings)])
    return name
