"""What Helm changes in a chart's objects: the fewest fields, every other scalar as the chart wrote it."""

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks import documents
from kubetasks.deployers import postrender
from kubetasks.deployers.chart_changes import changes, post_renderer
from kubetasks.objects import Object, Objects

CHART = """\
# Source: shop/templates/all.yaml
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  template:
    metadata:
      annotations: {time: "1:30", odd: 'yes'}
    spec:
      containers:
        - name: web
          image: me/web:v1
          args: [--at, 12:30:45, "0x1F", 1e3]
        - {name: side, image: redis}
---
apiVersion: v1
kind: Service
metadata:
  name: web
  labels: {a: "on"}
---
# nothing
---
apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {"helm.sh/hook": pre-install}}
"""


def objects() -> Objects:
    return list(documents.load_all(CHART))


def goal() -> Objects:
    found = deepcopy(objects()[1:])
    for item in found:
        item["metadata"].setdefault("labels", {})["kubetasks.dev/project"] = "shop"
    web = found[0]
    del web["spec"]["replicas"]
    web["spec"]["template"]["metadata"]["annotations"]["new"] = "no"
    web["spec"]["template"]["spec"]["containers"][0] |= {"image": "k/shop-web:abc", "imagePullPolicy": "Never"}
    return found


def test_the_changes_are_the_fewest_fields() -> None:
    label = ["set", ["metadata", "labels"], {"kubetasks.dev/project": "shop"}]
    first = ["spec", "template", "spec", "containers", 0]
    assert changes(objects(), goal(), hooks=False) == {
        "/Namespace/shop": [["drop"]],
        "apps/Deployment/web": [
            label,
            ["remove", ["spec", "replicas"]],
            ["set", ["spec", "template", "metadata", "annotations", "new"], "no"],
            ["set", [*first, "image"], "k/shop-web:abc"],
            ["set", [*first, "imagePullPolicy"], "Never"],
        ],
        "/Service/web": [["set", ["metadata", "labels", "kubetasks.dev/project"], "shop"]],
    }
    assert "batch/Job/hook" in changes(objects(), goal(), hooks=True)


def test_an_object_that_is_not_asked_for_stays_as_it_is() -> None:
    assert changes(objects()[1:], [], hooks=True) == {}
    assert changes(goal(), goal(), hooks=True) == {}


def test_the_changes_give_the_wanted_objects_and_keep_all_other_text() -> None:
    text = postrender.changed(CHART, changes(objects(), goal(), hooks=True))
    assert list(documents.load_all(text)) == goal()
    for kept in ('"1:30"', "'yes'", "12:30:45", '"0x1F"', "1e3", '"on"'):
        assert kept in text
    assert "kind: Namespace" not in text
    plain = yaml.safe_load(text.split("---")[2])
    assert plain["metadata"]["labels"]["kubetasks.dev/project"] == "shop"


@pytest.mark.parametrize("value", ["yes", "1:30", "no\nyes", "ü\u2028x", 3, True, None, [1, "2"], {"a": {"b": "c"}}])
def test_any_value_can_be_set(value: Any) -> None:
    old: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"x": "old"}}
    new = {**old, "data": {"x": value}, "more": {"deep": value}}
    text = postrender.changed(yaml.safe_dump(old), changes([old], [new], hooks=True))
    assert list(documents.load_all(text)) == [new]


def test_helm_3_gets_a_program(tmp_path: Path) -> None:
    wanted = changes(objects(), goal(), hooks=False)
    with post_renderer(wanted, plugin=False) as (flags, env):
        assert env == {}
        assert flags[:2] == ["--post-renderer", sys.executable]
        argv = [flags[1], *flags[3::2]]
        done = subprocess.run(
            argv, input=CHART, capture_output=True, text=True, check=True, cwd=tmp_path, encoding="utf-8"
        )
        assert done.stdout == postrender.changed(CHART, json.loads(json.dumps(wanted)))
        file = Path(flags[-1])
    assert not file.exists()


def test_helm_4_gets_a_plugin_that_is_gone_afterwards() -> None:
    with post_renderer(changes(objects(), goal(), hooks=True), plugin=True) as (flags, env):
        assert flags[:3] == ["--post-renderer", "kubetasks", "--post-renderer-args"]
        folder = Path(env["HELM_PLUGINS"])
        described = yaml.safe_load((folder / "kubetasks/plugin.yaml").read_text())
        assert described["type"] == "postrenderer/v1"
        assert Path(described["runtimeConfig"]["platformCommand"][0]["args"][-1]).is_file()
        assert json.loads(Path(flags[3]).read_text())
    assert not folder.exists()


def test_nothing_to_change_is_no_post_renderer() -> None:
    with post_renderer({}, plugin=True) as found:
        assert found == ([], {})
