"""What is in an image and under its name, on a real engine and a real node."""

import io
import json
import os
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests import whole
from tests.checkout import Checkout
from tests.e2e.conftest import NAME, OFFLINE, Cluster, need
from tests.e2e.test_images import docker

NODE = f"{NAME}-control-plane"
BASE = "kubetasks.local/python:3.11" if OFFLINE else "python:3.11-slim"


@pytest.fixture
def project(checkout: Checkout, tmp_path: Path) -> Checkout:
    """A project whose build context is its whole folder, deployed to a namespace of its own."""
    root = whole.write(tmp_path / "whole", checkout.namespace)
    env = {
        **checkout.env,
        "PYTHONPATH": str(checkout.path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "KUBETASKS_KIND_NAME": NAME,
    }
    launcher = (*checkout.launcher[:2], "kubetasks")
    return replace(checkout, path=root, env=env, launcher=launcher)


def image(cluster: Cluster, project: Checkout) -> str:
    """The name that the workload runs."""
    (found,) = cluster.objects("deployment", project.namespace)
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def inside(cluster: Cluster, project: Checkout, path: str) -> str:
    """A file as the pod that is ready sees it."""
    ready = [
        pod["metadata"]["name"]
        for pod in cluster.objects("pods", project.namespace)
        if not pod["metadata"].get("deletionTimestamp") and pod["status"]["phase"] == "Running"
    ]
    return cluster.kubectl("--namespace", project.namespace, "exec", ready[-1], "--", "cat", path).strip()


def bits(reference: str) -> bytes:
    """Everything that is in an image."""
    program = need("docker", "https://docs.docker.com/get-docker/, or docker/offline/up")
    saved = subprocess.run([program, "save", reference], capture_output=True, check=True, timeout=120).stdout
    found = [saved]
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
        for entry in tar:
            data = tar.extractfile(entry) if entry.isfile() else None
            content = data.read() if data is not None else b""
            found.append(content)
            if content and entry.name.endswith(".tar"):  # a layer
                with tarfile.open(fileobj=io.BytesIO(content)) as layer:
                    found += [f"{name}\n".encode() for name in layer.getnames()]
    return b"".join(found)


def test_no_secret_and_no_state_is_in_an_image(cluster: Cluster, project: Checkout) -> None:
    """The default context, no ignore file, `COPY . .`, and a local deployment of an earlier version in the checkout."""
    old = project.path / ".kubetasks" / "local" / "other" / "objects" / "Secret" / "whole-secrets.json"
    old.parent.mkdir(parents=True)
    old.write_text(json.dumps({"data": {"API_KEY": whole.SECRET}}))
    project.inv("deploy")
    content = bits(image(cluster, project))
    assert whole.SECRET.encode() not in content
    assert b"index.html" in content
    for name in (b"srv/.env", b"srv/prod.env", b"srv/.kubetasks", b"srv/.git/"):
        assert name not in content
    assert "nothing changed since revision 1" in project.inv("deploy")
    project.inv("verify")
    (project.path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM $BASE_IMAGE\nCOPY .env /x\n")
    assert "Dockerfile of web copies .env" in project.inv("deploy", code=36)


def test_modes_are_those_of_git(cluster: Cluster, project: Checkout) -> None:
    """A file that only its owner could read crashed the pod, and had the tag of the readable one."""
    (project.path / "index.html").chmod(0o600)
    project.path.chmod(0o700)
    project.inv("deploy")
    name = image(cluster, project)
    assert inside(cluster, project, "/srv/index.html") == "hello"
    (project.path / "index.html").chmod(0o664)
    assert "nothing changed" in project.inv("deploy")
    shown = docker("run", "--rm", name, "stat", "-c", "%a", "/srv", "/srv/index.html", "/srv/manifests")
    assert shown.split() == ["755", "644", "755"]


def test_a_change_without_a_change_of_size_and_time_is_built(cluster: Cluster, project: Checkout) -> None:
    """BuildKit compares no more than these."""
    page = project.path / "index.html"
    for text in ("first\n", "other\n"):
        page.write_text(text)
        os.utime(page, (1_600_000_000, 1_600_000_000))
        project.inv("deploy", "--no-verify")
        assert inside(cluster, project, "/srv/index.html") == text.strip()


def test_another_image_under_the_name_is_replaced(cluster: Cluster, project: Checkout) -> None:
    """On the node: a pod that was restarted runs it. It has the label of the image that it was made from."""
    project.inv("deploy", "--no-verify")
    name = image(cluster, project)
    container = docker("create", name)
    docker("cp", str(project.path / "tasks.py"), f"{container}:/srv/index.html")
    docker("commit", container, "other:1")
    docker("rm", container)
    archive = project.path.parent / "other.tar"
    docker("save", "--output", str(archive), "other:1")
    subprocess.run(
        [need("kind", "docker/offline/up"), "load", "image-archive", str(archive), "--name", NAME], check=True
    )
    full = f"docker.io/{name}"
    docker("exec", NODE, "ctr", "-n", "k8s.io", "images", "tag", "--force", "docker.io/library/other:1", full)
    assert "nothing changed" in project.inv("deploy")
    cluster.kubectl("--namespace", project.namespace, "delete", "pod", "--all", "--wait=true")
    cluster.kubectl("--namespace", project.namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    assert "collection" in inside(cluster, project, "/srv/index.html")
    out = project.inv("plan")
    assert "its pods run another image with that name" in out
    project.inv("deploy")
    assert inside(cluster, project, "/srv/index.html") == "hello"
    assert "nothing changed" in project.inv("deploy")
    # In the engine, before the first deploy of a new source.
    (project.path / "index.html").write_text("next\n")
    project.inv("image.build")
    (row,) = json.loads(project.inv("image.list", "--json"))
    docker("tag", "other:1", row["image"])
    docker("rmi", "other:1")
    (row,) = json.loads(project.inv("image.list", "--json"))
    assert row["built"] == "no"
    project.inv("deploy", "--no-verify")
    assert inside(cluster, project, "/srv/index.html") == "next"


def test_force_builds_anew_and_replaces(cluster: Cluster, project: Checkout) -> None:
    project.inv("deploy", "--no-verify")
    before, name = inside(cluster, project, "/stamp"), image(cluster, project)
    project.inv("deploy", "--no-verify", "--force")
    after = inside(cluster, project, "/stamp")
    assert after != before
    assert image(cluster, project).startswith(f"{name}-")
    assert "nothing changed" in project.inv("deploy", "--no-verify")
    project.inv("rollback", "--to", "1")
    assert (inside(cluster, project, "/stamp"), image(cluster, project)) == (before, name)


def test_a_base_that_changed_is_built_on(cluster: Cluster, project: Checkout) -> None:
    base = f"base-{project.namespace}:1"
    docker("tag", BASE, base)
    project.env |= {"KUBETASKS_IMAGES_BASE": base, "KUBETASKS_IMAGES_OFFLINE_BASE": base}
    project.inv("deploy", "--no-verify")
    assert "nothing changed" in project.inv("deploy", "--no-verify")
    container = docker("create", base)
    docker("cp", str(project.path / "tasks.py"), f"{container}:/moved")
    docker("commit", container, base)
    docker("rm", container)
    assert f"its base {base} changed" in project.inv("plan")
    project.inv("deploy", "--no-verify")
    assert "collection" in inside(cluster, project, "/moved")
    assert "nothing changed" in project.inv("deploy", "--no-verify")
    docker("rmi", base)
