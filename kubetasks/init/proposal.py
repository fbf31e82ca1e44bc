"""The configuration that fits an application, with the reasons."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kubetasks.images.names import repository
from kubetasks.init import builds, compose, dockerfiles, entry, manifests, skaffold, sources
from kubetasks.init.charts import Template
from kubetasks.init.choice import Choice, choose, of_source
from kubetasks.init.likeness import segment, words
from kubetasks.init.pairing import Ask, Pair, Pairing
from kubetasks.init.walk import Tree
from kubetasks.objects import Objects

ENV_FILE: Final = ".env"


@dataclass(frozen=True)
class Application:
    """What exists: all that was read.

    Args:
        tree: the files.
        dockerfiles: the Dockerfiles.
        compose: the compose files.
        builds: what can be built.
        sources: what can be deployed.
        index: every file with objects.
        hints: paths that Skaffold deploys.
    """

    tree: Tree
    dockerfiles: tuple[dockerfiles.Dockerfile, ...]
    compose: compose.Compose
    builds: tuple[builds.Build, ...]
    sources: tuple[sources.Source, ...]
    index: Mapping[str, Objects] = field(repr=False)
    hints: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read."""
        return not (self.dockerfiles or self.compose.services or self.sources)


@dataclass(frozen=True)
class Proposal:
    """A configuration.

    Args:
        project: the application's name.
        services: service to what is built for it.
        choice: what is deployed.
        pairing: which images are built here.
        needs: keys of Secrets that nothing supplies.
        entry: the Service that a user opens.
        env_file: the env file that holds values of the secrets; empty for none.
    """

    project: str
    services: Mapping[str, Pair]
    choice: Choice
    pairing: Pairing
    needs: tuple[manifests.Need, ...] = ()
    entry: str = ""
    env_file: str = ""


def read(tree: Tree, template: Template) -> Application:
    """Everything that is known of an application.

    Args:
        tree: its files.
        template: renders a chart.
    """
    files = dockerfiles.find(tree)
    composed, scaffold = compose.find(tree), skaffold.find(tree)
    found, index = sources.find(tree, template)
    built = builds.find(tree, files, composed, scaffold)
    return Application(tree, tuple(files), composed, tuple(built), tuple(found), index, scaffold.deploys)


def propose(app: Application, ask: Ask | None = None) -> Proposal | None:
    """The configuration for an application; None where nothing can be deployed.

    Args:
        app: what exists.
        ask: decides where several Dockerfiles may build an image; None leaves it out.
    """
    choice = choose(app.sources, list(app.builds), app.hints, app.index)
    if choice is None:
        return None
    objects = choice.source.objects
    pairing = of_source(choice.source, list(app.builds), ask)
    services = dict(_named(pairing.pairs, guessed=choice.source.guessed))
    built = {workload for each in pairing.pairs for workload in each.workloads}
    project = project_of(app.tree.root)
    own = f"{project}-secrets"
    needs = [each for each in manifests.secrets(objects) if each.secret != own or each.key]
    known = compose.dotenv(app.tree.text(ENV_FILE))
    env_file = ENV_FILE if any({each.variable, each.key} & {*known} for each in needs) else ""
    return Proposal(project, services, choice, pairing, tuple(needs), entry.infer(objects, built), env_file)


def project_of(root: Path) -> str:
    """The name of the application in a folder."""
    return slug(root.name) or "app"


def slug(text: str, longest: int = 40) -> str:
    """A text as a DNS label; empty where nothing of it can be one."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:longest].strip("-")


def _named(pairs: tuple[Pair, ...], *, guessed: bool) -> Iterator[tuple[str, Pair]]:
    """Each pair with a name: its only workload's, else the one in a compose file or Skaffold, else the image's."""
    taken: set[str] = set()
    for each in pairs:
        names = [each.workloads[0].partition("/")[2]] if len(each.workloads) == 1 and not guessed else []
        own = [name for name in each.build.names if words(name)]
        names += [*own, segment(each.image)] if each.build.file else [segment(each.image), *own]
        options = [slug(name, 50) for name in names]
        chosen = next((name for name in options if name and name not in taken), "")
        number = 2
        while not chosen:
            option = f"{options[-1] or 'service'}-{number}"
            chosen, number = ("" if option in taken else option), number + 1
        taken.add(chosen)
        yield chosen, each


def stands_for(service: str, image: str) -> bool:
    """Whether a service's name alone stands for an image, so that no setting is needed."""
    return repository(service) == repository(image)
