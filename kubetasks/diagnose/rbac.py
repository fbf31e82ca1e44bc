"""Rights at the Kubernetes API: who may do what in a snapshot, and the command that grants what is missing."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import compact, kubectl, run
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.words import nearest
from kubetasks.objects import Object

FORBIDDEN: Final = re.compile(
    r"cannot (?P<verb>[a-z*]+) resource \\*\"(?P<resource>[\w./*-]+)\\*\" in API group \\*\"(?P<group>[\w.-]*)\\*\""
    r"(?: in the namespace \\*\"(?P<namespace>[\w-]+)\\*\"| at the cluster scope)?"
)
ACCOUNT: Final = re.compile(r"system:serviceaccount:(?P<namespace>[\w-]+):(?P<name>[\w.-]+)")
# /api/v1/namespaces/NAMESPACE/RESOURCE[/NAME[/SUBRESOURCE]], /apis/GROUP/VERSION/…
API_PATH: Final = re.compile(
    r"/api(?:s/(?P<group>[\w.-]+))?/v\d\w*/(?:namespaces/(?P<namespace>[\w{}$%.-]+)/)?(?P<resource>[a-z]{3,})"
    r"(?:/(?P<name>[\w{}$.-]+))?(?:/(?P<sub>[a-z]+))?(?P<query>\?[^\s'\"]*)?"
)
METHODS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Call:
    """A call that was refused: the account, the verb and the resource; no namespace: of the whole cluster."""

    account: str
    verb: str
    resource: str
    group: str
    namespace: str

    @property
    def shown(self) -> str:
        """``list pods``, ``get deployments.apps``."""
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")


def refused(text: str, workload: Workload, here: str) -> Call | None:
    """The call that the API server's own words name."""
    found = FORBIDDEN.search(text)
    if found is None:
        return None
    account = ACCOUNT.search(text)
    own = str(workload.spec.get("serviceAccountName") or "default")
    name = account["name"] if account and account["namespace"] == here else "" if account else own
    return Call(name, found["verb"], found["resource"], found["group"], found["namespace"] or "")


def guessed(texts: Iterator[str], workload: Workload, here: str) -> Call | None:
    """The call that a path of the API in a log or a command tells of, where the answer itself does not."""
    for text in texts:
        found = API_PATH.search(text)
        if found is None:
            continue
        method = re.search(r"\b(POST|PUT|PATCH|DELETE)\b", text)
        query = found["query"] or ""
        verb = METHODS.get(method[1] if method else "", "get" if found["name"] else "list")
        if verb == "list" and "watch=" in query:
            verb = "watch"
        resource = found["resource"] + (f"/{found['sub']}" if found["sub"] else "")
        own = str(workload.spec.get("serviceAccountName") or "default")
        return Call(own, verb, resource, found["group"] or "", here if found["namespace"] else "")
    return None


def allows(rules: list[Mapping[str, Any]], call: Call, *, any_verb: bool = False) -> bool:
    """Whether the rules of a Role allow a call; ``any_verb``: whether they are about its resource at all."""
    return any(
        call.group in (rule.get("apiGroups") or [""]) + (["*"] if "*" in (rule.get("apiGroups") or ()) else [])
        and {call.resource, "*"} & set(rule.get("resources") or ())
        and (any_verb or {call.verb, "*"} & set(rule.get("verbs") or ()))
        for rule in rules
    )


def bindings(world: World, account: str) -> list[Object]:
    """The RoleBindings of an account of this namespace."""
    here = world.snapshot.namespace
    return [
        item
        for item in world.all("RoleBinding")
        if any(
            subject.get("kind") == "ServiceAccount"
            and subject.get("name") == account
            and (subject.get("namespace") or here) == here
            for subject in item.get("subjects") or ()
        )
    ]


