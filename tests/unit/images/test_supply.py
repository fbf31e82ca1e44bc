"""Copying images to the engine inside a node from the host's, where no registry answers."""

import json

import pytest

from kubetasks.errors import DeliveryFailed, DiskFull
from kubetasks.images.supply import supply
from tests.recording import Answer, Call, RecordingRunner

INSIDE = {"DOCKER_HOST": "tcp://192.168.49.2:2376"}
BASE, POSTGRES = "kubetasks.local/python:3.11", "kubetasks.local/postgres:15"


class Engines:
    """The host's engine and one inside a node, and what each of them has."""

    def __init__(self, host: set[str], inside: set[str], **answers: Answer) -> None:
        self.has = {"": host, INSIDE["DOCKER_HOST"]: inside}
        self.saved: list[str] = []
        self.runner = RecordingRunner(
            {
                ("docker", "image", "inspect"): self.inspect,
                ("docker", "save"): answers.get("save", self.save),
                ("docker", "load"): answers.get("load", self.load),
            }
        )

    def engine(self, call: Call) -> set[str]:
        return self.has[call.env.get("DOCKER_HOST") or ""]

    def inspect(self, call: Call) -> str:
        rows = [{"Id": f"sha256:{name}", "RepoTags": [name]} for name in call.argv[5:] if name in self.engine(call)]
        return "".join(json.dumps(row) + "\n" for row in rows)

    def save(self, call: Call) -> str:
        self.saved = call.argv[4:]
        assert set(self.saved) <= self.engine(call)
        return ""

    def load(self, call: Call) -> str:
        self.engine(call).update(self.saved)
        return ""


def test_copies_what_the_other_engine_lacks() -> None:
    engines = Engines({BASE, POSTGRES}, {POSTGRES})
    shown: list[str] = []
    assert supply([BASE, POSTGRES, BASE, "nowhere:1"], engines.runner, INSIDE, shown.append) == [BASE]
    assert engines.has[INSIDE["DOCKER_HOST"]] == {BASE, POSTGRES}
    assert shown == [f"copying {BASE} from the host's engine"]
    assert supply([BASE, POSTGRES], engines.runner, INSIDE, shown.append) == []


@pytest.mark.parametrize("env", [None, {}])
def test_the_hosts_own_engine_needs_nothing(env: dict[str, str | None] | None) -> None:
    engines = Engines({BASE}, set())
    assert supply([BASE], engines.runner, env, lambda _: None) == []
    assert supply([], engines.runner, INSIDE, lambda _: None) == []
    assert engines.runner.argvs == []


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        ({"save": (1, "", "permission denied")}, DeliveryFailed),
        ({"load": (1, "", "invalid archive")}, DeliveryFailed),
        ({"load": (1, "", "write /x: no space left on device")}, DiskFull),
    ],
)
def test_says_why_one_was_not_copied(failing: dict[str, Answer], error: type[Exception]) -> None:
    engines = Engines({BASE}, set(), **failing)
    with pytest.raises(error, match=BASE):
        supply([BASE], engines.runner, INSIDE, lambda _: None)
