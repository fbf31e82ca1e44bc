"""Which workloads can run without an image: the others are left out before anything is applied, and named."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kubetasks.objects import WORKLOADS, Object, Objects, identity, is_built_in, of_kind, pod_template
from kubetasks.settings import Settings
from kubetasks.targets.local.workloads import Here, init_containers, main_containers, selects

if TYPE_CHECKING:
    from kubetasks.deployers.base import Release, Renderer

# What runs pods on a cluster, and nothing here.
OTHERS = frozenset({"Pod", "DaemonSet", "ReplicaSet", "ReplicationController", "CronJob"})
PYTHON = re.compile(r"(?:/\S+/)?python(?:3(?:\.\d+)?)?")


@dataclass
class LocalRenderer:
    """Renders what the local target can run.

    Args:
        settings: name the images.
        renderer: renders the manifests or the chart.
        here: this machine.
        left_out: what was left out by the last rendering, a line each.
    """

    settings: Settings
    renderer: "Renderer"
    here: Here
    left_out: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """See ``Renderer.name``."""
        return self.renderer.name

    def render(self, release: "Release") -> Objects:
        """See ``Renderer.render``. A Service in front of nothing but what is left out is left out, too.

        Raises:
            RenderFailed: with the line of the file at fault.
            ImageUnused: no object uses the image of a service.
            SettingsError: the entry names nothing that is rendered.
        """
        from kubetasks.deployers.sound import check_whole  # noqa: PLC0415  (it imports what verify needs)

        objects = self.renderer.render(release)
        check_whole(self.settings, objects, release.images)
        why = dict(refusals(objects, self.here))
        self.left_out[:] = [f"{name}: {reason}" for name, reason in why.items()]
        kept = [item for item in objects if identity(item) not in why]
        return [item for item in kept if item["kind"] != "Service" or not _is_orphan(item, objects, kept)]


def _is_orphan(service: Object, before: Objects, after: Objects) -> bool:
    def behind(objects: Objects) -> bool:
        labels = (
            ((pod_template(item) or {}).get("metadata") or {}).get("labels") or {}
            for item in of_kind(objects, *WORKLOADS)
        )
        return any(selects(service, each) for each in labels)

    return behind(before) and not behind(after)


def refusals(objects: Objects, here: Here) -> Iterator[tuple[str, str]]:
    """``Kind/name`` of each workload that cannot run here, and why.

    Args:
        objects: the rendered objects.
        here: this machine.
    """
    for item in objects:
        if item["kind"] in OTHERS and is_built_in(item):
            yield identity(item), f"the local target runs no {item['kind']}"
            continue
        if item["kind"] not in WORKLOADS:
            continue
        template = pod_template(item) or {}
        for container in (*init_containers(template), *main_containers(template)):
            why = _refusal(container, here)
            if why:
                yield identity(item), why
                break


def _refusal(container: Object, here: Here) -> str:
    image = here.images.get(container)
    if image is None:
        if container.get("command"):
            return ""  # as it is spelled out: where that fails, its log says why
        name = container.get("image") or "none"
        return f"its image {name} is not built here, and container {container['name']} spells out no command"
    at, argv = f"services.{image.service}.local", image.command(container)
    if image.local.skip:
        return f"{at}.skip is set"
    if not argv:
        return f"the Dockerfile of {image.service} has no CMD; set {at}.command"
    folder, search = image.folder(container, here.root), here.base(image.local.python)["PATH"]
    if PYTHON.fullmatch(argv[0]) or _is_there(image.program(argv[0]), folder, search):
        return ""
    return f"{argv[0]} is not installed on this machine; install it, or set {at}.command"


def _is_there(program: str, folder: Path, search: str) -> bool:
    if "/" in program:
        return os.access(folder / program, os.X_OK)
    return shutil.which(program, path=search) is not None
