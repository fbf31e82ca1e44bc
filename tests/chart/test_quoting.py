"""Every scalar in the chart's templates is quoted, and both deployers give the same objects for any text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubetasks.deployers.base import Release
from kubetasks.deployers.documents import parse
from kubetasks.deployers.render import ChartRenderer, ManifestsRenderer
from kubetasks.documents import dump_all
from kubetasks.errors import RenderFailed
from kubetasks.objects import Objects, by_identity, of_kind
from kubetasks.tools.helm import NOT_PRINTABLE
from tests.scalars import HOSTILE, PLAIN

from .common import CHART, ROOT, release, runner, settings, template, without_manager
from .test_parity import fields

TEMPLATES = sorted([*(CHART / "templates").rglob("*.yaml"), *(CHART / "templates").rglob("*.tpl")])
# Helpers that give a text; whoever includes one quotes it. All others give lines of YAML.
TEXTS = ("image", "configName", "secretName", "migrationId")
CONTROL = re.compile(r"\{\{-?\s*(?:if|else|end|range|with|define|\$\w+ :?=|/\*).*?\}\}")
ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
KEY = r"(?:[\w./-]+|\{\{ \$key \| quote \}\})"
SCALAR = re.compile(rf"^\s*(?:- )?(?:{KEY}: )?\{{\{{ [^}}]+ \| (?:quote|int|toJson) \}}\}}$")
FLOW = re.compile(r"^\s*[\w-]+: \{(?:[\w-]+: (?:\{\{ [^}]+ \| (?:quote|int) \}\}|[\w/-]+)(?:, )?)+\}$")
BLOCK = re.compile(r"""^\s*\{\{-? (?:include "todo\.\w+" (?:\.|\$\w*|\(dict .*\)))(?: \| nindent \d+)? \}\}$""")
GUARDED = re.compile(r"""^\s*\{\{- with include "todo\.\w+" [.$] \}\}\{\{ trim \. \| nindent \d+ \}\}\{\{ end \}\}$""")


def offending(text: str) -> Iterator[str]:
    """Lines with an action that gives a scalar without quoting it."""
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        defined = re.search(r'define "todo\.(\w+)"', line)
        inside = defined[1] if defined else inside
        if GUARDED.match(line):
            continue
        rest = CONTROL.sub("", line)
        if not ACTION.search(rest) or inside in TEXTS:
            continue
        included = re.findall(r'include "todo\.(\w+)"', rest)
        block = BLOCK.match(rest) and included[:1] not in ([name] for name in TEXTS)
        if not (block or SCALAR.match(rest) or FLOW.match(rest)):
            yield f"{number}: {line.strip()}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_scalar_is_quoted(path: Path) -> None:
    assert list(offending(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "name: {{ .Release.Name }}",
        "name: x-{{ .Release.Name | quote }}",
        'name: {{ include "todo.configName" . }}',
        '  {{ include "todo.configName" . | nindent 4 }}',
        "- {{ . }}",
        "  {{- toYaml . | nindent 4 }}",
        "{{ $key }}: {{ $value | quote }}",
        "name: '{{ .x }}'",
        "a: {b: {{ .c }}, d: e}",
        "name: {{ .x | quote }}-y",
        "name: {{ .x | default .y }}",
        "{{- if .x }}name: {{ .x }}{{ end }}",
    ],
)
def test_the_rule_bites(line: str) -> None:
    assert list(offending(line))


def rendered(facts: Release) -> tuple[Objects, Objects]:
    # Manifests name the project themselves; a release of another name stands for a project of that name.
    manifests = ManifestsRenderer(settings(), ROOT, runner()).render(facts)
    return manifests, ChartRenderer(settings(), ROOT, runner()).render(facts)


def test_any_text_of_the_configuration_is_the_same_with_both() -> None:
    """All at once: a render takes a third of a second."""
    texts = [text for text in (*HOSTILE, *PLAIN) if not NOT_PRINTABLE.search(text)]
    assert len(texts) > 120
    config = {f"KEY_{number}": text for number, text in enumerate(texts)}
    # Keys that YAML would take for something else, and all that a ConfigMap's key may be.
    config |= dict.fromkeys(("on", "y", "null", "4711", "1e3", "0x10", "a.b-c_d", "TRUE", "_", "-"), "x")
    manifests, chart = rendered(release("bundled", config=config))
    for objects in (manifests, chart):
        (found,) = of_kind(objects, "ConfigMap")
        assert {key: found["data"][key] for key in config} == config
    assert fields(by_identity(without_manager(chart))) == fields(by_identity(without_manager(manifests)))
    # What is printed (`manifest.render`, `chart.template`) is read back as it was.
    assert parse(dump_all(chart), "x") == chart


NAMES = ["4711", "true", "null", "on", "no", "y", "1e3", "0x10", "0777", "00"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_look_like_something_else(name: str) -> None:
    facts = release(
        "bundled",
        namespace=name,
        images={"backend": f"{name}/{name}:{name}", "frontend": f"{name}/{name}:{name}"},
        postgres_image=f"{name}:{name}",
        migration_id=name,
        migration_image=f"{name}:{name}",
        secret_digest="1234",
    )
    manifests, chart = rendered(facts)
    assert {item["metadata"]["namespace"] for item in (*manifests, *chart)} == {name}
    assert fields(by_identity(without_manager(chart))) == fields(by_identity(without_manager(manifests)))
    assert f"Job/migrate-{name}" in by_identity(chart)
    assert parse(dump_all(chart), "x") == chart


@pytest.mark.parametrize("name", NAMES)
def test_a_release_that_looks_like_something_else(name: str) -> None:
    """The chart under a name of its own, tests and all: every label and name is a text."""

    def texts(node: Any, path: str = "") -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                named = key in {"name", "namespace", "image", "key"} or ".labels" in path or ".matchLabels" in path
                if named and not isinstance(value, (str, dict)):
                    yield f"{path}.{key}: {value!r}"
                yield from texts(value, f"{path}.{key}")
        elif isinstance(node, list):
            for each in node:
                yield from texts(each, path)

    argv = ["helm", "--namespace", name, "template", name, "chart", "--values", "chart/ci/everything.yaml"]
    objects = parse(runner().run(argv).stdout, "helm")
    assert [problem for item in objects for problem in texts(item)] == []
    assert {item["metadata"]["labels"]["app.kubernetes.io/part-of"] for item in objects} == {name}


def test_texts_in_annotations_and_values() -> None:
    texts = [text for text in (*HOSTILE, *PLAIN) if not NOT_PRINTABLE.search(text)]
    annotations = {f"example.com/a{number}": text for number, text in enumerate(texts)}
    values = {
        "frontend": {"service": {"annotations": annotations, "port": 65535}},
        "imagePullSecrets": [{"name": "4711"}, {"name": "on"}],
        "database": {"mode": "bundled", "storage": {"className": "1e3", "size": "1Gi"}},
    }
    result = template(values=values)
    assert result.ok, result.stderr
    found = by_identity(parse(result.stdout, "helm"))
    assert found["Service/frontend"]["metadata"]["annotations"] == annotations
    assert found["Service/frontend"]["spec"]["ports"][0]["port"] == 65535
    assert found["Deployment/backend"]["spec"]["template"]["spec"]["imagePullSecrets"] == [
        {"name": "4711"},
        {"name": "on"},
    ]
    claim = found["StatefulSet/postgres"]["spec"]["volumeClaimTemplates"][0]["spec"]
    assert claim["storageClassName"] == "1e3"


def test_a_character_that_helm_3_cannot_take_is_named_by_its_key() -> None:
    facts = release(config={"FINE": "x", "ODD": "delete\x7f"})
    (found,) = of_kind(ManifestsRenderer(settings(), ROOT, runner()).render(facts), "ConfigMap")
    assert found["data"]["ODD"] == "delete\x7f"
    renderer = ChartRenderer(settings(), ROOT, runner())
    if runner().run(["helm", "version", "--short"]).stdout.startswith("v3"):
        with pytest.raises(RenderFailed, match="Helm 3 cannot take the value of ODD"):
            renderer.render(facts)
    else:
        (found,) = of_kind(renderer.render(facts), "ConfigMap")
        assert found["data"]["ODD"] == "delete\x7f"
