"""The tasks as a user finds them: names, docstrings, flags; and what listing them costs."""

import inspect
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.collection import Collection
from invoke.parser.argument import Argument
from invoke.tasks import Task

import kubetasks
from kubetasks.tasks import collection
from kubetasks.tasks._edge import FLAGS, flags
from tests.unit.tasks.foreign import FOREIGN_SETTINGS, invoke

ROOT = Path(__file__).resolve().parents[3]
TOP = "deploy verify status diagnose logs open plan diff rollback destroy doctor init completion"
NOUNS = {
    "image": "build list load prune scan",
    "cluster": "up down env list tunnel",
    "config": "show",
    "secret": "apply check rotate",
    "lock": "status release",
    "manifest": "render validate apply",
    "aiops": "ask mcp gordon",
    "aiops.agent": "install invoke status remove",
    "chart": "lint template upgrade rollback test score",
}
NAMES = [*TOP.split(), *(f"{noun}.{verb}" for noun, verbs in NOUNS.items() for verb in verbs.split())]


def test_the_names_are_the_promised_ones() -> None:
    assert sorted(collection.task_names) == sorted(NAMES)
    assert kubetasks.collection is collection


def test_the_package_has_no_other_attribute() -> None:
    with pytest.raises(AttributeError, match="colection"):
        _ = kubetasks.colection


@pytest.mark.parametrize("name", NAMES)
def test_a_task_says_in_one_line_what_it_does(name: str) -> None:
    doc = inspect.cleandoc(collection[name].__doc__ or "")
    assert doc
    assert "\n" not in doc
    assert doc[0].isupper()
    assert doc.endswith((".", ").", ')".'))


@cache
def arguments(name: str) -> list[Argument]:
    """A task's flags. Invoke takes each help text away as it uses it, and refuses one that no flag uses."""
    task: Task[Any] = collection[name]
    return task.get_arguments()


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_has_a_help_text(name: str) -> None:
    for argument in arguments(name):
        assert argument.help, f"{name} --{argument.name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_flag_means_the_same_in_every_task(name: str) -> None:
    for argument in arguments(name):
        if argument.name in FLAGS:
            assert argument.help == FLAGS[str(argument.name)]


@pytest.mark.parametrize("name", NAMES)
def test_no_task_has_a_dependency_that_would_not_see_its_flags(name: str) -> None:
    """`pre` tasks do not get the parent's flags; `deploy` walks a list of steps instead."""
    assert not collection[name].pre
    assert not collection[name].post


def test_flags_are_spelled_with_dashes() -> None:
    assert flags("target", dry_run="stop") == {"target": FLAGS["target"], "dry-run": "stop"}


def test_the_collection_can_be_put_below_another() -> None:
    outer = Collection()
    outer.add_collection(collection, name="kube")
    assert "kube.deploy" in outer.task_names
    assert "kube.image.build" in outer.task_names


def named(document: dict[str, Any], prefix: str = "") -> list[str]:
    """The names of all tasks in what ``--list-format=json`` prints."""
    found = [prefix + task["name"] for task in document["tasks"]]
    return found + [name for each in document["collections"] for name in named(each, f"{prefix}{each['name']}.")]


def test_another_project_gets_the_same_tasks(foreign: Path) -> None:
    listed = invoke(foreign, "--list", "--list-format=json")
    assert listed.returncode == 0, listed.stderr
    document = json.loads(listed.stdout)
    assert sorted(named(document)) == sorted(NAMES)


def test_another_project_renders_its_own_services(foreign: Path) -> None:
    (foreign / "deep").mkdir()
    done = invoke(foreign / "deep", "manifest.render")
    assert done.returncode == 0, done.stderr
    objects = {f"{item['kind']}/{item['metadata']['name']}": item for item in yaml.safe_load_all(done.stdout)}
    assert set(objects) == {"Deployment/cart", "Deployment/catalog", "Service/cart", "Service/catalog"}
    for name in ("cart", "catalog"):
        item = objects[f"Deployment/{name}"]
        assert item["metadata"]["namespace"] == "shop-dev"
        [container] = item["spec"]["template"]["spec"]["containers"]
        repository, _, tag = container["image"].rpartition(":")
        assert repository.endswith(f"shop-{name}")
        assert tag != "latest"
        assert "kubetasks.dev/secret-digest" in item["spec"]["template"]["metadata"]["annotations"]
    assert "todo" not in done.stdout
    assert "hunter2-of-the-shop" not in done.stdout + done.stderr


def test_another_project_sees_its_plan(foreign: Path) -> None:
    done = invoke(foreign, "plan", "--json")
    assert done.returncode == 0, done.stderr
    steps = {step["step"]: step for step in json.loads(done.stdout)}
    assert steps["namespace"]["what"] == "shop-dev"
    assert steps["secrets"]["what"] == "1 key in shop-secrets"
    assert steps["images"]["action"] == "skip"


