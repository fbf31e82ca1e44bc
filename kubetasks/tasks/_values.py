"""What a plan says of values: where each secret and each configured key comes from. Never a value of a secret."""

from typing import TYPE_CHECKING

from kubetasks.tasks._edge import Edge

if TYPE_CHECKING:
    from kubetasks.deploy import Deploy
    from kubetasks.survey import Survey


def security(found: Edge, work: "Deploy") -> list[dict[str, str]]:
    """A row for what Pod Security would refuse: the standard that is set, else the strictest one, for information."""
    from kubetasks.deployers import pod_security

    settings = found.settings
    if found.target.cluster is None:
        return []
    enforced = settings.namespace_policy != "none"
    level = settings.namespace_policy if enforced else "restricted"
    objects = work.objects or found.deployer.render(work.survey.release)
    what = pod_security.line(pod_security.refused(objects, level, settings.pod_templates), level, enforced=enforced)
    return [{"step": "pod security", "action": "note", "what": what}] if what else []


def rows(found: Edge, survey: "Survey") -> list[dict[str, str]]:
    """A row for each declared secret and each key of ``config``, as the steps of a plan have them."""
    from kubetasks.secrets import store

    settings = found.settings
    made = [
        {"step": "value", "action": "read" if state == "ok" else "skip", "what": f"secret {name}: {origin}"}
        for name, _, state, origin, _ in store.check(settings, survey.given, survey.live_secrets)
    ]
    return made + [
        {"step": "value", "action": "read", "what": f"config {key}: {found.origin('config', key)}"}
        for key in settings.config
    ]
