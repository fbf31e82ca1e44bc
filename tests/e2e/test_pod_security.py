"""What the API server refuses by Pod Security, and what `inv plan` says that it would: the same."""

import json
import secrets

import pytest

from kubetasks.deployers.pod_security import refusals
from tests.e2e.conftest import Cluster
from tests.pod_security import PODS


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_the_plan_refuses_what_the_api_server_refuses(cluster: Cluster, level: str) -> None:
    space = f"t-{secrets.token_hex(4)}"
    label = {"pod-security.kubernetes.io/enforce": level}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": label}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": space}}
    items = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": space}, "spec": spec}
        for name, (spec, _) in PODS.items()
    ]
    try:
        cluster.kubectl("apply", "-f", "-", input=json.dumps(namespace))
        cluster.kubectl("apply", "-f", "-", input=json.dumps(account))
        pods = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        said = cluster.kubectl("create", "--dry-run=server", "--output", "name", "-f", "-", input=pods, check=False)
        taken = {line.removeprefix("pod/") for line in said.split()}
        assert taken == {name for name, (spec, _) in PODS.items() if not refusals(spec, level)}
    finally:
        cluster.kubectl("delete", "namespace", space, "--wait=false")
