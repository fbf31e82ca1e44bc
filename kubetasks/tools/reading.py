"""Which calls only read, by their argument vectors: with Invoke's ``--dry`` no other call is made.

What is not known to read counts as a change.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final

from kubetasks.tools import ctr
from kubetasks.tools.kubectl import REJECT_WRITES

# Options that take their value as the next word, and may stand before the verb.
WITH_VALUE: Final = frozenset(
    {"--context", "--kube-context", "--namespace", "-n", "--kubeconfig", "-p", "--profile", "--registry-config"}
)
# By program, the verbs (of one or two words) that only read.
READING: Final[Mapping[str, frozenset[str]]] = {
    "kubectl": frozenset(
        {
            "get", "version", "config view", "config get-contexts", "config current-context", "kustomize", "logs",
            "port-forward", "describe", "auth can-i", "auth whoami", "api-resources", "api-versions", "cluster-info",
            "explain", "diff", "wait", "top", "events", "rollout status",
        }
    ),
    "helm": frozenset({"template", "lint", "version", "list", "status", "get", "history", "show", "env", "pull"}),
    "docker": frozenset(
        {
            "image inspect", "image ls", "image history", "images", "inspect", "manifest inspect", "version", "info",
            "ps", "system df", "context inspect", "context ls", "context show", "buildx version", "buildx ls",
            "buildx inspect", "container ls", "container inspect", "network inspect", "network ls", "port", "logs",
        }
    ),
    "kind": frozenset({"get", "version"}),
    "minikube": frozenset({"status", "profile list", "version", "docker-env", "image ls", "ip", "node list"}),
    "ps": frozenset({""}),
}  # fmt: skip
# An image's name as it is put into a script for a node: nothing in it ends a word.
NAME: Final = re.compile(r"[A-Za-z0-9][\w./:@-]*")


def reads(argv: Sequence[str]) -> bool:
    """Whether a call changes nothing."""
    program = PurePath(argv[0]).name.removesuffix(".exe")
    verbs = READING.get(program, frozenset())
    if "" in verbs:
        return True
    words = _words(argv[1:])
    if program == "kubectl" and words[:1] == ["apply"]:
        return "--dry-run=server" in argv
    if program == "kubectl" and words[:1] == ["proxy"]:
        return REJECT_WRITES in argv
    if program == "bwrap":  # whether a sandbox works, tried on a program that does nothing
        return list(argv[-3:]) == ["--", "/usr/bin/env", "true"]
    if program == "docker" and words[:1] == ["exec"]:
        inside = list(argv[argv.index("exec") + 1 :])
        return _reads_on_a_node(inside[1:]) if inside and not inside[0].startswith("-") else False
    return bool({" ".join(words[:1]), " ".join(words[:2])} & verbs)


def _words(argv: Sequence[str]) -> list[str]:
    """The first two words that are no options, without the options' values."""
    found: list[str] = []
    words = iter(argv)
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            found.append(word)
    return found[:2]


def _reads_on_a_node(argv: Sequence[str]) -> bool:
    """Whether a call inside a node is one of those that list what it has."""
    if list(argv) in (ctr.content(), ctr.version(), ctr.image_names()):
        return True
    script = argv[2] if len(argv) == 3 else ""
    names = re.findall(r"name==([^\s)]*)", script.partition("\n")[0])
    return all(map(NAME.fullmatch, names)) and list(argv) == ctr.images(names)
