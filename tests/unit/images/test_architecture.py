"""Images are built only for processors that a node has."""

from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import Forbidden, WrongArchitecture
from kubetasks.images import architecture
from kubetasks.images.digest import Recipe, own_platform
from kubetasks.images.ignore import Ignore
from kubetasks.images.plan import Image
from kubetasks.images.withheld import Withheld
from tests.memory_store import MemoryStore

OWN = own_platform().partition("/")[2]
OTHER = "arm64" if OWN != "arm64" else "amd64"


def image(platform: str = "") -> Image:
    recipe = Recipe(Path(), Path("Dockerfile"), b"", Ignore([]), {}, platform, Withheld(()))
    return Image("api", "kubetasks/shop-api", "t", recipe)


def nodes(*architectures: str, cordoned: str = "") -> MemoryStore:
    store = MemoryStore()
    for number, each in enumerate([*architectures, *([cordoned] if cordoned else [])]):
        spec = {"unschedulable": True} if each == cordoned else {}
        status = {"nodeInfo": {"architecture": each}}
        store.put({"kind": "Node", "metadata": {"name": f"n{number}"}, "spec": spec, "status": status})
    return store


@pytest.mark.parametrize(
    ("platform", "store"),
    [
        ("", nodes(OWN)),
        ("", nodes(OTHER, OWN)),
        (f"linux/{OTHER}", nodes(OTHER)),
        ("linux/x86_64", nodes("amd64")),
        ("linux/aarch64", nodes("arm64")),
        ("linux/arm/v7", nodes("arm")),
        ("linux/arm64/v8", nodes("arm64")),
        ("", nodes("")),
        ("", MemoryStore()),
    ],
)
def test_builds_what_a_node_can_run(platform: str, store: MemoryStore) -> None:
    architecture.check([image(platform)], store)


@pytest.mark.parametrize(
    ("platform", "store", "says"),
    [
        ("", nodes(OTHER), f"api would be built for {OWN}, and the nodes are {OTHER}: this machine builds for its own"),
        (f"linux/{OTHER}", nodes(OWN), "kubetasks.images.platform says so"),
        ("", nodes(OTHER, cordoned=OWN), f"set kubetasks.images.platform to linux/{OTHER}"),
        ("", nodes("ppc64le", "s390x"), "the nodes are ppc64le, s390x"),
    ],
)
def test_refuses_what_none_can(platform: str, store: MemoryStore, says: str) -> None:
    with pytest.raises(WrongArchitecture) as raised:
        architecture.check([image(platform)], store)
    assert says in raised.value.line
    assert raised.value.exit_code == 45


def test_asks_nothing_where_nothing_is_built_and_stops_nobody_who_may_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    store = nodes(OTHER)
    asked: list[Any] = []

    def forbidden(kinds: Any, *, selector: str = "") -> Any:
        asked.append(kinds)
        raise Forbidden("no")

    monkeypatch.setattr(store, "get", forbidden)
    architecture.check([], store)
    assert asked == []
    architecture.check([image()], store)
    assert asked == [["Node"]]
