"""The files that ``kubetasks init`` writes, as text."""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kubetasks.deployers.sound import earliest
from kubetasks.init.manifests import Need
from kubetasks.init.proposal import Proposal, slug, stands_for
from kubetasks.objects import of_kind
from kubetasks.settings import Secret, Settings

TASKS: Final = '''"""The tasks of this project: see `inv --list`. Add your own below."""

from kubetasks import collection

namespace = collection
'''
PLAIN: Final = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
WIDTH: Final = 140


def scalar(value: str) -> str:
    """A text in YAML, in quotes where it would be read as something else."""
    return value if PLAIN.fullmatch(value) and value.lower() not in WORDS else json.dumps(value, ensure_ascii=False)


def flow(value: Any) -> str:
    """A value in YAML, in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    return scalar(value) if isinstance(value, str) else json.dumps(value)


def section(proposal: Proposal) -> dict[str, Any]:
    """The proposal as the section ``kubetasks`` of ``invoke.yaml``."""
    made: dict[str, Any] = {"project": proposal.project}
    services: dict[str, dict[str, Any]] = {}
    for name, pair in proposal.services.items():
        services[name] = {"context": pair.build.context, "dockerfile": pair.build.path}
        if not stands_for(name, pair.image):
            services[name]["image"] = pair.image
        if pair.build.args:
            services[name]["build_args"] = dict(pair.build.args)
    if services:
        made["services"] = services
    source = proposal.choice.source
    if source.kind == "chart":
        made |= {"chart": {"path": source.path}, "deployer": "helm"}
    else:
        made["manifests"] = list(source.entries)
    secrets = dict(declared(proposal.needs, f"{proposal.project}-secrets"))
    if secrets:
        made["secrets"] = secrets
        if proposal.env_file:
            made["env_file"] = proposal.env_file
    base = base_image(proposal)
    if base:
        made["images"] = {"base": base}
    needed = deadline(proposal)
    if needed:
        made["deadline"] = needed
    if proposal.entry:
        made["verify"] = {"entry": proposal.entry}
    return made


def deadline(proposal: Proposal) -> int:
    """How many seconds a rollout may take, where the delays of the workloads need more than the default; else 0."""
    needed = 0
    for item in of_kind(proposal.choice.source.objects, "Deployment", "StatefulSet"):
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # plan says what is wrong with it
            needed = max(needed, earliest(item))
    default = Settings().deadline
    return min(3600, -(-(needed + default) // 60) * 60) if needed >= default else 0


def base_image(proposal: Proposal) -> str:
    """What ``ARG BASE_IMAGE`` of the Dockerfiles is, where all agree on something other than our default."""
    bases = {each.build.dockerfile.base_arg for each in proposal.services.values()} - {None, ""}
    base = next(iter(bases)) or "" if len(bases) == 1 else ""
    return "" if base == Settings().images.base else base


def declared(needs: Iterable[Need], own: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The settings of secrets for what containers need, by the name of the variable that holds the value.

    Keys of the project's own Secret are declared by their name. Others need the setting ``into``; a whole Secret
    cannot be declared, as its keys are not known.
    """
    taken: set[str] = set()
    for each in needs:
        if not each.key:
            continue
        kind = {"kind": "optional"} if each.optional else {}
        if each.secret == own:
            yield each.key, kind
            continue
        if "into" not in Secret.__struct_fields__:
            continue
        names = (each.variable, slug(f"{each.secret}-{each.key}", 80).replace("-", "_").upper())
        name = next((name for name in names if name and name not in taken), names[-1])
        taken.add(name)
        yield name, {**kind, "into": f"{each.secret}/{each.key}"}


def undeclared(needs: Iterable[Need], own: str) -> list[str]:
    """The Secrets that the settings cannot supply, with their keys where they are known."""
    into = "into" in Secret.__struct_fields__
    missing: dict[str, list[str]] = {}
    for each in needs:
        if not each.optional and (not each.key or not (into or each.secret == own)):
            missing.setdefault(each.secret, []).append(each.key)
    return [f"{name} ({', '.join(filter(None, keys))})" if any(keys) else name for name, keys in missing.items()]


def configuration(proposal: Proposal) -> str:
    """The text of ``invoke.yaml``."""
    lines = [
        "# Written by `kubetasks init`. `inv plan` says what a deploy would do; docs/settings.md has every setting.",
        "kubetasks:",
    ]
    for key, value in section(proposal).items():
        whole = f"  {key}: {flow(value)}"
        if key in {"services", "secrets"} or len(whole) > WIDTH:
            lines.append(f"  {key}:")
            lines += (
                [f"    {scalar(name)}: {flow(each)}" for name, each in value.items()]
                if isinstance(value, dict)
                else [f"    - {flow(each)}" for each in value]
            )
        else:
            lines.append(whole)
    return "\n".join([*lines, *comments(proposal)]) + "\n"


def comments(proposal: Proposal) -> list[str]:
    """What is left to the reader: images that several Dockerfiles may build, Secrets that nothing supplies."""
    lines = []
    for image, several in proposal.pairing.ambiguous:
        build = several[0]
        said = flow({"context": build.context, "dockerfile": build.path, "image": image})
        lines.append(
            f"  # {image} may be built from {' or '.join(each.described for each in several)}. Add one to services:"
        )
        lines.append(f"  #   {slug(image.rpartition('/')[2])}: {said}")
    lines += [
        f"  # The Secret {each} is needed and nothing here supplies it: create it in the namespace."
        for each in undeclared(proposal.needs, f"{proposal.project}-secrets")
    ]
    chart = proposal.choice.chart
    if chart is not None and proposal.choice.source.kind != "chart":
        lines.append(f"  # `inv deploy --with helm` would need: chart: {flow({'path': chart.path})}")
    return lines
