"""A canary for a secret: it must turn up nowhere but in the Secret itself."""

import base64
import gzip
import json
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.e2e.conftest import Cluster, need

CANARY = "canary-7f3a9c1e5b-tweet-tweet-d02f6b48"
PROGRAMS = ("kubectl", "helm", "docker", "kind")

SPY = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done >> {log}
exec {program} "$@"
"""


def spy(checkout: Checkout, folder: Path) -> Path:
    """Put programs first on PATH that note their arguments and hand them on."""
    folder.mkdir()
    log = folder / "argv.log"
    log.touch()
    for name in PROGRAMS:
        real = need(name, "./inv brings kubectl and helm; docker/offline/up brings docker and kind")
        script = folder / name
        script.write_text(SPY.format(log=log, program=real))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        checkout.env["PATH"] = f"{folder}:{checkout.env['PATH']}"
    return log


def forms(secret: str) -> list[bytes]:
    """The secret, and its base64 at each of the three alignments it can have inside something longer."""
    shifted = [base64.b64encode(b"x" * n + secret.encode())[4 : 4 + len(secret)] for n in range(3)]
    return [secret.encode(), base64.b64encode(secret.encode()), *shifted[1:]]


@pytest.mark.parametrize("deployer", ["manifests", "helm"])
def test_the_canary_is_nowhere_else(cluster: Cluster, checkout: Checkout, tmp_path: Path, deployer: str) -> None:
    space = checkout.namespace
    log = spy(checkout, tmp_path / "spy")
    (checkout.path / ".env").write_text(f"JWT_SECRET={CANARY}\nLLM_API_KEY={CANARY}\n")
    checkout.inv("deploy", "--with", deployer)
    checkout.inv("plan", "--with", deployer)
    checkout.inv("secret.check")
    checkout.inv("status", "--json")
    checkout.inv("logs")
    checkout.inv("--echo", "diff", "--with", deployer)
    checkout.inv("verify", "--with", deployer, "--json", "--junit", "report.xml")
    checkout.append("app/backend/main.py", '\nraise RuntimeError("broken")\n')
    checkout.inv("deploy", "--with", deployer, code=52)

    secret = json.loads(cluster.kubectl("--namespace", space, "get", "secret", "todo-secrets", "--output", "json"))
    for key in ("JWT_SECRET", "LLM_API_KEY"):
        assert base64.b64decode(secret["data"][key]).decode() == CANARY, "the canary never got there"

    hay: dict[str, bytes] = {
        "arguments": log.read_bytes(),
        "output": "\n".join(checkout.outputs).encode(),
        "report": (checkout.path / "report.xml").read_bytes(),
        "last-applied annotation": json.dumps(secret["metadata"]).encode(),
    }
    assert b"apply" in hay["arguments"]
    for record in cluster.objects("configmap", space, "app.kubernetes.io/part-of=todo"):
        data = record.get("data") or {}
        hay[f"configmap {record['metadata']['name']}"] = json.dumps(record).encode()
        if "objects" in data:
            hay[f"objects of {record['metadata']['name']}"] = gzip.decompress(base64.b64decode(data["objects"]))
    for release in cluster.objects("secret", space, "owner=helm"):
        packed = base64.b64decode(base64.b64decode(release["data"]["release"]))
        hay[f"release {release['metadata']['name']}"] = gzip.decompress(packed)
    assert any(name.startswith("release") for name in hay) == (deployer == "helm")
    kinds = "deployment,statefulset,job,pod,event,service"
    hay["live objects"] = json.dumps(cluster.objects(kinds, space)).encode()
    docker = need("docker", "docker/offline/up")
    images = {
        container["image"]
        for item in cluster.objects("deployment", space)
        for container in item["spec"]["template"]["spec"]["containers"]
    }
    for image in images:
        saved = tmp_path / "image.tar"
        subprocess.run([docker, "save", "--output", saved, image], check=True, capture_output=True)
        with tarfile.open(saved) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() else None
                if file is not None:
                    content = file.read()
                    hay[f"{image} {member.name}"] = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content

    found = [name for name, text in hay.items() for form in forms(CANARY) if form in text]
    assert not found, f"the canary was found in {found}"
