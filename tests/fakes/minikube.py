"""A minikube whose node is something else: a kind node, or a second container engine.

It is put on PATH as ``minikube``. ``state.json`` beside it says what the profile is made of; every call is a line of
``calls.jsonl``. What it prints has the form of 1.38's output (tests/recorded/minikube). It creates nothing, and loads
no image: a test that passes did not need that.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NO_PROFILE = 85


def profile(state: dict[str, Any]) -> dict[str, Any]:
    runtime = {"ContainerRuntime": state["runtime"], "KubernetesVersion": "v1.34.4"}
    nodes = [{"Name": "", "ControlPlane": True, "Worker": True}]
    return {
        "Name": state["profile"],
        "Status": "OK",
        "Config": {"Name": state["profile"], "Driver": "docker", "KubernetesConfig": runtime, "Nodes": nodes},
    }


def main(words: list[str]) -> int:
    state = json.loads((HERE / "state.json").read_text())
    with (HERE / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    if words == ["version", "-o", "json"]:
        sys.stdout.write(json.dumps({"commit": "0", "minikubeVersion": "v1.38.1"}) + "\n")
        return 0
    if words == ["profile", "list", "-o", "json"]:
        sys.stdout.write(json.dumps({"invalid": [], "valid": [profile(state)]}) + "\n")
        return 0
    if words[:2] != ["-p", state["profile"]]:
        sys.stderr.write(f'X Profile "{words[1]}" not found.' + "\n")
        return NO_PROFILE
    command = words[2:]
    if command == ["status", "-o", "json"]:
        running = dict.fromkeys(("Host", "Kubelet", "APIServer"), "Running")
        sys.stdout.write(
            json.dumps({"Name": state["profile"], **running, "Kubeconfig": "Configured", "Worker": False}) + "\n"
        )
        return 0
    if command == ["docker-env", "--shell", "none"] and state["runtime"] == "docker":
        sys.stdout.write(f"DOCKER_HOST={state['engine']}\nMINIKUBE_ACTIVE_DOCKERD={state['profile']}\n")
        sys.stdout.write("SSH_AUTH_SOCK=\nSSH_AGENT_PID=\n")
        return 0
    sys.stderr.write(f"X Exiting due to MK_USAGE: the fake cannot `{' '.join(command)}`" + "\n")
    return 14


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
