"""The user's kubeconfig: read once, as kubectl would, and copied down to the one context that is used.

Every kubectl and helm child gets that copy and no other configuration, so that what the guard checked is what they use.
"""

import errno
import json
import os
import select
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from kubetasks import private
from kubetasks.addresses import endpoint
from kubetasks.environment import resolve_paths
from kubetasks.errors import (
    EntryDamaged,
    KubeconfigDenied,
    KubeconfigError,
    PluginFailed,
    ServerInvalid,
    WindowsPath,
)
from kubetasks.tools import kubeconfig
from kubetasks.tools.kubeconfig import BadEntry, BadServer, Context, Damaged, ForWindows, Kubeconfig
from kubetasks.tools.minify import minified

LARGEST: Final = 16 * 2**20  # bytes; a thousand clusters with their certificates take a third of it
PIPE_LIMIT: Final = 10.0  # seconds to wait for what is written into a pipe: KUBECONFIG=<(…)
WINDOWS: Final = sys.platform == "win32"


def home() -> Path:
    """The home folder; the root folder for a user that has none, as in a container with an arbitrary user id."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def locate(value: str, folder: Path) -> tuple[Path, ...]:
    """The kubeconfig files, in the order in which they count.

    Args:
        value: what $KUBECONFIG says; empty for kubectl's default.
        folder: what relative paths are relative to: where the user typed the command.
    """
    named = resolve_paths(value, folder)
    files = [Path(part) for part in named.split(os.pathsep) if part]
    return tuple(dict.fromkeys(files)) or (home() / ".kube" / "config",)


def load(files: Sequence[Path]) -> Kubeconfig:
    """What the files say together; files that do not exist say nothing.

    Raises:
        KubeconfigError: a file is not a kubeconfig.
        KubeconfigDenied: a file cannot be read.
        EntryDamaged: an entry is there twice, or has no usable name.
    """
    documents, origins = [], []
    for path in files:
        try:
            text = _decoded(_read(path), path)
        except FileNotFoundError:
            continue
        try:
            documents.append(kubeconfig.parse(text))
        except BadEntry as error:
            raise _entry(path, error) from None
        except Damaged as error:
            raise _damaged(path, str(error)) from None
        origins.append(str(path))
    return kubeconfig.merge(documents, origins)


def _damaged(path: Path, why: str) -> KubeconfigError:
    return KubeconfigError(f"kubeconfig {path} is damaged", why=why, fix="repair it, or set KUBECONFIG to another file")


def _entry(path: str | Path, error: Damaged) -> EntryDamaged:
    return EntryDamaged(
        f"kubeconfig {path} has a damaged entry",
        why=str(error),
        fix="repair that entry (kubectl config set-cluster, set-credentials, set-context), or write it again "
        "with the tool that made it",
    )


def _read(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        FileNotFoundError: there is none.
        KubeconfigError: it is a folder, or too large.
        KubeconfigDenied: it cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as stream:
            mode = os.fstat(handle).st_mode
            content = _from_pipe(handle) if stat.S_ISFIFO(mode) else stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise KubeconfigError(
            f"kubeconfig {path} is a folder", fix=f"set KUBECONFIG to a file, such as {path / 'config'}"
        ) from None
    except OSError as error:
        if error.errno == errno.ENOTDIR:  # a file stands where a folder should be: nothing is there
            raise FileNotFoundError from None
        raise _denied(path, error) from None
    if len(content) > LARGEST:
        raise KubeconfigError(
            f"kubeconfig {path} is too large",
            why=f"it has more than {LARGEST // 2**20} MiB",
            fix="set KUBECONFIG to a kubeconfig",
        )
    return content


def _from_pipe(handle: int) -> bytes:
    content = b""
    while len(content) <= LARGEST and select.select([handle], [], [], PIPE_LIMIT)[0]:
        piece = os.read(handle, 2**16)
        if not piece:
            break
        content += piece
    return content


def _denied(path: Path, error: OSError) -> KubeconfigDenied:
    owner, command = "", ""
    try:
        uid = path.stat().st_uid
        if not WINDOWS and uid != os.getuid():
            owner = f"; it belongs to user {_user(uid)}"
            # As after `sudo kind create cluster`, or `sudo minikube start --driver=none`.
            command = f"sudo chown $USER {path}, or "
    except OSError:
        pass
    return KubeconfigDenied(
        f"{path} cannot be read",
        why=f"{(error.strerror or str(error)).lower()}{owner}",
        fix=f"{command}set KUBECONFIG to a copy of your own",
    )


def _user(uid: int) -> str:
    try:
        import pwd  # noqa: PLC0415  (not on Windows)

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def _decoded(content: bytes, path: Path) -> str:
    # PowerShell's `>` writes UTF-16; kubectl reads that, too.
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise _damaged(path, "it is not text in UTF-8") from None


def copied(config: Kubeconfig, context: Context) -> Path:
    """Write the private copy that holds this context alone, and return its path; raises as ``minimal``."""
    return private.write("kubeconfig", json.dumps(minimal(config, context), default=str))


def minimal(config: Kubeconfig, context: Context) -> dict[str, Any]:
    """The document of the private copy. Asked for before the guard, too: what is damaged cannot be allowed either.

    Raises:
        EntryDamaged: what the context needs is missing or damaged.
        KubeconfigDenied: a file that it names cannot be read.
        ServerInvalid: the API server's URL is empty, or leads nowhere.
        WindowsPath: it names a file by a Windows path.
        PluginFailed: its credentials come from a provider that current kubectl has no more.
    """
    origin = config.clusters[context.cluster].origin if context.cluster in config.clusters else "(unknown)"
    try:
        document = minified(config, context.name, _named_file, _check_url, windows=WINDOWS)
    except BadServer as error:
        raise ServerInvalid(
            f"kubeconfig {origin} has no usable server for context {context.name}",
            why=str(error),
            fix=f"set it: kubectl config set-cluster {context.cluster} --server=https://HOST:PORT",
        ) from None
    except ForWindows as error:
        raise WindowsPath(
            f"kubeconfig {origin} was written by a program for Windows",
            why=f"{error}, and this is not Windows",
            fix="let a program of this system write it (kind export kubeconfig, minikube update-context, …), or write "
            "the path as this system has it (in WSL: wslpath)",
        ) from None
    except BadEntry as error:
        raise _entry(origin, error) from None
    provider = document["users"][0]["user"].get("auth-provider")
    if provider is not None:
        raise _no_provider(context, str(provider.get("name") or "(none)"))
    return document


def _named_file(path: Path) -> bytes:
    try:
        return _read(path)
    except FileNotFoundError:
        raise BadEntry(f"it names the file {path}, which does not exist") from None
    except KubeconfigDenied:
        raise
    except KubeconfigError as error:
        raise BadEntry(error.line.replace("kubeconfig ", "")) from None


def _check_url(url: str) -> None:
    endpoint(url)


def _no_provider(context: Context, name: str) -> PluginFailed:
    if name == "oidc":
        why = "it keeps its tokens in the kubeconfig, which kubetasks does not change"
        instead = "kubectl oidc-login (https://github.com/int128/kubelogin)"
    else:
        why = "kubectl has it no more"
        instead = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin (https://github.com/Azure/kubelogin)"}.get(
            name, "one that your cluster's documentation names"
        )
    return PluginFailed(
        f"context {context.name} gets its credentials from the auth-provider {name}",
        why=why,
        fix=f"use a credential plugin instead: {instead}",
    )
