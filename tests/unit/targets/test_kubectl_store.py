"""The objects of a namespace through kubectl: whole argv lists, what goes in on stdin, what errors mean."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from kubetasks.environment import PROXIES
from kubetasks.errors import (
    ApplyFailed,
    ClusterUnreachable,
    DeletionHeld,
    Forbidden,
    KubetasksError,
    LockLost,
    NamespaceTerminating,
    NotEffective,
    ToolFailed,
    ToolTimeout,
)
from kubetasks.redact import Sensitive
from kubetasks.runner import Result
from kubetasks.secrets.store import secret_objects
from kubetasks.targets import departure, fence
from kubetasks.targets.base import Cluster
from kubetasks.targets.kubectl_store import CREATED_BY, KubectlStore
from tests.fake_cluster import quick
from tests.recording import Answer, Call, Given, RecordingRunner
from tests.samples import CANARY, configmap, deployment, settings

SCOPE = ["kubectl", "--context", "kind-test", "--namespace", "todo"]
BASE = [*SCOPE, "--request-timeout=20s"]
APPLY = [
    *BASE, "apply", "--server-side", "--force-conflicts", "--field-manager=kubetasks",
    "--output", "json", "--filename", "-",
]  # fmt: skip
DRY_APPLY = [*APPLY[:-4], "--dry-run=server", *APPLY[-4:]]
CREATE = [*BASE, "create", "--field-manager=kubetasks", "--output", "name", "--filename", "-"]
THESE = [*BASE, "get", "--ignore-not-found", "--output", "json", "--filename", "-"]
REFUSED = "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?"


TIMED_OUT = "error: timed out waiting for the condition on configmaps/todo-config"
NO_ANSWER = (
    'failed to call webhook: Post "https://keep.ns.svc:443/?timeout=10s": dial tcp 10.96.0.7:443: connect: connection '
    "refused"
)
REFUSALS = [
    (
        'Error from server (Forbidden): admission webhook "keep.example.org" denied the request: not on a Friday',
        "webhook keep.example.org: it rejects the deletion: denied the request: not on a Friday",
    ),
    (
        f'Error from server (InternalError): failed calling webhook "keep.example.org": {NO_ANSWER}',
        f"webhook keep.example.org: it does not answer: {NO_ANSWER}",
    ),
]
REMAINING = {
    "type": "NamespaceContentRemaining",
    "status": "True",
    "message": "Some resources are remaining: configmaps. has 1 resource instances, certificates.cert-manager.io has 2 "
    "resource instances",
}


def store(answer: Answer = "", **cluster: Any) -> tuple[KubectlStore, RecordingRunner]:
    runner = RecordingRunner({("kubectl",): answer})
    return KubectlStore(Cluster("kind-test", "todo", **cluster), runner), runner


def fails(text: str) -> tuple[int, str, str]:
    return (1, "", text)


def listed(*items: Any) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


class Taking:
    """An API server that takes everything, and shows what it took."""

    def __init__(self) -> None:
        self.there = ""

    def __call__(self, call: Call) -> str:
        if "get" not in call.argv:
            self.there = call.input or ""
        return self.there


def test_every_call_gets_the_private_kubeconfig_and_no_other_environment() -> None:
    made, runner = store(listed(), kubeconfig="/private")
    made.get(["Pod"])
    assert runner.calls[0].env == {"KUBECONFIG": "/private"}
    made, runner = store(listed(), kubeconfig="/private", local=True)
    made.get(["Pod"])
    assert runner.calls[0].env == {"KUBECONFIG": "/private", **dict.fromkeys(PROXIES)}
    made, runner = store(listed())
    made.get(["Pod"])
    assert runner.calls[0].env == {}


def test_get_is_one_call_for_all_kinds() -> None:
    made, runner = store(listed(configmap()))
    assert made.get(["ConfigMap", "Secret"], selector="a=b") == [configmap()]
    assert runner.argvs == [[*BASE, "get", "configmap,secret", "--selector", "a=b", "--output", "json"]]


def test_get_the_namespace_itself() -> None:
    namespace = {"kind": "Namespace", "metadata": {"name": "todo"}}
    made, runner = store(json.dumps(namespace))
    assert made.get(["Namespace"], selector="a=b") == [namespace]
    assert runner.argvs == [[*BASE, "get", "namespace", "todo", "--ignore-not-found", "--output", "json"]]
    assert store("\n")[0].get(["Namespace"]) == []


def test_get_nothing() -> None:
    assert store("")[0].get(["Pod"]) == []


def test_get_that_fails_says_what_and_why() -> None:
    made, _ = store(fails('error: the server doesn\'t have a resource type "pod"'))
    with pytest.raises(ToolFailed) as caught:
        made.get(["Pod", "Job"])
    assert caught.value.line == ('kubectl could not get pod,job: the server doesn\'t have a resource type "pod"')
    with pytest.raises(ToolFailed, match="kubectl could not get namespace todo"):
        made.get(["Namespace"])


CALLS: list[Callable[[KubectlStore], object]] = [
    lambda made: made.get(["Pod"]),
    lambda made: made.get(["Namespace"]),
    lambda made: made.apply([configmap()]),
    lambda made: made.apply([configmap()], dry_run=True),
    lambda made: made.create(configmap()),
    lambda made: made.delete([configmap()]),
    lambda made: made.delete_all(),
    lambda made: made.logs("pod-1"),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_does_not_answer(call: Callable[[KubectlStore], object]) -> None:
    made, _ = store(fails(REFUSED), server="https://127.0.0.1:6443")
    with pytest.raises(ClusterUnreachable) as caught:
        call(made)
    assert caught.value.line == (
        f"the cluster of context kind-test at https://127.0.0.1:6443 does not answer: {REFUSED} -- "
        "see what is wrong: inv doctor"
    )


@pytest.mark.parametrize("call", CALLS)
def test_what_the_user_may_not_do(call: Callable[[KubectlStore], object]) -> None:
    made, runner = store(
        fails('Error from server (Forbidden): pods is forbidden: User "x" cannot list resource "pods"')
    )
    with pytest.raises(Forbidden, match=r'User "x" cannot list .* auth can-i --list'):
        call(made)
    assert len(runner.calls) == 1


def test_a_call_that_takes_too_long_is_a_server_that_does_not_answer() -> None:
    class Slow(RecordingRunner):
        def run(self, *args: Any, **kwargs: Any) -> Result:
            raise ToolTimeout("`kubectl get …` did not end in 60 s")

    with pytest.raises(ClusterUnreachable, match="did not end in 60 s"):
        KubectlStore(Cluster("kind-test", "todo"), Slow()).get(["Pod"])


@pytest.mark.parametrize("call", CALLS[2:5])
def test_a_namespace_that_is_going(call: Callable[[KubectlStore], object]) -> None:
    text = "unable to create new content in namespace todo because it is being terminated"
    made, _ = store(fails(f'Error from server (Forbidden): leases "todo-deploy" is forbidden: {text}'))
    with pytest.raises(NamespaceTerminating) as caught:
        call(made)
    assert caught.value.line == (
        "namespace todo is still being deleted -- wait for it: kubectl --context kind-test wait --for=delete "
        "namespace/todo --timeout=120s"
    )


def test_apply_sends_all_objects_in_one_call_on_stdin() -> None:
    made, runner = store(Taking())
    assert made.apply([configmap(), deployment()]) == [configmap(), deployment()]
    assert runner.argvs == [APPLY, THESE]
    named = [{key: item[key] for key in ("apiVersion", "kind")} for item in (configmap(), deployment())]
    asked = json.loads(runner.calls[1].input or "")["items"]
    assert [{key: item[key] for key in ("apiVersion", "kind")} for item in asked] == named
    assert {tuple(item["metadata"]) for item in asked} == {("name", "namespace")}
    assert json.loads(runner.calls[0].input or "") == json.loads(listed(configmap(), deployment()))


def test_apply_of_one_object_comes_back_without_a_list() -> None:
    made, _ = store(json.dumps(configmap()))
    assert made.apply([configmap()]) == [configmap()]


def test_nothing_to_do_is_no_call() -> None:
    made, runner = store()
    assert made.apply([]) == []
    made.delete([])
    assert runner.calls == []


def test_a_refused_object() -> None:
    made, _ = store(
        fails(
            "Warning: would violate PodSecurity\n"
            'Error from server (Invalid): Deployment.apps "backend" is invalid: spec.selector: field is immutable\n'
            'Error from server (Forbidden): error when patching "STDIN": services "x" is forbidden: no\n'
        )
    )
    with pytest.raises(ApplyFailed) as caught:
        made.apply([deployment()])
    assert caught.value.why == 'Deployment.apps "backend" is invalid: spec.selector: field is immutable'
    assert 'services "x" is forbidden' in caught.value.detail
    assert caught.value.exit_code == 51


def test_a_dry_run_changes_nothing_and_needs_no_namespace() -> None:
    made, runner = store(Taking())
    made.apply([configmap()], dry_run=True)
    assert runner.argvs == [DRY_APPLY]
    missing = 'Error from server (NotFound): namespaces "todo" not found'
    made, _ = store(fails(missing))
    assert made.apply([configmap()], dry_run=True) == [configmap()]
    with pytest.raises(ApplyFailed, match="not found"):
        made.apply([configmap()])


class Creating:
    """An API server that creates, and shows what it created."""

    def __init__(self, *answers: Given) -> None:
        self.answers = [*answers]
        self.there = ""

    def __call__(self, call: Call) -> Given:
        if "get" in call.argv:
            return self.there
        answer = self.answers.pop(0)
        if answer == "created" or (isinstance(answer, tuple) and "after it was created" in answer[-1]):
            self.there = call.input or ""
        return answer


EXISTING = fails('Error from server (AlreadyExists): error when creating "STDIN": configmaps "x" already exists')


def test_create_says_whether_it_did() -> None:
    made, runner = store(Creating("created"))
    assert made.create(configmap()) is True
    assert runner.argvs == [CREATE]
    sent = json.loads(runner.calls[0].input or "")
    assert list(sent["metadata"].pop("annotations")) == [CREATED_BY]
    assert sent == configmap()
    made, runner = store(Creating(EXISTING))
    assert made.create(configmap()) is False
    assert runner.argvs == [CREATE]
    with pytest.raises(ToolFailed, match="kubectl could not create"):
        store(fails('Error from server (NotFound): namespaces "todo" not found'))[0].create(configmap())


def test_create_whose_answer_was_lost_looks_who_created_it() -> None:
    lost = fails("Unable to connect to the server: EOF")
    ours = store(
        Creating((1, "", "Unable to connect to the server: EOF, after it was created"), EXISTING), link=quick()
    )
    assert ours[0].create(configmap()) is True
    assert ours[1].argvs == [CREATE, CREATE, THESE]
    theirs = Creating(lost, EXISTING)
    theirs.there = json.dumps(configmap())
    assert store(theirs, link=quick())[0].create(configmap()) is False
    before = Creating(lost, "created")
    assert store(before, link=quick())[0].create(configmap()) is True


def test_records_and_the_lock_are_not_looked_for_afterwards() -> None:
    record = configmap()
    record["metadata"]["labels"]["kubetasks.dev/record"] = "revision"
    made, runner = store(Taking())
    made.apply([record])
    made.delete([record], wait=False)
    assert THESE not in runner.argvs


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ("", "ConfigMap/todo-config is not there"),
        (listed(), "ConfigMap/todo-config is not there"),
        (json.dumps({**configmap(), "data": {"A": "other"}}), "ConfigMap/todo-config has another data"),
    ],
)
def test_an_apply_that_did_nothing_is_found_out(there: str, says: str) -> None:
    made, _ = store(lambda call: there if "get" in call.argv else call.input or "")
    with pytest.raises(NotEffective) as caught:
        made.apply([configmap()])
    assert says in caught.value.why
    assert caught.value.exit_code == 83


def test_a_deletion_that_did_nothing_is_found_out() -> None:
    made, _ = store(lambda call: json.dumps(configmap()) if "get" in call.argv else "")
    for wait in (True, False):
        with pytest.raises(NotEffective, match="ConfigMap/todo-config is still there"):
            made.delete([configmap()], wait=wait)
    namespace = json.dumps({"kind": "Namespace", "metadata": {"name": "todo"}})
    made, _ = store(lambda call: namespace if "get" in call.argv else 'namespace "todo" deleted')
    with pytest.raises(NotEffective, match="Namespace/todo is still there"):
        made.delete_all()


def test_something_else_than_json_is_no_traceback() -> None:
    with pytest.raises(ToolFailed, match="kubectl printed something that is not JSON: Welcome"):
        store("Welcome to kubecolor\n")[0].get(["Pod"])


def test_delete_names_objects_and_tells_nothing_else() -> None:
    made, runner = store()
    secret = secret_objects(settings(), {"API_KEY": Sensitive(CANARY)})[0]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "todo"}}
    made.delete([secret, namespace])
    waits = ["--wait=true", "--cascade=foreground", "--timeout=90s"]
    assert runner.argvs == [[*SCOPE, "delete", "--ignore-not-found", *waits, "--filename", "-"], THESE]
    assert json.loads(runner.calls[0].input or "")["items"] == [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "todo-secrets", "namespace": "todo"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "todo"}},
    ]
    made.delete([secret], wait=False)
    assert runner.argvs[2] == [*SCOPE, "delete", "--ignore-not-found", "--wait=false", "--filename", "-"]


def test_delete_that_fails_says_so() -> None:
    made, _ = store(fails('Error from server (Forbidden): jobs "x" is forbidden: User "me" cannot delete'))
    with pytest.raises(Forbidden) as caught:
        made.delete([configmap()])
    assert caught.value.why == 'jobs "x" is forbidden: User "me" cannot delete'
    made, _ = store(fails("Error from server (InternalError): the finalizer is odd"))
    with pytest.raises(ToolFailed, match="kubectl could not delete: the finalizer is odd"):
        made.delete([configmap()])


def leaving(item: Any, *finalizers: str) -> Any:
    meta = {**item["metadata"], "deletionTimestamp": "2026-01-02T03:04:05Z", "uid": "u-1"}
    return {**item, "metadata": {**meta, **({"finalizers": list(finalizers)} if finalizers else {})}}


def test_delete_that_a_finalizer_holds_names_it() -> None:
    def kubectl(call: Call) -> Any:
        return listed(leaving(configmap(), "example.org/held")) if "get" in call.argv else fails(TIMED_OUT)

    made, _ = store(kubectl)
    with pytest.raises(DeletionHeld) as caught:
        made.delete([configmap()])
    assert caught.value.exit_code == 55
    assert caught.value.what == "ConfigMap/todo-config is being deleted and still there"
    assert caught.value.why.startswith("ConfigMap/todo-config: finalizer example.org/held: ")
    assert '{"metadata": {"finalizers": null}}' in caught.value.fix
    assert "risk: " in caught.value.fix


@pytest.mark.parametrize(("stderr", "why"), REFUSALS)
def test_delete_that_is_refused_names_what_refuses(stderr: str, why: str) -> None:
    for call in CALLS[5:7]:
        made, _ = store(fails(stderr))
        with pytest.raises(DeletionHeld) as caught:
            call(made)
        assert caught.value.why == why
        assert caught.value.fix.startswith("see what it ")


def test_delete_as_read_is_one_call_with_its_preconditions() -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "x", "namespace": "todo", "resourceVersion": "7", "uid": "u-1"},
    }
    made, runner = store("{}")
    assert made.delete_as_read(lease)
    path = "/apis/coordination.k8s.io/v1/namespaces/todo/leases/x"
    assert runner.argvs == [[*BASE, "delete", "--raw", path, "--filename", "-"]]
    assert json.loads(runner.calls[0].input or "")["preconditions"] == {"resourceVersion": "7", "uid": "u-1"}
    made, _ = store(fails("Error from server (Conflict): Operation cannot be fulfilled"))
    assert not made.delete_as_read(lease)
    made, _ = store(fails("Error from server (Forbidden): no"))
    with pytest.raises(ToolFailed):
        made.delete_as_read(lease)


def test_delete_everything_only_begins() -> None:
    made, runner = store()
    made.delete_all()
    assert runner.argvs == [
        [*BASE, "delete", "namespace", "todo", "--ignore-not-found", "--wait=false"],
        [*BASE, "get", "namespace", "todo", "--ignore-not-found", "--output", "json"],
    ]
    made, _ = store(fails('Error from server (Forbidden): namespaces "todo" is forbidden: User "me" cannot delete'))
    with pytest.raises(Forbidden, match='namespaces "todo" is forbidden'):
        made.delete_all()


def test_apply_waits_for_what_is_being_deleted_and_applies_again() -> None:
    answers = [
        json.dumps(leaving(configmap(), "example.org/held")),  # applied onto the one that goes
        listed(leaving(configmap(), "example.org/held")),  # still there
        listed(),  # gone
        json.dumps(configmap()),
        listed(configmap()),  # looked for afterwards
    ]
    made, runner = store(lambda _call: answers[len(runner.calls) - 1])
    assert made.apply([configmap()]) == [configmap()]
    assert [["get" in argv, "apply" in argv] for argv in runner.argvs] == [
        [False, True],
        [True, False],
        [True, False],
        [False, True],
        [True, False],
    ]


def test_apply_onto_what_does_not_go_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kubetasks.targets.departure.wait_gone.__kwdefaults__", {"limit": 0.0, "sleep": lambda _s: None}
    )
    held = leaving(configmap(), "example.org/held")
    made, _ = store(lambda call: listed(held) if "get" in call.argv else json.dumps(held))
    with pytest.raises(DeletionHeld, match=r"finalizer example\.org/held"):
        made.apply([configmap()])


@pytest.mark.parametrize("call", [CALLS[2], CALLS[4], CALLS[5], CALLS[6]])
def test_no_change_is_made_behind_a_lost_lock(call: Callable[[KubectlStore], object]) -> None:
    def lost() -> None:
        raise LockLost("the deploy lock was lost")

    made, runner = store("")
    with fence.fenced(lost), pytest.raises(LockLost):
        call(made)
    assert runner.calls == []


LOST = "Unable to connect to the server: net/http: TLS handshake timeout"


@pytest.mark.parametrize("call", [CALLS[2], CALLS[4], CALLS[5], CALLS[6]])
def test_a_change_whose_answer_was_lost_is_sent_again_only_while_the_lock_is_held(
    call: Callable[[KubectlStore], object],
) -> None:
    """Another process may have taken the lock over while the connection was lost."""
    made, runner = store(fails(LOST), link=quick())

    def held_once() -> None:
        if runner.calls:
            raise LockLost("the deploy lock was lost")

    with fence.fenced(held_once), pytest.raises(LockLost):
        call(made)
    assert len(runner.calls) == 1


def test_a_deletion_as_read_whose_answer_was_lost_has_happened() -> None:
    lease = {**configmap(), "apiVersion": "v1"}
    lease["metadata"] = {**lease["metadata"], "resourceVersion": "7", "uid": "u-1"}
    answers: list[Any] = [fails(LOST), fails('Error from server (NotFound): configmaps "x" not found'), ""]
    made, runner = store(lambda _call: answers[len(runner.calls) - 1], link=quick())
    assert made.delete_as_read(lease)
    answers[2] = listed(lease)
    made, runner = store(lambda _call: answers[len(runner.calls) - 1], link=quick())
    assert not made.delete_as_read(lease)


def test_where_some_kinds_may_not_be_listed_the_others_are() -> None:
    def kubectl(call: Call) -> Any:
        if "deployment,horizontalpodautoscaler" in call.argv:
            return fails('Error from server (Forbidden): horizontalpodautoscalers is forbidden: User "me" cannot list')
        return listed(deployment())

    made, _ = store(kubectl)
    assert departure.some(made, ["Deployment"], ["HorizontalPodAutoscaler"]) == [deployment()]


def test_a_namespace_that_may_not_be_read_is_not_known() -> None:
    made, _ = store(fails('Error from server (Forbidden): namespaces "todo" is forbidden: User "me" cannot get'))
    assert departure.namespaces(made) is None


def test_looking_is_allowed_behind_a_lost_lock() -> None:
    def lost() -> None:
        raise LockLost("the deploy lock was lost")

    made, _ = store(listed())
    with fence.fenced(lost):
        assert made.get(["Pod"]) == []
        assert made.apply([], dry_run=True) == []
        made.logs("pod-1")


def test_a_namespace_that_is_going_says_what_holds_it() -> None:
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "todo", "deletionTimestamp": "2026-01-02T03:04:05Z"},
        "status": {"conditions": [REMAINING]},
    }

    def kubectl(call: Call) -> Any:
        if "namespace" in call.argv:
            return json.dumps(namespace)
        if "get" in call.argv:
            assert "configmaps,certificates.cert-manager.io" in call.argv
            return listed(leaving(configmap(), "example.org/held"))
        return fails("Error from server (Forbidden): no new content because it is being terminated")

    made, _ = store(kubectl)
    with pytest.raises(NamespaceTerminating) as caught:
        made.apply([configmap()])
    assert caught.value.what == "namespace todo is still being deleted"
    assert caught.value.why.startswith("ConfigMap/todo-config: finalizer example.org/held")


def test_logs() -> None:
    made, runner = store("one\ntwo\n")
    assert made.logs("pod-1", "backend", tail=5, previous=True) == "one\ntwo\n"
    assert runner.argvs == [[*BASE, "logs", "pod-1", "--container", "backend", "--tail=5", "--previous"]]
    assert store(fails("previous terminated container not found"))[0].logs("pod-1") == ""


def test_a_kubelet_that_does_not_answer_has_no_logs_and_is_no_dead_cluster() -> None:
    url = "https://1.2.3.4:10250/containerLogs/todo/x/y"
    text = f'Error from server: Get "{url}": dial tcp 1.2.3.4:10250: connect: connection refused'
    assert store(fails(text))[0].logs("pod-1") == ""


def test_follow_hands_on_the_lines_of_every_pod() -> None:
    made, runner = store(lambda call: f"[{call.argv[6]}] started\n[{call.argv[6]}] ready\n")
    lines: list[str] = []
    made.follow(["pod-1", "pod-2"], lines.append)
    assert sorted(lines) == ["[pod-1] ready", "[pod-1] started", "[pod-2] ready", "[pod-2] started"]
    tail = ["--all-containers", "--follow", "--prefix", "--tail=10"]
    assert runner.argvs == [[*SCOPE, "logs", pod, *tail] for pod in ("pod-1", "pod-2")]


def test_following_goes_on_after_a_lost_connection() -> None:
    streams = iter(["[pod/a] one\nerror: unexpected EOF\n", "[pod/a] two\n"])
    made, runner = store(lambda call: next(streams) if "--follow" in call.argv else "", link=quick())
    lines: list[str] = []
    made.follow(["a"], lines.append)
    assert [line for line in lines if line.startswith("[")] == ["[pod/a] one", "[pod/a] two"]
    assert [argv[-1] for argv in runner.argvs if "--follow" in argv] == ["--tail=10", "--tail=0"]


def test_following_ends_with_the_error_when_the_cluster_stays_away() -> None:
    made, _ = store(fails(REFUSED), link=quick(1.0))
    lines: list[str] = []
    with pytest.raises(ClusterUnreachable):
        made.follow(["a", "b"], lines.append)


def test_a_line_of_a_log_is_no_trouble_of_ours() -> None:
    made, runner = store("[pod/a] Unable to connect to the server: EOF\n")
    made.follow(["a"], lambda _: None)
    assert len(runner.calls) == 1


def test_a_secret_goes_in_on_stdin_and_comes_out_nowhere() -> None:
    def echo(call: Any) -> tuple[int, str, str]:
        return fails(f"Error from server (Invalid): {call.input}\nand again: {CANARY}")

    made, runner = store(echo)
    runner.redactor.add([Sensitive(CANARY)])
    secret = secret_objects(settings(), {"API_KEY": Sensitive(CANARY)})[0]
    encoded = base64.b64encode(CANARY.encode()).decode()
    for call in (made.apply, lambda items: made.create(items[0])):
        with pytest.raises(KubetasksError) as caught:
            call([secret])
        shown = f"{caught.value.line}\n{caught.value.detail}\n{caught.value!r}"
        assert CANARY not in shown
        assert encoded not in shown
    for recorded in runner.calls:
        assert encoded in (recorded.input or "")
        assert not any(CANARY in word or encoded in word for word in recorded.argv)
    assert all(CANARY not in str(recorded.env) for recorded in runner.calls)


def test_logs_are_shown_without_secrets() -> None:
    made, runner = store(f"connecting with {CANARY}\n")
    runner.redactor.add([Sensitive(CANARY)])
    assert made.logs("pod-1") == "connecting with ***\n"
    lines: list[str] = []
    made.follow(["pod-1"], lines.append)
    assert lines == ["connecting with ***"]
