"""Whether there is room for a build: the estimate, the free space of each engine, and the warning."""

import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from kubetasks.errors import EngineDown
from kubetasks.images.plan import Image
from kubetasks.images.room import GIB, RESERVE, UNKNOWN, copies_images, estimate, shortage
from kubetasks.targets import engine_disk
from kubetasks.targets.base import Cluster, Target
from kubetasks.tools import docker, minikube
from kubetasks.tools.docker import Listed
from tests.recording import Answer, RecordingRunner
from tests.unit.targets import test_minikube as mini

LS = ("docker", "image", "ls")
ROOT = ("docker", "info", "--format", "{{.Name}} {{.DockerRootDir}}")
DF = """Filesystem     1024-blocks      Used Available Capacity Mounted on
/dev/sda1         20000000  17000000   3145728      85% /var
"""


def row(repository: str, size: str, tag: str = "1") -> Listed:
    return Listed(repository, tag, "sha256:1", "", size)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0B", 0), ("12B", 12), ("12.5kB", 12_500), ("136MB", 136_000_000), ("1.02GB", 1_020_000_000),
        ("2TB", 2_000_000_000_000), ("136 MB", 136_000_000), ("", 0), ("N/A", 0), ("136MiB", 0), ("-1MB", 0),
    ],
)  # fmt: skip
def test_sizes_as_docker_prints_them(text: str, size: int) -> None:
    assert docker.parse_size(text) == size


def test_the_newest_image_of_each_repository_counts() -> None:
    there = [row("k/api", "200MB", "2"), row("k/api", "900MB"), row("k/other", "5GB")]
    assert estimate(["k/api"], there) == 200_000_000
    assert estimate(["k/api", "k/web"], there) == 200_000_000 + UNKNOWN
    assert estimate(["k/api"], there, copies=2) == 400_000_000
    assert estimate(["k/api"], [row("k/api", "?")]) == UNKNOWN
    assert estimate([], there) == 0


@dataclass
class Somewhere:
    """A target as far as the warning needs it."""

    free: int | None
    kind: str = "kind"
    env: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def cluster(self) -> Cluster:
        return Cluster("c", "n", kind=self.kind)

    def engine_free(self) -> int | None:
        if self.free == -1:
            raise EngineDown("no answer")
        return self.free

    def build_env(self) -> Mapping[str, str | None]:
        return self.env


@dataclass
class Named:
    repository: str


def warned(target: Somewhere, size: str = "1.5GB", images: int = 1) -> str:
    line = {"Repository": "k/api", "Tag": "1", "ID": "sha256:1", "CreatedAt": "", "Size": size}
    runner = RecordingRunner({LS: json.dumps(line) + "\n"})
    named = [cast("Image", Named("k/api")) for _ in range(images)]
    text = shortage(named, cast("Target", target), runner)
    assert all(call.env == dict(target.env) for call in runner.calls)
    return text


INSIDE = {"DOCKER_HOST": "tcp://127.0.0.1:1"}
BUILD = 1_500_000_000


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (Somewhere(BUILD * 2 + RESERVE), ""),
        (Somewhere(BUILD * 2 + RESERVE - 1), "this build may take 2.8 GiB"),
        (Somewhere(BUILD + RESERVE, "minikube", INSIDE), ""),
        (Somewhere(BUILD + RESERVE - 1, "minikube", INSIDE), "this build may take 1.4 GiB"),
        (Somewhere(BUILD + RESERVE, "context"), ""),
        (Somewhere(0, "context"), "0.0 GiB free"),
        (Somewhere(None), ""),
        (Somewhere(-1), ""),
    ],
)
def test_warns_where_a_build_may_fill_the_disk(target: Somewhere, says: str) -> None:
    text = warned(target)
    assert says in text
    assert bool(text) is bool(says)
    if says:
        assert "inv image.prune" in text


def test_nothing_to_build_asks_nothing() -> None:
    assert warned(Somewhere(0), images=0) == ""


@pytest.mark.parametrize(("provider", "twice"), [("kind", True), ("minikube", True), ("context", False), ("", False)])
def test_where_images_are_copied_to_nodes_on_the_same_disk(provider: str, twice: bool) -> None:
    assert copies_images(provider) is twice


@pytest.mark.parametrize(
    ("answer", "free"),
    [
        (f"{platform.node()} {{folder}}\n", True),
        ("another-machine {folder}\n", False),
        (f"{platform.node()} /no/such/folder\n", False),
        ("\n", False),
        ((1, "", "Cannot connect to the Docker daemon"), False),
    ],
)
def test_the_hosts_disk_is_asked_only_where_the_engine_runs_on_it(
    tmp_path: Path, answer: str | tuple[int, str, str], free: bool
) -> None:
    given: Answer = answer.format(folder=tmp_path) if isinstance(answer, str) else answer
    found = engine_disk.host(RecordingRunner({ROOT: given}))
    assert (found is not None) is free
    if found is not None:
        assert abs(found - shutil.disk_usage(tmp_path).free) < GIB


@pytest.mark.parametrize(
    ("text", "free"),
    [(DF, 3 * GIB), ("", None), ("Filesystem\n", None), (DF.replace("3145728", "-"), None), ("df: no\ndf: no\n", None)],
)
def test_what_df_prints(text: str, free: int | None) -> None:
    assert engine_disk.parse_df(text) == free


@pytest.mark.parametrize(
    ("driver", "call"),
    [
        ("docker", ("docker", "exec", "minikube", "df", "-Pk", "/var/lib/docker")),
        ("kvm2", ("minikube", "-p", "minikube", "ssh", "--node", "minikube", "--", "df", "-Pk", "/var/lib/docker")),
    ],
)
def test_the_disk_inside_a_profile(driver: str, call: tuple[str, ...]) -> None:
    [profile] = minikube.parse_profiles(mini.profile(driver=driver))
    assert engine_disk.inside(RecordingRunner({call: DF}), profile) == 3 * GIB
    assert engine_disk.inside(RecordingRunner({call: (1, "", "no such container")}), profile) is None
    target, _ = mini.make({**mini.inside(), mini.PROFILES: mini.profile(driver=driver), call: DF})
    assert target.engine_free() == 3 * GIB


def test_a_profile_that_builds_on_the_host_has_the_hosts_disk(tmp_path: Path) -> None:
    answers: dict[Any, Answer] = {
        mini.PROFILES: mini.profile(runtime="containerd"),
        ROOT: f"{platform.node()} {tmp_path}\n",
    }
    target, _ = mini.make(answers)
    assert target.engine_free()
