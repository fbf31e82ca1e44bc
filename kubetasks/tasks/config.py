"""The configuration as it takes effect: ``config.show``."""

import contextlib
import json as json_text
from collections.abc import Iterator
from typing import Any

from invoke.context import Context

from kubetasks.tasks._edge import Edge, command, edge, flags

COMMON = ("target", "context", "namespace", "with", "env-file", "offline")
# Below these, users put values of their own.
FREE = ("config", "build_args")


def _shown(found: Edge, keys: tuple[str, ...], value: Any) -> Any:
    """A value without what may be a secret."""
    from kubetasks.diagnose import hide

    if isinstance(value, str):
        name = keys[-1] if any(each in keys[:-1] for each in FREE) else ""
        return hide.value(name, value, found.redactor)
    if isinstance(value, list):
        return [_shown(found, keys, each) for each in value]
    if isinstance(value, dict):
        return {key: _shown(found, (*keys, FREE[0], key), each) for key, each in value.items()}
    return value


def _rows(found: Edge, key: str, *, changed: bool) -> Iterator[dict[str, Any]]:
    from kubetasks.settings.effective import leaves
    from kubetasks.settings.origins import DEFAULT

    for leaf in leaves(found.settings):
        if key and leaf.path != key and not leaf.path.startswith(f"{key}."):
            continue
        origin = found.origin(*leaf.keys)
        if not changed or origin != DEFAULT:
            yield {"key": leaf.path, "value": _shown(found, leaf.keys, leaf.value), "from": origin}


@command(
    help=flags(
        *COMMON,
        "json",
        key="print only this setting and those below it, e.g. kind or services.web",
        changed="leave out what has its default",
    )
)
def show(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    with_: str = "",
    env_file: str = "",
    offline: bool = False,
    key: str = "",
    changed: bool = False,
    json: bool = False,
) -> None:
    """Print every setting as it takes effect, and where its value comes from; never a secret."""
    from kubetasks.errors import KubetasksError, UsageError

    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, deployer=with_, env_file=env_file,
        offline=offline, as_json=json,
    )  # fmt: skip
    _ = found.settings
    with contextlib.suppress(KubetasksError):  # an env file that cannot be read hides nothing
        found.given(ask=False, tell=False, commands=False)
    key = key.removeprefix("kubetasks.")
    rows = list(_rows(found, key, changed=changed))
    if not rows and key and not list(_rows(found, key, changed=False)):
        raise UsageError(f"--key {key}", why="there is no such setting", fix="see docs/settings.md")
    if json:
        found.print_json(rows)
        return
    lines = [[row["key"], json_text.dumps(row["value"], ensure_ascii=False), row["from"]] for row in rows]
    found.console.table(["SETTING", "VALUE", "FROM"], lines)