def grant(world: World, workload: Workload, call: Call) -> tuple[str, Fix]:
    """What is missing, in words, and the command that grants it with as little as possible."""
    account = call.account or "default"
    for check in (_other_account, _missing_role, _own_role):
        found = check(world, workload, call, account)
        if found is not None:
            return found
    here = world.snapshot.namespace
    name = f"{account}-{call.verb}-{call.resource.replace('/', '-')}".lower()[:63].strip("-")
    resource = _resource(call)
    kind = "role" if call.namespace else "clusterrole"
    bind = kubectl(world, "create", f"{kind}binding", name, f"--{kind}={name}", f"--serviceaccount={here}:{account}")
    fix = run(
        world,
        f"let ServiceAccount {account} {call.shown}",
        "create",
        kind,
        name,
        f"--verb={call.verb}",
        f"--resource={resource}",
        then=[bind],
    )
    return f"no Role lets ServiceAccount {account} {call.shown}", fix


def _resource(call: Call) -> str:
    base, _, sub = call.resource.partition("/")
    return base + (f".{call.group}" if call.group else "") + (f"/{sub}" if sub else "")


def _missing_role(world: World, workload: Workload, call: Call, account: str) -> tuple[str, Fix] | None:
    """A RoleBinding of the account whose Role does not exist. A binding's Role cannot be changed: it is recreated."""
    for item in bindings(world, account):
        ref = item.get("roleRef") or {}
        if ref.get("kind") != "Role" or world.get("Role", str(ref.get("name"))) is not None:
            continue
        near = nearest(str(ref.get("name")), world.names("Role"))
        name = item["metadata"]["name"]
        why = f"RoleBinding {name} refers to Role {ref.get('name')}, which does not exist{near.hint}"
        here = world.snapshot.namespace
        if near:
            then = [
                kubectl(
                    world, "create", "rolebinding", name, f"--role={near.name}", f"--serviceaccount={here}:{account}"
                )
            ]
            return why, run(world, f"bind Role {near.name}", "delete", "rolebinding", name, then=then)
        role = str(ref.get("name"))
        return why, run(
            world, f"create Role {role}", "create", "role", role, f"--verb={call.verb}", f"--resource={_resource(call)}"
        )
    return None


def _own_role(world: World, workload: Workload, call: Call, account: str) -> tuple[str, Fix] | None:
    """A Role that the account has already: the verb is missing in the rule about that resource, or the resource is."""
    if not call.namespace:
        return None
    owned = [
        world.get("Role", str((item.get("roleRef") or {}).get("name")))
        for item in bindings(world, account)
        if (item.get("roleRef") or {}).get("kind") == "Role"
    ]
    roles = [role for role in owned if role is not None]
    for role in roles:
        for index, rule in enumerate(role.get("rules") or ()):
            if allows([rule], call, any_verb=True):
                verbs = ", ".join(rule.get("verbs") or ())
                why = f"Role {role['metadata']['name']} allows {verbs} on {call.resource}, not {call.verb}"
                return why, _add(world, role, f"/rules/{index}/verbs/-", call.verb, call)
    if roles:
        rule = {"apiGroups": [call.group], "resources": [call.resource], "verbs": [call.verb]}
        why = f"Role {roles[0]['metadata']['name']} does not allow {call.shown}"
        return why, _add(world, roles[0], "/rules/-", rule, call)
    return None


def _add(world: World, role: Object, path: str, value: Any, call: Call) -> Fix:
    patch = compact([{"op": "add", "path": path, "value": value}])
    name = role["metadata"]["name"]
    return run(world, f"allow {call.shown} in Role {name}", "patch", "role", name, "--type=json", "-p", patch)


def _other_account(world: World, workload: Workload, call: Call, account: str) -> tuple[str, Fix] | None:
    """A pod that runs as ``default`` while the rights are another account's."""
    if workload.spec.get("serviceAccountName") not in {None, "", "default"} or workload.kind in {
        "Pod",
        "Job",
        "CronJob",
    }:
        return None
    for item in world.all("RoleBinding"):
        ref = item.get("roleRef") or {}
        role = world.get("Role", str(ref.get("name"))) if ref.get("kind") == "Role" else None
        if role is None or not allows(role.get("rules") or [], call):
            continue
        for subject in item.get("subjects") or ():
            name = str(subject.get("name"))
            if subject.get("kind") == "ServiceAccount" and name != account and world.get("ServiceAccount", name):
                why = f"the pod runs as ServiceAccount {account}; {name} may {call.shown}"
                target = f"{workload.kind.lower()}/{workload.name}"
                return why, run(world, f"run it as ServiceAccount {name}", "set", "serviceaccount", target, name)
    return None
