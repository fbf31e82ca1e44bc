"""Hostile text: control characters, escape sequences, markup, endless lines and secrets neither break nor leak."""

import io
import json
import re
import shlex

import pytest

from kubetasks.console import Console
from kubetasks.diagnose import Finding, diagnose
from kubetasks.diagnose.show import lines
from kubetasks.diagnose.snapshot import from_json
from kubetasks.diagnose.trim import trimmed
from kubetasks.diagnose.words import ANSI, CONTROL
from kubetasks.objects import Object
from tests.unit.diagnose.worlds import (
    container,
    deployment,
    ended,
    event,
    found,
    item,
    log,
    pod,
    running,
    service,
    snapshot,
    waiting,
)

NASTY = {
    "ansi": "\x1b[2J\x1b[31mFATAL\x1b[0m \x1b]0;owned\x07 KeyError: 'API_TOKEN'",
    "control": "a\x00b\x08\x08\x7f KeyError: 'API_TOKEN'\x9b31m",
    "bidi": "\u202eKeyError: 'API_TOKEN'\u202c\u200b",
    "markup": "[bold red]x[/bold red] [link=http://evil]y[/link] <script>alert(1)</script> KeyError: 'API_TOKEN'",
    "carriage": "error -- rm -rf /\rKeyError: 'API_TOKEN'",
    "long": "x" * 1_000_000 + " KeyError: 'API_TOKEN'",
    "many": "\n".join(["KeyError: 'API_TOKEN'"] * 20_000),
    "shell": "KeyError: 'API_TOKEN' $(touch /tmp/owned) `id` ; rm -rf / #",
    "format": "{0} {who} %s %n KeyError: 'API_TOKEN'",
    "regex": "KeyError: 'API_TOKEN' (a+)+$ \\1 [",
    "surrogate": "\ufffd\ud7ff KeyError: 'API_TOKEN'",
    "empty": "",
}


def check(findings: list[Finding]) -> None:
    for finding in findings:
        for line in [*lines([finding], every=True), json.dumps(finding.cause)]:
            assert not CONTROL.search(line.replace("\n", ""))
            assert not ANSI.search(line)
            assert len(line) < 20_000
        assert "\n" not in finding.line
        assert len(finding.cause) <= 120


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("code", [1, 137, 0])
def test_in_a_log(name: str, code: int) -> None:
    check(found(deployment(pods=[pod(statuses=[ended(code)])]), logs=[log(NASTY[name])]))
    check(found(deployment(pods=[pod(statuses=[running(ready=False)])]), logs=[log(NASTY[name])]))


@pytest.mark.parametrize("name", NASTY)
def test_in_what_the_cluster_says(name: str) -> None:
    text = NASTY[name]
    for reason in ("ErrImagePull", "CreateContainerConfigError", "CreateContainerError", "CreateContainerError"):
        check(found(deployment(pods=[pod(statuses=[waiting(reason, text)], phase="Pending")])))
    for reason in ("FailedMount", "Unhealthy", "FailedScheduling", "FailedCreate", "FailedCreatePodSandBox"):
        made = deployment(pods=[pod(statuses=[waiting("ContainerCreating")], phase="Pending")])
        check(found(made, event("Pod/web-1-a", reason, f"Readiness probe failed: {text}", of="web")))


@pytest.mark.parametrize("name", NASTY)
def test_in_names_labels_images_and_values(name: str) -> None:
    text = NASTY[name][:3000]
    made = pod(
        text or "x", [container(image=text, env=[{"name": text, "value": text}], command=[text], args=[text])],
        [waiting("InvalidImageName", text)], {"app": text}, None, phase="Pending", nodeSelector={text: text},
    )  # fmt: skip
    front = service(text or "y", {"app": text + "x"}, target=text)
    claim = item("PersistentVolumeClaim", text or "z", spec={"storageClassName": text}, status={"phase": "Pending"})
    check(found(made, front, claim, item("ConfigMap", text or "c", data={text: text})))


def test_a_fix_is_quoted_for_the_shell() -> None:
    image = "x'; touch /tmp/owned; echo '"
    near = "x.local/web:1"
    node = item("Node", "n", status={"images": [{"names": [near]}]})
    bad = pod(
        containers=[container(name="web", image="x.local/wep:1")],
        statuses=[waiting("ErrImageNeverPull")],
        phase="Pending",
    )
    other = pod("o", [container(image=image)], [waiting("InvalidImageName")], owner=None, phase="Pending")
    for finding in found(deployment(pods=[bad]), other, node):
        if finding.fix.kind == "command":
            assert "touch" not in shlex.split(finding.fix.text)
    variable = {"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "a;id", "key": "b$(id)"}}}
    asks = pod(
        containers=[container(env=[variable])], statuses=[waiting("CreateContainerConfigError")], phase="Pending"
    )
    for finding in found(deployment(pods=[asks])):
        assert "$(id)" not in finding.fix.text or re.search(r"'[^']*\$\(id\)[^']*'", finding.fix.text)


def test_markup_is_shown_as_it_is() -> None:
    [finding] = found(deployment(pods=[pod(statuses=[ended()])]), logs=[log("RuntimeError: [bold]no[/bold]")])
    stream = io.StringIO()
    Console(stream=stream).line(finding.line)
    assert "[bold]no[/bold]" in stream.getvalue()


def hostile_objects() -> list[Object]:
    """Objects whose fields have other types than the API promises."""
    return [
        {"kind": "Pod", "metadata": {"name": "a"}},
        {"kind": "Pod", "metadata": {"name": "b"}, "spec": {}, "status": {}},
        {"kind": "Pod", "metadata": {"name": "c", "labels": None, "ownerReferences": None}, "spec": {"containers": []}},
        {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {}},
        {"kind": "Service", "metadata": {"name": "e"}},
        {"kind": "Ingress", "metadata": {"name": "f"}, "spec": {}},
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "g"}, "status": {"phase": "Pending"}},
        {"kind": "Event", "metadata": {"name": "h"}},
        {"kind": "Job", "metadata": {"name": "i"}},
        {"kind": "CronJob", "metadata": {"name": "j"}},
        {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "k"}},
        {"kind": "NetworkPolicy", "metadata": {"name": "l"}},
        {"kind": "Node", "metadata": {"name": "m"}},
        {"kind": "Secret", "metadata": {"name": "n"}},
        {"kind": "ConfigMap", "metadata": {"name": "o"}},
        {"kind": "Namespace", "metadata": {"name": "space"}},
        {"kind": "EndpointSlice", "metadata": {"name": "p"}},
        {"kind": "RoleBinding", "metadata": {"name": "q"}},
        {"kind": "SomethingElse", "metadata": {"name": "r"}},
    ]


def test_objects_with_nothing_in_them_break_nothing() -> None:
    objects = hostile_objects()
    check(found(objects))
    check(found([trimmed(each) for each in objects]))
    text = snapshot(objects).to_json()
    check(diagnose(from_json(text)))
