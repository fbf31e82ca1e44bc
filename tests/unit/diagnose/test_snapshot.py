"""The snapshot: a document that holds no secret, made from one call and what that call asks for."""

import base64
import contextlib
import http.server
import json
import socketserver
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from kubetasks.diagnose.certificate import expiry
from kubetasks.diagnose.collect import take
from kubetasks.diagnose.snapshot import VERSION, Snapshot, from_json, read, schema
from kubetasks.diagnose.sources import CLUSTER_WIDE, NAMESPACED
from kubetasks.diagnose.trim import trimmed
from kubetasks.errors import ClusterUnreachable, Forbidden, UsageError
from kubetasks.redact import HIDDEN, Redactor, Sensitive
from kubetasks.runner import Process
from kubetasks.targets.base import Cluster, Store
from kubetasks.targets.kubectl_store import KubectlStore
from kubetasks.tasks._dry import ReadOnlyStore
from tests.recording import Answer, Call, RecordingRunner
from tests.samples import CANARY
from tests.unit.diagnose.worlds import container, deployment, ended, event, item, log, pod, running, snapshot, waiting

SECRET = "s3cr3t-canary-0000000"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# Objects that hold a secret in every place that anybody ever put one.
HOLDING = [
    {"kind": "Secret", "metadata": {"name": "a"}, "data": {"token": encoded(SECRET)}, "stringData": {"b": SECRET}},
    {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"API_TOKEN": SECRET, "url": f"redis://u:{SECRET}@cache"}},
    item("Pod", "a", spec={"containers": [container(env=[{"name": "DB_PASSWORD", "value": SECRET}])]}),
    item("Pod", "a", spec={"containers": [container(env=[{"name": "DB", "value": f"postgres://u:{SECRET}@db/x"}])]}),
    item("Pod", "a", spec={"containers": [container(args=[f"--password={SECRET}"])]}),
    item("Pod", "a", spec={"containers": [container(command=["sh", "-c", f"curl -H 'Authorization: Bearer {SECRET}' x"])]}),
    item("Deployment", "a", spec={"template": {"spec": {"containers": [container(env=[{"name": "JWT_SECRET", "value": SECRET}])]}}}),
    item("Pod", "a", metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": f"{{{SECRET}}}"}}, spec={}),
    item("Pod", "a", metadata={"annotations": {"vault.example.com/token": SECRET}}, spec={}),
    item("Pod", "a", metadata={"managedFields": [{"x": SECRET}]}, spec={}),
    event("Pod/a", "Failed", f"login with password={SECRET} failed"),
    item("Pod", "a", spec={}, status={"containerStatuses": [{"state": {"terminated": {"message": f"token: {SECRET}"}}}]}),
]  # fmt: skip


@pytest.mark.parametrize("held", HOLDING, ids=range(len(HOLDING)))
def test_no_object_keeps_a_secret(held: dict[str, Any]) -> None:
    text = json.dumps(trimmed(held))
    assert SECRET not in text
    assert encoded(SECRET) not in text


def test_the_known_secrets_go_wherever_they_stand() -> None:
    redactor = Redactor()
    redactor.add([Sensitive(CANARY)])
    held = item("Pod", "a", spec={"containers": [container(args=["--greeting", f"hello {CANARY}"])]})
    assert CANARY not in json.dumps(trimmed(held, redactor))


def test_of_a_secret_the_keys_stay_and_what_tells_nothing() -> None:
    data = {"a": encoded("x\n"), "b": encoded(""), "c": encoded("fine")}
    kept = trimmed({"kind": "Secret", "metadata": {"name": "s", "labels": {"a": "b"}}, "type": "Opaque", "data": data})
    assert kept["data"] == dict.fromkeys("abc", HIDDEN)
    assert kept["facts"] == {"lineFeed": ["a"], "empty": ["b"]}
    assert kept["metadata"]["labels"] == {"a": "b"}


CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUQ0nS0yX3n5mYw0m2dUO0Jv0m0AgwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


