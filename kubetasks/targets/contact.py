"""From what kubectl or helm printed to an error with advice that fits: the one answer to "why is there no contact?".

The store, Helm, port-forward, cluster.up and doctor all ask here, so that they all say the same.
"""

import re
from typing import Final

from kubetasks.addresses import endpoint, host_of, without_password
from kubetasks.errors import (
    ClusterUnreachable,
    ContextNotFound,
    EntryDamaged,
    Expired,
    Forbidden,
    KubetasksError,
    NoTls,
    PluginFailed,
    ProxyInTheWay,
    Unauthorized,
    Untrusted,
    WrongName,
)
from kubetasks.targets.base import Cluster
from kubetasks.tools.trouble import Kind, Trouble, classify

# Which command writes a cluster's entries again, by the credential plugin that its user has.
BY_PLUGIN: Final = {
    "aws": "aws eks update-kubeconfig --name CLUSTER",
    "aws-iam-authenticator": "aws eks update-kubeconfig --name CLUSTER",
    "gke-gcloud-auth-plugin": "gcloud container clusters get-credentials CLUSTER",
    "kubelogin": "az aks get-credentials --name CLUSTER --resource-group GROUP",
    "doctl": "doctl kubernetes cluster kubeconfig save CLUSTER",
    "oci": "oci ce cluster create-kubeconfig --cluster-id ID",
    "tsh": "tsh kube login CLUSTER",
}
LOG_IN: Final = {
    "aws": "aws sso login",
    "gke-gcloud-auth-plugin": "gcloud auth login",
    "kubelogin": "az login",
    "doctl": "doctl auth init",
    "tsh": "tsh login",
}
NOT_RUNNING: Final = frozenset({Kind.REFUSED, Kind.LOST, Kind.BUSY})


def explain(cluster: Cluster, text: str) -> KubetasksError | None:
    """The error for a failed call; None when the cluster answered it and the answer is the caller's to read.

    Args:
        cluster: where the call went.
        text: all that kubectl or helm printed on standard error.
    """
    trouble = classify(text, cluster.server)
    return None if trouble is None else error_for(cluster, trouble)


def export_again(cluster: Cluster) -> str:
    """What to do to have this cluster's entries in the kubeconfig written again, with the command where it is known."""
    if cluster.kind == "kind":
        command = f"kind export kubeconfig --name {cluster.context.removeprefix('kind-')}"
    elif cluster.kind == "minikube":
        command = f"minikube -p {cluster.context} update-context"
    else:
        command = BY_PLUGIN.get(_program(cluster), "")
    return "export the kubeconfig again" + (f": {command}" if command else " with the tool that created the cluster")


def _program(cluster: Cluster) -> str:
    """The name of the credential plugin, without its folder; empty for none."""
    return re.split(r"[/\\]", cluster.plugin)[-1]


def start_again(cluster: Cluster) -> str:
    """The command that starts this cluster; empty where it is not ours to start."""
    return f"inv cluster.up --target {cluster.kind}" if cluster.kind in {"kind", "minikube"} else ""


def error_for(cluster: Cluster, trouble: Trouble) -> KubetasksError:
    """The error for a kind of trouble, with what to type next on this cluster."""
    why, kind = trouble.why, trouble.kind
    who = f"the cluster of context {cluster.context}"
    where = f"{who} at {cluster.server}" if cluster.server else who
    if kind in NOT_RUNNING | {Kind.NO_NAME, Kind.NO_ROUTE} and cluster.proxy and kind is not Kind.BUSY:
        # kubectl does not always say whether it was the proxy that did not answer, or the server behind it.
        return ClusterUnreachable(
            f"{where} does not answer through the proxy {without_password(cluster.proxy)}",
            why=why,
            fix=f"check the proxy, or keep it out of the way: export NO_PROXY={host_of(cluster.server)}",
        )
    if kind in NOT_RUNNING and cluster.server.startswith("http://") and "EOF" in why:
        return _no_tls(cluster, where, why)
    makers = {
        Kind.PLUGIN: _plugin,
        Kind.PROXY: _proxy,
        Kind.UNTRUSTED: _untrusted,
        Kind.EXPIRED: _expired,
        Kind.WRONG_NAME: _wrong_name,
        Kind.CLIENT_CERTIFICATE: _unauthorized,
        Kind.NO_TLS: _no_tls,
        Kind.UNAUTHORIZED: _unauthorized,
        Kind.FORBIDDEN: _forbidden,
        Kind.CONFIG: _config,
        Kind.CONTEXT: _context,
        Kind.NO_NAME: _no_name,
        Kind.NO_ROUTE: _no_route,
    }
    return makers.get(kind, _unreachable)(cluster, where, why)


def _unreachable(cluster: Cluster, where: str, why: str) -> ClusterUnreachable:
    start = start_again(cluster)
    fix = f"start it: {start}; or see what is wrong: inv doctor" if start else "see what is wrong: inv doctor"
    if cluster.kind == "kind":
        fix = f"{fix}; if it was created again since, its port has changed: {export_again(cluster)}"
    return ClusterUnreachable(f"{where} does not answer", why=why, fix=fix)


def _no_name(cluster: Cluster, where: str, why: str) -> ClusterUnreachable:
    return ClusterUnreachable(
        f"{where} does not answer",
        why=f"no address is known for {host_of(cluster.server) or 'its name'} ({why})",
        fix=f"check the name, the network and the VPN: nslookup {host_of(cluster.server)}",
    )


