"""The table "The house" as rules: who may import whom, who may start processes or read the environment."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = ("images", "targets", "deployers", "secrets", "verify", "diagnose", "aiops", "init")
# What each part may import of ours; the longest name that fits a module is the one that counts.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "kubetasks": ("kubetasks.tasks",),
    "kubetasks.errors": (),
    "kubetasks.redact": (),
    "kubetasks.objects": (),
    "kubetasks.documents": (),
    "kubetasks.console": ("kubetasks.errors",),
    "kubetasks.settings": ("kubetasks.errors", "kubetasks.documents", "kubetasks.addresses"),
    "kubetasks.addresses": (),
    "kubetasks.environment": ("kubetasks.addresses",),
    "kubetasks.private": ("kubetasks.errors",),
    "kubetasks.entry": ("kubetasks.objects", "kubetasks.settings"),
    "kubetasks.process": ("kubetasks.errors",),
    "kubetasks.runner": (
        *("kubetasks.errors", "kubetasks.redact"),
        *("kubetasks.environment", "kubetasks.private", "kubetasks.process"),
    ),
    # What users import: the tasks without Invoke's command line.
    "kubetasks.api": ("kubetasks",),
    "kubetasks.pytest_plugin": ("kubetasks",),
    "kubetasks.docs": ("kubetasks",),
    "kubetasks.commands": (),
    "kubetasks.state": ("kubetasks.errors",),
    "kubetasks.tools": ("kubetasks.tools", "kubetasks.documents"),
    **{
        f"kubetasks.{room}": (
            *("kubetasks.errors", "kubetasks.redact", "kubetasks.objects", "kubetasks.settings", "kubetasks.runner"),
            *("kubetasks.tools", "kubetasks.console", "kubetasks.addresses", "kubetasks.environment"),
            *("kubetasks.private", "kubetasks.state", "kubetasks.documents", "kubetasks.entry"),
            *(f"kubetasks.{other}" for other in DOMAIN),
        )
        for room in DOMAIN
    },
    # What would change and the way back are steps beside deploy.py that begin with the same survey.
    "kubetasks.deployers.diff": ("kubetasks",),
    "kubetasks.deployers.back": ("kubetasks",),
    "kubetasks.survey": ("kubetasks",),
    "kubetasks.release": ("kubetasks",),
    "kubetasks.deploy": ("kubetasks",),
    "kubetasks.hooks": ("kubetasks",),
    "kubetasks.planned": ("kubetasks.console",),
    "kubetasks.tasks": ("kubetasks",),
    "app": ("app",),
    "tasks": ("kubetasks",),
    "noxfile": (),
}
STARTS_PROCESSES = {
    "kubetasks.runner",
    "kubetasks.process",
    "kubetasks.aiops.relay",  # a program of its own: what runs a tool inside the sandbox
    "kubetasks.targets.local.entry",  # a program of its own: what the supervisor starts in place of a container
}
READS_ENVIRONMENT = {
    "kubetasks.settings.loading",
    "kubetasks.runner",  # what children get of it
    "kubetasks.tasks",
    # These take no configuration from it.
    "kubetasks.private",  # $XDG_RUNTIME_DIR
    "kubetasks.images.client",  # looks for every docker on PATH
    "kubetasks.targets.detect",  # $KUBECONFIG, which is kubectl's
    "kubetasks.targets.profile_facts",  # $MINIKUBE_HOME and $HOME: where minikube keeps its files
    "kubetasks.targets.reach",  # the proxy to a cluster
    "kubetasks.targets.local",  # hands it on to the processes
    "kubetasks.state",  # $XDG_STATE_HOME and $HOME: where files go
}


def modules() -> dict[str, Path]:
    files = [*ROOT.glob("kubetasks/**/*.py"), *ROOT.glob("app/**/*.py"), ROOT / "tasks.py", ROOT / "noxfile.py"]
    found = {}
    for path in files:
        if path.exists():
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Every module that is imported, wherever in the file the import stands."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


def uses_of_os(module: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    }


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


@pytest.mark.parametrize("module", MODULES)
def test_imports_what_its_room_may(module: str) -> None:
    room = max((name for name in MAY_IMPORT if within(module, name)), key=len)
    if module == "kubetasks" or "." not in module:
        room = module
    ours = {name for name in imports(module) if within(name, "kubetasks") or within(name, "app")}
    allowed = MAY_IMPORT[room]
    refused = {name for name in ours if not any(within(name, each) for each in allowed) and not within(name, room)}
    if room.startswith("kubetasks.") and room not in {"kubetasks.tasks", "kubetasks.api"}:
        refused |= {name for name in ours if within(name, "kubetasks.tasks")}
    if room not in {"app", "tasks"}:
        refused |= {name for name in ours if within(name, "app")}
    assert not refused


@pytest.mark.parametrize("module", [name for name in MODULES if within(name, "kubetasks")])
def test_only_the_runner_starts_processes(module: str) -> None:
    if module in STARTS_PROCESSES:
        return
    assert not {"subprocess", "pty", "plumbum", "multiprocessing"} & {
        name.partition(".")[0] for name in imports(module)
    }
    assert not {name for name in uses_of_os(module) if re.match(r"system$|popen$|fork|spawn|posix_spawn", name)}


@pytest.mark.parametrize("module", [name for name in MODULES if within(name, "kubetasks")])
def test_only_the_edge_reads_the_environment(module: str) -> None:
    if module in READS_ENVIRONMENT or within(module, "kubetasks.tasks"):
        return
    assert not {"environ", "environb", "getenv"} & uses_of_os(module)


def texts(module: str) -> Iterator[str]:
    """String constants that are no docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree(module))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


# Names of fields in Kubernetes' own API.
FIELDS = {"kubetasks.diagnose.ingresses": {"backend", "/backend/service"}, "kubetasks.entry": {"backend"}}


@pytest.mark.parametrize("module", [name for name in MODULES if within(name, "kubetasks")])
def test_knows_nothing_of_the_todo_application(module: str) -> None:
    found = set(texts(module)) - FIELDS.get(module, set())
    assert not [text for text in found if re.search(r"\b(todo|backend|frontend)\b", text, re.IGNORECASE)]
