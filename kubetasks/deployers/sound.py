"""What is rendered and can never work, found before anything is built.

The API server would take most of it, and a rollout would then wait until its deadline.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kubetasks import entry
from kubetasks.errors import ImageUnused, LineEndings, RenderFailed, SettingsError
from kubetasks.images.names import alike, repository, written
from kubetasks.objects import WORKLOADS, Object, Objects, containers, identity, image_volumes, of_kind, pod_template
from kubetasks.settings import Settings
from kubetasks.verify.compare import quantity

PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
FIX: Final = "fix it, and look at the result with inv manifest.render or inv chart.template"


def check(settings: Settings, objects: Objects, built: Mapping[str, str] | None = None, *, whole: bool = True) -> None:
    """Refuse settings and objects that cannot work together.

    Args:
        settings: the settings.
        objects: the rendered objects.
        built: service to the ``repository:tag`` that is built for it; each has to be used.
        whole: no objects are left out yet; else ``check_whole`` was called before.

    Raises:
        SettingsError: a setting names something that is not rendered, or leaves too little time.
        RenderFailed: an object is at odds with itself.
        LineEndings: a script in an object has Windows line endings.
        ImageUnused: no object uses the image of a service.
    """
    if whole:
        check_whole(settings, objects, built or {})
    for item in of_kind(objects, *WORKLOADS):
        for why in _odd(item):
            raise RenderFailed(f"{identity(item)} can never work", why=why, fix=FIX)
    for item in (*of_kind(objects, *WORKLOADS), *of_kind(objects, "ConfigMap")):
        for what in _scripts_of_windows(item):
            raise LineEndings(
                f"{what} of {identity(item)} has Windows line endings",
                why="no shell in a container can run it",
                fix="convert the file that it is in (sed -i 's/\\r$//'), and give it eol=lf in .gitattributes",
            )
    for item in of_kind(objects, "Service"):
        for why in _leads_nowhere(item, objects):
            raise RenderFailed(f"{identity(item)} can never work", why=why, fix=FIX)
    _check_job(settings, objects)
    _check_deadline(settings, objects)


def check_whole(settings: Settings, objects: Objects, built: Mapping[str, str]) -> None:
    """Check what only all objects can say, those that a target leaves out among them: the images and the entry.

    Raises:
        SettingsError: two services have the same image, or the entry names nothing that is rendered.
        ImageUnused: no object uses the image of a service.
    """
    check_images(settings, objects, built)
    _check_entry(settings, objects)


def check_images(settings: Settings, objects: Objects, built: Mapping[str, str]) -> None:
    """Refuse an image that is built and that no object uses, and one name for two services.

    Raises:
        SettingsError: two services have the same image.
        ImageUnused: no object uses the image of a service.
    """
    owners: dict[str, str] = {}
    for service, name in settings.image_names.items():
        other = owners.setdefault(repository(name), service)
        if other != service:
            raise SettingsError(
                f"setting `kubetasks.services.{service}.image`",
                why=f"{name} stands for service {other} too",
                fix="give each service an image of its own",
            )
    used = {image for item in objects for image in images_of(item, settings.pod_templates)}
    there = {repository(image) for image in used}
    ours = {repository(reference) for reference in built.values()}
    for service, reference in built.items():
        if repository(reference) in there:
            continue
        others = sorted(image for image in used if repository(image) not in ours)
        near = alike(service, others) or others
        name = settings.image_names.get(service, service)
        said = f"set kubetasks.services.{service}.image to the image that stands for it" if others else "add a workload"
        raise ImageUnused(
            f"no object uses the image of service {service}",
            why=f"none has the image {name}; there are {', '.join(others[:6]) or 'no other images'}",
            fix=f"{said}{f', such as {written(near[0])}' if others else ''}, or remove the service"
            " (a custom resource needs kubetasks.pod_templates)",
        )


def images_of(item: Object, paths: Mapping[str, str]) -> Iterator[str]:
    """The images that an object of any kind names."""
    for container in containers(item, paths):
        if isinstance(container.get("image"), str):
            yield container["image"]
    for source in image_volumes(item, paths):
        if isinstance(source.get("reference"), str):
            yield source["reference"]


def _odd(item: Object) -> Iterator[str]:
    for container in containers(item):
        name = container.get("name", "")
        resources = container.get("resources") or {}
        for kind, amount in (resources.get("requests") or {}).items():
            asked, limit = quantity(amount), quantity((resources.get("limits") or {}).get(kind))
            if asked is not None and limit is not None and asked > limit:
                yield f"container {name} requests {amount} of {kind}, more than its limit {resources['limits'][kind]}"
        named = {str(port["name"]) for port in container.get("ports") or () if port.get("name")}
        for probe in PROBES:
            spec = container.get(probe) or {}
            for way in ("httpGet", "tcpSocket"):
                port = (spec.get(way) or {}).get("port")
                if isinstance(port, str) and not port.isdigit() and port not in named:
                    yield f"the {probe} of container {name} asks port {port}, and it has {_listed(named)}"


def _scripts_of_windows(item: Object) -> Iterator[str]:
    """Scripts in what is rendered: those of a ConfigMap, and those on a container's command line."""
    for key, text in (item.get("data") or {}).items():
        first, end, _ = str(text).partition("\n")
        if end and first.endswith("\r") and (first.startswith("#!") or key.endswith((".sh", ".bash"))):
            yield f"{key}"
    for container in containers(item):
        for word in (*(container.get("command") or ()), *(container.get("args") or ())):
            if "\r\n" in str(word):
                yield f"the command of container {container.get('name', '')}"


