"""Pods that the API server refuses: Pod Security, quotas, limit ranges, accounts, classes, webhooks."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from kubetasks.diagnose import podsecurity, quota
from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import change, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.rule import PLACE, Candidate, Family, Rule, check
from kubetasks.diagnose.words import nearest, one_line

# What a controller tries again by itself and succeeds with: a new namespace's account, a webhook that is starting.
PASSING: Final = 20.0


_rule = Family("admission", PLACE).rule

POD_SECURITY = _rule(
    "POD_SECURITY",
    "Pod Security rejects the pods",
    "FailedCreate with `violates PodSecurity`",
    "The namespace enforces a Pod Security level that the pod's spec does not meet.",
    "set the fields that the message names; the patch holds all of them",
)
QUOTA = _rule(
    "QUOTA_EXCEEDED",
    "a quota rejects the pods",
    "FailedCreate with `exceeded quota`",
    "All pods of the namespace together would have more than the ResourceQuota allows.",
    "run fewer replicas, request less, or raise the quota",
    grace=PASSING,
)
QUOTA_LIMITS = _rule(
    "QUOTA_NEEDS_LIMITS",
    "a quota requires requests and limits",
    "FailedCreate with `must specify`",
    "A ResourceQuota on a resource makes every container state it.",
    "set the requests and limits that the message names",
)
LIMIT_RANGE = _rule(
    "LIMIT_RANGE",
    "a LimitRange rejects the pods",
    "FailedCreate with `maximum … usage per Container is`",
    "A container requests more or less than the LimitRange allows.",
    "set the container's resources within the range",
)
ACCOUNT = _rule(
    "SERVICE_ACCOUNT_MISSING",
    "the ServiceAccount does not exist",
    "FailedCreate with `serviceaccount … not found`",
    "Its name is misspelt, or it was never created.",
    "correct the name, or create the ServiceAccount",
    grace=PASSING,
)
PRIORITY = _rule(
    "PRIORITY_CLASS_MISSING",
    "the PriorityClass does not exist",
    "FailedCreate with `no PriorityClass with name`",
    "Its name is misspelt, or it was never created.",
    "use a PriorityClass that exists, or none",
)
RUNTIME = _rule(
    "RUNTIME_CLASS_MISSING",
    "the RuntimeClass does not exist",
    "FailedCreate with `RuntimeClass … not found`",
    "Its name is misspelt, or the runtime is not installed.",
    "use a RuntimeClass that exists, or none",
)
WEBHOOK_DOWN = _rule(
    "WEBHOOK_DOWN",
    "an admission webhook does not answer",
    "FailedCreate with `failed calling webhook`",
    "The webhook's pods are not ready, its Service is missing, or its certificate is wrong; every create waits for it.",
    "make the webhook work, or delete its configuration",
    grace=PASSING,
    depth=PLACE + 5,
)
WEBHOOK = _rule(
    "WEBHOOK_DENIES",
    "an admission webhook or policy rejects the pods",
    "FailedCreate with `denied the request`",
    "A policy of the cluster does not allow this pod.",
    "meet the policy: its message says how",
)
INVALID = _rule(
    "POD_INVALID",
    "the pod that comes of the template is not valid",
    "FailedCreate with `is invalid`",
    "A default of a LimitRange, a webhook or a mutation contradicts the spec.",
    "correct the field that the message names",
)
REFUSED = _rule(
    "ADMISSION_REFUSED",
    "the API server rejects the pods",
    "FailedCreate",
    "The message of the API server says why.",
    "correct what the message names",
    depth=PLACE - 5,
)


def refusals(world: World) -> Iterator[tuple[Workload, str]]:
    """The workloads whose pods are rejected, each with the API server's message."""
    for workload in world.workloads.values():
        if workload.kind == "Pod":
            continue
        owner = world.newest(workload.item) or workload.item
        message = ""
        for condition in (owner.get("status") or {}).get("conditions") or ():
            if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
                message = str(condition.get("message") or "")
        event = next(reversed(world.events(owner, "FailedCreate")), None)
        if not message and event is None:
            continue
        if not message and event is not None:
            # StatefulSets, DaemonSets and Jobs have no such condition; the event counts while pods are missing.
            if _has_all(world, workload) or world.since(event.last) > 900:
                continue
            message = event.message
        yield workload, event.message if event and len(event.message) > len(message) else message


def _has_all(world: World, workload: Workload) -> bool:
    if workload.kind in {"Job", "CronJob"}:
        job = world.newest(workload.item) if workload.kind == "CronJob" else workload.item
        status = (job or {}).get("status") or {}
        return bool(status.get("active") or status.get("succeeded") or status.get("failed"))
    return len([pod for pod in workload.pods if not pod.deleted]) >= workload.wanted


@check
def admission(world: World) -> Iterator[Candidate]:
    """Pods that the API server refuses."""
    for workload, message in refusals(world):
        for pattern, function in TABLE:
            found = re.search(pattern, message)
            if found:
                made = function(world, workload, message, found)
                break
        else:
            text = one_line(re.sub(r"^.*?(?:is forbidden|failed quota|Error creating): ", "", message), 200)
            made = Candidate(
                REFUSED, workload.key, f"{workload.key}: {text}", words(f"correct what the API server names: {text}")
            )
        made.because.insert(0, f"event FailedCreate: {message}")
        yield made


