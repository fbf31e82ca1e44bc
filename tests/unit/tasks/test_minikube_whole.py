"""`inv cluster.up --target minikube` and its companions, whole, as processes, with the fake minikube.

With defaults and with every setting: a cluster.up that always refuses, or that leaves out a setting, fails here.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.settings.sections import Minikube
from tests.fakes.minikube import install

ROOT = Path(__file__).parents[3]
# Each setting: a value that is not the default, and the flag of `minikube start` that comes of it.
EVERY: dict[str, tuple[object, str]] = {
    "profile": ("dev-2", ""),
    "driver": ("docker", "--driver=docker"),
    "runtime": ("containerd", "--container-runtime=containerd"),
    "cpus": (2, "--cpus=2"),
    "memory": (1900, "--memory=1900"),
    "base_image": ("kicbase.example/kic:v1", "--base-image=kicbase.example/kic:v1"),
}
DEFAULTS = ["--container-runtime=docker", "--cpus=2", "--memory=4096"]


@dataclass
class Machine:
    """A machine with a minikube, a project and an empty kubeconfig."""

    folder: Path

    def prepare(self, settings: dict[str, Any], **state: Any) -> None:
        profile = settings.get("profile", "minikube")
        written = self.folder / "written"
        written.write_text(yaml.safe_dump(kubeconfig(profile)))
        base = {"profile": profile, "runtime": "docker", "absent": True, "kubeconfig": str(written)}
        install(self.home, {**base, **state})
        (self.folder / "tasks.py").write_text("from kubetasks import collection\n\nnamespace = collection\n")
        section = {"project": "shop", **({"minikube": settings} if settings else {})}
        (self.folder / "invoke.yaml").write_text(yaml.safe_dump({"kubetasks": section}))

    @property
    def home(self) -> Path:
        return self.folder / "minikube"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def calls(self) -> list[list[str]]:
        path = self.home / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def inv(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        env = {
            "PATH": os.pathsep.join([str(self.home), "/usr/bin", "/bin"]),
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubeconfig),
            "MINIKUBE_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "TERM": "dumb",
            **more,
        }
        argv = [sys.executable, "-m", "invoke", *words]
        return subprocess.run(argv, cwd=self.folder, env=env, capture_output=True, text=True, check=False, timeout=300)


def kubeconfig(profile: str) -> dict[str, Any]:
    mark = {"name": "context_info", "extension": {"provider": "minikube.sigs.k8s.io"}}
    return {
        "current-context": profile,
        "clusters": [{"name": profile, "cluster": {"server": "https://127.0.0.1:1", "extensions": [mark]}}],
        "contexts": [{"name": profile, "context": {"cluster": profile, "user": profile}}],
        "users": [{"name": profile, "user": {"token": "t"}}],
    }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def created(machine: Machine, profile: str) -> list[str]:
    """The flags with which the profile was created, once."""
    starts = [call for call in machine.calls if "start" in call]
    assert len(starts) == 1
    assert starts[0][:3] == ["-p", profile, "start"]
    assert starts[0][3] == "--wait=all"
    return starts[0][4:]


def test_every_setting_is_tried() -> None:
    assert {*EVERY} == {*Minikube.__struct_fields__}


def test_a_profile_is_created_with_defaults_kept_and_deleted(machine: Machine) -> None:
    machine.prepare({})
    done = machine.inv("cluster.up", "--target", "minikube")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ minikube profile minikube: created" in done.stdout
    assert "Cluster ready, context minikube" in done.stdout
    assert created(machine, "minikube") == DEFAULTS
    assert yaml.safe_load(machine.kubeconfig.read_text())["current-context"] == "minikube"
    listed = json.loads(machine.inv("cluster.list", "--json").stdout)
    assert [(row["name"], row["state"], row["ours"]) for row in listed if row["target"] == "minikube"] == [
        ("minikube", "Running", True)
    ]
    again = machine.inv("cluster.up", "--target", "minikube")
    assert again.returncode == 0, again.stderr
    assert "it is running; kept" in again.stdout
    assert created(machine, "minikube") == DEFAULTS
    down = machine.inv("cluster.down", "--target", "minikube")
    assert down.returncode == 0, down.stderr
    assert not (machine.home / ".minikube" / "profiles" / "minikube").exists()
    anew = machine.inv("cluster.up", "--target", "minikube")
    assert anew.returncode == 0, anew.stderr
    assert len([call for call in machine.calls if "start" in call]) == 2


@pytest.mark.parametrize(
    ("name", "where"), [*((each, "invoke.yaml") for each in [*EVERY, "all"]), ("all", "environment")]
)
def test_a_profile_is_created_with_each_setting(machine: Machine, name: str, where: str) -> None:
    chosen = EVERY if name == "all" else {name: EVERY[name]}
    settings = {each: value for each, (value, _) in chosen.items()}
    environ = {f"KUBETASKS_MINIKUBE_{each.upper()}": str(value) for each, value in settings.items()}
    machine.prepare(settings)
    if where == "environment":
        (machine.folder / "invoke.yaml").write_text("kubetasks: {project: shop}\n")
    done = machine.inv("cluster.up", "--target", "minikube", **(environ if where == "environment" else {}))
    assert done.returncode == 0, done.stdout + done.stderr
    profile = str(settings.get("profile", "minikube"))
    assert f"minikube profile {profile}: created" in done.stdout
    flags = created(machine, profile)
    replaced = {flag.partition("=")[0] for _, flag in chosen.values() if flag}
    wanted = [flag for flag in DEFAULTS if flag.partition("=")[0] not in replaced]
    assert sorted(flags) == sorted([*wanted, *(flag for _, flag in chosen.values() if flag)])
    state = json.loads((machine.home / "state.json").read_text())
    assert (state["absent"], state["runtime"]) == (False, settings.get("runtime", "docker"))


def test_offline_with_a_base_image(machine: Machine) -> None:
    machine.prepare({"base_image": "lab/kic:v1"})
    done = machine.inv("cluster.up", "--target", "minikube", "--offline")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--base-image=lab/kic:v1" in created(machine, "minikube")


def test_another_runtime_in_the_settings_does_not_break_a_profile(machine: Machine) -> None:
    machine.prepare({"runtime": "docker"}, absent=False, runtime="containerd")
    machine.kubeconfig.write_text(yaml.safe_dump(kubeconfig("minikube")))
    done = machine.inv("cluster.up", "--target", "minikube")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [call for call in machine.calls if "start" in call]
    assert json.loads((machine.home / "state.json").read_text())["runtime"] == "containerd"
