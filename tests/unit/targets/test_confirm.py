"""Whether a change is there: by what was sent, answered and shown."""

from copy import deepcopy
from typing import Any

import pytest

from kubetasks.objects import Object
from kubetasks.targets.confirm import unapplied, undeleted
from tests.samples import configmap, deployment


def changed(item: Object, path: str, value: Any) -> Object:
    new = deepcopy(item)
    place: Any = new
    *outer, last = path.split("/")
    for step in outer:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return new


def live(item: Object, **metadata: Any) -> Object:
    """As an API server shows it, with what it adds."""
    added = {"uid": "1", "resourceVersion": "7", "creationTimestamp": "x", **metadata}
    return {**item, "metadata": {**item["metadata"], **added}, "status": {"replicas": 1}}


def test_what_is_there_as_it_was_sent() -> None:
    sent = [configmap(), deployment()]
    there = [live(item) for item in sent]
    assert unapplied(sent, there, there) == []
    assert unapplied(sent, there, [live(item, resourceVersion="9") for item in sent]) == []


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("spec/replicas", 7, "Deployment/backend has another spec.replicas"),
        ("spec/template/spec/containers/0/image", "old:1", "has another spec.template.spec.containers[0].image"),
        ("spec/template/spec/containers", [], "has another spec.template.spec.containers[0]"),
        ("metadata/labels", {}, "has another metadata.labels.app.kubernetes.io/name"),
    ],
)
def test_what_is_not_as_it_was_sent(path: str, value: Any, says: str) -> None:
    sent = deployment()
    [found] = unapplied([sent], [live(sent)], [live(changed(sent, path, value))])
    assert says in found
    assert "old:1" not in found


def test_what_the_server_writes_in_its_own_way_is_as_it_was_sent() -> None:
    sent = changed(deployment(), "spec/template/spec/containers/0/resources", {"limits": {"cpu": "1000m"}})
    answered = live(changed(deployment(), "spec/template/spec/containers/0/resources", {"limits": {"cpu": "1"}}))
    assert unapplied([sent], [answered], [answered]) == []


def test_a_defaulted_or_injected_part_is_no_difference() -> None:
    sent = deployment()
    there = live(sent)
    there["spec"]["template"]["spec"] = {**sent["spec"]["template"]["spec"], "restartPolicy": "Always"}
    assert unapplied([sent], [there], [there]) == []


def test_what_is_missing_or_going() -> None:
    sent = [configmap()]
    assert unapplied(sent, [live(configmap())], []) == ["ConfigMap/todo-config is not there"]
    assert unapplied(sent, [], [live(configmap())]) == ["ConfigMap/todo-config was not answered"]
    going = live(configmap(), deletionTimestamp="2026-01-01T00:00:00Z")
    assert unapplied(sent, [live(configmap())], [going]) == ["ConfigMap/todo-config is being deleted"]


def test_a_condition_on_the_version_is_no_value_to_find_again() -> None:
    sent = changed(configmap(), "metadata/resourceVersion", "6")
    answered = live(configmap(), resourceVersion="6")
    assert unapplied([sent], [answered], [live(configmap(), resourceVersion="8")]) == []


def test_a_list_of_another_length_in_the_answer_is_the_servers_own() -> None:
    sent = changed(configmap(), "metadata/finalizers", ["a"])
    answered = live(changed(configmap(), "metadata/finalizers", ["a", "b"]))
    assert unapplied([sent], [answered], [answered]) == []


GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("there", "waited", "says"),
    [
        (None, True, ""),
        (None, False, ""),
        (live(configmap()), True, "ConfigMap/todo-config is still there"),
        (live(configmap()), False, "ConfigMap/todo-config is still there"),
        (live(configmap(), **GOING), False, ""),
        (live(configmap(), **GOING), True, "is still being deleted (held by its dependents)"),
        (live(configmap(), **GOING, finalizers=["a/b", "c/d"]), True, "is still being deleted (held by a/b, c/d)"),
        (live(configmap(), uid="2"), True, ""),  # another one of that name
    ],
)
def test_what_is_deleted(there: Object | None, waited: bool, says: str) -> None:
    found = undeleted([live(configmap())], [there] if there else [], waited=waited)
    assert len(found) == bool(says)
    assert says in "".join(found)


def test_without_a_uid_any_object_of_that_name_counts() -> None:
    assert undeleted([configmap()], [live(configmap(), uid="2")], waited=True) == [
        "ConfigMap/todo-config is still there"
    ]
