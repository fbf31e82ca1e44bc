"""A kubeconfig of one context: its cluster and its user alone, certificates included, paths absolute.

As ``kubectl config view --minify --flatten --raw``, but strict: where kubectl would continue with another server
(localhost:8080), with another user (anonymous, or one that it asks for), or would fail later and less clearly, it says
what is wrong with which entry.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from kubetasks.tools.kubeconfig import BadEntry, BadServer, Context, Entry, ForWindows, Kubeconfig, extensions

Read = Callable[[Path], bytes]
CheckUrl = Callable[[str], None]

# https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
CLUSTER: Final = {
    "server": str, "tls-server-name": str, "proxy-url": str, "insecure-skip-tls-verify": bool,
    "disable-compression": bool, "certificate-authority": str, "certificate-authority-data": str,
}  # fmt: skip
USER: Final = {
    "client-certificate": str, "client-certificate-data": str, "client-key": str, "client-key-data": str,
    "token": str, "tokenFile": str, "as": str, "as-uid": str, "as-groups": list, "as-user-extra": dict,
    "username": str, "password": str, "exec": dict, "auth-provider": dict,
}  # fmt: skip
# Files whose content goes into the copy, with what a PEM block in them is called.
EMBEDDED: Final = {
    "certificate-authority": "CERTIFICATE",
    "client-certificate": "CERTIFICATE",
    "client-key": "PRIVATE KEY",
}
# One of these has to be there for kubectl to know who the user is.
CREDENTIALS: Final = (
    "client-certificate-data",
    "client-key-data",
    "token",
    "tokenFile",
    "username",
    "exec",
    "auth-provider",
)
# The cluster information for a credential plugin, with `provideClusterInfo`.
PLUGIN_EXTENSION: Final = "client.authentication.k8s.io/exec"
PROXY_SCHEMES: Final = ("http", "https", "socks5")
KINDS: Final = {str: "text", bool: "true or false", list: "a list", dict: "a mapping"}


def is_windows_path(text: str) -> bool:
    r"""Whether a path is one of Windows: ``C:\Users``, ``C:/Users``, ``\\server\share``."""
    return re.match(r"[A-Za-z]:[\\/]|\\\\", text) is not None


def minified(
    config: Kubeconfig, name: str, read: Read, check_url: CheckUrl, *, windows: bool = False
) -> dict[str, Any]:
    """The document of the copy.

    Args:
        config: the merged files.
        name: the context; it exists.
        read: reads a file that an entry names; raises BadEntry where it cannot.
        check_url: raises ValueError, with the reason, for a URL that no connection can be made to.
        windows: whether this is Windows, where Windows paths are paths.

    Raises:
        BadEntry: what the context needs is missing or damaged.
        BadServer: the API server's URL is empty, or leads nowhere.
        ForWindows: a file is named by a Windows path.
    """
    context = config.contexts[name]
    if context.cluster not in config.clusters:
        raise BadEntry(f"context {name} names cluster {context.cluster or '(none)'}, which is not in `clusters`")
    if context.user and context.user not in config.users:
        raise BadEntry(f"context {name} names user {context.user}, which is not in `users`")
    maker = _Maker(read, windows)
    cluster = maker.copied(config.clusters[context.cluster], CLUSTER, f"cluster {context.cluster}")
    _check_server(context, check_url)
    for_plugin = [
        each for each in extensions(config.clusters[context.cluster].body) if each.get("name") == PLUGIN_EXTENSION
    ]
    if for_plugin:
        cluster["extensions"] = for_plugin
    user = maker.copied(config.users.get(context.user, Entry()), USER, f"user {context.user}")
    _check_user(user, f"user {context.user or '(none)'}", secure=not context.server.startswith("http://"))
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def _check_server(context: Context, check_url: CheckUrl) -> None:
    if not context.server:
        raise BadServer(f"cluster {context.cluster} has no server")
    try:
        check_url(context.server)
    except ValueError as error:
        raise BadServer(f"cluster {context.cluster} has the server {context.server}: {error}") from None
    scheme = context.proxy.partition("://")[0] if "://" in context.proxy else ""
    if context.proxy and scheme not in PROXY_SCHEMES:
        raise BadServer(
            f"cluster {context.cluster} has the proxy-url {context.proxy}: it does not begin with "
            "http://, https:// or socks5://"
        )


def _check_user(user: Mapping[str, Any], title: str, *, secure: bool) -> None:
    if secure and not any(key in user for key in CREDENTIALS):
        # kubectl would ask for a user name, and take the first line of what it is to apply for the answer.
        raise BadEntry(f"in {title}, there are no credentials")
    if ("client-certificate-data" in user) != ("client-key-data" in user):
        missing = "client-key" if "client-certificate-data" in user else "client-certificate"
        raise BadEntry(f"in {title}, {missing} is missing, but its counterpart is set")
    if "exec" in user and not str(user["exec"].get("command") or "").strip():
        raise BadEntry(f"in {title}, the credential plugin has no command")


class _Maker:
    """Copies entries: checks each value's type, includes files, and makes paths absolute."""

    def __init__(self, read: Read, windows: bool) -> None:
        self.read = read
        self.windows = windows

    def copied(self, entry: Entry, known: Mapping[str, type], title: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, right in known.items():
            value = entry.body.get(key)
            if value is None or value == "":
                continue
            if not isinstance(value, right):
                hint = ": put it in quotes" if right is str and not isinstance(value, (list, dict)) else ""
                raise BadEntry(f"in {title}, {key} is not {KINDS[right]}{hint}")
            made[key] = value
        for key, block in EMBEDDED.items():
            self._embed(made, key, block, entry, title)
        if "tokenFile" in made:
            path = self._path(made["tokenFile"], entry, f"in {title}, tokenFile is")
            if not self.read(path).strip():
                raise BadEntry(f"in {title}, tokenFile {path} is empty")
            # It stays a file: the program that writes it replaces it before it expires.
            made["tokenFile"] = str(path)
        if "exec" in made:
            made["exec"] = self._plugin(made["exec"], entry, title)
        return made

    def _embed(self, made: dict[str, Any], key: str, block: str, entry: Entry, title: str) -> None:
        """Replace a file's path by its content. If both exist, kubectl uses the content."""
        path = made.pop(key, "")
        data = f"{key}-data"
        if data in made:
            try:
                content = base64.b64decode("".join(made[data].split()), validate=True)
            except (ValueError, binascii.Error):
                raise BadEntry(f"in {title}, {data} is not valid base64") from None
            made[data] = "".join(made[data].split())
            what = data
        elif path:
            content = self.read(self._path(path, entry, f"in {title}, {key} is"))
            made[data] = base64.b64encode(content).decode()
            what = f"{key} {path}"
        else:
            return
        if not re.search(rb"-----BEGIN [A-Z ]*" + block.encode() + rb"-----", content):
            raise BadEntry(f"in {title}, {what} has no PEM block {block}")

    def _path(self, text: str, entry: Entry, title: str) -> Path:
        if is_windows_path(text) and not self.windows:
            raise ForWindows(f"{title} {text}")
        return Path(entry.origin).parent / text

    def _plugin(self, plugin: Mapping[str, Any], entry: Entry, title: str) -> dict[str, Any]:
        command = plugin.get("command") or ""
        if not isinstance(command, str):
            raise BadEntry(f"in {title}, the command of the credential plugin is not text")
        if is_windows_path(command) or "/" in command or (self.windows and "\\" in command):
            command = str(self._path(command, entry, f"in {title}, the credential plugin is"))
        return {**plugin, "command": command}
