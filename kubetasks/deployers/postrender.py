"""A program that Helm runs between rendering a chart and applying it: changes a few fields of workloads.

Run as ``python postrender.py CHANGES``, where CHANGES is JSON: ``Kind/name`` to ``replicas`` (a number, or null to
leave the field out) and ``annotations`` of the pod template (name to text). The objects come on standard input and go
to standard output. Every scalar keeps its text and its quotes: YAML has more than one idea of what ``1:30`` and ``yes``
are, and it is Helm's that counts. Imports nothing of kubetasks: Helm may start it in any folder.
"""

import json
import re
import sys
from typing import Any

import yaml

# Where a document of a stream begins; nothing inside one can begin a line like that.
START = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)


def changed(text: str, changes: dict[str, dict[str, Any]]) -> str:
    """The objects of a stream of YAML documents, with the changes made; every other document as it came."""
    first, *rest = START.split(text)
    return "---".join([_document(first, changes), *(_document(each, changes) for each in rest)])


def _document(text: str, changes: dict[str, dict[str, Any]]) -> str:
    node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(node, yaml.MappingNode):
        return text
    meta, spec = _value(node, "metadata"), _value(node, "spec")
    name = _value(meta, "name") if isinstance(meta, yaml.MappingNode) else None
    wanted = changes.get(f"{_text(_value(node, 'kind'))}/{_text(name)}")
    if wanted is None or not isinstance(spec, yaml.MappingNode):
        return text
    _change(spec, wanted)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return "\n" + str(yaml.serialize(node, Dumper=dumper, width=sys.maxsize >> 33, allow_unicode=True))


def _change(spec: yaml.MappingNode, wanted: dict[str, Any]) -> None:
    if "replicas" in wanted:
        _drop(spec, "replicas")
        if wanted["replicas"] is not None:
            spec.value.append((_plain("replicas"), _scalar("int", str(wanted["replicas"]))))
    if wanted.get("annotations"):
        annotations = _below(_below(_below(spec, "template"), "metadata"), "annotations")
        for name, text in wanted["annotations"].items():
            _drop(annotations, name)
            annotations.value.append((_plain(name), yaml.ScalarNode("tag:yaml.org,2002:str", text, style='"')))


def _value(node: Any, key: str) -> Any:
    return next((value for name, value in node.value if name.value == key), None)


def _text(node: Any) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _drop(node: yaml.MappingNode, key: str) -> None:
    node.value = [(name, value) for name, value in node.value if name.value != key]


def _below(node: yaml.MappingNode, key: str) -> yaml.MappingNode:
    """The mapping below a key; an empty one is put there where there is none."""
    found = _value(node, key)
    if isinstance(found, yaml.MappingNode):
        return found
    made = yaml.MappingNode("tag:yaml.org,2002:map", [])
    _drop(node, key)
    node.value.append((_plain(key), made))
    return made


def _plain(text: str) -> yaml.ScalarNode:
    return _scalar("str", text)


def _scalar(tag: str, text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(f"tag:yaml.org,2002:{tag}", text)


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(changed(sys.stdin.read(), json.loads(sys.argv[1])))
