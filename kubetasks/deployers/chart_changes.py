"""What Helm changes in a chart's objects before it applies them: images, our label, replicas, digests of Secrets.

A chart that knows nothing of any of them needs no change: Helm runs ``postrender`` between rendering and applying.
Helm 3 takes any program for that, Helm 4 a plugin, which is a folder with a description
(https://helm.sh/docs/plugins/developer/tutorial-postrenderer-plugin). Helm 4 gives it the hooks too.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kubetasks.deployers import postrender
from kubetasks.objects import Object, Objects, group_of, is_hook

PLUGIN: Final = "kubetasks"
Changes = Mapping[str, Sequence[Sequence[Any]]]


def key_of(item: Object) -> str:
    """How the post-renderer finds an object: ``GROUP/Kind/name``."""
    return f"{group_of(item)}/{item['kind']}/{item['metadata']['name']}"


def changes(rendered: Objects, wanted: Objects, *, hooks: bool) -> dict[str, list[list[Any]]]:
    """What has to be changed in the objects that a chart renders, by ``key_of``.

    Args:
        rendered: the objects as the chart renders them.
        wanted: the objects as they are to be applied; one that is missing here stays as the chart has it, but for a
            Namespace, which is left out.
        hooks: whether Helm hands hooks to a post-renderer.
    """
    goals = {key_of(item): item for item in wanted}
    found: dict[str, list[list[Any]]] = {}
    for item in rendered:
        key = key_of(item)
        if item["kind"] == "Namespace" and key not in goals:
            found[key] = [["drop"]]
        elif key in goals and (hooks or not is_hook(item)):
            made = list(_edits(item, goals[key], []))
            if made:
                found[key] = made
    return found


def _edits(old: Any, new: Any, path: list[Any]) -> Iterator[list[Any]]:
    """The changes that make one value of another: the fewest fields, so that all others keep their text."""
    if isinstance(old, dict) and isinstance(new, dict) and old:
        for key in [each for each in old if each not in new]:
            yield ["remove", [*path, key]]
        for key, value in new.items():
            if key not in old:
                yield ["set", [*path, key], value]
            else:
                yield from _edits(old[key], value, [*path, key])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _edits(one, other, [*path, index])
    elif old != new or type(old) is not type(new):
        yield ["set", path, new]


@contextlib.contextmanager
def post_renderer(wanted: Changes, *, plugin: bool) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The flags and the environment with which Helm makes these changes; neither where there are none.

    Args:
        wanted: the changes.
        plugin: whether Helm wants a plugin (Helm 4) rather than a program.
    """
    if not wanted:
        yield [], {}
        return
    program = ["-I", str(Path(postrender.__file__))]
    with tempfile.TemporaryDirectory(prefix="kubetasks-helm-") as folder:
        file = Path(folder) / "changes.json"
        file.write_text(json.dumps(wanted), encoding="utf-8")
        if not plugin:
            words = [word for each in (*program, str(file)) for word in ("--post-renderer-args", each)]
            yield ["--post-renderer", sys.executable, *words], {}
            return
        described = {
            "apiVersion": "v1",
            "type": "postrenderer/v1",
            "name": PLUGIN,
            "version": "0.1.0",
            "runtime": "subprocess",
            "runtimeConfig": {"platformCommand": [{"command": sys.executable, "args": program}]},
        }
        path = Path(folder) / "plugins" / PLUGIN / "plugin.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(described), encoding="utf-8")  # JSON is YAML
        flags = ["--post-renderer", PLUGIN, "--post-renderer-args", str(file)]
        yield flags, {"HELM_PLUGINS": str(path.parent.parent)}
