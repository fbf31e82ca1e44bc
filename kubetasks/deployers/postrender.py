"""A program that Helm runs between rendering a chart and applying it: changes single fields of objects.

Run as ``python postrender.py FILE``. FILE holds JSON: ``GROUP/Kind/name`` to a list of changes: ``["drop"]`` for the
whole object, ``["remove", PATH]``, or ``["set", PATH, VALUE]``, where a PATH is a list of keys and indexes. The objects
come on standard input and go to standard output. Every other scalar keeps its text and its quotes: YAML has more than
one idea of what ``1:30`` and ``yes`` are, and it is Helm's that counts. Imports nothing of kubetasks: Helm may start it
in any folder.
"""

import json
import re
import sys
from typing import Any

import yaml

# Where a document of a stream begins; nothing inside one can begin a line like that.
START = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
Changes = dict[str, list[list[Any]]]


def changed(text: str, changes: Changes) -> str:
    """The objects of a stream of YAML documents, with the changes made; every other document as it came."""
    first, *rest = START.split(text)
    return "---".join([_document(first, changes), *(_document(each, changes) for each in rest)])


def _document(text: str, changes: Changes) -> str:
    node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(node, yaml.MappingNode):
        return text
    meta = _child(node, "metadata")
    name = _child(meta, "name") if isinstance(meta, yaml.MappingNode) else None
    group = _text(_child(node, "apiVersion")).rpartition("/")[0]
    wanted = changes.get(f"{group}/{_text(_child(node, 'kind'))}/{_text(name)}")
    if not wanted:
        return text
    if ["drop"] in wanted:
        return "\n"
    for each in wanted:
        _change(node, each)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return "\n" + str(yaml.serialize(node, Dumper=dumper, width=sys.maxsize >> 33, allow_unicode=True))


def _change(node: Any, change: list[Any]) -> None:
    verb, path = change[0], change[1]
    for key in path[:-1]:
        found = _child(node, key)
        if not isinstance(found, yaml.CollectionNode):
            if verb == "remove":
                return
            found = yaml.MappingNode("tag:yaml.org,2002:map", [])
            _put(node, key, found)
        node = found
    if verb == "set":
        _put(node, path[-1], yaml.compose(json.dumps(change[2]), Loader=yaml.SafeLoader))
    elif isinstance(node, yaml.MappingNode):
        node.value = [(name, value) for name, value in node.value if name.value != path[-1]]


def _child(node: Any, key: Any) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return node.value[key] if isinstance(key, int) and key < len(node.value) else None
    return next((value for name, value in node.value if name.value == key), None)


def _put(node: Any, key: Any, value: Any) -> None:
    if isinstance(node, yaml.SequenceNode):
        node.value[key] = value
        return
    names = [name.value for name, _ in node.value]
    if key in names:
        node.value[names.index(key)] = (node.value[names.index(key)][0], value)
    else:
        node.value.append((yaml.ScalarNode("tag:yaml.org,2002:str", key), value))


def _text(node: Any) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123
        wanted = json.load(file)
    sys.stdout.write(changed(sys.stdin.read(), wanted))
