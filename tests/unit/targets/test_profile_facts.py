"""What is kept of minikube's answers, and everything that makes them count no more."""

import json
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import ClusterUnreachable
from kubetasks.targets.profile_facts import NAME, ProfileFacts
from tests.recording import Call, RecordingRunner
from tests.unit.targets.test_minikube import ENV, IDENTITY, PROFILES, profile


@dataclass
class Machine:
    """A machine with a minikube profile: engines by address, and what minikube says about them."""

    home: Path
    made_of: dict[str, Any] = field(default_factory=dict)
    address: str = "tcp://127.0.0.1:32769"
    engines: dict[str, str] = field(default_factory=lambda: {"tcp://127.0.0.1:32769": "4c6f-1 minikube"})
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.configure()

    @property
    def config(self) -> Path:
        return self.home / ".minikube" / "profiles" / "minikube" / "config.json"

    def configure(self, **made_of: Any) -> None:
        """Change the profile, as minikube does: it writes its configuration."""
        self.made_of.update(made_of)
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(json.loads(profile(**self.made_of))["valid"][0]["Config"]))

    def _profiles(self, call: Call) -> str:
        self.asked.append("profile list")
        return profile(**self.made_of)

    def _env(self, call: Call) -> str:
        self.asked.append("docker-env")
        return f"DOCKER_HOST={self.address}\nDOCKER_TLS_VERIFY=1\nSSH_AUTH_SOCK=\n"

    def _identity(self, call: Call) -> tuple[int, str, str]:
        there = self.engines.get(str(call.env.get("DOCKER_HOST")))
        if there is None:
            return 1, "", "Cannot connect to the Docker daemon. Is the docker daemon running?"
        return 0, f"{there}\n", ""

    def facts(self) -> ProfileFacts:
        """A new command on this machine."""
        self.asked.clear()
        runner = RecordingRunner({PROFILES: self._profiles, ENV: self._env, IDENTITY: self._identity})
        return ProfileFacts("minikube", runner, {"MINIKUBE_HOME": str(self.home)})

    def deploys(self) -> str:
        """What a command that builds would do: the engine's address."""
        facts = self.facts()
        assert facts.profile().name == "minikube"
        return str(facts.engine().env.get("DOCKER_HOST", ""))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    assert found.deploys() == found.address
    assert found.asked == ["profile list", "docker-env"]
    return found


def kept(state_home: Path) -> Path:
    return state_home / "kubetasks" / NAME


def test_minikube_is_asked_once(machine: Machine, state_home: Path) -> None:
    assert machine.deploys() == machine.address
    assert machine.asked == []
    assert stat.S_IMODE(kept(state_home).stat().st_mode) == 0o600


def restart(machine: Machine) -> None:
    """Stop and start: the same engine at another port, and nothing at the old one."""
    machine.address = "tcp://127.0.0.1:40001"
    machine.engines = {machine.address: "4c6f-1 minikube"}


def port_of_another_profile(machine: Machine) -> None:
    """The old port now belongs to another profile's engine; the certificates are the same for all profiles."""
    restart(machine)
    machine.engines["tcp://127.0.0.1:32769"] = "9999-2 other"


def another_of_the_same_name(machine: Machine) -> None:
    """The engine at the old port has the name of this profile: another user's, say."""
    restart(machine)
    machine.engines["tcp://127.0.0.1:32769"] = "9999-2 minikube"


def copied_engine(machine: Machine) -> None:
    """A copied machine keeps the ID and has a name of its own."""
    restart(machine)
    machine.engines["tcp://127.0.0.1:32769"] = "4c6f-1 copy"


def engine_made_anew(machine: Machine) -> None:
    """Delete and create: a new engine, even where it has the old address and the same configuration."""
    machine.engines[machine.address] = "7777-3 minikube"


def without_identity(machine: Machine) -> None:
    """An engine that does not say which it is."""
    machine.engines[machine.address] = "minikube"


@pytest.mark.parametrize(
    "change",
    [restart, port_of_another_profile, another_of_the_same_name, copied_engine, engine_made_anew, without_identity],
)
def test_another_engine_is_noticed(machine: Machine, change: Callable[[Machine], None]) -> None:
    change(machine)
    assert machine.deploys() == machine.address
    assert machine.asked == ["docker-env"]


