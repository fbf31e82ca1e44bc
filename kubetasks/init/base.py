"""Manifests for an application that has none: from its compose files, or from its Dockerfiles alone."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from kubetasks import documents
from kubetasks.errors import InitNothing, InitUnusable
from kubetasks.init import compose, workloads
from kubetasks.init.builds import Build
from kubetasks.init.choice import choose, of_source
from kubetasks.init.manifests import objects_of
from kubetasks.init.proposal import Application, project_of, slug
from kubetasks.init.sources import Source
from kubetasks.init.variables import split
from kubetasks.init.walk import folder_of, joined
from kubetasks.init.workloads import Part

FOLDER: Final = "k8s"


@dataclass(frozen=True)
class Base:
    """The manifests that were made.

    Args:
        files: path to text.
        notes: what of the compose files has no place in them.
    """

    files: Mapping[str, str]
    notes: tuple[str, ...] = ()


NOTHING: Final = Base({})


def make(app: Application) -> Base:
    """Manifests for every service of the compose files, else for every Dockerfile.

    Raises:
        InitUnusable: there are manifests or a chart already, for what is built here.
    """
    choice = choose(app.sources, list(app.builds), app.hints, app.index)
    if choice is not None and (not app.builds or of_source(choice.source, list(app.builds)).pairs):
        raise InitUnusable(
            f"{', '.join(choice.source.entries)} describes this application already",
            why="--manifests is for one that has neither manifests nor a chart",
            fix="leave --manifests out",
        )
    files: dict[str, str] = {}
    notes: list[str] = []
    claimed: set[str] = set()
    for part in _parts(app):
        objects, more = workloads.objects(part)
        objects = [
            each
            for each in objects
            if not (each["kind"] == "PersistentVolumeClaim" and each["metadata"]["name"] in claimed)
        ]
        claimed |= {each["metadata"]["name"] for each in objects if each["kind"] == "PersistentVolumeClaim"}
        path = f"{FOLDER}/{part.name}.yaml"
        # A file of the user's stays, and counts.
        files[path] = app.tree.text(path) or documents.dump_all(objects)
        notes += more
        if not workloads.ports(part):
            notes.append(f"{part.name} has no port: it gets no Service and no probes")
        notes += [
            f"{part.name}: {name} has no value in the compose files; set it in {path}" for name in part.variables.empty
        ]
    return Base(files, tuple(notes))


def _parts(app: Application) -> Iterator[Part]:
    secret = f"{project_of(app.tree.root)}-secrets"
    if not app.compose.services:
        for build in _plain_builds(app):
            name = slug(build.names[0] if build.names else app.tree.root.name, 50) or "app"
            yield Part(name, name, dockerfile=build.dockerfile)
        return
    by_path = {each.path: each for each in app.dockerfiles}
    for service in app.compose.services.values():
        if service.data.get("profiles"):
            continue  # compose itself starts it only when asked to
        dockerfile = by_path.get(service.dockerfile) if service.context else None
        name = slug(service.name, 50) or "service"
        if dockerfile is None and not service.image:
            continue
        image = (service.image or name) if dockerfile is not None else service.image
        files = service.data.get("env_file") or []
        listed = [files] if isinstance(files, (str, dict)) else files
        given: dict[str, str] = {}
        for each in listed:
            file = str(each.get("path", "")) if isinstance(each, dict) else str(each)
            given |= compose.dotenv(app.tree.text(joined(folder_of(service.file), file)))
        variables = split(service.data.get("environment"), given, app.compose.variables)
        asked = _asked(app, service.name)
        yield Part(name, image, variables, secret, service.data, dockerfile, app.compose.volumes, asked)


def _asked(app: Application, name: str) -> tuple[int, ...]:
    """The ports that the variables of other services name, as in ``http://carts-db:8000``."""
    text = " ".join(
        compose.substituted(each or "", app.compose.variables)
        for service in app.compose.services.values()
        for each in compose.pairs(service.data.get("environment")).values()
    )
    numbers = re.findall(rf"(?<![\w.-]){re.escape(name)}:(\d{{2,5}})\b", text)
    return tuple(dict.fromkeys(int(each) for each in numbers))


def _plain_builds(app: Application) -> list[Build]:
    """One build for each folder with a Dockerfile: none for tests, and a variant only where there is no other."""
    chosen: dict[tuple[str, str], Build] = {}
    for each in sorted(app.builds, key=lambda build: (bool(build.dockerfile.variant), build.path)):
        if not each.dockerfile.aside:
            name = each.names[0] if each.names else ""
            chosen.setdefault((folder_of(each.path), name), each)
    return list(chosen.values())


def extended(app: Application, base: Base) -> Application:
    """The application with the manifests that were made: they are what is deployed."""
    objects = [item for text in base.files.values() for item in objects_of(documents.load_all(text))]
    return replace(app, sources=(Source("folder", (FOLDER,), objects),))


def refuse_nothing(app: Application) -> None:
    """Refuse an application that there is nothing to deploy of.

    Raises:
        InitNothing: there is nothing at all.
        InitUnusable: there are Dockerfiles or compose files, but no manifests and no chart.
    """
    if app.empty:
        raise InitNothing(
            f"{app.tree.root} has nothing to read",
            why="there is no Dockerfile, no compose file, no Kubernetes manifest and no chart",
            fix="run it in the application's folder, or name that: inv init --path FOLDER",
        )
    if not app.sources:
        there = [each.path for each in app.dockerfiles] or [*app.compose.files]
        more = f" and {len(there) - 4} more" if len(there) > 4 else ""
        raise InitUnusable(
            f"there are no manifests and no chart for {', '.join(there[:4])}{more}",
            fix="write a base from these files: inv init --manifests",
        )