@pytest.mark.parametrize(
    ("words", "environ", "code", "line"),
    [
        (
            ("plan", "--target", "knid"),
            {},
            3,
            "error: --target knid: unknown value -- choose one of auto, minikube, kind, ",
        ),
        (("plan", "--with", "hlem"), {}, 3, "error: --with hlem: unknown value -- choose one of manifests, helm"),
        (
            ("plan",),
            {"KUBETASKS_TRAGET": "kind"},
            2,
            "error: unknown setting in the environment: KUBETASKS_TRAGET -- did you",
        ),
        (("plan",), {"KUBETASKS_DEADLINE": "soon"}, 2, "error: setting KUBETASKS_DEADLINE in the environment: "),
        (("plan", "--env-file", "gone.env"), {}, 40, "error: "),
        (("plan", "--target", "kind"), {}, 20, "error: "),
        (("plan", "--context", "gone"), {}, 20, "error: "),
        (("cluster.up",), {}, 3, "error: --target (none): which kind of cluster? -- choose one of kind, minikube"),
        (("chart.upgrade",), {}, 3, "error: --target local: Helm needs a cluster -- inv cluster.up --target kind"),
        (("chart.template",), {}, 50, "error: there is no chart in chart -- set kubetasks.chart.path in invoke.yaml"),
        (
            ("completion", "--shell", "tcsh"),
            {},
            3,
            "error: --shell tcsh: unknown value -- choose one of bash, zsh, fish",
        ),
        (
            ("open", "--service", "cart:http"),
            {},
            3,
            "error: --service cart:http: nothing is deployed in ",
        ),
        (
            ("rollback",),
            {},
            54,
            "error: there is no earlier good revision -- good revisions: none; deploy one: inv deploy",
        ),
        (("rollback", "--to", "3"), {}, 54, "error: revision 3 is not a good one -- good revisions: none"),
    ],
)
def test_bad_input_ends_in_one_line_with_its_own_exit_code(
    foreign: Path, words: tuple[str, ...], environ: dict[str, str], code: int, line: str
) -> None:
    done = invoke(foreign, *words, **environ)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("project:", "proiect:", "error: unknown setting `kubetasks.proiect` -- did you mean `project`?\n"),
        (
            "kind: required",
            "kidn: required",
            "error: unknown setting `kubetasks.secrets.PAYMENT_KEY.kidn` -- did you mean ",
        ),
        ("target: local", "target: [local]", "error: setting `kubetasks.target`: "),
    ],
)
def test_a_bad_setting_is_named_by_its_path(foreign: Path, old: str, new: str, line: str) -> None:
    (foreign / "invoke.yaml").write_text(FOREIGN_SETTINGS.replace(old, new))
    done = invoke(foreign, "deploy")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_secret_is_told_with_how_to_set_it(foreign: Path) -> None:
    (foreign / ".env").unlink()
    done = invoke(foreign, "deploy")
    assert done.returncode == 41, done.stderr
    first, *rest = done.stderr.splitlines()
    assert first.startswith("error: no value for PAYMENT_KEY -- put these lines into .env")
    assert rest == ["    PAYMENT_KEY=…  # from the bank"]


def test_a_malformed_env_file_is_told_by_its_line_and_not_its_words(foreign: Path) -> None:
    (foreign / ".env").write_text("PAYMENT_KEY='hunter2-of-the-shop\n")
    done = invoke(foreign, "deploy")
    assert done.returncode == 40, done.stderr
    assert "line 1" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_broken_manifest_is_told_by_its_file(foreign: Path) -> None:
    (foreign / "k8s/base/cart.yaml").write_text("kind: [")
    done = invoke(foreign, "manifest.render")
    assert done.returncode == 50, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("error: the manifests in k8s/sqlite do not render: ")
    assert "cart.yaml" in line


def test_with_debug_there_is_a_traceback_as_well(foreign: Path) -> None:
    done = invoke(foreign, "--debug", "plan", "--target", "knid")
    assert done.returncode == 3
    assert "Traceback" in done.stderr
    assert "error: --target knid" in done.stderr


# What a listing needs none of: they take longer to import than the listing itself. (Invoke loads some of it anyway.)
HEAVY = ("rich", "plumbum", "yaml", "jsonschema", "dotenv", "httpx", "asyncio", "supervisor", "http.client", "ssl")
LISTED = f"""
import sys
from invoke.program import Program
invokes_own = set(sys.modules)
try:
    Program(name="inv").run(["inv", "--list"])
except SystemExit:
    pass
print("loaded:", *sorted(set({HEAVY!r}) & set(sys.modules) - invokes_own))
print("modules:", *sorted(name for name in sys.modules if name.startswith("kubetasks.")))
"""


def test_listing_imports_nothing_that_only_working_needs(foreign: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTED],
        cwd=foreign,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *_, loaded, modules = done.stdout.splitlines()
    assert loaded == "loaded:"
    rooms = ("deployers", "targets", "images", "verify", "diagnose", "secrets", "tools", "survey", "deploy")
    assert [name for name in modules.split()[1:] if name.split(".")[1] in rooms] == []
