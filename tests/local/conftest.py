"""A clean clone, and ./inv in it: it makes its own environment, as on a user's machine."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import Checkout, copy_checkout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the project, without any environment, below a folder with a space and a letter beyond ASCII."""
    path = tmp_path_factory.mktemp("clone") / "mein Büro" / "kubetasks"
    path.mkdir(parents=True)
    copy_checkout(path)
    assert not (path / ".venv").exists()
    return path


@pytest.fixture
def checkout(clone: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Checkout]:
    """The clone, with ports and a namespace of its own, and no cluster at hand."""
    original = {path: (clone / path).read_bytes() for path in ("app/backend/main.py", "invoke.yaml")}
    namespace = "l-" + re.sub(r"\W+", "-", request.node.name.lower())[-40:].strip("-_").replace("_", "-")
    kept = ("PATH", "TMPDIR", "SSL_CERT_FILE", "PIP_CERT", "PIP_INDEX_URL", "PIP_FIND_LINKS", "HTTPS_PROXY", "LANG")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env |= {
        "HOME": str(tmp_path),
        "KUBECONFIG": str(tmp_path / "no-kubeconfig"),
        "KUBETASKS_NAMESPACE": namespace,
        "KUBETASKS_SERVICES_BACKEND_LOCAL_PORT": str(free_port()),
        "KUBETASKS_SERVICES_FRONTEND_LOCAL_PORT": str(free_port()),
    }
    log = tmp_path / "output.log"
    found = Checkout(clone, namespace, env, log, launcher=("sh", str(clone / "inv")))
    yield found
    for path, content in original.items():
        (clone / path).write_bytes(content)
    (clone / ".env").unlink(missing_ok=True)
    found.env["KUBETASKS_TARGET"] = "local"
    with found.start("destroy") as process:
        process.communicate(timeout=60)