def _no_route(cluster: Cluster, where: str, why: str) -> ClusterUnreachable:
    start = start_again(cluster)
    return ClusterUnreachable(
        f"{where} does not answer",
        why=why,
        fix="check the network and the VPN" + (f", or start it: {start}" if start else ""),
    )


def _untrusted(cluster: Cluster, where: str, why: str) -> Untrusted:
    return Untrusted(
        f"the certificate of {where} is not trusted",
        why=f"{why}; the kubeconfig may be of an earlier cluster, or a proxy inspects the traffic",
        fix=export_again(cluster),
    )


def _expired(cluster: Cluster, where: str, why: str) -> Expired:
    early = " is before " in why
    fix = (
        "set this machine's clock (timedatectl status)"
        if early
        else f"set this machine's clock if it is wrong, or renew the certificate: {_renew(cluster)}"
    )
    what = "is not valid yet" if early else "has expired"
    return Expired(f"the certificate of {where} {what}", why=why, fix=fix)


def _renew(cluster: Cluster) -> str:
    if cluster.kind == "kind":
        name = cluster.context.removeprefix("kind-")
        return f"docker exec {name}-control-plane kubeadm certs renew all, then docker restart {name}-control-plane"
    if cluster.kind == "minikube":
        return f"minikube -p {cluster.context} stop, then minikube -p {cluster.context} start"
    return "kubeadm certs renew all on a control-plane node, or ask whoever runs the cluster"


def _wrong_name(cluster: Cluster, where: str, why: str) -> WrongName:
    return WrongName(
        f"the certificate of {where} is for another host",
        why=why,
        fix=f"use an address that the certificate has, or {export_again(cluster)}",
    )


def _no_tls(cluster: Cluster, where: str, why: str) -> NoTls:
    scheme, host, port = endpoint(cluster.server) if cluster.server else ("https", "HOST", 443)
    if scheme == "http":
        what, fix = "speaks TLS, and its URL begins with http://", f"set the server to https://{host}:{port}"
    else:
        plain = any(text in why for text in ("does not look like", "HTTP response", "malformed"))
        what = "does not speak TLS" if plain else "ended the TLS handshake"
        fix = f"check what listens there: curl -vk https://{host}:{port}/version"
    return NoTls(f"{where} {what}", why=why, fix=f"{fix}; or {export_again(cluster)}")


def _unauthorized(cluster: Cluster, where: str, why: str) -> Unauthorized:
    program = _program(cluster)
    log_in = f"log in again ({LOG_IN[program]}), or " if program in LOG_IN else ""
    return Unauthorized(
        f"{where} does not accept the credentials of the kubeconfig",
        why=f"{why}; they may be of an earlier cluster, or have expired",
        fix=f"{log_in}{export_again(cluster)}",
    )


def _forbidden(cluster: Cluster, where: str, why: str) -> Forbidden:
    return Forbidden(
        f"{where} does not allow this",
        why=why,
        fix=f"ask whoever runs it for the right, and check it: kubectl --context {cluster.context} "
        f"--namespace {cluster.namespace} auth can-i --list",
    )


def _plugin(cluster: Cluster, _: str, why: str) -> PluginFailed:
    program = _program(cluster)
    title = f" {cluster.plugin}" if cluster.plugin else ""
    if "not found" in why or "no such file" in why:
        what, fix = "is not installed", f"install {program or 'it'}, and make sure that it is on PATH"
    elif "permission denied" in why:
        what, fix = "cannot be started", f"make it executable: chmod +x {cluster.plugin or 'FILE'}"
    elif "apiVersion" in why or "version" in why or "interactiveMode" in why:
        what, fix = "does not fit the kubeconfig", f"update {program or 'it'}, and {export_again(cluster)}"
    elif "interactive mode" in why:
        what, fix = "wants a terminal", "log in with it first, or use one that does not ask"
    else:
        login = LOG_IN.get(program)
        what = "failed"
        fix = f"log in again: {login}" if login else f"run kubectl --context {cluster.context} get namespaces to see it"
    return PluginFailed(f"the credential plugin{title} of context {cluster.context} {what}", why=why, fix=fix)


def _proxy(cluster: Cluster, where: str, why: str) -> ProxyInTheWay:
    host = host_of(cluster.server)
    shown = without_password(cluster.proxy)
    if "proxyconnect" in why or "socks connect" in why:
        what = f"the proxy {shown or 'in the environment'} does not answer"
    elif "Proxy Authentication Required" in why or "407" in why:
        what = f"the proxy {shown or 'before the cluster'} asks for a user name and a password"
    elif shown:
        what = f"the proxy {shown} did not let the request through to {where}"
    else:
        what = f"something that is not a Kubernetes API server answered for {where}"
    return ProxyInTheWay(
        what,
        why=why,
        fix=f"keep the proxy out of the way (export NO_PROXY={host}), set it up (HTTPS_PROXY, proxy-url), or check "
        "the server's URL",
    )


def _config(cluster: Cluster, _: str, why: str) -> EntryDamaged:
    return EntryDamaged(
        f"kubectl cannot use the kubeconfig's entries of context {cluster.context}",
        why=why,
        fix=export_again(cluster),
    )


def _context(cluster: Cluster, _: str, why: str) -> ContextNotFound:
    return ContextNotFound(f"there is no context {cluster.context}", why=why, fix="see `kubectl config get-contexts`")
