"""Helm charts: which stand by themselves, and the objects or images that they bring.

A template is not YAML. ``helm template`` says what a chart gives. Where it is missing or fails, images are read from
the values and from the lines ``image:`` of the templates.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.init.manifests import objects_of
from kubetasks.init.walk import Tree, folder_of, joined, values_of
from kubetasks.objects import Objects

# Gives what `helm template` prints for a chart's folder; empty where that is not possible.
Template = Callable[[str], str]

IMAGE_LINE: Final = re.compile(r"^\s*-?\s*image:\s*(?P<text>.+?)\s*$", re.MULTILINE)
EXPRESSION: Final = re.compile(r"\{\{-?\s*(?P<text>.*?)\s*-?\}\}")
VALUE: Final = re.compile(r"\$?\.Values\.([A-Za-z0-9_.]+)")
CONTROL: Final = re.compile(r"^(if|else|end|with|range|-)\b")


@dataclass(frozen=True)
class Chart:
    """A chart.

    Args:
        folder: where it is.
        name: its own name.
        objects: what it brings.
        guessed: the objects are only the images that were read from values and templates.
        unmet: dependencies that are not in its folder ``charts``.
    """

    folder: str
    name: str
    objects: Objects
    guessed: bool = False
    unmet: tuple[str, ...] = ()


def folders(tree: Tree) -> list[str]:
    """Every folder with a ``Chart.yaml``."""
    return [folder_of(path) for path in tree.named("Chart.yaml".__eq__)]


def find(tree: Tree, template: Template) -> list[Chart]:
    """The charts of a tree that are part of no other chart."""
    every = {folder: _metadata(tree, folder) for folder in folders(tree)}
    parts: set[str] = set()
    for folder, said in every.items():
        parts |= (
            {each for each in every if each.startswith(f"{folder}/charts/")}
            if folder != "."
            else {each for each in every if each.startswith("charts/") and "name" in said}
        )
        parts |= {*_local(said, folder)}
    found = []
    for folder, said in every.items():
        if folder in parts or said.get("type") == "library":
            continue
        unmet = tuple(_unmet(tree, folder, said))
        objects = [] if unmet else objects_of(values_of(template(folder)))
        guessed = not objects
        if guessed:
            objects = [item for each in [folder, *_local(said, folder)] for item in _read_images(tree, each)]
        found.append(Chart(folder, str(said.get("name") or folder.rpartition("/")[2]), objects, guessed, unmet))
    return found


def _local(said: dict[str, Any], folder: str) -> list[str]:
    """The folders of a chart's dependencies that are in the same repository."""
    where = [str(each.get("repository") or "") for each in _dependencies(said)]
    return [joined(folder, each.removeprefix("file://")) for each in where if each.startswith("file://")]


def _metadata(tree: Tree, folder: str) -> dict[str, Any]:
    read = [each for each in tree.documents(joined(folder, "Chart.yaml")) if isinstance(each, dict)]
    return read[0] if read else {}


def _dependencies(said: dict[str, Any]) -> list[dict[str, Any]]:
    listed = said.get("dependencies")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _unmet(tree: Tree, folder: str, said: dict[str, Any]) -> Iterator[str]:
    place = tree.root / joined(folder, "charts")
    there = [each.name for each in place.iterdir()] if place.is_dir() else []
    for each in _dependencies(said):
        name = str(each.get("name", ""))
        if not any(have == name or re.match(rf"{re.escape(name)}-\d.*\.tgz$", have) for have in there):
            yield name


def _read_images(tree: Tree, folder: str) -> Iterator[dict[str, Any]]:
    """Objects that stand for the images that values and templates name."""
    values: Any = {}
    for each in tree.documents(joined(folder, "values.yaml")):
        values = each if isinstance(each, dict) else values
    images = {image: name for name, image in _in_values(values, "")}
    for path in tree.within(joined(folder, "templates")):
        for match in IMAGE_LINE.finditer(tree.text(path)):
            text = _filled(match["text"].strip("\"'"), values)
            if re.fullmatch(r"[A-Za-z0-9][\w./:@-]*[A-Za-z0-9]", text):
                images.setdefault(text, path.rpartition("/")[2].partition(".")[0])
    for image, name in images.items():
        container = {"name": name or "container", "image": image}
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name or "pod"},
            "spec": {"containers": [container]},
        }


def _in_values(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Names and images: ``image: NAME:TAG``, or a mapping with ``repository`` and perhaps ``registry`` and ``tag``."""
    if isinstance(value, list):
        for each in value:
            yield from _in_values(each, name)
    if not isinstance(value, dict):
        return
    said = value.get("repository") or value.get("repo")
    if isinstance(said, str) and said and "://" not in said:
        registry = f"{value['registry']}/" if isinstance(value.get("registry"), str) and value["registry"] else ""
        tag = value.get("tag")
        yield name, f"{registry}{said}" + (f":{tag}" if isinstance(tag, (str, int, float)) and str(tag) else "")
    for key, each in value.items():
        if key == "image" and isinstance(each, str) and each:
            yield name, each
        elif key == "image":
            yield from _in_values(each, name)
        else:
            yield from _in_values(each, str(key))


def _filled(text: str, values: Any) -> str:
    """A line of a template with the values in it; without a tag where that is not a plain value."""

    def one(found: re.Match[str]) -> str:
        inside = found["text"]
        if CONTROL.match(inside):
            return ""
        for path in VALUE.findall(inside):
            value = values
            for key in path.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            if isinstance(value, (str, int, float)) and str(value):
                return str(value)
        return ""

    return EXPRESSION.sub(one, text).rstrip(":").lstrip("/")
