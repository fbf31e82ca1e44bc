"""Kubeconfig files: what contexts there are, where each one's API server is, and how it is reached.

Several files are merged as kubectl does it: the first to name a thing wins, and so does the first current context.
https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
"""

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MINIKUBE: Final = "minikube.sigs.k8s.io"
DEEPEST: Final = 100
# The lists of a kubeconfig, and the key that holds each entry's content.
LISTS: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}


class Damaged(ValueError):
    """A text is not a kubeconfig; says why in one line."""


class BadEntry(Damaged):
    """An entry is missing, there twice, or has a wrong value; says which and why in one line."""


class BadServer(Damaged):
    """The API server's URL leads nowhere; says why in one line."""


class ForWindows(Damaged):
    """An entry names a file by a Windows path."""


@dataclass(frozen=True)
class Entry:
    """One entry of a kubeconfig.

    Args:
        body: its content.
        origin: the file that it is in; relative paths in it are relative to that file's folder.
    """

    body: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""


@dataclass(frozen=True)
class Context:
    """One context, with everything that decides where its requests go and who they come from.

    Args:
        name: its name.
        server: the API server's URL; empty when the context names a cluster that does not exist.
        proxy: the proxy that requests go through; empty for none.
        provider: who wrote it, where it says so (minikube does).
        tls_server_name: the name that the server's certificate is checked against, where it is not the URL's host.
        insecure: whether the server's certificate is not checked at all.
        plugin: the program, or the built-in provider, that gives the credentials; empty for none.
        cluster: the name of its cluster entry.
        user: the name of its user entry.
    """

    name: str
    server: str = ""
    proxy: str = ""
    provider: str = ""
    tls_server_name: str = ""
    insecure: bool = False
    plugin: str = ""
    cluster: str = field(default="", compare=False)
    user: str = field(default="", compare=False)


@dataclass(frozen=True)
class Kubeconfig:
    """The contexts of one or more kubeconfig files, and which is current.

    Args:
        current: the current context's name; empty for none.
        contexts: name to context.
        clusters: name to cluster entry.
        users: name to user entry.
    """

    current: str = ""
    contexts: Mapping[str, Context] = field(default_factory=dict)
    clusters: Mapping[str, Entry] = field(default_factory=dict, compare=False)
    users: Mapping[str, Entry] = field(default_factory=dict, compare=False)

    def nearest(self, name: str) -> str:
        """The context whose name is most like this one; empty when none is."""
        near = difflib.get_close_matches(name, self.contexts, n=1, cutoff=0.5)
        return near[0] if near else ""


def parse(text: str) -> dict[str, Any]:
    """The document of one file; empty for an empty one.

    Raises:
        Damaged: it is not valid YAML, or not shaped like a kubeconfig.
        BadEntry: two entries of a list have the same name, or a name is not text. kubectl refuses both, too.
    """
    import yaml  # noqa: PLC0415

    if _is_too_deep(text):
        raise Damaged("it is nested too deeply")
    try:
        # Of several documents kubectl reads the first.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = next(iter(yaml.load_all(text, Loader=loader)), None)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise Damaged(f"it is not valid YAML: {getattr(error, 'problem', None) or 'cannot be read'}{where}") from None
    except ValueError as error:  # an impossible date, and the like
        raise Damaged(f"it is not valid YAML: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Damaged("it is not a mapping")
    for key, right in (("apiVersion", "v1"), ("kind", "Config")):
        if document.get(key) not in {None, "", right}:
            raise Damaged(f"it is not a kubeconfig: its {key} is {document[key]}, not {right}")
    if not isinstance(document.get("current-context") or "", str):
        raise Damaged("`current-context` is not a name")
    for key in LISTS:
        _check_list(document.get(key), key)
    return document


def _is_too_deep(text: str) -> bool:
    """Whether a text is nested so deeply that the parser, which is written in C, would crash with the whole process."""
    if re.search(rf"(?:[-?:]\s+){{{DEEPEST}}}", text):
        return True
    depth = 0
    for found in re.finditer(r"[\[\]{}]", text):
        depth += 1 if found[0] in "[{" else -1
        if depth > DEEPEST:
            return True
    return False


def _check_list(items: Any, key: str) -> None:
    if items is None:
        return
    if not (isinstance(items, list) and all(isinstance(item, dict) for item in items)):
        raise Damaged(f"`{key}` is not a list of mappings")
    seen: set[str] = set()
    for item in items:
        name = item.get("name")
        if name is not None and not isinstance(name, (str, dt.date)):
            raise BadEntry(f"in `{key}` a name is {str(name).lower()}, which is not text: put it in quotes")
        if str(name) in seen:
            raise BadEntry(f"`{key}` has two entries with the name {name or '(none)'}")
        seen.add(str(name))


def merge(documents: Iterable[Mapping[str, Any]], origins: Iterable[str] = ()) -> Kubeconfig:
    """What kubectl sees in several parsed files.

    Args:
        documents: the files' documents.
        origins: the files' paths, in the same order.
    """
    current = ""
    found: dict[str, dict[str, Entry]] = {key: {} for key in LISTS}
    files = iter(origins)
    for document in documents:
        origin = next(files, "")
        current = current or document.get("current-context") or ""
        for key, inner in LISTS.items():
            for item in document.get(key) or ():
                found[key].setdefault(str(item.get("name") or ""), Entry(mapping(item.get(inner)), origin))
    clusters, users = found["clusters"], found["users"]
    contexts = {name: _context(name, entry.body, clusters, users) for name, entry in found["contexts"].items() if name}
    return Kubeconfig(current=current, contexts=contexts, clusters=clusters, users=users)


def _context(
    name: str, context: Mapping[str, Any], clusters: Mapping[str, Entry], users: Mapping[str, Entry]
) -> Context:
    cluster_name, user_name = str(context.get("cluster") or ""), str(context.get("user") or "")
    cluster = clusters.get(cluster_name, Entry()).body
    user = users.get(user_name, Entry()).body
    plugin = mapping(user.get("exec")).get("command") or mapping(user.get("auth-provider")).get("name")
    return Context(
        name=name,
        server=str(cluster.get("server") or ""),
        proxy=str(cluster.get("proxy-url") or ""),
        provider=_provider(context) or _provider(cluster),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        plugin=str(plugin or ("unknown" if user.get("exec") or user.get("auth-provider") else "")),
        cluster=cluster_name,
        user=user_name,
    )


def _provider(item: Mapping[str, Any]) -> str:
    for each in extensions(item):
        provider = mapping(each.get("extension")).get("provider")
        if provider:
            return str(provider)
    return ""


def extensions(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The extensions of an entry."""
    held = item.get("extensions")
    return [mapping(each) for each in held] if isinstance(held, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping; else an empty one."""
    return value if isinstance(value, dict) else {}