def _pod_security(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
    level = found["level"]
    wrong = [part.strip() for part in re.findall(r"(?:^|, )([a-zA-Z !=.]+?) \(", found["rest"])]
    cause = f"{workload.key}: Pod Security {level} rejects it: {', '.join(wrong) or found['rest']}"
    return Candidate(
        POD_SECURITY, workload.key, cause, podsecurity.fix(world, workload, level, found["rest"]), [found["rest"]]
    )


def _account(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
    name = found["name"]
    near = nearest(name, world.names("ServiceAccount"))
    cause = f"{workload.key}: ServiceAccount {name} does not exist{near.hint}"
    fix = run(world, f"create ServiceAccount {name}", "create", "serviceaccount", name)
    if near.typo:
        steps = [("replace", "serviceAccountName", near.name)]
        if workload.spec.get("serviceAccount"):
            steps.append(("replace", "serviceAccount", near.name))
        fix = change(world, workload, f"run it as {near.name}", steps)
    return Candidate(ACCOUNT, workload.key, cause, fix, blames=(f"ServiceAccount/{name}",))


def _class(rule: Rule, kind: str, field: str) -> "Refusal":
    def made(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
        name = found["name"]
        known = [each for each in world.names(kind) if not each.startswith("system-")]
        near = nearest(name, known)
        cause = f"{workload.key}: {kind} {name} does not exist{near.hint}"
        step = ("replace", field, near.name) if near.typo else ("remove", field, "")
        what = f"use {near.name}" if near.typo else f"use no {kind}"
        return Candidate(rule, workload.key, cause, change(world, workload, what, [step]))

    return made


def _webhook_down(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
    name = found["name"]
    why = re.search(
        r"(no endpoints available for service \"[^\"]+\"|service \"[^\"]+\" not found|x509: [^\"]+"
        r"|connection refused|context deadline exceeded|no such host|EOF)",
        message,
    )
    target = re.search(r"https://([\w-]+)\.([\w-]+)\.svc", message)
    cause = f"{workload.key}: admission webhook {name} does not answer: {why[1] if why else message}"
    holder = next(
        (
            item
            for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
            for item in world.all(kind)
            for each in item.get("webhooks") or ()
            if each.get("name") == name
        ),
        None,
    )
    fix: Fix = words(WEBHOOK_DOWN.fix)
    if holder is not None:
        kind = str(holder["kind"]).lower()
        where = f"Service {target[1]} in namespace {target[2]}" if target else "the webhook's Service"
        fix = run(
            world,
            f"remove the webhook's configuration, if {where} is not to be repaired",
            "delete",
            kind,
            holder["metadata"]["name"],
            note=f"better: make {where} work again",
        )
    return Candidate(WEBHOOK_DOWN, workload.key, cause, fix)


def _webhook(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
    cause = f"{workload.key}: {found['name']} rejects it: {one_line(found['why'], 200)}"
    return Candidate(WEBHOOK, workload.key, cause, words(f"meet the policy: {one_line(found['why'], 300)}"))


def _invalid(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
    text = one_line(found["why"], 200)
    return Candidate(INVALID, workload.key, f"{workload.key}: {text}", words(f"correct the field: {text}"))


def _quota(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
    cause, fix = quota.exceeded(world, workload, found["name"], found["rest"])
    return Candidate(QUOTA, workload.key, f"{workload.key}: {cause}", fix)


def _limits(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
    cause, fix = quota.unstated(world, workload, found["name"], found["rest"])
    return Candidate(QUOTA_LIMITS, workload.key, f"{workload.key}: {cause}", fix)


def _range(world: World, workload: Workload, message: str, found: re.Match[str]) -> Candidate:
    cause, fix = quota.out_of_range(world, workload, message)
    return Candidate(LIMIT_RANGE, workload.key, f"{workload.key}: {cause}", fix)


Refusal = Callable[[World, Workload, str, re.Match[str]], Candidate]
TABLE: Final[tuple[tuple[str, Refusal], ...]] = (
    (r"violates PodSecurity \"(?P<level>\w+):[^\"]*\": (?P<rest>.+)", _pod_security),
    (r"exceeded quota: (?P<name>[\w.-]+), (?P<rest>.+)", _quota),
    (r"failed quota: (?P<name>[\w.-]+): must specify (?P<rest>.+)", _limits),
    (r"(?:maximum|minimum) \S+ usage per (?:Container|Pod)|max limit to request ratio", _range),
    (
        (
            r"service ?account (?:[\w-]+/)?\"?(?P<name>[\w.-]+)\"?(?:: .*)? not found"
            r"|serviceaccount \"(?P<other>[^\"]+)\" not found"
        ),
        _account,
    ),
    (r"no PriorityClass with name (?P<name>\S+) was found", _class(PRIORITY, "PriorityClass", "priorityClassName")),
    (
        r"RuntimeClass \"?(?P<name>[\w.-]+)\"? not found|runtimeclass\.node\.k8s\.io \"(?P<other>[^\"]+)\" not found",
        _class(RUNTIME, "RuntimeClass", "runtimeClassName"),
    ),
    (r"failed calling webhook \"(?P<name>[^\"]+)\"", _webhook_down),
    (r"admission webhook \"(?P<name>[^\"]+)\" denied the request:? ?(?P<why>.*)", _webhook),
    (r"(?P<name>ValidatingAdmissionPolicy '[^']+') .*?denied request: (?P<why>.+)", _webhook),
    (r"is invalid: (?P<why>.+)", _invalid),
)
