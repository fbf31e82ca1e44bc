"""A minikube whose node is something else: a kind node, or a second container engine.

It is put on PATH as ``minikube`` (``install``). ``state.json`` beside it says what the profile is made of; every call
is a line of ``calls.jsonl``. What it prints has the form of 1.38's output (tests/recorded/minikube). It loads no image:
a test that passes did not need that. ``start`` creates the profile that the state describes, with the flags given, and
``delete`` removes it.

The state: ``profile``, ``runtime`` (``docker`` where ``start`` is to create it), ``engine`` (an address; docker alone),
``absent`` (whether there is no such profile yet), ``kubeconfig`` (the file that ``start`` copies to $KUBECONFIG), and
``delays``: how many seconds a command takes, by its words.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NO_PROFILE = 85


def install(folder: Path, state: Mapping[str, Any]) -> None:
    """Put the fake into a folder, which is its MINIKUBE_HOME too."""
    folder.mkdir(parents=True)
    script = folder / "minikube"
    script.write_text(f"#!{sys.executable}\n" + Path(__file__).read_text())
    script.chmod(0o755)
    (folder / "state.json").write_text(json.dumps(state))
    if not state.get("absent"):
        configure(folder, dict(state))


def configure(folder: Path, state: dict[str, Any]) -> None:
    """Write the profile's configuration, as minikube does with every change."""
    path = folder / ".minikube" / "profiles" / state["profile"] / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(profile(state)["Config"]))


def profile(state: dict[str, Any]) -> dict[str, Any]:
    runtime = {"ContainerRuntime": state["runtime"], "KubernetesVersion": "v1.34.4"}
    nodes = [{"Name": "", "ControlPlane": True, "Worker": True}]
    return {
        "Name": state["profile"],
        "Status": "OK",
        "Config": {"Name": state["profile"], "Driver": "docker", "KubernetesConfig": runtime, "Nodes": nodes},
    }


def flag(words: list[str], name: str) -> str:
    """The value of ``--name=value``; empty without it."""
    return next((word.partition("=")[2] for word in words if word.startswith(f"--{name}=")), "")


def start(state: dict[str, Any], flags: list[str]) -> int:
    """Create the profile, or start the one there is; flags that minikube does not know are an error, as there."""
    known = {"--wait", "--driver", "--container-runtime", "--base-image", "--cpus", "--memory"}
    unknown = [word for word in flags if word.partition("=")[0] not in known]
    if unknown:
        sys.stderr.write(f"Error: unknown flag: {unknown[0]}\n")
        return 14
    runtime = flag(flags, "container-runtime")
    if state.get("absent"):
        state["runtime"] = runtime or state["runtime"]
    elif runtime and runtime != state["runtime"]:
        sys.stderr.write("X Exiting due to RUNTIME_ENABLE: Failed to enable container runtime\n")
        return 40
    state["absent"] = False
    (HERE / "state.json").write_text(json.dumps(state))
    configure(HERE, state)
    if state.get("kubeconfig"):
        shutil.copy(state["kubeconfig"], os.environ["KUBECONFIG"])
    sys.stdout.write("* minikube v1.38.1 on Debian 12\n* Creating docker container\n* Done!\n")
    return 0


def delete(state: dict[str, Any]) -> int:
    (HERE / "state.json").write_text(json.dumps({**state, "absent": True}))
    shutil.rmtree(HERE / ".minikube" / "profiles" / state["profile"], ignore_errors=True)
    sys.stdout.write("* Removed all traces of the cluster.\n")
    return 0


def docker_env(state: dict[str, Any], shell: str) -> int:
    variables = {"DOCKER_HOST": state["engine"], "MINIKUBE_ACTIVE_DOCKERD": state["profile"]}
    for name, value in variables.items():
        sys.stdout.write(f"{name}={value}\n" if shell == "none" else f'export {name}="{value}"\n')
    if shell == "none":
        sys.stdout.write("SSH_AUTH_SOCK=\nSSH_AGENT_PID=\n")
    return 0


def status(state: dict[str, Any]) -> int:
    running = dict.fromkeys(("Host", "Kubelet", "APIServer"), "Running")
    document = {"Name": state["profile"], **running, "Kubeconfig": "Configured", "Worker": False}
    sys.stdout.write(json.dumps(document) + "\n")
    return 0


def of_profile(state: dict[str, Any], command: list[str]) -> int:
    """A command of the profile that the state describes."""
    if command[:1] == ["start"]:
        return start(state, command[1:])
    if state.get("absent"):
        sys.stderr.write(f'X Profile "{state["profile"]}" not found.' + "\n")
        return NO_PROFILE
    if command == ["delete"]:
        return delete(state)
    if command == ["status", "-o", "json"]:
        return status(state)
    if command[:1] == ["docker-env"] and state["runtime"] == "docker":
        return docker_env(state, "none" if command[1:] == ["--shell", "none"] else "bash")
    sys.stderr.write(f"X Exiting due to MK_USAGE: the fake cannot `{' '.join(command)}`" + "\n")
    return 14


def main(words: list[str]) -> int:
    began = time.monotonic()
    state = json.loads((HERE / "state.json").read_text())
    with (HERE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    for name, seconds in state.get("delays", {}).items():
        if name in " ".join(words):
            time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    if words == ["version", "-o", "json"]:
        sys.stdout.write(json.dumps({"commit": "0", "minikubeVersion": "v1.38.1"}) + "\n")
        return 0
    if words == ["profile", "list", "-o", "json"]:
        valid = [] if state.get("absent") else [profile(state)]
        sys.stdout.write(json.dumps({"invalid": [], "valid": valid}) + "\n")
        return 0
    if words[:2] == ["-p", state["profile"]]:
        return of_profile(state, words[2:])
    sys.stderr.write(f'X Profile "{words[1]}" not found.' + "\n")
    return NO_PROFILE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
