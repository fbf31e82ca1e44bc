"""What holds an object, or a whole namespace, that is being deleted: its name, the reason, and the command that helps.

A namespace says it in its conditions (``pkg/controller/namespace/deletion/status_condition_utils.go`` of
kubernetes/kubernetes), an object in its finalizers
(https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.objects import Object, Objects, identity, is_leaving

CLAIM: Final = "kubernetes.io/pvc-protection"
FOREGROUND: Final = "foregroundDeletion"
# Finalizers that a controller of Kubernetes or of the cloud removes, and what it waits for.
KNOWN: Final[Mapping[str, str]] = {
    CLAIM: "a pod still uses it",
    "kubernetes.io/pv-protection": "a claim is still bound to it",
    FOREGROUND: "what it owns has to be deleted first",
    "orphan": "the garbage collector has to release what it owns",
    "batch.kubernetes.io/job-tracking": "the Job controller has to count it",
    "service.kubernetes.io/load-balancer-cleanup": "the cloud has to delete its load balancer",
    "foregroundDeletion-dependents": "what it owns has to be deleted first",
}
WEBHOOK: Final = re.compile(r'(?:admission|failed calling) webhook "([^"]+)"')
POLICY: Final = re.compile(r"ValidatingAdmissionPolicy '([^']+)'(?: with binding '[^']+')? denied request")
GROUP: Final = re.compile(r"\b([a-z0-9.-]+)/(v[0-9]\w*): ")
RESOURCE: Final = re.compile(r"([a-z0-9-]+)\.([a-z0-9.-]*) has \d+ resource instances")
MOST: Final = 5  # that are named one by one


@dataclass(frozen=True)
class Scope:
    """How the commands in the advice begin.

    Args:
        context: the kubeconfig context's name.
        namespace: the namespace.
    """

    context: str
    namespace: str

    @property
    def kubectl(self) -> str:
        """Beginning of a command on the cluster."""
        return f"kubectl --context {self.context}"

    @property
    def here(self) -> str:
        """Beginning of a command in the namespace."""
        return f"{self.kubectl} --namespace {self.namespace}"


@dataclass(frozen=True)
class Hold:
    """One thing that keeps a deletion from ending.

    Args:
        what: ``ConfigMap/held``, or the API or the webhook that blocks it.
        why: what it waits for.
        fix: what to do about it.
    """

    what: str
    why: str
    fix: str

    @property
    def line(self) -> str:
        """The object and the reason, in one line."""
        return f"{self.what}: {self.why}"


def of_object(item: Object, live: Iterable[Object], scope: Scope) -> list[Hold]:
    """What holds one object that is being deleted.

    Args:
        item: the object.
        live: other objects of the namespace; pods that use a claim and what the object owns are looked for among them.
        scope: where it is.
    """
    others = list(live)
    finalizers = [str(each) for each in item["metadata"].get("finalizers") or ()]
    if not finalizers:
        return [_stopping(item, scope)] if item["kind"] == "Pod" else []
    return [_finalizer(item, each, finalizers, others, scope) for each in finalizers]


def _stopping(item: Object, scope: Scope) -> Hold:
    name = item["metadata"]["name"]
    node = item.get("spec", {}).get("nodeName") or "no node"
    grace = item["metadata"].get("deletionGracePeriodSeconds")
    limit = f", for {grace} s at most" if grace is not None else ""
    return Hold(
        identity(item),
        f"it is still stopping on {node}{limit}",
        f"wait for it; if it stays and its node was removed for good: {scope.here} delete pod {name} --grace-period=0 "
        "--force (risk: on a node that is only cut off, the process goes on and writes to its volume)",
    )


def _finalizer(item: Object, name: str, all_of_them: list[str], others: Objects, scope: Scope) -> Hold:
    kind, own = item["kind"].lower(), item["metadata"]["name"]
    if name == CLAIM:
        users = [each["metadata"]["name"] for each in others if uses_claim(each, own)]
        why = f"finalizer {name}: {f'Pod/{users[0]} still uses it' if users else KNOWN[name]}"
        fix = (
            f"end the pod, once its data is saved: {scope.here} delete pod {users[0]}"
            if users
            else f"find the pod that uses it: {scope.here} describe pvc {own}"
        )
        return Hold(identity(item), why, fix)
    if name == FOREGROUND:
        uid = item["metadata"].get("uid")
        below = [each for each in others if _is_owned(each, uid)]
        why = f"finalizer {name}: {KNOWN[name]}" + (f", {identity(below[0])} first of all" if below else "")
        return Hold(identity(item), why, f"see what it owns: {scope.here} describe {kind} {own}")
    if name in KNOWN:
        return Hold(
            identity(item), f"finalizer {name}: {KNOWN[name]}", f"see its events: {scope.here} describe {kind} {own}"
        )
    rest = json.dumps({"metadata": {"finalizers": [each for each in all_of_them if each != name] or None}})
    return Hold(
        identity(item),
        f"finalizer {name}: the controller that set it has not removed it",
        f"check that this controller runs; only if it was removed for good: {scope.here} patch {kind} {own} "
        f"--type=merge --patch '{rest}' (risk: what it would have cleaned up elsewhere stays behind)",
    )


def uses_claim(pod: Object, claim: str) -> bool:
    """Whether a pod has a volume from this claim."""
    volumes = (pod.get("spec") or {}).get("volumes") or () if pod["kind"] == "Pod" else ()
    return any((each.get("persistentVolumeClaim") or {}).get("claimName") == claim for each in volumes)


def _is_owned(item: Object, uid: Any) -> bool:
    return any(
        owner.get("uid") == uid and owner.get("blockOwnerDeletion")
        for owner in item["metadata"].get("ownerReferences") or ()
    )


def conditions(namespace: Object) -> dict[str, str]:
    """The type and message of each condition of a namespace that is met."""
    found = (namespace.get("status") or {}).get("conditions") or ()
    return {str(each.get("type")): str(each.get("message", "")) for each in found if each.get("status") == "True"}


def remaining(namespace: Object) -> list[str]:
    """The resources (``configmaps``, ``certificates.cert-manager.io``) of which a namespace says that some remain."""
    text = conditions(namespace).get("NamespaceContentRemaining", "")
    return [f"{name}.{group}".rstrip(".") for name, group in RESOURCE.findall(text)]


def of_namespace(namespace: Object, content: Objects, scope: Scope) -> list[Hold]:
    """What holds a namespace that is being deleted, what needs help before what takes its time.

    Args:
        namespace: the namespace.
        content: the objects that remain in it.
        scope: where it is.
    """
    said = conditions(namespace)
    holds: list[Hold] = []
    discovery = said.get("NamespaceDeletionDiscoveryFailure", "")
    if discovery:
        holds += _apis(discovery, scope)
    failure = said.get("NamespaceDeletionContentFailure", "")
    if failure:
        holds.append(refusal(failure, scope) or Hold("its content", _short(failure), "see the reason"))
    parsing = said.get("NamespaceDeletionGroupVersionParsingFailure", "")
    if parsing:
        holds.append(Hold("an API of the cluster", _short(parsing), f"see {scope.kubectl} get apiservice"))
    # In its first seconds nothing in it is marked as being deleted yet; what will hold it can be seen anyway.
    found = [
        hold
        for item in content
        for hold in of_object(item, content, scope)
        if is_leaving(item) or (item["kind"] != "Pod" and not _passes(hold))
    ]
    holds += sorted(found, key=_passes)
    own = namespace["metadata"].get("finalizers") or ()
    if own:
        holds += of_object({**namespace, "kind": "Namespace"}, (), scope)
    if not holds:
        finalizers = said.get("NamespaceFinalizersRemaining", "")
        content_left = said.get("NamespaceContentRemaining", "")
        holds += [
            Hold(
                "its content",
                _short(text.partition(": ")[2] or text),
                f"see what remains: {scope.here} get all,pvc,configmap",
            )
            for text in (finalizers, content_left)
            if text
        ][:1]
    return holds


def _passes(hold: Hold) -> bool:
    return hold.what.startswith("Pod/") or any(f"finalizer {name}:" in hold.why for name in KNOWN)


def needs_help(holds: Iterable[Hold]) -> bool:
    """Whether one of them needs a person's help, as far as can be seen."""
    return any(not _passes(hold) for hold in holds)


