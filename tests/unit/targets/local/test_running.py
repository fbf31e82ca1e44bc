"""Real processes under a real supervisord."""

import os
import signal
import socket
import stat
import threading
import urllib.request
from pathlib import Path

import pytest

from kubetasks.errors import PortInUse
from kubetasks.targets.local import entry
from kubetasks.targets.local.store import LocalStore
from kubetasks.targets.local.workloads import KEPT
from tests.unit.targets.local.objects import (
    CANARY,
    config_map,
    container,
    deployment,
    free_port,
    job,
    live,
    living,
    pid,
    pod,
    ready,
    secret,
    service,
    target,
    until,
    web,
)


def fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_first_deploy_reaches_the_service_and_its_status(store: LocalStore, tmp_path: Path) -> None:
    port = free_port()
    ours = target(tmp_path, web=port)
    env = {"ANSWER": "$(GREETING)"}
    item = web("web", 8000, env=env, replicas=2, extra={"envFrom": [{"configMapRef": {"name": "config"}}]})
    ours.store.apply([config_map("config", GREETING="hello"), service("web", 80, kind="LoadBalancer"), item])
    ready(store, "web")
    with ours.endpoint("web", 80) as url:
        assert url == f"http://127.0.0.1:{port}"
    assert fetch(port).startswith("hello pid=")
    status = live(store, "Deployment", "web")["status"]
    assert (status["replicas"], status["updatedReplicas"], status["availableReplicas"]) == (2, 2, 2)
    assert status["observedGeneration"] == 1
    assert [(each["type"], each["status"]) for each in status["conditions"]] == [
        ("Available", "True"),
        ("Progressing", "True"),
    ]
    its_pod = pod(store, "web")
    assert its_pod["status"]["phase"] == "Running"
    assert its_pod["status"]["containerStatuses"][0]["ready"] is True
    assert its_pod["metadata"]["ownerReferences"][0]["uid"] == live(store, "Deployment", "web")["metadata"]["uid"]
    ingress = live(store, "Service", "web")["status"]["loadBalancer"]["ingress"]
    assert ingress == [{"ip": "127.0.0.1", "ports": [{"port": port, "protocol": "TCP"}]}]
    subset = live(store, "Endpoints", "web")["subsets"][0]
    assert subset["addresses"][0]["ip"] == "127.0.0.1"
    assert subset["ports"] == [{"name": "http", "port": port, "protocol": "TCP"}]
    piece = live(store, "EndpointSlice", "web-local")["endpoints"][0]
    assert piece["conditions"]["ready"] is True
    assert piece["targetRef"]["name"] == its_pod["metadata"]["name"]
    assert "serving" in store.logs(its_pod["metadata"]["name"])
    assert store.get(["Event"]) == []


def environment(number: int) -> dict[str, str]:
    text = Path(f"/proc/{number}/environ").read_bytes().decode()
    return dict(each.split("=", 1) for each in text.split("\0") if "=" in each)