def certificate(not_after: str) -> bytes:
    """The bare bones of a certificate: what its validity is in."""

    def der(tag: int, content: bytes) -> bytes:
        size = len(content)
        head = bytes([size]) if size < 128 else bytes([0x81, size])
        return bytes([tag]) + head + content

    kind = 0x17 if len(not_after) == 13 else 0x18
    validity = der(0x30, der(0x17, b"240101000000Z") + der(kind, not_after.encode()))
    name = der(0x30, der(0x31, der(0x30, der(0x06, b"\\x55\\x04\\x03") + der(0x0C, b"test"))))
    tbs = der(0x30, der(0x02, b"\\x01") + der(0x30, der(0x06, b"\\x2a")) + name + validity + name)
    whole = der(0x30, tbs + der(0x30, der(0x06, b"\\x2a")) + der(0x03, b"\\x00\\x01"))
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(whole) + b"-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("pem", "expected"),
    [
        (certificate("250203040506Z"), "2025-02-03T04:05:06Z"),
        (certificate("20600203040506Z"), "2060-02-03T04:05:06Z"),
        (b"", ""),
        (b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", ""),
        (CERTIFICATE.encode(), ""),
    ],
)
def test_when_a_certificate_expires(pem: bytes, expected: str) -> None:
    assert expiry(pem) == expected


def test_a_snapshot_survives_its_file(tmp_path: Path) -> None:
    made = snapshot(deployment(pods=[pod(statuses=[ended()])]), logs=[log("a\nb")], unread={"x": "no"})
    path = tmp_path / "state.json"
    path.write_text(made.to_json())
    assert read(path) == made
    jsonschema.validate(json.loads(path.read_text()), schema())
    assert len(path.read_text().splitlines()) > 6, "an object a line"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Input data was truncated|JSON is malformed"),
        ("[]", "Expected `object`"),
        ("{", "malformed|truncated"),
        ('{"version": "x"}', "Expected `int`"),
        (f'{{"version": {VERSION + 1}}}', "newer one"),
        ('{"objects": [{"a": 1}]}', "no kind or no name"),
        ('{"objects": [{"kind": "Pod", "metadata": {}}]}', "no kind or no name"),
        ("\udcff", "is not a snapshot"),
    ],
)
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=why) as caught:
        read(path)
    assert "\n" not in caught.value.line


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "no-such.json")


def test_an_older_snapshot_with_unknown_fields_is_read() -> None:
    assert from_json('{"version": 1, "more": 2}') == Snapshot()


# Collecting.

GET = ("kubectl", "--context", "kind-x", "--namespace", "space", "--request-timeout=20s", "get")
LOGS = ("kubectl", "--context", "kind-x", "--namespace", "space", "--request-timeout=20s", "logs")
PROXY = ("kubectl", "--context", "kind-x", "proxy")
PODS = "/api/v1/namespaces/space/pods"


