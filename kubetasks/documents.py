"""YAML text to plain values: one safe loader for every file and every program's output that is read.

A key that is defined twice in a mapping is rejected with both lines: YAML forbids it (1.2, section 3.2.1.3), and a
parser that takes the last one hides a mistake. Dates stay strings, because JSON has no other form for them.

Plain scalars and keys are read as Kubernetes' own tools read them (sigs.k8s.io/yaml): ``1e3``, ``0o17`` and ``1_000``
are numbers, ``y`` is true, ``12:30:45`` and ``=`` are text. With ``invoke`` values are read as Invoke
reads its configuration (YAML 1.1 as in PyYAML), and a key that is not text is rejected: Invoke cannot use one.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

LARGEST: Final = 2**63 - 1
BOOLEAN: Final = re.compile(r"(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$")
TRUE: Final = frozenset({"y", "yes", "true", "on"})
INTEGER: Final = re.compile(
    r"[-+]?(?:0[bB]_*[01][01_]*|0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|0[oO]?_*[0-7][0-7_]*|0_*|[1-9][0-9_]*)$"
)
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9][0-9_]*)?$")
NOT_JSON: Final = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")
TEXT: Final = "tag:yaml.org,2002:str"
MERGE: Final = "tag:yaml.org,2002:merge"


class NotYamlError(ValueError):
    """A text that cannot be read as YAML.

    Args:
        why: what is wrong, in one line.
        line: the line it is at, from 1; 0 if it has none.
    """

    def __init__(self, why: str, line: int = 0) -> None:
        self.why = why
        self.line = line
        super().__init__(f"line {line}: {why}" if line else why)


def load(text: str, *, invoke: bool = False) -> Any:
    """The value of the one document in a text; None for an empty text.

    Args:
        text: the text.
        invoke: read values as Invoke does, dates among them; keys must be text.

    Raises:
        NotYamlError: it is not valid YAML, holds more than one document, or gives a key twice.
    """
    import yaml  # noqa: PLC0415

    try:
        return yaml.load(text, Loader=_loader(invoke))  # noqa: S506  (a safe one)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refused(error) from None


@dataclass(frozen=True)
class Located:
    """A scalar as it is written in a text: the name of its file, its line (from 1), and its characters."""

    name: str
    line: int
    text: str


def locate(text: str, keys: Sequence[str], name: str) -> Located | None:
    """Where the value of a key stands; None if the text has no such key.

    Args:
        text: a text that ``load`` reads.
        keys: the way to it; ``[0]`` is the first entry of a list.
        name: the file's name, for people.
    """
    import yaml  # noqa: PLC0415

    try:
        node = yaml.compose(text, Loader=_loader(True))
    except yaml.YAMLError:
        return None
    for key in keys:
        entry = re.fullmatch(r"\[(\d+)\]", key)
        if isinstance(node, yaml.SequenceNode) and entry and int(entry[1]) < len(node.value):
            node = node.value[int(entry[1])]
            continue
        found = [value for each, value in node.value if each.value == key] if isinstance(node, yaml.MappingNode) else []
        if not found:
            return None
        node = found[-1]
    if node is None:
        return None
    return Located(name, node.start_mark.line + 1, node.value if isinstance(node, yaml.ScalarNode) else "")


def load_all(text: str, *, twice: bool = False) -> list[Any]:
    """The values of all documents in a text, empty ones left out.

    Args:
        text: the text.
        twice: take the last of keys that stand twice, as Helm does.

    Raises:
        NotYamlError: as for ``load``.
    """
    import yaml  # noqa: PLC0415

    try:
        return [each for each in yaml.load_all(text, Loader=_loader(False, twice)) if each is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refused(error) from None


def dump_all(values: Iterable[Any]) -> str:
    """Values as a stream of YAML documents, in which every text is a text to Kubernetes and to PyYAML."""
    import yaml  # noqa: PLC0415

    return str(yaml.dump_all(values, Dumper=_dumper(), sort_keys=False))


@cache
def _dumper() -> Any:
    """A dumper that puts into quotes what either of the two would read as something else."""
    import yaml  # noqa: PLC0415

    theirs = yaml.SafeDumper.yaml_implicit_resolvers
    ours = _loader(False).yaml_implicit_resolvers

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML's own name and type)
            first: [*theirs.get(first, ()), *ours.get(first, ())] for first in {*theirs, *ours}
        }

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Dumper


def _refused(error: Exception) -> NotYamlError:
    if isinstance(error, NotYamlError):
        return error
    if isinstance(error, RecursionError):
        return NotYamlError("it is nested too deeply")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return NotYamlError(" ".join(str(why).split()), mark.line + 1 if mark is not None else 0)


@cache
def _loader(invoke: bool, twice: bool = False) -> Any:
    """The loader: PyYAML's parser in C where it was built with it, which is ten times as quick."""
    import yaml  # noqa: PLC0415

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def flatten_mapping(self, node: Any) -> None:
            """Called first of all that makes a mapping, and once per node before merge keys are replaced."""
            seen: dict[Hashable, int] = {}
            for key, _ in node.value:
                if key.tag == MERGE:
                    continue
                name: Hashable = (key.tag, key.value) if isinstance(key.value, str) else id(key)
                line = key.start_mark.line + 1
                if invoke and key.tag != TEXT:
                    kind = key.tag.rpartition(":")[2]
                    raise NotYamlError(f"key `{key.value}` is not a string but {kind}: put it in quotes", line)
                if name in seen and not twice and not getattr(node, "flat", False):
                    raise NotYamlError(f"key `{key.value}` is defined twice, the first time in line {seen[name]}", line)
                seen[name] = line
            node.flat = True  # what a merge brings in may well be there already
            super().flatten_mapping(node)

    if not invoke:
        _as_kubernetes(Loader)
    return Loader


