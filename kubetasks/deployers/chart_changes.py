"""What Helm changes in a chart's objects before it applies them: replicas of an autoscaler, digests of Secrets.

A chart that knows nothing of either needs no change: Helm runs ``postrender`` between rendering and applying. Helm 3
takes any program for that, Helm 4 a plugin, which is a folder with a description
(https://helm.sh/docs/plugins/developer/tutorial-postrenderer-plugin).
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kubetasks.deployers import postrender
from kubetasks.deployers.concealed import ROLLED_BY
from kubetasks.deployers.scaling import Owners
from kubetasks.objects import Object, Objects, by_identity, identity

PLUGIN: Final = "kubetasks"
Changes = Mapping[str, Mapping[str, Any]]


def changes(objects: Objects, live: Objects, owned: Owners, *, server_side: bool) -> dict[str, dict[str, Any]]:
    """What has to be changed in the chart's objects, by ``Kind/name``.

    Args:
        objects: the rendered objects, with the digests of the Secrets that they use.
        live: the live objects.
        owned: workloads whose replicas an autoscaler owns.
        server_side: whether Helm applies on the server's side, so that a field can be left out.
    """
    there = by_identity(live)
    found: dict[str, dict[str, Any]] = {}
    for item in objects:
        name, change = identity(item), dict[str, Any]()
        if name in owned and name in there:
            change["replicas"] = None if server_side else int(there[name]["spec"].get("replicas", 1))
        rolled_by = _annotations(item).get(ROLLED_BY)
        if rolled_by:
            change["annotations"] = {ROLLED_BY: rolled_by}
        if change:
            found[name] = change
    return found


def _annotations(item: Object) -> Mapping[str, str]:
    template = (item.get("spec") or {}).get("template")
    meta = template.get("metadata") if isinstance(template, dict) else None
    found: Mapping[str, str] = (meta or {}).get("annotations") or {}
    return found


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
    last = json.dumps(wanted, sort_keys=True)
    if not plugin:
        words = [word for each in (*program, last) for word in ("--post-renderer-args", each)]
        yield ["--post-renderer", sys.executable, *words], {}
        return
    command = {"command": sys.executable, "args": program}
    described = {
        "apiVersion": "v1",
        "type": "postrenderer/v1",
        "name": PLUGIN,
        "version": "0.1.0",
        "runtime": "subprocess",
        "runtimeConfig": {"platformCommand": [command]},
    }
    with tempfile.TemporaryDirectory(prefix="kubetasks-helm-") as folder:
        path = Path(folder) / PLUGIN / "plugin.yaml"
        path.parent.mkdir()
        path.write_text(json.dumps(described), encoding="utf-8")  # JSON is YAML
        yield ["--post-renderer", PLUGIN, "--post-renderer-args", last], {"HELM_PLUGINS": folder}
