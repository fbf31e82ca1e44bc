"""What a deploy would change: each live object against what the API server says it would become."""

import difflib

import yaml

from kubetasks.deployers import finished, scaling
from kubetasks.deployers.concealed import all_concealed, concealed
from kubetasks.deployers.manifests import orphans
from kubetasks.objects import MANAGED_BY, VOLATILE, Object, Objects, by_identity, identity, is_record
from kubetasks.settings import Settings
from kubetasks.survey import Survey
from kubetasks.targets.base import Store

# What only Helm or only kubetasks writes about itself.
OWN_MARKS = ("meta.helm.sh/release-name", "meta.helm.sh/release-namespace")


def _text(item: Object | None) -> list[str]:
    if item is None:
        return []
    meta = {key: value for key, value in item["metadata"].items() if key not in VOLATILE}
    for key, marks in (("annotations", OWN_MARKS), ("labels", (MANAGED_BY, "helm.sh/chart"))):
        kept = {name: value for name, value in (meta.get(key) or {}).items() if name not in marks}
        meta.pop(key, None)
        if kept:
            meta[key] = kept
    shown = {"metadata": meta, **{key: value for key, value in item.items() if key not in {"metadata", "status"}}}
    return yaml.safe_dump(shown, sort_keys=True, default_flow_style=False).splitlines()


def differences(store: Store, settings: Settings, survey: Survey, objects: Objects) -> list[str]:
    """A unified diff of every object that would change, be made or be deleted; empty when nothing would.

    Secrets are shown with digests in the place of their values, the project's own by its keys alone.
    """
    live = by_identity(concealed(item, survey.digest) for item in survey.live if not is_record(item))
    gone = finished.gone(objects, survey.live, survey.finished)
    owned = scaling.live_owners(store, settings.project, objects)
    asked = [item for item in objects if identity(item) not in gone]
    asked = scaling.with_live_replicas(asked, owned, survey.live)
    coming = by_identity(all_concealed(store.apply(asked, dry_run=True), survey.digest))
    lines: list[str] = []
    for name in sorted(coming):
        lines += _unified(name, live.get(name), coming[name])
    for item in orphans(survey.live, objects, settings.project):
        lines += _unified(identity(item), item, None)
    lines += [f"Secret/{name}: {', '.join(keys)} would change" for name, keys in survey.stale.items()]
    return lines


def _unified(name: str, old: Object | None, new: Object | None) -> list[str]:
    return list(difflib.unified_diff(_text(old), _text(new), f"live {name}", f"deploy {name}", lineterm="", n=2))