def test_no_exported_secret_reaches_the_supervisor_or_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import plumbum  # noqa: PLC0415

    # As when the variable was exported before `inv`: plumbum keeps what was there when it was imported.
    exported = dict.fromkeys(("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "HTTPS_PROXY", "X"), CANARY)
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
        plumbum.local.env[name] = value
    port = free_port()
    with living(tmp_path, web=port) as store:
        store.apply([web("web", 8000, env={"ANSWER": "declared"})])
        ready(store, "web")
        supervisor = environment(store.processes.supervisor.pid)
        process = environment(pid(store, "deployment.web@web"))
    assert set(supervisor) <= {*KEPT, "PYTHONUNBUFFERED"}
    declared = {"ANSWER", "HOST", "PORT"}
    assert set(process) <= {*KEPT, "PYTHONUNBUFFERED", *declared}
    assert declared <= set(process)
    assert CANARY not in str([supervisor, process])
    for name in exported:
        del plumbum.local.env[name]


def test_unchanged_keeps_running_and_a_change_replaces_only_its_own(store: LocalStore) -> None:
    one, two = free_port(), free_port()

    def objects(mark: str) -> list[dict[str, object]]:
        return [
            config_map("config", A=mark),
            web("one", one, annotations={"kubetasks.dev/config-digest": mark}),
            web("two", two),
        ]

    store.apply(objects("1"))
    ready(store, "one", "two")
    before = pid(store, "deployment.one@one"), pid(store, "deployment.two@two")
    uids = pod(store, "one")["metadata"]["uid"], pod(store, "two")["metadata"]["uid"]
    store.apply(objects("1"))
    assert (pid(store, "deployment.one@one"), pid(store, "deployment.two@two")) == before
    assert (pod(store, "one")["metadata"]["uid"], pod(store, "two")["metadata"]["uid"]) == uids
    store.apply(objects("2"))
    ready(store, "one", "two")
    assert pid(store, "deployment.one@one") != before[0]
    assert pid(store, "deployment.two@two") == before[1]
    assert pod(store, "one")["metadata"]["uid"] != uids[0]
    assert pod(store, "two")["metadata"]["uid"] == uids[1]
    store.delete([web("one", one)])
    assert not entry.alive(before[0])
    assert pid(store, "deployment.two@two") == before[1]
    assert [path.name for path in (store.folder / "logs").iterdir()] == ["deployment.two@two.log"]


def test_no_secret_outside_private_files_nor_in_sight(store: LocalStore) -> None:
    port = free_port()
    variable = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "secrets", "key": "KEY"}}}
    item = web("web", port, env={})
    item["spec"]["template"]["spec"]["containers"][0]["env"].append(variable)
    store.apply([secret("secrets", KEY=CANARY), item])
    ready(store, "web")
    found = 0
    for path in store.folder.rglob("*"):
        assert path.is_dir() or path.stat().st_mode & 0o077 == 0, path
        if path.is_file() and CANARY in path.read_text(errors="replace"):
            found += 1
            assert path.parent.name == "run"
    assert found == 1
    process = pid(store, "deployment.web@web")
    if Path("/proc/self/cmdline").exists():
        assert CANARY not in Path(f"/proc/{process}/cmdline").read_text()
        supervisord = store.processes.supervisor.pid
        assert CANARY not in Path(f"/proc/{supervisord}/cmdline").read_text()
        assert CANARY not in Path(f"/proc/{supervisord}/environ").read_text()
        assert CANARY in Path(f"/proc/{process}/environ").read_text()


def test_the_process_gets_a_clean_environment(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN", CANARY)
    with living(tmp_path / "clean") as clean:
        (tmp_path / "clean").mkdir()
        code = "import json, os; print(json.dumps([sorted(os.environ), os.getcwd()]), flush=True)"
        clean.apply([job("show", container("main", code, env={"MINE": "1"}))])
        until(lambda: live(clean, "Job", "show")["status"].get("succeeded"), "the job")
        shown = clean.logs(clean.get(["Pod"])[0]["metadata"]["name"])
    assert '"MINE"' in shown
    assert "SOMEBODYS_TOKEN" not in shown
    assert "SUPERVISOR" not in shown
    assert str(tmp_path / "clean") in shown


def test_a_taken_port_stops_nothing_and_starts_nothing(store: LocalStore) -> None:
    one = free_port()
    store.apply([web("one", one)])
    ready(store, "one")
    before = pid(store, "deployment.one@one")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port}"):
            store.apply([web("one", one, annotations={"new": "1"}), web("two", port)])
    assert pid(store, "deployment.one@one") == before
    assert [item["metadata"]["name"] for item in store.get(["Deployment"])] == ["one"]
    assert live(store, "Deployment", "one")["metadata"]["generation"] == 1


