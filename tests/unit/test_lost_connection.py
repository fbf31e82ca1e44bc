"""A deploy loses the connection at each of its calls to the cluster, one after the other, and gets through."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubetasks.console import Console
from kubetasks.deploy import Deploy
from kubetasks.deployers import history
from kubetasks.deployers.back import Rollback
from kubetasks.deployers.base import Deployer, Release
from kubetasks.deployers.destroy import Destroy
from kubetasks.deployers.helm import HelmDeployer
from kubetasks.deployers.lock import Lock
from kubetasks.deployers.manifests import ManifestsDeployer
from kubetasks.errors import ClusterUnreachable, LockLost
from kubetasks.images.content import Content
from kubetasks.objects import Objects
from kubetasks.survey import Survey, look
from kubetasks.targets.base import Cluster, Progress
from kubetasks.targets.kubectl_store import KubectlStore
from kubetasks.targets.on_cluster import OnCluster
from tests.fake_cluster import AFTER, BEFORE, MIDDLE, FakeCluster, quick
from tests.memory_store import NAMESPACE, FakeTarget, MemoryStore
from tests.world import World, make

Lose = Callable[[int, list[str]], str]


def nothing(number: int, argv: list[str]) -> str:
    return ""


def one(when: str, lost: int) -> Lose:
    """Lose the call of this number."""
    return lambda number, argv: when if number == lost else ""


def all_from(lost: int) -> Lose:
    """Lose this call and every later one."""
    return lambda number, argv: BEFORE if number >= lost else ""


@dataclass(frozen=True)
class Reached(OnCluster):
    """A target whose objects are behind kubectl; its images are those of a target in memory."""

    images: FakeTarget = field(default_factory=FakeTarget)
    name: str = "kind"
    pull_policy: str = "Never"
    bundled_database: bool = True

    def preflight(self) -> None:
        pass

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        return self.images.contents(references)

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        return self.images.deliver(references, progress)


@dataclass
class Project:
    """A project on a cluster behind kubectl, with either deployer."""

    world: World
    behind: FakeCluster
    deployed_with: str
    cluster: Cluster = field(default_factory=lambda: Cluster("kind-test", "todo", link=quick()))

    @property
    def memory(self) -> MemoryStore:
        return self.behind.store

    @property
    def target(self) -> Reached:
        return Reached(self.world.settings, self.behind, self.cluster, images=self.world.target)

    def deployer(self, name: str) -> Deployer:
        settings, store = self.world.settings, KubectlStore(self.cluster, self.behind)
        if name == "manifests":
            return ManifestsDeployer(settings, store, self.world.renderer)
        made = HelmDeployer(settings, self.world.root, self.behind, store, self.cluster)
        made.__dict__["renderer"] = Chart(self)
        return made

    def survey(self) -> Survey:
        world = self.world
        deployer = self.deployer(self.deployed_with)
        return look(world.settings, world.root, self.target, deployer, world.collect, runner=self.behind)

    @property
    def console(self) -> Console:
        return self.world.console

    def deploy(self) -> None:
        deployer = self.deployer(self.deployed_with)
        world = self.world
        Deploy(world.settings, world.root, self.behind, self.console, deployer, self.survey()).run()

    def roll_back(self) -> None:
        Rollback(self.world.settings, self.console, self.survey(), self.deployer).run()

    def take_down(self) -> None:
        Destroy(self.world.settings, self.console, self.target, self.deployer).run()

    def end(self) -> tuple[set[str], list[tuple[int, str, bool]]]:
        """The names of all objects but helm's records, without the digests of generated secrets; and the revisions."""
        names = {
            re.sub(r"(-[0-9a-f]{10,12})+$", "", name) for name in self.memory.objects if "helm.release" not in name
        }
        records = history.revisions(self.memory.get(["ConfigMap"]))
        return names, [(each.number, each.status, each.verified) for each in records]

    @property
    def argvs(self) -> list[list[str]]:
        return self.behind.argvs


@dataclass
class Chart:
    """Renders what the manifests render, and has helm apply it."""

    project: Project
    raw: Objects = field(default_factory=list)

    def render(self, release: Release) -> Objects:
        found = self.project.world.renderer.render(release)
        self.project.behind.chart = lambda: found
        return found

    def values(self, release: Release) -> dict[str, Any]:
        return {}


def project(root: Path, monkeypatch: pytest.MonkeyPatch, deployer: str, lose: Lose = nothing) -> Project:
    root.mkdir(exist_ok=True)
    world = make(root, monkeypatch)
    behind = FakeCluster(other={("helm", "version"): "v4.0.0"}, lose=lose, engine=world.runner)
    return Project(world, behind, deployer)