def _as_kubernetes(loader: Any) -> None:
    """Give a loader the plain scalars and keys of sigs.k8s.io/yaml."""
    prefix = "tag:yaml.org,2002:"

    def boolean(loader: Any, node: Any) -> bool:
        return str(loader.construct_scalar(node)).lower() in TRUE

    def integer(loader: Any, node: Any) -> int | float | str:
        text = str(loader.construct_scalar(node))
        found = _integer(text) if INTEGER.match(text) else None
        return _number(text) if found is None else found

    def number(loader: Any, node: Any) -> Any:
        return _number(str(loader.construct_scalar(node)))

    def text(loader: Any, node: Any) -> str:
        return str(loader.construct_scalar(node))

    def mapping(loader: Any, node: Any) -> dict[str, Any]:
        loader.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key, value in node.value:
            found[_key(loader.construct_object(key, deep=True), key)] = loader.construct_object(value, deep=True)
        return found

    resolvers: dict[str, list[tuple[str, Any]]] = {}
    for tag, regex, first in (
        ("bool", BOOLEAN, "yYnNtTfFoO"),
        ("int", INTEGER, "-+0123456789"),
        ("float", FLOAT, "-+.0123456789"),
        ("float", NOT_JSON, "-+."),
        ("null", re.compile(r"(?:~|null|Null|NULL|)$"), "~nN"),
        ("merge", re.compile(r"<<$"), "<"),
    ):
        for letter in [*first, *([""] if tag == "null" else [])]:
            resolvers.setdefault(letter, []).append((prefix + tag, regex))
    loader.yaml_implicit_resolvers = resolvers
    for tag, make in (
        ("bool", boolean), ("int", integer), ("float", number), ("timestamp", text), ("merge", text), ("map", mapping),
    ):  # fmt: skip
        loader.add_constructor(prefix + tag, make)


def _integer(text: str) -> int | None:
    """A whole number as Go reads it with base 0; None for one with a zero too many, which counts as a float."""
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    plain = digits.replace("_", "").lower()
    base = {"0b": 2, "0x": 16, "0o": 8}.get(plain[:2], 8 if plain.startswith("0") and len(plain) > 1 else 10)
    if base == 8 and plain[1:2] != "o":
        plain = "0o" + plain[1:]
    found = int(plain, 0) if base != 10 else int(plain)
    found = -found if sign == "-" else found
    return found if -LARGEST - 1 <= found <= 2 * LARGEST + 1 else None


def _number(text: str) -> int | float | str:
    """A float as JSON has it: a whole one has no point, and one that is too large stays text."""
    if NOT_JSON.match(text):
        raise NotYamlError(f"{text} is not a valid JSON number")
    found = float(text.replace("_", ""))
    if found in (float("inf"), float("-inf")):
        return text
    return int(found) if found.is_integer() and abs(found) < 2**63 else found


def _key(value: Any, node: Any) -> str:
    line = node.start_mark.line + 1
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise NotYamlError("a key must be a string", line)
