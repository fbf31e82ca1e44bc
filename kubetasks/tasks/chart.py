"""The Helm chart: ``chart.`` with ``lint``, ``template``, ``upgrade``, ``rollback``, ``test``, ``score``."""

from typing import TYPE_CHECKING, cast

from invoke.context import Context

from kubetasks.tasks._edge import Edge, command, edge, flags, waiting
from kubetasks.tasks._scan import HELP as SCAN_HELP
from kubetasks.tasks.manifest import would_apply

if TYPE_CHECKING:
    from kubetasks.deployers.helm import HelmDeployer

COMMON = ("target", "context", "namespace", "env-file", "offline")


def _helm(found: Edge) -> "HelmDeployer":
    from kubetasks.errors import UsageError

    if found.target.cluster is None:
        raise UsageError("--target local", why="Helm needs a cluster", fix="inv cluster.up --target kind")
    return cast("HelmDeployer", found.deployer_named("helm"))


@command(help=flags())
def lint(c: Context) -> None:
    """Check the chart."""
    from kubetasks.errors import RenderFailed
    from kubetasks.tools import helm as tool

    found = edge(c, deployer="helm")
    found.check_paths()
    chart = str(found.root / found.charted.chart.path)
    files = [str(found.root / path) for path in found.settings.chart.values]
    result = found.runner.run(tool.Helm().lint(chart, values=files), check=False)
    if not result.ok:
        problems = [line.strip() for line in result.lines if line.startswith(("[ERROR]", "[WARNING]"))]
        raise RenderFailed(
            "the chart has errors", why=(problems or [tool.reason(result.stderr)])[0], detail="\n".join(problems[1:])
        )
    found.console.line("the chart has no errors and no warnings", mark="done")


@command(help=flags(*COMMON))
def template(
    c: Context, target: str = "", context: str = "", namespace: str = "", env_file: str = "", offline: bool = False
) -> None:
    """Print the chart's objects as they are applied."""
    found = edge(
        c,
        target=target,
        cluster_context=context,
        namespace=namespace,
        env_file=env_file,
        deployer="helm",
        offline=offline,
    )
    survey, objects = found.rendered()
    found.print_objects(objects, survey)


@command(help=flags(*COMMON, "lock-wait"))
def upgrade(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    env_file: str = "",
    offline: bool = False,
    lock_wait: int = 0,
) -> None:
    """Upgrade (or install) the release, without building, waiting or verifying."""
    found = edge(
        c,
        target=target,
        cluster_context=context,
        namespace=namespace,
        env_file=env_file,
        deployer="helm",
        offline=offline,
    )
    helm, wait = _helm(found), waiting(lock_wait)
    survey = found.survey(ask=False)
    if found.dry:
        objects = helm.render(survey.release)
        found.would(f"upgrade or install release {found.settings.project}", *would_apply(found, survey, objects))
        return
    with found.changing("chart.upgrade", survey, wait) as now, found.console.step("upgrade") as shown:
        survey, objects = now, helm.render(now.release)
        shown.done(f"Helm's revision {helm.apply(survey.release, objects, shown.update)}")


@command(
    help=flags(
        "target", "context", "namespace", "lock-wait", to="Helm's revision; the one before the newest by default"
    )
)
def rollback(
    c: Context, target: str = "", context: str = "", namespace: str = "", to: int = 0, lock_wait: int = 0
) -> None:
    """Roll back to one of Helm's own revisions (inv rollback selects the last verified one)."""
    from kubetasks.errors import NothingToRollBack

    found = edge(c, target=target, cluster_context=context, namespace=namespace, deployer="helm")
    helm, wait = _helm(found), waiting(lock_wait)
    if (to or helm.newest() - 1) < 1:
        raise NothingToRollBack("the release has no earlier revision", fix="deploy one: inv deploy --with helm")
    if found.dry:
        goal = to or helm.newest() - 1
        found.would(f"roll release {found.settings.project} back to Helm's revision {goal}")
        return
    with found.locked("chart.rollback", wait), found.console.step("rollback") as shown:
        goal = to or helm.newest() - 1
        shown.done(f"Helm's revision {helm.rollback([], str(goal), shown.update)}")


@command(help=flags("target", "context", "namespace", "lock-wait"))
def test(c: Context, target: str = "", context: str = "", namespace: str = "", lock_wait: int = 0) -> None:
    """Run the chart's own tests against the release."""
    from kubetasks.errors import VerifyFailed

    found = edge(c, target=target, cluster_context=context, namespace=namespace, deployer="helm")
    helm, wait = _helm(found), waiting(lock_wait)
    if found.dry:
        found.would(f"run the tests of release {found.settings.project} in separate pods")
        return
    with found.locked("chart.test", wait), found.console.step("helm test") as shown:
        result = helm.test()
        if not result.ok:
            raise VerifyFailed("the chart's tests failed", why=result.lines[-1], detail="\n".join(result.lines[-20:]))
        shown.done("passed")


@command(
    help=flags(
        *COMMON,
        "with",
        "json",
        kubernetes="the version of Kubernetes to check against, e.g. 1.34",
        schemas="where kubeconform finds its schemas: a folder or URL with its {{.ResourceKind}} placeholders",
        **SCAN_HELP,
    )
)
def score(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    with_: str = "helm",
    env_file: str = "",
    offline: bool = False,
    kubernetes: str = "1.34",
    schemas: str = "",
    fail_on: str = "critical",
    tool: str = "",
    json: bool = False,
) -> None:
    """Check the rendered objects with kube-score, kubeconform and checkov."""
    import re

    from kubetasks.aiops.scan import objects as rendered
    from kubetasks.deployers.concealed import all_concealed
    from kubetasks.errors import UsageError
    from kubetasks.tasks._scan import check_level, chosen, show

    check_level(fail_on)
    wanted = chosen(tool, rendered.TOOLS)
    if not re.fullmatch(r"1\.\d{1,3}", kubernetes):
        raise UsageError(f"--kubernetes {kubernetes}", why="it is not a version", fix="give e.g. 1.34")
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, deployer=with_,
        offline=offline, as_json=json,
    )  # fmt: skip
    if found.dry:
        found.would("render the objects and check them")
        return
    survey, objects = found.rendered()
    concealed = all_concealed(objects, survey.digest)
    show(found, rendered.scan(found.runner, concealed, kubernetes, schemas, wanted), fail_on)
