"""What Helm changes between rendering and applying, and the program that does it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.deployers import postrender
from kubetasks.deployers.chart_changes import changes, post_renderer
from kubetasks.deployers.concealed import ROLLED_BY
from tests.samples import deployment, service

OWNED = {"Deployment/backend": "HorizontalPodAutoscaler/backend"}


@pytest.mark.parametrize(("server_side", "replicas"), [(True, None), (False, 5)])
def test_replicas_of_an_autoscaler(server_side: bool, replicas: int | None) -> None:
    found = changes(
        [deployment("backend", replicas=2), service()], [deployment(replicas=5)], OWNED, server_side=server_side
    )
    assert found == {"Deployment/backend": {"replicas": replicas}}
    assert changes([deployment()], [], OWNED, server_side=server_side) == {}
    assert changes([deployment()], [deployment()], {}, server_side=server_side) == {}


def test_digests_of_secrets() -> None:
    item = deployment("backend", annotations={ROLLED_BY: "abc", "other": "kept"})
    assert changes([item], [], {}, server_side=True) == {"Deployment/backend": {"annotations": {ROLLED_BY: "abc"}}}


CHANGES = {"Deployment/backend": {"replicas": 5, "annotations": {ROLLED_BY: "a,b: {c}"}}}


def test_helm_3_gets_a_program() -> None:
    with post_renderer(CHANGES, plugin=False) as (flags, env):
        assert flags[:2] == ["--post-renderer", sys.executable]
        words = flags[3::2]
        assert words[0] == "-I"
        assert Path(words[1]).name == "postrender.py"
        assert json.loads(words[2]) == CHANGES
        assert env == {}


def test_helm_4_gets_a_plugin_that_is_gone_afterwards() -> None:
    with post_renderer(CHANGES, plugin=True) as (flags, env):
        assert flags == ["--post-renderer", "kubetasks", "--post-renderer-args", json.dumps(CHANGES, sort_keys=True)]
        folder = Path(env["HELM_PLUGINS"])
        described = yaml.safe_load((folder / "kubetasks/plugin.yaml").read_text())
        assert (described["type"], described["name"], described["runtime"]) == (
            "postrenderer/v1",
            "kubetasks",
            "subprocess",
        )
        [command] = described["runtimeConfig"]["platformCommand"]
        assert command["command"] == sys.executable
    assert not folder.exists()


def test_nothing_to_change_is_no_post_renderer() -> None:
    for plugin in (True, False):
        with post_renderer({}, plugin=plugin) as found:
            assert found == ([], {})


STREAM = """
# Source: todo/templates/a.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: backend
spec:
  replicas: 2
  plain:
    a: 1:30
    b: yes
    c: 0o17
    d: 1_000
    e: 2026-01-01
    f: ~
    g: 1e3
    h: .5
    i: "yes"
    j: '2'
    k: !!binary aGVsbG8=
  template:
    metadata:
      labels: &labels {app: backend}
    spec:
      containers:
        - name: x
          env:
            - {name: A, value: "1:30"}
          args:
            - |
              kept
               as it is: "é" \U0001f600
      other: *labels
---
# Source: todo/templates/b.yaml
kind: Deployment
metadata: {name:  frontend}
spec: {replicas:   1}
---
---
# Only a comment
---
kind: ConfigMap
metadata: {name: backend}
data:
  text: |
    not a document: ---
"""


class AsText(yaml.SafeLoader):
    """Reads every scalar as the text and the kind of quotes with which it stands there."""


AsText.yaml_implicit_resolvers = {}


def read(text: str) -> list[Any]:
    return [each for each in yaml.load_all(text, Loader=AsText) if each is not None]


def test_only_what_is_asked_for_changes() -> None:
    text = postrender.changed(STREAM, CHANGES)
    before, after = read(STREAM), read(text)
    assert after[0]["spec"]["replicas"] == "5"
    assert after[0]["spec"]["template"]["metadata"]["annotations"] == {ROLLED_BY: "a,b: {c}"}
    after[0]["spec"]["replicas"] = before[0]["spec"]["replicas"]
    del after[0]["spec"]["template"]["metadata"]["annotations"]
    assert after == before
    # What is not changed is not written anew, either.
    assert "metadata: {name:  frontend}\nspec: {replicas:   1}\n" in text
    for line in ("    a: 1:30\n", "    b: yes\n", "    c: 0o17\n", "    d: 1_000\n", "    f: ~\n", '    i: "yes"\n'):
        assert line in text


def test_a_field_can_be_left_out() -> None:
    [backend, *_] = read(postrender.changed(STREAM, {"Deployment/backend": {"replicas": None}}))
    assert "replicas" not in backend["spec"]


@pytest.mark.parametrize(
    "text", ["", "---\n", "# nothing\n", "kind: Deployment\n", "kind: Deployment\nmetadata: {name: backend}\n", "- a\n"]
)
def test_other_documents_go_through(text: str) -> None:
    assert postrender.changed(text, CHANGES) == text


def test_a_mapping_that_is_not_there_is_made() -> None:
    text = "kind: Deployment\nmetadata: {name: backend}\nspec: {template: {spec: {}}}\n"
    [found] = read(postrender.changed(text, CHANGES))
    assert found["spec"]["template"]["metadata"]["annotations"] == {ROLLED_BY: "a,b: {c}"}


def test_it_runs_as_a_program_anywhere(tmp_path: Path) -> None:
    argv = [sys.executable, "-I", str(Path(postrender.__file__)), json.dumps(CHANGES)]
    done = subprocess.run(argv, input=STREAM.encode(), capture_output=True, check=True, cwd=tmp_path, env={})
    assert done.stdout.decode() == postrender.changed(STREAM, CHANGES)
