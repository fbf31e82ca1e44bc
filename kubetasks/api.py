"""kubetasks from Python: every function returns values and raises ``KubetasksError``; none prints, asks or exits.

    from kubetasks import api

    shop = api.Project("shop", target="kind")
    result = api.deploy(shop)                       # Deployed(revision=1, changed=True, verified=True, …)
    with api.endpoint(shop) as url:                 # "http://127.0.0.1:43011"
        ...
    api.destroy(shop)

The functions take a ``Project``, or the path of its folder. docs/api.md has a guide.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubetasks.errors import KubetasksError, UsageError
from kubetasks.tasks._edge import Edge, edge

if TYPE_CHECKING:
    from kubetasks.diagnose.finding import Finding
    from kubetasks.objects import Objects
    from kubetasks.verify import Report

__all__ = [
    "Deployed",
    "KubetasksError",
    "Project",
    "Step",
    "deploy",
    "destroy",
    "diagnose",
    "diff",
    "endpoint",
    "logs",
    "plan",
    "render",
    "rollback",
    "verify",
]

_log = logging.getLogger("kubetasks")


@dataclass(frozen=True)
class Project:
    """An application and the place that it is deployed to.

    Args:
        root: the folder of ``invoke.yaml``.
        target: ``local``, ``kind``, ``minikube``, ``context`` or ``auto``; the setting where empty.
        context: a kubeconfig context, as with ``--context``.
        namespace: the namespace; the setting where empty.
        deployer: ``manifests`` or ``helm``; the setting where empty.
        env_file: a file with secrets, relative to the working directory.
        offline: whether only local images may be used; the setting where None.
        settings: more settings, as below the key ``kubetasks`` of ``invoke.yaml``. They go before that file.
        config: another configuration file, as with ``inv -f``.
    """

    root: Path | str = "."
    target: str = ""
    context: str = ""
    namespace: str = ""
    deployer: str = ""
    env_file: str = ""
    offline: bool | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    config: Path | str = ""


@dataclass(frozen=True)
class Step:
    """One step of a plan.

    Args:
        title: its name, such as ``build``.
        what: what it would do, or why it is not needed.
        needed: whether ``deploy`` would run it.
    """

    title: str
    what: str
    needed: bool


@dataclass(frozen=True)
class Deployed:
    """What came of a deploy.

    Args:
        revision: the number of the revision that is deployed.
        changed: whether anything was changed.
        verified: whether the revision is verified.
        images: service to the ``repository:tag`` that runs.
        report: what ``verify`` found; None where nothing was verified.
    """

    revision: int
    changed: bool
    verified: bool
    images: Mapping[str, str]
    report: "Report | None" = None


class _Quiet(Edge):
    """An edge that prints nothing: notes go to the logger ``kubetasks``."""

    def note(self, text: str) -> None:
        _log.info("%s", self.redactor(text))


def _edge(project: Project | Path | str) -> _Quiet:
    from invoke.context import Context  # noqa: PLC0415

    from kubetasks.tasks._configuration import Configuration  # noqa: PLC0415

    wanted = project if isinstance(project, Project) else Project(project)
    root = Path(wanted.root).resolve()
    if not root.is_dir():
        raise UsageError(str(wanted.root), why="there is no such folder", fix="give the folder of invoke.yaml")
    config = Configuration(overrides={"kubetasks": dict(wanted.settings)} if wanted.settings else {})
    config.set_project_location(str(root))
    config.load_project()
    if wanted.config:
        config.set_runtime_path(str(wanted.config))
        config.load_runtime()
    config.load_shell_env()
    made = edge(
        Context(config),
        target=wanted.target,
        cluster_context=wanted.context,
        namespace=wanted.namespace,
        deployer=wanted.deployer,
        env_file=wanted.env_file,
        offline=bool(wanted.offline),
        as_json=True,
        kind=_Quiet,
    )
    assert isinstance(made, _Quiet)  # noqa: S101  (asked for)
    return made


def plan(project: Project | Path | str = ".") -> list[Step]:
    """The steps of a deploy, in their order. Nothing is changed.

    Args:
        project: what would be deployed.

    Raises:
        KubetasksError: the deploy would be refused.
    """
    from kubetasks.tasks.deploy import work_of  # noqa: PLC0415

    return [Step(each.title, each.what, each.needed) for each in work_of(_edge(project), ask=False).plan()]


def deploy(
    project: Project | Path | str = ".", *, verify: bool = True, force: bool = False, lock_wait: int = 0
) -> Deployed:
    """Build, deliver, deploy and verify an application.

    Args:
        project: what is deployed.
        verify: whether to verify at the end.
        force: whether to rebuild the images and to run every step.
        lock_wait: for how many seconds to wait while another command changes the same namespace.

    Raises:
        KubetasksError: a step failed; the next deploy goes on from there.
    """
    from kubetasks.tasks.deploy import prepare_build, result_of, work_of  # noqa: PLC0415

    found = _edge(project)
    prepare_build(found)
    work = work_of(found, check=verify, force=force, lock_wait=lock_wait, ask=False)
    work.run()
    return Deployed(**result_of(work), report=work.report)


def verify(project: Project | Path | str = ".", *, only: Sequence[str] = (), layers: Sequence[str] = ()) -> "Report":
    """Check that what runs is this checkout, is healthy, and works for a user.

    Args:
        project: what is verified.
        only: the names of checks; all where empty.
        layers: the names of layers; all where empty.

    Returns:
        The report; ``report.ok`` says whether all checks passed.

    Raises:
        KubetasksError: it could not run.
    """
    from kubetasks.verify import verify as run  # noqa: PLC0415
    from kubetasks.verify.selection import Selection  # noqa: PLC0415

    found = _edge(project)
    _, objects = found.rendered()
    selection = Selection.parse(",".join(only), ",".join(layers))
    return run(found.settings, found.root, found.target, objects, found.console, selection=selection)


def render(project: Project | Path | str = ".") -> "Objects":
    """The objects that a deploy would apply, without Secrets.

    Args:
        project: what is rendered.

    Raises:
        KubetasksError: the manifests or the chart do not render.
    """
    return _edge(project).rendered()[1]


def diff(project: Project | Path | str = ".") -> list[str]:
    """How what is deployed differs from what would be: the lines of a unified diff, without secrets.

    Args:
        project: what is compared.

    Raises:
        KubetasksError: the cluster does not answer, or the manifests do not render.
    """
    from kubetasks.deployers.diff import differences  # noqa: PLC0415

    found = _edge(project)
    survey, objects = found.rendered()
    return differences(found.target.store, found.settings, survey, objects)


def diagnose(project: Project | Path | str = ".") -> "list[Finding]":
    """What is wrong in the namespace, the root cause first.

    Args:
        project: what is looked at.

    Raises:
        KubetasksError: the cluster does not answer.
    """
    from kubetasks.diagnose import diagnose as findings  # noqa: PLC0415
    from kubetasks.tasks.diagnose import snapshot_of  # noqa: PLC0415

    return list(findings(snapshot_of(_edge(project), "")))


def logs(project: Project | Path | str = ".", service: str = "", *, tail: int = 50) -> dict[str, list[str]]:
    """The last log lines of each pod, without secrets.

    Args:
        project: what is looked at.
        service: only the pods of this service.
        tail: how many lines of each.

    Raises:
        KubetasksError: the cluster does not answer.
    """
    from kubetasks.tasks.look import pods_of  # noqa: PLC0415

    found = _edge(project)
    store = found.target.store
    return {pod: found.redactor(store.logs(pod, tail=tail)).splitlines()[-tail:] for pod in pods_of(found, service)}


@contextlib.contextmanager
def endpoint(project: Project | Path | str = ".", service: str = "") -> Iterator[str]:
    """A base URL of a Service that answers on this machine, for as long as the context is open.

    Args:
        project: what is deployed.
        service: ``NAME``, ``NAME:PORT``, ``Ingress/NAME`` …; the entry where empty.

    Raises:
        KubetasksError: there is no such Service, or it cannot be reached.
    """
    from kubetasks.tasks.look import way_in  # noqa: PLC0415

    found = _edge(project)
    way = way_in(found, service or found.settings.verify.entry)
    with found.target.endpoint(way.service, way.port) as url:
        yield url


def rollback(project: Project | Path | str = ".", to: int = 0, *, verify: bool = True) -> int:
    """Go back to a revision.

    Args:
        project: what is rolled back.
        to: the revision's number; the last verified one where 0.
        verify: whether to verify at the end.

    Returns:
        The number of the revision that is deployed then.

    Raises:
        KubetasksError: there is no such revision, or a step failed.
    """
    from kubetasks.tasks.deploy import back_of  # noqa: PLC0415

    return back_of(_edge(project), to, check=verify).run().number


def destroy(project: Project | Path | str = ".", *, lock_wait: int = 0) -> None:
    """Delete everything that was deployed, the namespace and its data included.

    Args:
        project: what is deleted.
        lock_wait: for how many seconds to wait while another command changes the same namespace.

    Raises:
        KubetasksError: something could not be deleted.
    """
    from kubetasks.tasks.deploy import destruction_of  # noqa: PLC0415

    destruction_of(_edge(project), lock_wait)
