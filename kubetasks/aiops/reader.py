"""The tools of a model that kubetasks itself asks. They read a snapshot, and logs; never a Secret's value."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from kubetasks.aiops.prompts import findings_text
from kubetasks.diagnose import hide
from kubetasks.diagnose.finding import Finding
from kubetasks.diagnose.show import about
from kubetasks.diagnose.snapshot import Snapshot
from kubetasks.diagnose.words import nearest
from kubetasks.errors import KubetasksError
from kubetasks.objects import Object, identity
from kubetasks.targets.base import Store

TAIL: Final = 80  # lines
HIDDEN_KINDS: Final = frozenset({"Secret", "Event"})
TEXT: Final = {"type": "string"}


class Unknown(Exception):
    """What a model asked for does not exist; says so, to the model."""


@dataclass
class Reader:
    """Answers the calls of a model.

    Args:
        snapshot: the namespace as it was when the question was asked.
        findings: what the rules found in it.
        store: where logs that are not in the snapshot come from; None for a recorded one.
        known: replaces the secrets that are known.
        proposed: the commands that the model proposed, each with its reason.
    """

    snapshot: Snapshot
    findings: Sequence[Finding]
    store: Store | None = None
    known: Callable[[str], str] = str
    proposed: list[tuple[list[str], str]] = field(default_factory=list)

    def call(self, name: str, arguments: str) -> str:
        """The result of a call, or what is wrong with it: text for the model, not yet fenced.

        Args:
            name: the function's name.
            arguments: its arguments as JSON.
        """
        functions: Mapping[str, Callable[..., str]] = {
            "get": self.get, "describe": self.describe, "logs": self.logs, "events": self.events,
            "diagnose": self.diagnose, "propose": self.propose,
        }  # fmt: skip
        if name not in functions:
            return f"There is no tool {name!r}; there are {', '.join(functions)}."
        try:
            return functions[name](**json.loads(arguments or "{}"))
        except (ValueError, TypeError, RecursionError):
            return f"The arguments of {name} do not fit: {json.dumps(PARAMETERS[name])}"
        except Unknown as unknown:
            return str(unknown)

    def get(self, kind: str, name: str = "") -> str:
        """The names of all objects of a kind, or one object as YAML."""
        found = self._kind(kind)
        if name:
            return self._yaml(self._one(found, name))
        return "\n".join(f"{identity(item)} {_state(item)}".rstrip() for item in found)

    def describe(self, kind: str, name: str) -> str:
        """One object as YAML, and its events."""
        item = self._one(self._kind(kind), name)
        return f"{self._yaml(item)}\nEvents:\n{self.events(identity(item))}"

    def events(self, about: str = "") -> str:
        """The events, of one object where it is named: the newest last."""
        name = about.rpartition("/")[2]
        lines = []
        for item in self.snapshot.objects:
            if item["kind"] != "Event":
                continue
            regards = item.get("involvedObject") or item.get("regarding") or {}
            if name in {"", regards.get("name")}:
                when = str(item.get("lastTimestamp") or item.get("eventTime") or "")
                said = str(item.get("message") or item.get("note") or "")
                lines.append(
                    f"{when} {item.get('type', '')} {regards.get('kind')}/{regards.get('name')} "
                    f"{item.get('reason', '')}: {said}"
                )
        return hide.masked("\n".join(sorted(lines)[-60:]), self.known) or "There are no events."

    def logs(self, pod: str, container: str = "", previous: bool = False) -> str:
        """The last lines of a pod's log."""
        item = self._one(self._kind("Pod"), pod)
        name = item["metadata"]["name"]
        containers = [each["name"] for each in item.get("spec", {}).get("containers") or ()]
        if container and container not in {*containers, *_inits(item)}:
            raise Unknown(f"Pod {name} has no container {container!r}; it has {', '.join(containers)}.")
        recorded = [
            each.text
            for each in self.snapshot.logs
            if each.pod == name and each.previous == bool(previous) and container in {"", each.container}
        ]
        text = "\n".join(recorded)
        if not text and self.store is not None:
            which = container or (containers[0] if len(containers) == 1 else "")
            try:
                text = self.store.logs(name, which, tail=TAIL, previous=bool(previous))
            except KubetasksError as error:
                raise Unknown(f"The log cannot be read: {error.what}.") from None
        return hide.masked(text, self.known) or "The log is empty."

    def diagnose(self, workload: str = "") -> str:
        """What the rules found."""
        found = about(list(self.findings), workload) if workload else self.findings
        return hide.masked(findings_text(found), self.known)

    def propose(self, command: list[str], why: str = "") -> str:
        """Keep a command for a person to decide on."""
        words: object = command  # a model gives what it likes
        if not (isinstance(words, list) and words and all(isinstance(word, str) for word in words)):
            raise TypeError
        self.proposed.append((command, str(why)))
        return "Noted. The user decides about it after your answer; it was not run."

    def _kind(self, kind: str) -> list[Object]:
        wanted = str(kind).lower().partition(".")[0]
        if wanted in {"secret", "secrets"}:
            raise Unknown("Secrets are not readable.")
        found = [
            item
            for item in self.snapshot.objects
            if item["kind"] not in HIDDEN_KINDS and wanted in {item["kind"].lower(), f"{item['kind'].lower()}s"}
        ]
        if not found:
            kinds = sorted({item["kind"] for item in self.snapshot.objects} - HIDDEN_KINDS)
            raise Unknown(f"There is no {kind} here; there are objects of {', '.join(kinds)}.")
        return found

    def _one(self, found: Sequence[Object], name: str) -> Object:
        wanted = str(name).rpartition("/")[2]
        for item in found:
            if item["metadata"]["name"] == wanted:
                return item
        names = [item["metadata"]["name"] for item in found]
        raise Unknown(f"There is no {found[0]['kind']} {wanted!r}{nearest(wanted, names).hint}.")

    def _yaml(self, item: Object) -> str:
        return hide.masked(yaml.safe_dump(item, sort_keys=False, width=200), self.known)


def _inits(item: Object) -> list[str]:
    return [each["name"] for each in item.get("spec", {}).get("initContainers") or ()]


def _state(item: Object) -> str:
    """A few words on the state of an object."""
    status = item.get("status") or {}
    if item["kind"] == "Pod":
        return str(status.get("phase", ""))
    if "replicas" in status or "readyReplicas" in status:
        return f"{status.get('readyReplicas', 0)}/{(item.get('spec') or {}).get('replicas', 1)} ready"
    return ""


def _function(name: str, text: str, required: Sequence[str], /, **properties: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {
        "type": "object", "properties": properties, "required": list(required), "additionalProperties": False,
    }  # fmt: skip
    return {"type": "function", "function": {"name": name, "description": text, "parameters": parameters}}


TOOLS: Final = [
    _function("get", "List the objects of a kind, or read one as YAML.", ["kind"], kind=TEXT, name=TEXT),
    _function("describe", "Read an object as YAML, with its events.", ["kind", "name"], kind=TEXT, name=TEXT),
    _function(
        "logs", "Read the end of a pod's log.", ["pod"], pod=TEXT, container=TEXT, previous={"type": "boolean"}
    ),
    _function("events", "List events, of one object where it is named.", [], about=TEXT),
    _function("diagnose", "What the rules found, of one workload where it is named.", [], workload=TEXT),
    _function(
        "propose",
        "Propose one kubectl command that changes something; the user decides.",
        ["command", "why"],
        command={"type": "array", "items": TEXT},
        why=TEXT,
    ),
]  # fmt: skip
PARAMETERS: Final = {each["function"]["name"]: each["function"]["parameters"] for each in TOOLS}