def test_an_engine_that_has_no_identity_is_asked_for_each_time(machine: Machine) -> None:
    without_identity(machine)
    for _again in range(2):
        assert machine.deploys() == machine.address
        assert machine.asked == ["docker-env"]


def test_an_engine_that_is_gone_is_said_to_be(machine: Machine) -> None:
    machine.engines.clear()
    found = machine.facts().engine()
    assert found.env == {}
    assert "Cannot connect" in found.why
    assert machine.asked == ["docker-env"]


@pytest.mark.parametrize("made_of", [{"runtime": "containerd"}, {"nodes": 2}, {"driver": "none"}])
def test_a_profile_that_was_changed_is_asked_for(machine: Machine, made_of: dict[str, Any]) -> None:
    machine.configure(**made_of)
    found = machine.facts().profile()
    assert machine.asked == ["profile list"]
    assert {name: getattr(found, name) for name in made_of} == made_of
    # The way to the engine belonged to the profile as it was.
    machine.facts().engine()
    assert machine.asked == ["docker-env"]


def test_a_profile_that_was_deleted_is_not_remembered(machine: Machine) -> None:
    machine.config.unlink()
    facts = machine.facts()
    facts.runner = RecordingRunner({PROFILES: '{"invalid":[],"valid":[]}'})
    with pytest.raises(ClusterUnreachable, match="minikube has no profile minikube"):
        facts.profile()


def test_nothing_is_kept_without_minikubes_own_configuration(tmp_path: Path, state_home: Path) -> None:
    machine = Machine(tmp_path)
    machine.config.unlink()
    for _again in range(2):
        assert machine.deploys() == machine.address
        assert machine.asked == ["profile list", "docker-env"]
    assert not kept(state_home).exists()


def test_nothing_is_kept_where_two_places_hold_a_configuration(machine: Machine) -> None:
    second = machine.home / "profiles" / "minikube" / "config.json"
    second.parent.mkdir(parents=True)
    second.write_text(machine.config.read_text())
    machine.deploys()
    assert machine.asked == ["profile list", "docker-env"]


def test_another_minikube_home_is_another_profile(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "other", address="tcp://127.0.0.1:50001")
    other.engines = {**machine.engines, other.address: "5555-5 minikube"}
    assert other.config.read_text() == machine.config.read_text()
    assert other.deploys() == other.address
    assert other.asked == ["profile list", "docker-env"]


def test_a_change_while_minikube_answers_makes_the_answer_old(tmp_path: Path, state_home: Path) -> None:
    machine = Machine(tmp_path)
    facts = machine.facts()

    def answer(call: Call) -> str:
        before = profile()
        machine.configure(nodes=2)
        return before

    facts.runner = RecordingRunner({PROFILES: answer})
    facts.profile()
    assert not kept(state_home).exists()
    assert machine.facts().profile().nodes == 2


DAMAGE: list[Any] = [
    "", "[]", "null", "{", '{"minikube": 7}', '{"minikube": {}}',
    {"profile": None}, {"profile": {"name": "minikube"}}, {"profile.machines": "minikube"}, {"profile.nodes": "1"},
    {"profile.runtime": None}, {"env": None}, {"env": {}}, {"env": {"DOCKER_HOST": 7}}, {"env": []}, {"engine": ""},
    {"engine": None}, {"config": ""}, {"config": None},
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_file_is_as_good_as_none(machine: Machine, state_home: Path, damage: Any) -> None:
    path = kept(state_home)
    if isinstance(damage, str):
        path.write_text(damage)
    else:
        document = json.loads(path.read_text())
        for name, value in damage.items():
            row = document["minikube"]
            first, _, last = name.rpartition(".")
            (row[first] if first else row)[last] = value
        path.write_text(json.dumps(document))
    assert machine.deploys() == machine.address
    assert "docker-env" in machine.asked
    machine.deploys()
    assert machine.asked == []


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    machine = Machine(tmp_path)
    for _again in range(2):
        assert machine.deploys() == machine.address


def test_more_profiles_than_are_kept(machine: Machine, state_home: Path) -> None:
    path = kept(state_home)
    row = json.loads(path.read_text())["minikube"]
    path.write_text(json.dumps({f"p{number}": row for number in range(40)}))
    machine.deploys()
    left = json.loads(path.read_text())
    assert len(left) == 20
    assert list(left)[-1] == "minikube"