def _leads_nowhere(service: Object, objects: Objects) -> Iterator[str]:
    """Ports of a Service by a name that the pods behind it do not have."""
    selector = (service.get("spec") or {}).get("selector") or {}
    behind = [item for item in of_kind(objects, "Deployment", "StatefulSet") if _selected(item, selector)]
    named = {
        str(port["name"])
        for item in behind
        for container in containers(item)
        for port in container.get("ports") or ()
        if port.get("name")
    }
    for port in (service.get("spec") or {}).get("ports") or ():
        target = port.get("targetPort")
        if behind and isinstance(target, str) and not target.isdigit() and target not in named:
            yield f"it leads to port {target} of {identity(behind[0])}, which has {_listed(named)}"


def _selected(item: Object, selector: Mapping[str, Any]) -> bool:
    labels = ((pod_template(item) or {}).get("metadata") or {}).get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none with a name"


def _check_job(settings: Settings, objects: Objects) -> None:
    job = settings.migrations.job
    jobs = [item["metadata"]["name"] for item in of_kind(objects, "Job")]
    if job and not any(name == job or name.startswith(f"{job}-") for name in jobs):
        raise SettingsError(
            "setting `kubetasks.migrations.job`",
            why=f"no Job {job} is rendered",
            fix=f"Jobs: {', '.join(jobs) or 'none'}; leave it empty for none",
        )


def _check_entry(settings: Settings, objects: Objects) -> None:
    kind, slash, route = settings.verify.entry.partition("/")
    if slash:
        if entry.choose(objects, settings.verify.entry) is None:
            known = [identity(item) for item in of_kind(objects, *entry.ROUTES)]
            raise SettingsError(
                "setting `kubetasks.verify.entry`",
                why=f"no {kind} {route} is rendered that leads to a Service",
                fix=f"rendered: {', '.join(known) or 'none'}",
            )
        return
    name, _, port = settings.verify.entry.partition(":")
    if not name:
        return
    services = {item["metadata"]["name"]: item for item in of_kind(objects, "Service")}
    if name not in services:
        raise SettingsError(
            "setting `kubetasks.verify.entry`",
            why=f"no Service {name} is rendered",
            fix=f"Services: {', '.join(services) or 'none'}",
        )
    ports = services[name]["spec"].get("ports") or ()
    known = [str(each["port"]) for each in ports] + [str(each["name"]) for each in ports if each.get("name")]
    if port and port not in known:
        raise SettingsError(
            "setting `kubetasks.verify.entry`",
            why=f"Service {name} has no port {port}",
            fix=f"ports: {', '.join(known) or 'none'}",
        )


def earliest(item: Object) -> int:
    """After how many seconds a Deployment or StatefulSet can be ready at the earliest."""
    if item["spec"].get("replicas") == 0:
        return 0
    delays = [
        int((container.get(probe) or {}).get("initialDelaySeconds") or 0)
        for container in (pod_template(item) or {}).get("spec", {}).get("containers") or ()
        for probe in ("startupProbe", "readinessProbe")
    ]
    return max(delays, default=0) + int(item["spec"].get("minReadySeconds") or 0)


def _check_deadline(settings: Settings, objects: Objects) -> None:
    """A pod is ready after its probes' first delay at the earliest, and counts after ``minReadySeconds``."""
    for item in of_kind(objects, "Deployment", "StatefulSet"):
        needed = earliest(item)
        if needed >= settings.deadline:
            raise SettingsError(
                "setting `kubetasks.deadline`",
                why=f"{identity(item)} cannot be ready before {needed} s (initialDelaySeconds, minReadySeconds), "
                f"and {settings.deadline} s are allowed",
                fix=f"set it to more than {needed}",
            )
