"""What init writes: short, valid, and read as it is meant."""

from pathlib import Path
from typing import Any

import pytest

from kubetasks import documents
from kubetasks.init import text
from kubetasks.init.manifests import Need
from kubetasks.init.proposal import propose, read
from kubetasks.init.walk import walk
from kubetasks.init.writing import checked
from tests.unit.init.tree import PYTHON, deployment, proposed, service

ROOT = Path(__file__).resolve().parents[3]
FOREIGN = ROOT / "tests/foreign"
WRITTEN = ("voting", "overlays", "monorepo/shop", "monorepo/blog")
BY_HAND = ("chart", "kinds", "switch")


def section_of(path: Path) -> dict[str, Any]:
    return dict(documents.load(path.read_text(), invoke=True)["kubetasks"])


def test_the_whole_file(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    files = {
        "web/Dockerfile": PYTHON, "api/Dockerfile": PYTHON,
        "helm/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n",
        "helm/values.yaml": "image: acme/web\nother: {image: 'localhost:5000/api'}\n",
        "k8s/a.yaml": deployment("web", "acme/web"), "k8s/b.yaml": deployment("api", "localhost:5000/api"),
        "k8s/c.yaml": service("web"),
    }  # fmt: skip
    assert text.configuration(proposed(root, files)).splitlines()[1:] == [
        "kubetasks:",
        "  project: shop",
        "  services:",
        "    web: {context: web, dockerfile: web/Dockerfile, image: acme/web}",
        '    api: {context: api, dockerfile: api/Dockerfile, image: "localhost:5000/api"}',
        "  manifests: [k8s]",
        "  verify: {entry: web}",
        "  # `inv deploy --with helm` would need: chart: {path: helm}",
    ]


@pytest.mark.parametrize("name", [*WRITTEN, *BY_HAND])
def test_the_applications_of_tests_foreign(name: str) -> None:
    found = propose(read(walk(FOREIGN / name), lambda _: ""))
    assert found is not None
    found, _ = checked(found, FOREIGN / name)
    if name in WRITTEN:
        assert text.configuration(found) == (FOREIGN / name / "invoke.yaml").read_text()
        assert (FOREIGN / name / "tasks.py").read_text() == text.TASKS
        return
    theirs, ours = section_of(FOREIGN / name / "invoke.yaml"), text.section(found)
    assert ours["services"] == theirs["services"]
    if "manifests" not in theirs:
        assert (ours["chart"], ours["deployer"]) == (theirs["chart"], theirs["deployer"])
    else:
        assert ours["manifests"] in (
            [each.removesuffix("/*.yaml") for each in theirs["manifests"]],
            theirs["manifests"],
        )


@pytest.mark.parametrize(
    "value", ["web", "yes", "on", "n", "1.0", "1e3", "12:30", "a: b", "x#y", "", "~", "null", "ä", "a,b", "[x"]
)
def test_a_text_is_read_as_it_was(value: str) -> None:
    line = f"kubetasks: {text.flow({value or 'x': [value, {'k': value}]})}\n"
    assert documents.load(line, invoke=True) == {"kubetasks": {value or "x": [value, {"k": value}]}}


def test_secrets_of_the_projects_own_secret() -> None:
    needs = [Need("shop-secrets", "A_KEY", "KEY"), Need("shop-secrets", "B", "B", optional=True)]
    assert dict(text.declared(needs, "shop-secrets")) == {"A_KEY": {}, "B": {"kind": "optional"}}
    assert text.undeclared(needs, "shop-secrets") == []


def test_a_whole_secret_cannot_be_declared() -> None:
    needs = [Need("tls"), Need("maybe", optional=True)]
    assert dict(text.declared(needs, "shop-secrets")) == {}
    assert text.undeclared(needs, "shop-secrets") == ["tls"]


@pytest.mark.parametrize(("delay", "expected"), [(10, None), (180, 300)])
def test_a_deadline_that_the_delays_allow(tmp_path: Path, delay: int, expected: int | None) -> None:
    slow = deployment("web", "acme/web").replace("}]}", f", readinessProbe: {{initialDelaySeconds: {delay}}}}}]}}")
    found = proposed(tmp_path, {"web/Dockerfile": PYTHON, "k.yaml": slow})
    assert text.section(found).get("deadline") == expected


def test_a_base_image_of_their_own(tmp_path: Path) -> None:
    files = {"web/Dockerfile": "ARG BASE_IMAGE=ruby:3\nFROM $BASE_IMAGE\n", "k.yaml": deployment("web", "acme/web")}
    assert text.section(proposed(tmp_path, files))["images"] == {"base": "ruby:3"}