def whole(root: Path, monkeypatch: pytest.MonkeyPatch, deployer: str) -> tuple[int, Any]:
    """How many calls a deploy takes that loses none, and what is there in the end."""
    made = project(root, monkeypatch, deployer)
    made.deploy()
    return len(made.argvs), made.end()


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("deployer", ["manifests", "helm"])
def test_a_first_deploy_that_loses_any_one_call_ends_as_if_it_had_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployer: str, when: str
) -> None:
    count, wanted = whole(tmp_path / "whole", monkeypatch, deployer)
    assert count >= 10
    assert wanted[1] == [(1, "deployed", True)]
    for lost in range(count):
        made = project(tmp_path / str(lost), monkeypatch, deployer, one(when, lost))
        made.deploy()
        assert made.end() == wanted, f"lost {made.argvs[lost]}"
        assert "Lease/todo-deploy" not in made.memory.objects


def test_helm_that_loses_the_connection_in_the_middle_is_freed_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, wanted = whole(tmp_path / "whole", monkeypatch, "helm")
    made = project(tmp_path / "middle", monkeypatch, "helm")
    made.behind.lose = lambda _, argv: (
        MIDDLE * (argv[0] == "helm" and [each[0] for each in made.argvs].count("helm") == 0)
    )
    made.deploy()
    assert made.end() == wanted
    assert len([argv for argv in made.argvs if argv[0] == "helm"]) == 2


@pytest.mark.parametrize("deployer", ["manifests", "helm"])
def test_a_connection_that_stays_away_stops_cleanly_and_fails_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployer: str
) -> None:
    count, wanted = whole(tmp_path / "whole", monkeypatch, deployer)
    for lost in range(count):
        root = tmp_path / str(lost)
        made = project(root, monkeypatch, deployer, all_from(lost))
        # By the last calls it is deployed: what cannot be released is the lock, and that expires.
        with contextlib.suppress(ClusterUnreachable):
            made.deploy()
        assert "failed" not in [status for _, status, _ in made.end()[1]]
        again = project(root, monkeypatch, deployer)
        again.behind.store = made.memory
        again.memory.objects.pop("Lease/todo-deploy", None)
        again.deploy()
        assert again.end()[0] >= wanted[0]
        assert again.end()[1][-1][1:] == ("deployed", True)


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("deployer", ["manifests", "helm"])
@pytest.mark.parametrize("action", [Project.roll_back, Project.take_down])
def test_rolling_back_and_destroying_get_through_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployer: str, when: str, action: Callable[[Project], None]
) -> None:
    def prepared(name: str, lose: Lose) -> Project:
        made = project(tmp_path / name, monkeypatch, deployer)
        made.deploy()
        made.world.edit("backend/main.py", "print('two')")
        made.deploy()
        made.argvs.clear()
        made.behind.lose = lose
        return made

    first = prepared("whole", nothing)
    action(first)
    for lost in range(len(first.argvs)):
        made = prepared(str(lost), one(when, lost))
        action(made)
        assert made.end() == first.end(), f"lost {made.argvs[lost]}"


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_lost_connection_does_not_lose_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Whichever call gets no answer: taking, renewing or releasing."""

    def hold(lost: int | None) -> int:
        made = project(tmp_path, monkeypatch, "manifests")
        made.memory.put(NAMESPACE)
        if lost is not None:
            made.behind.lose = one(when, lost)
        lock = Lock(KubectlStore(made.cluster, made.behind), "todo", "todo", "deploy")
        lock.acquire()
        held = made.memory.objects["Lease/todo-deploy"]["spec"]["holderIdentity"]
        for _ in range(2):
            lock.renew()
            lock.check()
        assert made.memory.objects["Lease/todo-deploy"]["spec"]["holderIdentity"] == held
        lock.release()
        assert "Lease/todo-deploy" not in made.memory.objects
        return len(made.argvs)

    count = hold(None)
    assert count >= 5
    for lost in range(count):
        assert hold(lost) > count


@pytest.mark.parametrize("deployer", ["manifests", "helm"])
def test_a_lock_that_another_takes_while_the_connection_is_lost_stops_the_deploy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployer: str
) -> None:
    monkeypatch.setattr("kubetasks.deployers.lock.CONFIRM", -1.0)  # the connection is lost for no time here
    made = project(tmp_path, monkeypatch, deployer)
    program = "helm" if deployer == "helm" else "kubectl"

    def lose(_: int, argv: list[str]) -> str:
        lease = made.memory.objects.get("Lease/todo-deploy")
        if argv[0] != program or lease is None or not {"apply", "upgrade"} & {*argv} or lease["spec"].get("taken"):
            return ""
        if deployer == "manifests" and "Secret/todo-secrets" not in made.memory.objects:
            return ""
        lease["spec"] |= {"holderIdentity": "another/1/2/3", "taken": True}
        lease["metadata"]["resourceVersion"] = "999999"
        return BEFORE

    made.behind.lose = lose
    with pytest.raises(LockLost, match="it was taken over by"):
        made.deploy()
    assert "Deployment/backend" not in made.memory.objects
    assert made.memory.objects["Lease/todo-deploy"]["spec"]["holderIdentity"] == "another/1/2/3"
    assert made.end()[1] == [(1, "deploying", False)]
