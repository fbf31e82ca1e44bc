"""The table of strategies: every combination has a row, and the page for users shows every row."""

import itertools
from pathlib import Path

import pytest

from kubetasks.targets import strategies

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("runtime", "driver", "nodes", "answers"),
    list(
        itertools.product(
            ["docker", "containerd", "cri-o", "crio", ""],
            ["docker", "podman", "kvm2", "qemu2", "hyperkit", "none", "ssh"],
            [1, 3],
            [True, False],
        )
    ),
)
def test_every_minikube_has_one(runtime: str, driver: str, nodes: int, answers: bool) -> None:
    row = strategies.choose("minikube", runtime=runtime, driver=driver, nodes=nodes, engine_answers=lambda: answers)
    inside = runtime == "docker" and driver != "none" and nodes == 1 and answers
    assert (row.build == strategies.INSIDE) == inside
    assert (row.deliver == strategies.NOTHING) == (inside or (runtime == "docker" and driver == "none"))
    assert (row.deliver == strategies.LAYERS) == (runtime == "containerd" and driver == "docker")
    assert row.provider == "minikube"


@pytest.mark.parametrize(("runtime", "driver", "nodes"), [("containerd", "docker", 1), ("docker", "docker", 2)])
def test_the_engine_inside_is_not_asked_for_nothing(runtime: str, driver: str, nodes: int) -> None:
    def ask() -> bool:
        raise AssertionError

    strategies.choose("minikube", runtime=runtime, driver=driver, nodes=nodes, engine_answers=ask)


@pytest.mark.parametrize(("provider", "deliver"), [("kind", strategies.LAYERS), ("context", strategies.PUSH)])
def test_other_providers(provider: str, deliver: str) -> None:
    assert strategies.choose(provider).deliver == deliver
    with pytest.raises(LookupError):
        strategies.choose("something else")


def test_the_page_for_users_shows_the_table() -> None:
    page = (ROOT / "docs" / "targets.md").read_text(encoding="utf-8")
    for row in strategies.TABLE:
        cells = [
            row.provider,
            row.runtime,
            row.driver,
            row.nodes,
            row.engine,
            row.build,
            row.deliver,
            row.reason,
            row.seen,
        ]
        assert f"| {' | '.join(cell or 'any' for cell in cells)} |" in page