def _apis(text: str, scope: Scope) -> Iterator[Hold]:
    cluster = scope.kubectl
    found = list(dict.fromkeys(GROUP.findall(text)))
    for group, version in found:
        name = f"{version}.{group}"
        yield Hold(
            f"APIService/{name}",
            "it does not answer, so the cluster cannot see what it has in the namespace",
            f"see what serves it: {cluster} describe apiservice {name}; if that was removed for good: {cluster} delete "
            f"apiservice {name} (risk: its resources cannot be used until it is installed again)",
        )
    if not found:
        yield Hold("an API of the cluster", _short(text), f"see which does not answer: {cluster} get apiservice")


def refusal(text: str, scope: Scope) -> Hold | None:
    """What refused a deletion: a webhook, or an admission policy; None if neither did."""
    cluster = scope.kubectl
    hook, policy = WEBHOOK.search(text), POLICY.search(text)
    if hook is not None:
        broken = "failed calling webhook" in text
        return Hold(
            f"webhook {hook[1]}",
            f"it {'does not answer' if broken else 'rejects the deletion'}: {_short(text[hook.end() :].lstrip(' :'))}",
            f"see what it is: {cluster} get validatingwebhookconfigurations,mutatingwebhookconfigurations; "
            + (
                "if its server was removed for good, delete its configuration (risk: it no longer checks anything)"
                if broken
                else "do what its message requires"
            ),
        )
    if policy is not None:
        return Hold(
            f"ValidatingAdmissionPolicy/{policy[1]}",
            f"it rejects the deletion: {_short(text[policy.end() :].lstrip(' :'))}",
            f"see what it asks for: {cluster} describe validatingadmissionpolicy {policy[1]}",
        )
    return None


def _short(text: str) -> str:
    return " ".join(text.split())[:300]


def summary(holds: Iterable[Hold]) -> tuple[str, str, str]:
    """The reason, the advice and the evidence of an error about holds: the first one, and below it the others."""
    found = list(holds)
    if not found:
        return "", "", ""
    first, *rest = found
    lines = [f"{hold.line} -- {hold.fix}" for hold in rest[:MOST]]
    if len(rest) > MOST:
        lines.append(f"and {len(rest) - MOST} more")
    return first.line, first.fix, "\n".join(lines)
