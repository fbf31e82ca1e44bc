"""The local registry that a cluster advertises.

https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry
"""

import re
from dataclasses import replace
from typing import Final

from kubetasks import documents
from kubetasks.addresses import is_local_url
from kubetasks.errors import Forbidden, ToolFailed
from kubetasks.runner import Runner
from kubetasks.targets.base import Cluster
from kubetasks.targets.kubectl_store import KubectlStore

NAMESPACE: Final = "kube-public"
CONFIG_MAP: Final = "local-registry-hosting"
KEY: Final = "localRegistryHosting.v1"
# A host with an optional port; no path, as the proposal says.
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")


def find(cluster: Cluster, runner: Runner) -> str:
    """The host to push to, such as ``localhost:5001``; empty where the cluster advertises none that is local.

    Images hold source code. So they are pushed only to a registry on this machine or in its private networks: a cluster
    does not decide to which other host they go.

    Raises:
        NoContact: the API server does not answer.
    """
    there = replace(cluster, namespace=NAMESPACE)
    try:
        maps = KubectlStore(there, runner).get(["ConfigMap"])
    except (Forbidden, ToolFailed):
        return ""
    for item in maps:
        if item["metadata"]["name"] == CONFIG_MAP:
            host = parse((item.get("data") or {}).get(KEY, ""))
            if host and not is_local_url(host):
                cluster.link.notify(f"the cluster advertises the registry {host}, which is not local: it is not used")
                return ""
            return host
    return ""


def parse(text: str) -> str:
    """The field ``host`` of the document; empty where there is none that can be used."""
    try:
        document = documents.load(text)
    except documents.NotYamlError:
        return ""
    host = document.get("host") if isinstance(document, dict) else None
    return host if isinstance(host, str) and _HOST.fullmatch(host) else ""