def test_a_crash_is_shown_as_a_cluster_shows_it(store: LocalStore) -> None:
    store.apply([deployment("web", container("main", "import sys; print('it breaks'); sys.exit(3)"))])

    def crashed() -> bool:
        status = pod(store, "web")["status"]["containerStatuses"][0]
        reason = status["state"].get("waiting", {}).get("reason")
        return bool(reason == "CrashLoopBackOff" and status["restartCount"])

    until(crashed, "a second crash")
    its_pod = pod(store, "web")
    status = its_pod["status"]["containerStatuses"][0]
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["ready"] is False
    assert its_pod["status"]["phase"] == "Running"
    assert store.logs(its_pod["metadata"]["name"], previous=True) == "it breaks"
    assert live(store, "Deployment", "web")["status"]["conditions"][0]["status"] == "False"
    assert "BackOff" in [event["reason"] for event in store.get(["Event"])]
    # Mended, it runs at once.
    port = free_port()
    store.apply([web("web", port)])
    ready(store, "web")
    assert pod(store, "web")["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_killed_process_comes_back_in_the_same_pod(store: LocalStore) -> None:
    port = free_port()
    store.apply([web("web", port)])
    ready(store, "web")
    first, its_pod = pid(store, "deployment.web@web"), pod(store, "web")
    os.kill(first, signal.SIGKILL)
    until(lambda: pod(store, "web")["status"]["containerStatuses"][0]["restartCount"] == 1, "a restart")
    ready(store, "web")
    again = pod(store, "web")
    assert again["metadata"]["uid"] == its_pod["metadata"]["uid"]
    assert again["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 137
    assert store.logs(again["metadata"]["name"], previous=True).startswith("serving")


def test_a_program_that_is_not_there(store: LocalStore) -> None:
    store.apply([deployment("web", {"name": "main", "image": "x", "command": ["no-such-program"]})])

    def ended() -> int:
        code: int = (
            pod(store, "web")["status"]["containerStatuses"][0]
            .get("lastState", {})
            .get("terminated", {})
            .get("exitCode", 0)
        )
        return code

    assert until(ended, "its end") == 127
    assert "no-such-program: No such file or directory" in store.logs(pod(store, "web")["metadata"]["name"])


def test_not_ready_while_the_probe_fails(store: LocalStore) -> None:
    port = free_port()
    store.apply([service("web", 80), web("web", port, env={"CODE": "503"})])

    def told() -> str:
        conditions = {each["type"]: each for each in pod(store, "web")["status"]["conditions"]}
        message: str = conditions["Ready"].get("message", "")
        return message if "statuscode" in message else ""

    assert until(told, "the probe's answer") == "web: Readiness probe failed: HTTP probe failed with statuscode: 503"
    assert "readyReplicas" not in live(store, "Deployment", "web")["status"]
    assert "notReadyAddresses" in live(store, "Endpoints", "web")["subsets"][0]
    assert "Unhealthy" in [event["reason"] for event in store.get(["Event"])]


def test_what_is_missing_is_told_and_healed(store: LocalStore) -> None:
    port = free_port()
    item = web("web", port, extra={"envFrom": [{"secretRef": {"name": "secrets"}}]})
    store.apply([item])
    its_pod = pod(store, "web")
    waiting = its_pod["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": 'secret "secrets" not found'}
    assert its_pod["status"]["phase"] == "Pending"
    store.apply([secret("secrets", KEY=CANARY)])
    ready(store, "web")


def test_init_containers_come_first_and_once(store: LocalStore, tmp_path: Path) -> None:
    port, gate, count = free_port(), tmp_path / "gate", tmp_path / "count"
    wait = (
        "import os, sys, pathlib\n"
        f"with open({str(count)!r}, 'a') as f: f.write('x')\n"
        f"sys.exit(0 if pathlib.Path({str(gate)!r}).exists() else 5)"
    )
    store.apply([web("web", port, initContainers=[container("wait", wait)])])

    def failed() -> bool:
        status = pod(store, "web")["status"]["initContainerStatuses"][0]
        return bool(status["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff")

    until(failed, "the init container to fail")
    its_pod = pod(store, "web")
    assert its_pod["status"]["phase"] == "Pending"
    assert its_pod["status"]["initContainerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 5
    assert its_pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    gate.touch()
    ready(store, "web")
    assert pod(store, "web")["status"]["initContainerStatuses"][0]["ready"] is True
    runs = count.read_text()
    os.kill(pid(store, "deployment.web@web"), signal.SIGKILL)
    until(lambda: fetch_or_nothing(port), "the container to come back")
    assert count.read_text() == runs


def fetch_or_nothing(port: int) -> str:
    try:
        return fetch(port)
    except OSError:
        return ""


def test_a_job_runs_once_for_each_object(store: LocalStore, tmp_path: Path) -> None:
    count = tmp_path / "count"
    item = job("migrate-1", container("main", f"open({str(count)!r}, 'a').write('x')"))
    store.apply([item])
    until(lambda: live(store, "Job", "migrate-1")["status"].get("succeeded"), "the job")
    status = live(store, "Job", "migrate-1")["status"]
    assert [(each["type"], each["status"]) for each in status["conditions"]] == [("Complete", "True")]
    assert store.get(["Pod"], selector="job-name=migrate-1")[0]["status"]["phase"] == "Succeeded"
    port = free_port()
    store.apply([item, web("web", port)])
    ready(store, "web")
    store.apply([item, web("web", port, annotations={"new": "1"})])
    ready(store, "web")
    assert count.read_text() == "x"
    store.delete([item])
    assert store.get(["Pod"], selector="job-name=migrate-1") == []
    store.apply([item])
    until(lambda: count.read_text() == "xx", "the new job")


def test_a_failed_job(store: LocalStore) -> None:
    store.apply([job("migrate", container("main", "import sys; print('no schema'); sys.exit(2)"), backoffLimit=1)])
    until(lambda: live(store, "Job", "migrate")["status"].get("conditions"), "the job to end")
    status = live(store, "Job", "migrate")["status"]
    assert status["failed"] == 2
    assert (status["conditions"][0]["type"], status["conditions"][0]["reason"]) == ("Failed", "BackoffLimitExceeded")
    its_pod = store.get(["Pod"], selector="job-name=migrate")[0]
    assert its_pod["status"]["phase"] == "Failed"
    assert its_pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 2
    assert "no schema" in store.logs(its_pod["metadata"]["name"])


def test_a_job_past_its_deadline(store: LocalStore) -> None:
    store.apply([job("slow", container("main", "import time; time.sleep(600)"), activeDeadlineSeconds=1)])
    until(lambda: live(store, "Job", "slow")["status"].get("conditions"), "the job to end")
    assert live(store, "Job", "slow")["status"]["conditions"][0]["reason"] == "DeadlineExceeded"


def test_a_killed_supervisor_is_noticed_and_replaced(store: LocalStore) -> None:
    port = free_port()
    store.apply([web("web", port)])
    ready(store, "web")
    old, uid, supervisord = (
        pid(store, "deployment.web@web"),
        pod(store, "web")["metadata"]["uid"],
        store.processes.supervisor.pid,
    )
    os.kill(supervisord, signal.SIGKILL)
    until(lambda: not entry.alive(supervisord), "supervisord to end")
    its_pod = pod(store, "web")
    assert its_pod["status"]["phase"] == "Unknown"
    assert its_pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "SupervisorNotRunning"
    assert "readyReplicas" not in live(store, "Deployment", "web")["status"]
    assert entry.alive(old)
    store.apply([web("web", port)])
    ready(store, "web")
    assert not entry.alive(old)
    assert pod(store, "web")["metadata"]["uid"] != uid
    # And what a killed one leaves is gone after delete_all, too.
    last, supervisord = pid(store, "deployment.web@web"), store.processes.supervisor.pid
    os.kill(supervisord, signal.SIGKILL)
    until(lambda: not entry.alive(supervisord), "supervisord to end")
    store.delete_all()
    assert not entry.alive(last)


def test_a_supervisor_whose_socket_was_removed_is_replaced(store: LocalStore) -> None:
    port = free_port()
    store.apply([web("web", port)])
    ready(store, "web")
    old, lost = store.processes.supervisor.pid, store.processes.supervisor.socket
    assert lost is not None
    lost.unlink()
    store.apply([web("web", port)])
    ready(store, "web")
    assert not entry.alive(old)


def test_delete_all_leaves_nothing(tmp_path: Path) -> None:
    port = free_port()
    with living(tmp_path) as store:
        spawner = (
            "import subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "print('child', child.pid, flush=True)\n"
            "time.sleep(600)"
        )
        store.apply([web("web", port), deployment("spawner", container("main", spawner))])
        ready(store, "web")
        log = until(lambda: store.logs(pod(store, "spawner")["metadata"]["name"]), "the child's pid")
        child = int(log.split()[-1])
        running = [pid(store, "deployment.web@web"), pid(store, "deployment.spawner@main"), child]
        supervisor = store.processes.supervisor
        running.append(supervisor.pid)
        at = supervisor.socket
        assert at is not None
        assert stat.S_IMODE(at.parent.stat().st_mode) == 0o700
        assert all(entry.alive(each) for each in running)
        store.delete_all()
        until(lambda: not any(entry.alive(each) for each in running), "every process to end", 5)
        assert not at.exists()
        assert list(tmp_path.iterdir()) == []
        assert store.get(["Namespace", "Deployment", "Pod"]) == []


def test_long_and_odd_paths(tmp_path: Path) -> None:
    root = tmp_path / "a folder; with # odd 100% 'signs' ünï" / ("deep" * 40)
    root.mkdir(parents=True)
    port = free_port()
    with living(root) as store:
        store.apply([web("web", port)])
        ready(store, "web")
        at = store.processes.supervisor.socket
        assert at is not None
        assert len(os.fsencode(at)) <= 100


def test_replicas_zero_and_back(store: LocalStore) -> None:
    port = free_port()
    store.apply([web("web", port)])
    ready(store, "web")
    old = pid(store, "deployment.web@web")
    store.apply([web("web", port, replicas=0)])
    assert not entry.alive(old)
    assert store.get(["Pod"]) == []
    assert live(store, "Deployment", "web")["status"]["conditions"][0]["status"] == "True"
    store.apply([web("web", port)])
    ready(store, "web")


def test_ports_can_be_exchanged(tmp_path: Path) -> None:
    one, two = free_port(), free_port()
    objects = [web("a", 8000), web("b", 8000), service("a", 80), service("b", 80)]
    with living(tmp_path, a=one, b=two) as store:
        store.apply(objects)
        ready(store, "a", "b")
        other = target(tmp_path, a=two, b=one).store
        other.apply(objects)
        ready(other, "a", "b")
        assert live(other, "Endpoints", "a")["subsets"][0]["ports"][0]["port"] == two
        # Somebody who applies something else with other settings moves nothing.
        store.apply([config_map("config", A="1")])
        assert live(store, "Endpoints", "a")["subsets"][0]["ports"][0]["port"] == two


def test_follow(store: LocalStore) -> None:
    code = "import itertools, time\nfor n in itertools.count():\n    print('line', n, flush=True)\n    time.sleep(0.05)"
    store.apply([deployment("talk", container("main", code))])
    name = pod(store, "talk")["metadata"]["name"]
    lines: list[str] = []

    def keep(line: str) -> None:
        lines.append(line)
        if len(lines) == 15:
            raise KeyboardInterrupt

    worker = threading.Thread(target=store.follow, args=([name], keep))
    worker.start()
    worker.join(30)
    assert lines[-1].startswith(f"[{name}] line ")
    numbers = [int(line.split()[-1]) for line in lines]
    assert numbers == list(range(numbers[0], numbers[0] + 15))
