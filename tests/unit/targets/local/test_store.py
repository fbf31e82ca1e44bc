"""The store as an API server would be: no workload is among these objects, so that nothing runs."""

import threading
from pathlib import Path

from kubetasks.targets.local import files
from kubetasks.targets.local.store import LocalStore
from tests.unit.targets.local.objects import CANARY, config_map, live, one, secret, service, target


def test_nothing_is_there_at_first(store: LocalStore) -> None:
    assert store.get(["Namespace", "ConfigMap", "Pod", "Deployment", "Endpoints", "Event"]) == []
    assert not store.folder.exists()


def test_applying_again_changes_nothing(store: LocalStore) -> None:
    first = store.apply([config_map("config", A="1"), secret("secrets", K=CANARY)])
    assert store.apply([config_map("config", A="1"), secret("secrets", K=CANARY)]) == first
    assert live(store, "ConfigMap", "config") == first[0]


def test_the_namespace_is_an_object_like_others(store: LocalStore) -> None:
    store.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}])
    namespace = one(store.get(["Namespace"], selector="a=b"))
    assert namespace["status"] == {"phase": "Active"}
    assert "namespace" not in namespace["metadata"]


def test_a_dry_run_changes_nothing(store: LocalStore) -> None:
    would = store.apply([config_map("config", A="1")], dry_run=True)
    assert would[0]["data"] == {"A": "1"}
    assert not store.folder.exists()


def test_the_order_given_is_the_order_returned(store: LocalStore) -> None:
    names = [item["metadata"]["name"] for item in store.apply([config_map("b"), config_map("a")])]
    assert names == ["b", "a"]


def test_everything_is_private(store: LocalStore) -> None:
    store.apply([secret("secrets", K=CANARY), config_map("config", A="1")])
    for path in store.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert store.folder.stat().st_mode & 0o077 == 0


def test_create_is_atomic(store: LocalStore) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "lock"}, "spec": {}}
    won: list[bool] = []
    gate = threading.Barrier(8)

    def compete() -> None:
        gate.wait()
        won.append(store.create(lease))

    threads = [threading.Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    assert live(store, "Lease", "lock")["metadata"]["resourceVersion"]
    store.delete([lease])
    assert store.create(lease)


def test_create_of_what_processes_are_made_from(store: LocalStore) -> None:
    assert store.create(config_map("config", A="1"))
    assert not store.create(config_map("config", A="2"))
    assert live(store, "ConfigMap", "config")["data"] == {"A": "1"}


def test_delete(store: LocalStore) -> None:
    store.apply([config_map("a"), config_map("b")])
    store.delete([config_map("a"), config_map("never")])
    assert [item["metadata"]["name"] for item in store.get(["ConfigMap"])] == ["b"]


def test_a_service_without_pods(store: LocalStore) -> None:
    store.apply([service("web", 80, kind="LoadBalancer")])
    assert live(store, "Service", "web")["status"] == {"loadBalancer": {}}
    assert live(store, "Endpoints", "web")["subsets"] == []


def test_delete_all_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    store.apply([config_map("a")])
    store.delete_all()
    assert list(tmp_path.iterdir()) == []
    store.delete_all()


def test_deleting_the_namespace_deletes_all(store: LocalStore, tmp_path: Path) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}
    store.apply([namespace, config_map("a")])
    store.delete([namespace])
    assert list(tmp_path.iterdir()) == []


def test_others_state_stays(store: LocalStore, tmp_path: Path) -> None:
    store.apply([config_map("a")])
    other = store.folder.parent / "other" / "objects"
    other.mkdir(parents=True)
    store.delete_all()
    assert other.exists()
    assert not store.folder.exists()


def test_nothing_goes_to_the_checkout(store: LocalStore, tmp_path: Path, state_home: Path) -> None:
    store.apply([config_map("a")])
    assert list(tmp_path.iterdir()) == []
    assert store.folder.is_relative_to(state_home)
    store.delete_all()
    assert list((state_home / "kubetasks").iterdir()) == []


def old_deployment(root: Path, namespace: str = "demo") -> Path:
    """What earlier versions left in a checkout."""
    folder = root / ".kubetasks" / "local" / namespace
    files.write_json(folder / "objects" / "ConfigMap" / "old.json", {**config_map("old"), "metadata": META})
    return folder


META = {"name": "old", "namespace": "demo", "uid": "1", "generation": 1, "resourceVersion": "1", "labels": {}}


def test_a_deployment_of_an_earlier_version_is_found_and_destroyed(tmp_path: Path) -> None:
    folder = old_deployment(tmp_path)
    store = target(tmp_path).store
    assert store.folder == folder
    assert [item["metadata"]["name"] for item in store.get(["ConfigMap"])] == ["old"]
    store.apply([config_map("a")])
    assert (tmp_path / ".kubetasks" / ".gitignore").read_text() == "*\n"
    store.delete_all()
    assert list(tmp_path.iterdir()) == []
    new = target(tmp_path).store
    new.apply([config_map("a")])
    assert list(tmp_path.iterdir()) == []
    new.delete_all()


def test_a_new_namespace_beside_an_earlier_versions_goes_to_the_new_place(tmp_path: Path, state_home: Path) -> None:
    old_deployment(tmp_path, "other")
    assert target(tmp_path).store.folder.is_relative_to(state_home)


def test_a_moved_checkout_keeps_its_deployment(tmp_path: Path) -> None:
    root = tmp_path / "here"
    root.mkdir()
    (root / "tasks.py").touch()
    target(root).store.apply([config_map("a")])
    root.rename(tmp_path / "there")
    store = target(tmp_path / "there").store
    assert [item["metadata"]["name"] for item in store.get(["ConfigMap"])] == ["a"]
    store.delete_all()


def test_a_damaged_file_is_as_good_as_none(store: LocalStore) -> None:
    store.apply([config_map("a"), config_map("b")])
    (store.folder / "objects" / "ConfigMap" / "a.json").write_text("{")
    assert [item["metadata"]["name"] for item in store.get(["ConfigMap"])] == ["b"]
    store.apply([config_map("a", A="1")])
    assert live(store, "ConfigMap", "a")["data"] == {"A": "1"}
