"""Who a tool is on the cluster: a ServiceAccount that may read some kinds of one namespace, with a short token."""

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kubetasks.addresses import endpoint, with_scheme
from kubetasks.errors import ToolFailed
from kubetasks.objects import MANAGED_BY, Object, Objects, by_identity
from kubetasks.redact import Sensitive
from kubetasks.runner import Runner
from kubetasks.targets.base import Cluster, Store
from kubetasks.targets.calls import Calls
from kubetasks.tools.kubectl import Kubectl

NAME: Final = "kubetasks-observer"
LIFETIME: Final = "10m"  # the shortest that the API server gives
READ: Final = ["get", "list", "watch"]
# By API group, what it may read. Secrets are not among it, and neither is any subresource that runs or reaches
# something: pods/exec, pods/attach, pods/portforward, pods/proxy, services/proxy, serviceaccounts/token.
KINDS: Final = {
    "": [
        *("configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims", "pods", "pods/log"),
        *("replicationcontrollers", "resourcequotas", "serviceaccounts", "services"),
    ],
    "apps": ["daemonsets", "deployments", "replicasets", "statefulsets"],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "discovery.k8s.io": ["endpointslices"],
    "events.k8s.io": ["events"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}


def objects(namespace: str) -> Objects:
    """The ServiceAccount, its Role and the RoleBinding.

    They carry no ``part-of`` label: they are no part of the application, so that a deploy leaves them alone.
    """
    metadata = {"name": NAME, "namespace": namespace, "labels": {MANAGED_BY: "kubetasks"}}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME}
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
    rbac = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False},
        {
            "apiVersion": rbac,
            "kind": "Role",
            "metadata": metadata,
            "rules": [{"apiGroups": [group], "resources": kinds, "verbs": READ} for group, kinds in KINDS.items()],
        },
        {"apiVersion": rbac, "kind": "RoleBinding", "metadata": metadata, "roleRef": role, "subjects": [subject]},
    ]


def ensure(store: Store, namespace: str) -> bool:
    """Create the observer, or make it what it has to be; False if it already is.

    Raises:
        Forbidden: the user may not do this.
    """
    live = by_identity(store.get(["ServiceAccount", "Role", "RoleBinding"]))
    wanted = objects(namespace)
    if all(_is_as(item, live.get(f"{item['kind']}/{NAME}")) for item in wanted):
        return False
    store.apply(wanted)
    return True


def _is_as(wanted: Object, live: Object | None) -> bool:
    return live is not None and all(live.get(key) == wanted[key] for key in wanted if key != "metadata")


def token(cluster: Cluster, runner: Runner) -> Sensitive:
    """A token of the observer that is valid for ten minutes; hidden from now on in everything shown.

    Raises:
        ToolFailed: the cluster gave none.
        Forbidden: the user may not ask for one.
    """
    result = Calls(cluster, runner).call(Kubectl(cluster.context, cluster.namespace).create_token(NAME, LIFETIME))
    if not result.ok or not result.stdout.strip():
        raise ToolFailed(f"the cluster returned no token for ServiceAccount {NAME}", why=runner.redactor(result.stderr))
    made = Sensitive(result.stdout.strip())
    runner.redactor.add([made])
    return made


def kubeconfig(cluster: Cluster, key: Sensitive, port: int = 0) -> str:
    """A kubeconfig that holds the token and nothing of the user's own credentials.

    Args:
        cluster: the cluster; its private kubeconfig says how its certificate is checked.
        key: the observer's token.
        port: the loopback port in the sandbox that leads to the API server; 0 for a direct way.
    """
    entry: dict[str, Any] = {"server": cluster.server}
    if cluster.kubeconfig:
        document = json.loads(Path(cluster.kubeconfig).read_text(encoding="utf-8"))
        entry = dict(document["clusters"][0]["cluster"])
    if port:
        url = with_scheme(str(entry["server"]))
        scheme, host, _ = endpoint(url)
        entry.pop("proxy-url", None)
        entry["server"] = f"{scheme}://127.0.0.1:{port}{urlsplit(url).path}"
        if scheme == "https":
            entry.setdefault("tls-server-name", host)
    context = {"cluster": "cluster", "user": NAME, "namespace": cluster.namespace}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": NAME,
            "clusters": [{"name": "cluster", "cluster": entry}],
            "users": [{"name": NAME, "user": {"token": key.reveal()}}],
            "contexts": [{"name": NAME, "context": context}],
        }
    )
