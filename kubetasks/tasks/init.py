"""``init``: write the configuration of an application that has none."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from kubetasks.tasks._edge import Edge, command, edge

if TYPE_CHECKING:
    from kubetasks.init.builds import Build
    from kubetasks.init.charts import Template
    from kubetasks.init.pairing import Ask


@command(
    help={
        "path": "the application's folder; the current one by default",
        "print": "print invoke.yaml and write nothing",
        "manifests": "also write Kubernetes manifests, from the compose files or the Dockerfiles",
    }
)
def init(c: Context, path: str = "", print_: bool = False, manifests: bool = False) -> None:
    """Write invoke.yaml and tasks.py for the application in this folder, from its Dockerfiles, manifests and charts."""
    from kubetasks.init import base, report, text, writing
    from kubetasks.init.proposal import propose, read
    from kubetasks.init.walk import walk

    found = edge(c, as_json=print_)
    root = _folder(path)
    if not print_ and not found.dry:
        writing.refuse_existing(root)
    app = read(walk(root), _template(found, root))
    made = base.make(app) if manifests else base.NOTHING
    if made.files:
        app = base.extended(app, made)
    base.refuse_nothing(app)
    proposal = propose(app, _ask() if not (print_ or found.dry) else None)
    assert proposal is not None  # noqa: S101  (refuse_nothing)
    proposal, _ = writing.checked(proposal, root, made.files)
    rows = report.rows(proposal)
    if rows:
        found.console.table(["service", "image", "dockerfile", "why"], rows)
    for line in [*report.notes(app, proposal), *made.notes]:
        found.note(line)
    files = {**made.files, writing.CONFIGURATION: text.configuration(proposal), writing.TASKS: text.TASKS}
    if print_:
        for name, content in made.files.items():
            sys.stdout.write(found.redactor(f"# {name}\n{content}---\n"))
        sys.stdout.write(found.redactor(text.configuration(proposal)))
        return
    if found.dry:
        found.would(*(f"write {each}" for each in files if not (root / each).exists()))
        return
    kept = writing.write(root, files, lambda each: found.console.line(f"wrote {each}", mark="done"))
    for each in kept:
        found.note(f"{each} already existed and stays as it is")
    if writing.TASKS in kept and "kubetasks" not in app.tree.text(writing.TASKS):
        found.note(
            "tasks.py does not use kubetasks: add `from kubetasks import collection` and `namespace = collection`"
        )
    found.console.line("next: inv plan, then inv deploy")


def _folder(path: str) -> Path:
    from kubetasks.errors import UsageError

    root = Path(path or ".").resolve()
    if not root.is_dir():
        raise UsageError(f"--path {path}", why="there is no such folder", fix="give the application's folder")
    return root


def _template(found: Edge, root: Path) -> "Template":
    """Renders a chart with helm, where helm is installed, as the release that a deploy makes."""
    from kubetasks.errors import KubetasksError
    from kubetasks.init.proposal import project_of
    from kubetasks.tools.helm import Helm

    name = project_of(root)

    def template(folder: str) -> str:
        argv = Helm(namespace=name).template(name, str(root / folder))
        try:
            result = found.runner.run(argv, input="{}", cwd=root, check=False)
        except KubetasksError:
            return ""
        return result.stdout if result.ok else ""

    return template


def _ask() -> "Ask | None":
    """Asks at the terminal; None where no one sits at one."""
    from kubetasks.tasks._terminal import attended, chosen

    if not attended():
        return None

    def ask(image: str, several: "list[Build]") -> "Build | None":
        number = chosen(f"What builds {image}?", [each.described for each in several])
        return None if number is None else several[number]

    return ask
