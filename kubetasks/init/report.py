"""What ``kubetasks init`` says: what it inferred and why, and what it could not pair."""

from collections.abc import Iterator

from kubetasks.init.proposal import Application, Proposal
from kubetasks.init.text import declared, undeclared

MOST = 8


def rows(proposal: Proposal) -> list[list[str]]:
    """The services as a table: name, image, Dockerfile, and why they belong together."""
    return [[name, pair.image, pair.build.described, pair.why] for name, pair in proposal.services.items()]


def notes(app: Application, proposal: Proposal) -> Iterator[str]:
    """Everything else, one line each."""
    yield from _deployed(proposal)
    yield from _left_over(proposal)
    yield from _secrets(proposal)
    if proposal.entry:
        yield f"entry, which `inv open` opens and `inv verify` asks: Service {proposal.entry}"
    if app.tree.cut:
        yield "the folder is large: not all of its files were looked at"


def _deployed(proposal: Proposal) -> Iterator[str]:
    choice = proposal.choice
    yield f"deploys {choice.source.described}: {_count(choice.source.workloads, 'workload')}"
    yield from choice.source.flaws
    if choice.source.foreign:
        yield f"the cluster has to know these kinds before: {_some(choice.source.foreign)}"
    for path, what in choice.supplied:
        yield f"{path} is added, as it supplies {what}"
    if choice.others:
        others = [each.described.removeprefix("the ") for each in choice.others]
        yield f"could be deployed instead: {_some(others, 4)}"


def _left_over(proposal: Proposal) -> Iterator[str]:
    pairing = proposal.pairing
    if pairing.pulled:
        yield f"images that are pulled: {_some([each.partition('@')[0] for each in pairing.pulled])}"
    for image, several in pairing.ambiguous:
        among = " or ".join(each.described for each in several)
        yield f"{image} may be built from {among}: not decided, see invoke.yaml"
    paired = {each.path for each in (pair.build for pair in proposal.services.values())}
    unused = [each.path for each in pairing.unused if each.path not in paired]
    if unused:
        yield f"Dockerfiles that no image belongs to: {_some(unused)}"
    for name, pair in proposal.services.items():
        if pair.build.target:
            yield f"{name}: {pair.build.file} builds the stage {pair.build.target}; kubetasks builds the last one"


def _secrets(proposal: Proposal) -> Iterator[str]:
    wanted = dict(declared(proposal.needs, f"{proposal.project}-secrets"))
    secrets = [name for name, said in wanted.items() if said.get("kind") != "optional"]
    if secrets:
        yield f"secrets that need a value before plan and deploy: {_some(secrets)}"
    missing = undeclared(proposal.needs, f"{proposal.project}-secrets")
    if missing:
        yield f"Secrets that nothing supplies, to create in the namespace: {_some(missing)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _some(values: list[str] | tuple[str, ...], most: int = MOST) -> str:
    unique = list(dict.fromkeys(values))
    more = f" and {len(unique) - most} more" if len(unique) > most else ""
    return ", ".join(unique[:most]) + more
