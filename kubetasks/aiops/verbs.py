"""What a proposed command may do: our own table, read without a shell. What is not in it is rejected.

kubectl-ai has such a table, too, and lets through ``kubectl delete --dry-run=none``, ``kubectl config set-context``,
redirections into files, and any program with "kubectl" in its path. Here a command is a list of words from the start.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kubetasks.tools.kubectl import Kubectl

LONGEST: Final = 8000  # characters
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
ASSIGNMENT: Final = re.compile(r"[A-Za-z_*][\w.-]*=.*", re.DOTALL)
ENVIRONMENT: Final = re.compile(r"[A-Za-z_]\w*(=.*|-)", re.DOTALL)
MARK: Final = re.compile(r"[A-Za-z0-9][\w./-]*(=[\w./: @+-]*|-)")

# Names and abbreviations that kubectl knows, to the one that is used here. Whatever is missing is rejected: Secrets,
# roles and bindings, service accounts, claims and volumes, namespaces, nodes, and everything outside a namespace.
KINDS: Final[Mapping[str, str]] = {
    alias: names[0]
    for names in (
        ("deployment", "deployments", "deploy", "deployment.apps", "deployments.apps"),
        ("statefulset", "statefulsets", "sts", "statefulset.apps", "statefulsets.apps"),
        ("daemonset", "daemonsets", "ds", "daemonset.apps", "daemonsets.apps"),
        ("replicaset", "replicasets", "rs", "replicaset.apps", "replicasets.apps"),
        ("pod", "pods", "po"),
        ("job", "jobs", "job.batch", "jobs.batch"),
        ("cronjob", "cronjobs", "cj", "cronjob.batch", "cronjobs.batch"),
        ("service", "services", "svc"),
        ("configmap", "configmaps", "cm"),
        ("ingress", "ingresses", "ing", "ingress.networking.k8s.io", "ingresses.networking.k8s.io"),
        ("networkpolicy", "networkpolicies", "netpol"),
        ("horizontalpodautoscaler", "horizontalpodautoscalers", "hpa", "hpa.autoscaling"),
        ("poddisruptionbudget", "poddisruptionbudgets", "pdb"),
    )
    for alias in names
}
TEMPLATED: Final = frozenset({"deployment", "statefulset", "daemonset"})
EVERY: Final = frozenset(KINDS.values())
READING: Final = frozenset({"get", "describe", "logs", "events", "top", "explain", "version", "api-resources", "wait"})


@dataclass(frozen=True)
class Verb:
    """What one verb may be given.

    Args:
        kinds: the kinds that it may be used on.
        flags: its flags, and whether each takes a value.
        more: what the words after the object have to look like; None if there may be none.
        several: whether it may name several objects.
        bare: whether the word after it is a name without a kind (``create job NAME``).
    """

    kinds: frozenset[str] = EVERY
    flags: Mapping[str, bool] = field(default_factory=dict)
    more: re.Pattern[str] | None = None
    several: bool = False
    bare: bool = False


VERBS: Final[Mapping[str, Verb]] = {
    "rollout restart": Verb(TEMPLATED),
    "rollout undo": Verb(TEMPLATED, {"--to-revision": True}),
    "rollout pause": Verb(frozenset({"deployment"})),
    "rollout resume": Verb(frozenset({"deployment"})),
    "scale": Verb(
        frozenset({"deployment", "statefulset", "replicaset"}), {"--replicas": True, "--current-replicas": True}
    ),
    "set image": Verb(TEMPLATED | {"cronjob", "pod"}, more=ASSIGNMENT),
    "set env": Verb(TEMPLATED | {"cronjob"}, {"--containers": True, "-c": True}, more=ENVIRONMENT),
    "set resources": Verb(TEMPLATED, {"--limits": True, "--requests": True, "--containers": True, "-c": True}),
    "patch": Verb(EVERY, {"--patch": True, "-p": True, "--type": True}),
    "label": Verb(EVERY, {"--overwrite": False}, more=MARK),
    "annotate": Verb(EVERY, {"--overwrite": False}, more=MARK),
    "delete": Verb(EVERY, {"--wait": False, "--grace-period": True}, several=True),
    "create job": Verb(frozenset({"job"}), {"--from": True}, bare=True),
}
GROUPS: Final = frozenset({"rollout", "set", "create"})


class Unfit(Exception):
    """A command that may not be run; says why."""


@dataclass(frozen=True)
class Judged:
    """A proposed command.

    Args:
        text: as it was proposed, for people.
        argv: what would be run; empty for one that is rejected.
        why: why it is rejected; empty for one that may be run.
        reads: whether it only reads, so that there is nothing to approve.
    """

    text: str
    argv: tuple[str, ...] = ()
    why: str = ""
    reads: bool = False


def judge(command: str | Sequence[str], kubectl: Kubectl) -> Judged:
    """Decide about a proposed command.

    Args:
        command: a command line, or its words.
        kubectl: the context and the namespace that it is held to.
    """
    text = command if isinstance(command, str) else shlex.join(command)
    try:
        words = split(command) if isinstance(command, str) else list(command)
        _check_words(words)
        rest = _scoped(words[1:], kubectl)
        if rest[:1] and rest[0] in READING:
            return Judged(text, reads=True)
        _check(rest)
    except Unfit as unfit:
        return Judged(text, why=str(unfit))
    return Judged(text, argv=tuple(kubectl.argv(*rest)))


def split(command: str) -> list[str]:
    """The words of a command line, which has to be one plain command.

    Raises:
        Unfit: it is more than that: a pipe, a redirection, a variable, a pattern, a second command.
    """
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        raise Unfit("its quotes are not closed") from None
    if any(word and set(word) <= set("();<>|&") for word in words):
        raise Unfit("it needs a shell: a pipe, a redirection or a second command")
    bare = re.sub(r"'[^']*'", "", command)
    if "$" in bare or "`" in bare:
        raise Unfit("it needs a shell: a variable or a command in it")
    if re.search(r"[\n\r]", re.sub(r"'[^']*'|\"[^\"]*\"", "", command.strip().replace("\\\n", " "))):
        raise Unfit("it is several lines")
    return words


def _check_words(words: Sequence[str]) -> None:
    if not words or words[0] != "kubectl":
        raise Unfit("it is not kubectl")
    if sum(map(len, words)) > LONGEST:
        raise Unfit("it is too long")
    if any(not (character.isprintable() or character in "\n\t") for word in words for character in word):
        raise Unfit("it has control characters")


def _scoped(words: Sequence[str], kubectl: Kubectl) -> list[str]:
    """The words without ``--context`` and ``--namespace``, which have to be ours.

    Raises:
        Unfit: they name another cluster or namespace.
    """
    rest: list[str] = []
    left = iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if name not in {"--context", "--namespace", "-n"}:
            rest.append(word)
            if name in {"-p", "--patch"} and not equals:  # its value may be anything, "-n" too
                rest.append(next(left, ""))
            continue
        given = value if equals else next(left, "")
        wanted = kubectl.context if name == "--context" else kubectl.namespace
        if given != wanted:
            raise Unfit(f"it is for {given or 'nothing'} and not for {wanted} ({name})")
    return rest


def _check(rest: Sequence[str]) -> None:
    """Refuse what the table does not have.

    Raises:
        Unfit: it is rejected.
    """
    verb = " ".join(rest[:2] if rest[:1] and rest[0] in GROUPS else rest[:1])
    row = VERBS.get(verb)
    if row is None:
        raise Unfit(f"`kubectl {verb}` is not a command that can be proposed")
    positional = _without_flags(rest[len(verb.split()) :], row, verb)
    if row.bare:
        _check_creation(rest, positional)
        return
    objects, more = _objects(positional, row)
    if not objects:
        raise Unfit("it does not name an object")
    if len(objects) > 1 and not row.several:
        raise Unfit("it names several objects")
    if more and (row.more is None or not all(map(row.more.fullmatch, more))):
        raise Unfit(f"`{more[0]}` is not allowed here")
    if row.more is not None and not more:
        raise Unfit("it does not say what to change")


def _without_flags(words: Sequence[str], row: Verb, verb: str) -> list[str]:
    positional: list[str] = []
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            positional.append(word)
            continue
        name, equals, _ = word.partition("=")
        if name not in row.flags:
            raise Unfit(f"{name} is not permitted with `kubectl {verb}`")
        if row.flags[name] and not equals and not next(left, ""):
            raise Unfit(f"{name} has no value")
    return positional


def _check_creation(rest: Sequence[str], positional: Sequence[str]) -> None:
    source = next((word for word in rest if word.startswith("--from")), "")
    kind, _, name = source.partition("=")[2].partition("/")
    if len(positional) != 1 or not NAME.fullmatch(positional[0]):
        raise Unfit("it has to name one Job")
    if KINDS.get(kind) != "cronjob" or not NAME.fullmatch(name):
        raise Unfit("a Job may only be created with --from=cronjob/NAME")


def _objects(words: Sequence[str], row: Verb) -> tuple[list[str], list[str]]:
    """The objects that a command names, and the words after them."""
    if not words:
        return [], []
    if "/" in words[0] and "=" not in words[0]:
        count = next((index for index, word in enumerate(words) if "/" not in word or "=" in word), len(words))
        named = [word.partition("/")[::2] for word in words[:count]]
    else:
        count = next((index for index, word in enumerate(words) if index and not NAME.fullmatch(word)), len(words))
        named = [(words[0], word) for word in words[1:count]]
        count = max(count, 1)
        if not named:
            _kind(words[0], row)
    for kind, name in named:
        _kind(kind, row)
        if not NAME.fullmatch(name):
            raise Unfit(f"`{name}` is not the name of an object")
    return [f"{kind}/{name}" for kind, name in named], list(words[count:])


def _kind(kind: str, row: Verb) -> None:
    found = KINDS.get(kind.lower())
    if found is None or found not in row.kinds:
        raise Unfit(f"it may not be used on {kind}")
