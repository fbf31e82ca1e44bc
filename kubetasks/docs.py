"""The pages about settings and tasks, generated from their code: ``python -m kubetasks.docs [ROOT]``.

It writes ``docs/settings.md``, ``docs/settings.schema.json``, ``docs/commands.md`` and ``.env.example``, and
``invoke.yaml`` with the values that it has, so that every key is there with its description. A test makes
them again and compares.
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec import NODEFAULT, UNSET

from kubetasks import commands, documents
from kubetasks.settings import ENVIRONMENT_PREFIX, keys, schema

WIDTH: Final = 120
HEAD: Final = """\
# yaml-language-server: $schema=docs/settings.schema.json
# Flags override the environment (KUBETASKS_KIND_NAME sets kind.name), which overrides this file.
# Every key is listed with its default or this project's value; docs/settings.md has the same list as tables.
# The comments are generated: `python -m kubetasks.docs` updates them and keeps the values.
"""
ENV_HEAD: Final = """\
# Copy this file to .env and fill it in; .env is never committed. The environment overrides it.
# An empty value counts as unset. Put a value with spaces, quotes or # in single quotes.
"""
PAGE_HEAD: Final = """\
# Settings

All settings are under `kubetasks:` in `invoke.yaml`. A flag overrides the environment, the environment overrides the
file, and the file overrides the default. An unknown key or a value of the wrong type is rejected with its path
(exit code 2). In an environment variable, a list is separated by commas; a mapping is set key by key, if at all.

