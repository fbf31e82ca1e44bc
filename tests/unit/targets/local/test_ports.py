import os
import socket
from collections.abc import Iterator

import pytest

from kubetasks.errors import PortInUse
from kubetasks.targets.local import ports
from tests.unit.targets.local.objects import free_port, service, web


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_passes() -> None:
    port = free_port()
    ports.check([(port, web("web", port))], set(), [], {})


def test_a_taken_port_is_refused_with_who_has_it_and_what_to_set(taken: int) -> None:
    with pytest.raises(PortInUse) as caught:
        ports.check([(taken, web("web", taken))], set(), [service("web", 80)], {"web": 0})
    error = caught.value
    assert error.exit_code == 70
    assert error.what == f"port {taken}, which Deployment/web needs, is taken"
    assert error.fix == (
        "end that program, or set services.web.local_port in invoke.yaml, "
        f"or KUBETASKS_SERVICES_WEB_LOCAL_PORT={taken + 1}"
    )
    if os.path.exists("/proc/net/tcp"):  # noqa: PTH110
        assert f"(pid {os.getpid()})" in error.why


def test_a_wildcard_listener_counts() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortInUse):
            ports.check([(port, web("web", port))], set(), [], {})


def test_our_own_port_passes(taken: int) -> None:
    ports.check([(taken, web("web", taken))], {taken}, [], {})


def test_two_of_ours_cannot_have_one_port() -> None:
    port = free_port()
    with pytest.raises(PortInUse, match="Deployment/a needs it too") as caught:
        ports.check([(port, web("a", port)), (port, web("b", port))], set(), [], {})
    assert caught.value.fix == "change the containerPort of Deployment/b"


def test_a_privileged_port_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "refusal", lambda _: 13)
    with pytest.raises(PortInUse, match="ports below 1024 need root"):
        ports.check([(80, web("web", 80))], set(), [], {})