def listing(*objects: Any) -> str:
    return json.dumps({"kind": "List", "items": objects})


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@dataclass
class Serving(RecordingRunner):
    """Its `kubectl proxy` serves paths of the API on the socket that it is given.

    Args:
        api: a path to its status and body; what begins with it, where the path is longer.
        asked: the paths that were asked for.
        modes: the permissions of the folder that each socket is in.
    """

    api: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)

    @contextlib.contextmanager
    def spawn(self, argv: Sequence[str], **more: Any) -> Iterator[Process]:
        path = Path(next(word for word in argv if word.startswith("--unix-socket=")).partition("=")[2])
        self.modes.append(stat.S_IMODE(path.parent.stat().st_mode))
        self.left.append(path.parent)
        runner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                runner.asked.append(self.path)
                found = [each for each in runner.api if self.path.startswith(each)]
                status, body = runner.api[max(found, key=len)] if found else (404, "no such path")
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: Any) -> None:
                pass

            def address_string(self) -> str:
                return ""

        with _Server(str(path), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            with super().spawn(argv, **more) as process:
                process.poll = lambda: None  # type: ignore[method-assign]
                yield process
            server.shutdown()


def taken(
    answers: dict[tuple[str, ...], Answer], api: dict[str, tuple[int, str]] | None = None
) -> tuple[Snapshot, Serving]:
    runner = Serving({PROXY: "", **answers}, api=api or {})
    return take(KubectlStore(Cluster("kind-x", "space"), runner)), runner


def test_everything_is_one_call() -> None:
    state, runner = taken({GET: listing(*deployment())})
    kinds = ",".join(kind.lower() for kind in (*NAMESPACED, *CLUSTER_WIDE))
    assert runner.argvs == [[*GET, kinds, "--output", "json"]]
    assert (state.context, state.namespace, len(state.objects)) == ("kind-x", "space", 2)


def test_logs_are_read_of_what_is_not_well_and_of_one_pod_of_every_other_workload() -> None:
    again = running("again", restarts=2)
    again["lastState"] = {"terminated": {"exitCode": 1}}
    objects = [
        pod("crashed", statuses=[ended()], owner=None),
        pod("waits", statuses=[waiting("ErrImagePull")], owner=None),
        pod("again", [container("again")], [again], owner=None),
        *[pod(f"web-1-{letter}", statuses=[running()]) for letter in "abc"],
    ]
    state, runner = taken({GET: listing(*objects)}, {PODS: (200, "2026-05-04T12:00:00Z hello\n")})
    tail = "log?container={}&timestamps=true&tailLines=60"
    assert sorted(each.removeprefix(f"{PODS}/") for each in runner.asked) == [
        f"again/{tail.format('again')}",
        f"again/{tail.format('again')}&previous=true",
        f"crashed/{tail.format('web')}",
        f"web-1-a/{tail.format('web')}",
    ]
    assert {each.pod for each in state.logs} == {"again", "crashed", "web-1-a"}


def test_the_way_to_the_api_is_this_users_alone_and_goes_away() -> None:
    _, runner = taken({GET: listing(pod("a", statuses=[ended()], owner=None))}, {PODS: (200, "x")})
    assert runner.modes == [0o700]
    assert not runner.left[0].exists()
    assert [each[:4] for each in runner.argvs if "proxy" in each] == [list(PROXY)]


def test_without_a_proxy_kubectl_reads_the_logs() -> None:
    runner = RecordingRunner(
        {GET: listing(pod("a", statuses=[ended()], owner=None)), PROXY: (1, "no"), LOGS: "2026-05-04T12:00:00Z hi\n"}
    )
    state = take(KubectlStore(Cluster("kind-x", "space"), runner))
    assert [each.text for each in state.logs] == ["2026-05-04T12:00:00Z hi"]
    assert [*LOGS, "a", "--container", "web", "--timestamps", "--tail=60"] in runner.argvs


def test_the_head_of_a_long_log_is_read_too() -> None:
    objects = listing(pod("a", statuses=[ended()], owner=None))
    long = "".join(f"2026-05-04T12:00:00Z line {number}\n" for number in range(60))
    path = f"{PODS}/a/log?container=web&timestamps=true&"
    state, _ = taken({GET: objects}, {f"{path}tailLines": (200, long), f"{path}limitBytes": (200, "the first line\n")})
    assert state.logs[0].head == "the first line"


def test_what_may_not_be_read_is_noted_and_the_rest_is_kept() -> None:
    said = (
        'Error from server (Forbidden): nodes is forbidden: User "x" cannot list resource "nodes" at the cluster scope'
    )
    state, _ = taken({GET: (1, listing(*deployment()), said)})
    assert list(state.unread) == ["nodes"]
    assert len(state.objects) == 2


@pytest.mark.parametrize("text", ["", listing()])
def test_a_user_who_may_not_read_pods_is_refused(text: str) -> None:
    said = 'Error from server (Forbidden): pods is forbidden: User "x" cannot list resource "pods" in API group ""'
    with pytest.raises(Forbidden):
        taken({GET: (1, text, said)})


def test_a_store_that_can_only_be_read_is_read_as_its_cluster() -> None:
    runner = RecordingRunner({GET: listing(*deployment()), PROXY: (1, "no"), LOGS: ""})
    store = cast("Store", ReadOnlyStore(KubectlStore(Cluster("kind-x", "space"), runner)))
    state = take(store)
    assert (state.context, state.namespace, len(state.objects)) == ("kind-x", "space", 2)


def test_a_kind_that_an_older_server_does_not_know_is_left_out() -> None:
    def answer(call: Call) -> Any:
        if "runtimeclass" in call.argv[7]:
            return (1, "", 'error: the server doesn\'t have a resource type "runtimeclass"')
        return listing(*deployment())

    state, runner = taken({GET: answer})
    assert (list(state.unread), len(runner.calls), len(state.objects)) == (["RuntimeClass"], 2, 2)


def test_a_server_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(ClusterUnreachable):
        taken({GET: (1, "", "The connection to the server 127.0.0.1:1 was refused")})


def test_a_log_that_was_just_removed_is_read_of_the_other_run() -> None:
    objects = listing(pod("a", statuses=[ended()], owner=None))
    gone = "unable to retrieve container logs for containerd://73e4b56d"
    path = f"{PODS}/a/log?container=web&timestamps=true&tailLines=60"
    for before, expected in (("the last words", "the last words"), (gone, "")):
        state, _ = taken({GET: objects}, {path: (200, gone), f"{path}&previous=true": (200, before)})
        assert [each.text for each in state.logs] == [expected]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("database: dial tcp 10.0.0.7:5432: connection refused", 503),
        ('{"kind":"Status","message":"error trying to reach service: dial tcp 10.0.0.7:8080: connection refused"}', 0),
        ("Error: 'dial tcp 10.0.0.7:8080: i/o timeout'\nTrying to reach: 'http://10.0.0.7:8080/'", 0),
        ("", 0),
    ],
)
def test_a_pod_that_says_it_is_not_well_is_not_one_that_cannot_be_reached(body: str, expected: int) -> None:
    probe = {"httpGet": {"path": "/ready", "port": 8080}}
    broken = pod("a", [container(readinessProbe=probe)], [running(ready=False)], owner=None)
    failed = event("Pod/a", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", of="web")
    api = {f"{PODS}/a:8080/proxy/ready": (503, body), f"{PODS}/a/log": (200, "x")}
    state, _ = taken({GET: listing(broken, failed)}, api)
    assert {each.status for each in state.answers if each.path == "/ready"} == {expected}


def test_a_log_that_cannot_be_read_costs_nothing_else() -> None:
    state, _ = taken({GET: listing(pod("a", statuses=[ended()], owner=None))}, {PODS: (400, "container not found")})
    assert [each.text for each in state.logs] == [""]


def test_the_logs_hold_no_secret_and_no_endless_line() -> None:
    text = f"2026-05-04T12:00:00Z password={SECRET}\n2026-05-04T12:00:00Z {'x' * 900_000}\n"
    state, _ = taken({GET: listing(pod("a", statuses=[ended()], owner=None))}, {PODS: (200, text)})
    assert SECRET not in state.to_json()
    assert len(state.to_json()) < 20_000


def failing(message: str, **probe: Any) -> str:
    probed = container(ports=[{"containerPort": 8080}], readinessProbe={"httpGet": {"path": "/ready", **probe}})
    return listing(
        pod("web", [probed], [running(ready=False)], owner=None),
        event("Pod/web", "Unhealthy", f"Readiness probe failed: {message}", of="web"),
    )


def test_a_probe_that_is_refused_is_tried_on_the_declared_ports() -> None:
    api = {f"{PODS}/web:8081/proxy/": (503, "error trying to reach service: dial tcp: connection refused"),
           f"{PODS}/web:8080/proxy/ready": (200, "fine")}  # fmt: skip
    state, _ = taken({GET: failing("connection refused", port=8081)}, api)
    assert [(each.port, each.status, each.body) for each in state.answers] == [(8081, 0, ""), (8080, 200, "fine")]


def test_the_body_of_a_probe_that_fails_is_read() -> None:
    api = {f"{PODS}/web:8080/proxy/ready": (503, f"the cache is cold, password={SECRET}")}
    state, _ = taken({GET: failing("HTTP probe failed with statuscode: 503", port=8080)}, api)
    assert [(each.status, each.body) for each in state.answers] == [(503, "the cache is cold, password=***")]


def test_a_path_that_does_not_exist_is_looked_for_among_the_usual_ones() -> None:
    api = {f"{PODS}/web:8080/proxy/": (404, ""), f"{PODS}/web:8080/proxy/healthz": (200, "ok")}
    state, _ = taken({GET: failing("HTTP probe failed with statuscode: 404", port=8080)}, api)
    assert [each.path for each in state.answers if each.status == 200] == ["/healthz"]
    assert {each.path for each in state.answers} > {"/ready", "/health", "/"}