`NAME` is a name that you choose; in the name of a variable it is upper case, with `_` for `-` and `.`.
For editors, there is a schema: [settings.schema.json](settings.schema.json).
`inv config.show` prints every setting as it takes effect, and where its value comes from.
"""
TABLE_HEAD: Final = "| key | default | type | description | variable |\n| --- | --- | --- | --- | --- |"
# How a user's own names are written where a path goes through them: services.NAME.context.
NAME: Final = "NAME"
# Lists of sections: no variable can set them.
LISTS: Final = frozenset({"verify.checks"})
TYPES: Final = {
    "string": "text", "boolean": "`true`, `false`", "array": "a list", "object": "a mapping", "integer": "a number",
}  # fmt: skip


def variable(path: str) -> str:
    """The environment variable that sets a key."""
    return ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", path.replace("*", NAME)).upper()


def _constraint(path: str) -> str:
    """The values a key can have, in words, from the schema."""
    document = schema()
    node: Mapping[str, Any] = document
    for part in ["", *path.split(".")]:
        while "$ref" in node or "allOf" in node:
            node = document["$defs"][(node.get("$ref") or node["allOf"][0]["$ref"]).rpartition("/")[2]]
        if part:
            node = (node.get("items") or node["additionalProperties"]) if part == "*" else node["properties"][part]
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if "minimum" in node and "maximum" in node:
        return f"{node['minimum']} to {node['maximum']}"
    if "minimum" in node:
        return f"{node['minimum']} or more"
    if "pattern" in node:
        return "a DNS label"
    kinds = [each["type"] for each in node.get("anyOf", [node]) if "type" in each]
    return " or ".join(TYPES[kind] for kind in kinds) or "any value"


def _default(path: str, default: Any) -> str:
    """A default as the page shows it."""
    if default is NODEFAULT:
        return "required"
    entry = path.rpartition(".*.")[0] in LISTS
    return (
        ""
        if default is UNSET or (entry and default in ("", {}, []))
        else f"`{json.dumps(default, ensure_ascii=False)}`"
    )


def markdown() -> str:
    """The page docs/settings.md."""
    groups: dict[str, list[str]] = {}
    for path, default, described in keys():
        group, _, name = path.rpartition(".")
        free = path in {"config", "programs"} or path.endswith(".build_args")
        unset = isinstance(default, dict) or path in LISTS or path.rpartition(".*.")[0] in LISTS
        settable = f"{variable(path)}_{NAME}" if free else "" if unset else variable(path)
        cells = [f"`{name}`", _default(path, default), _constraint(path), described.replace("|", r"\|")]
        row = f"| {' | '.join(cells)} | {settable and f'`{settable}`'} |"
        shown = group.replace(".*", "[]" if group.removesuffix(".*") in LISTS else f".{NAME}")
        groups.setdefault(shown, []).append(row)
    page = PAGE_HEAD
    for group, rows in groups.items():
        page += f"\n## {f'`{group}`' if group else 'Top level'}\n\n{TABLE_HEAD}\n" + "\n".join(rows) + "\n"
    return page


def schema_text() -> str:
    """The file docs/settings.schema.json: the schema of a whole invoke.yaml, of which only our section is ours."""
    document = schema()
    section = {"$ref": document.pop("$ref")}
    definitions = document.pop("$defs")
    whole = {**document, "type": "object", "properties": {"kubetasks": section}, "$defs": definitions}
    return json.dumps(whole, indent=2) + "\n"


def env_example(values: Mapping[str, Any]) -> str:
    """The file .env.example: a line for each declared secret, with what it is."""
    text = ENV_HEAD
    for name, secret in values.get("secrets", {}).items():
        kind = secret.get("kind", "required")
        explained = f"{name} ({kind}){': ' if secret.get('help') else ''}{secret.get('help', '')}"
        text += "\n" + "\n".join(textwrap.wrap(explained, WIDTH, initial_indent="# ", subsequent_indent="# ")) + "\n"
        text += f"{'# ' if kind == 'generated' else ''}{name}=\n"
    return text


def invoke_yaml(values: Mapping[str, Any]) -> str:
    """The file invoke.yaml: every key with its description, and with its default where ``values`` has nothing.

    Args:
        values: the section ``kubetasks``, nested as in the file. Below names of the user's (services, secrets) the
            first one has every key; the others have only what ``values`` gives them.
    """
    return HEAD + "kubetasks:\n" + "\n".join(_section("", values, 1)) + "\n"


def _section(prefix: str, values: Mapping[str, Any], depth: int, *, explain: bool = True) -> Iterator[str]:
    """The lines for the keys directly below a prefix."""
    pad = "  " * depth
    below = [item for item in keys() if item[0].startswith(prefix)]
    done: set[str] = set()
    for path, default, described in below:
        name, _, rest = path.removeprefix(prefix).partition(".")
        if name in done:
            continue
        done.add(name)
        inner = values.get(name)
        if rest and not rest.startswith("*"):
            if not explain and name not in values:
                continue
            if depth == 1:
                yield ""
            yield f"{pad}{name}:"
            yield from _section(f"{prefix}{name}.", inner or {}, depth + 1, explain=explain)
            continue
        if not explain and name not in values:
            continue
        if explain:
            yield from textwrap.wrap(described, WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# ")
        named = f"{prefix}{name}.*."
        if isinstance(inner, Mapping) and inner and any(item[0].startswith(named) for item in below):
            yield f"{pad}{name}:"
            for number, (each, held) in enumerate(inner.items()):
                yield f"{pad}  {each}:"
                yield from _section(named, held or {}, depth + 2, explain=number == 0)
            continue
        yield from _value(name, default if inner is None else inner, pad)


def _value(name: str, value: Any, pad: str) -> Iterator[str]:
    if value in ("", [], {}):
        text = f"{name}: {json.dumps(value)}"
    else:
        text = yaml.safe_dump({name: value}, sort_keys=False, width=1000, allow_unicode=True).strip()
    yield from textwrap.indent(text, pad).splitlines()


def texts(root: Path) -> dict[Path, str]:
    """What the generated files below a project's root should hold, from the tasks and the values in its invoke.yaml."""
    from kubetasks import collection  # noqa: PLC0415  (loads every task)

    invoke = root / "invoke.yaml"
    text = invoke.read_text(encoding="utf-8") if invoke.exists() else ""
    document = documents.load(text, invoke=True) or {}
    values = document.pop("kubetasks", None) or {}
    others = yaml.safe_dump(document, sort_keys=False) if document else ""
    return {
        root / "docs" / "settings.md": markdown(),
        root / "docs" / "settings.schema.json": schema_text(),
        root / "docs" / "commands.md": commands.page(collection),
        root / ".env.example": env_example(values),
        invoke: invoke_yaml(values) + others,
    }


def write(root: Path) -> list[Path]:
    """Write the generated files below a project's root; returns those that changed."""
    changed = []
    for path, text in texts(root).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else ".")):
        print(written)  # noqa: T201
