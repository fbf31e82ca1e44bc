"""Secrets among the project's own objects: no value anywhere but in the cluster, and pods that roll."""

import base64
import io
import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.console import Console
from kubetasks.deployers import concealed, history
from kubetasks.deployers.back import Rollback
from kubetasks.deployers.base import Release
from kubetasks.deployers.concealed import ROLLED_BY
from kubetasks.deployers.render import ManifestsRenderer
from kubetasks.deployers.stamp import stamp
from kubetasks.errors import NothingToRollBack, RecordDamaged, RenderFailed
from kubetasks.objects import PROJECT, Object, Objects, is_record
from kubetasks.redact import Sensitive
from tests.recording import RecordingRunner
from tests.samples import CANARY, configmap, deployment, job, labels, settings, statefulset
from tests.world import World, make

DIGEST = concealed.digester(Sensitive("key"))


def secret(name: str = "extra", **more: Any) -> Object:
    meta = {"name": name, "namespace": "todo", "labels": {**labels(name), PROJECT: "todo"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", **more}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


VALUES: dict[str, tuple[dict[str, Any], dict[str, bytes]]] = {
    "data": ({"data": {"a": encoded("one")}}, {"a": b"one"}),
    "stringData": ({"stringData": {"a": "one"}}, {"a": b"one"}),
    "both": (
        {"data": {"a": encoded("one"), "b": encoded("two")}, "stringData": {"a": "three"}},
        {"a": b"three", "b": b"two"},
    ),
    "binary": ({"data": {"a": "/wA="}}, {"a": b"\xff\x00"}),
    "no base64": ({"data": {"a": "%"}}, {"a": b""}),
    "a number": ({"stringData": {"a": 8000, "b": True}}, {"a": b"8000", "b": b"True"}),
    "none": ({"data": None}, {}),
    "another shape": ({"data": ["a"], "stringData": "a"}, {}),
    "emoji": ({"stringData": {"a": "\U0001f600"}}, {"a": "\U0001f600".encode()}),
    "a lone surrogate": ({"stringData": {"a": "\ud800"}}, {"a": b"\xed\xa0\x80"}),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_read_and_never_shown(name: str) -> None:
    given, values = VALUES[name]
    item = secret(**given)
    assert concealed.values_of(item) == values
    shown = concealed.concealed(item, DIGEST)
    assert set(shown["data"]) == set(values)
    assert "stringData" not in shown
    for key, digest in shown["data"].items():
        assert digest.startswith("hmac-sha256:")
        # The API server refuses it as a value, should anybody ever apply it.
        with pytest.raises(ValueError, match="Only base64 data"):
            base64.b64decode(digest, validate=True)
        text = values[key].decode("utf-8", errors="replace")
        assert not text or text not in digest


def test_a_short_value_cannot_be_guessed_without_the_key() -> None:
    one, two = concealed.digester(Sensitive("one")), concealed.digester(Sensitive("two"))
    item = secret(stringData={"pin": "1234"})
    assert concealed.concealed(item, one)["data"] == concealed.concealed(deepcopy(item), one)["data"]
    assert concealed.concealed(item, one)["data"] != concealed.concealed(item, two)["data"]


def test_equal_values_do_not_show_that_they_are_equal() -> None:
    data = concealed.concealed(secret(stringData={"a": "same", "b": "same"}), DIGEST)["data"]
    assert data["a"] != data["b"]
    other = concealed.concealed(secret("other", stringData={"a": "same"}), DIGEST)["data"]
    assert other["a"] != data["a"]


def test_what_kubectl_left_in_an_annotation_goes_too() -> None:
    item = secret(stringData={"a": CANARY})
    item["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": CANARY, "note": "kept"}
    shown = concealed.concealed(item, DIGEST)
    assert CANARY not in json.dumps(shown)
    assert shown["metadata"]["annotations"] == {"note": "kept"}
    assert concealed.concealed(configmap(a=CANARY), DIGEST) == configmap(a=CANARY)


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (CANARY, True),
        ("hunter2-hunter2", True),
        ("correct horse battery staple", True),
        ("postgres", False),  # a word
        ("todo-backend", False),  # an object's name
        ("db.example.org:5432", False),
        ("10.96.0.1", False),
        ("12345678", False),
        ("short1", False),
        ("", False),
    ],
)
def test_what_is_hidden_in_what_programs_say(value: str, hidden: bool) -> None:
    objects = [secret(stringData={"a": value}), deployment("todo-backend")]
    assert [each.reveal() for each in concealed.to_hide(objects)] == ([value] if hidden else [])


def using(**spec: Any) -> Object:
    item = deployment()
    item["spec"]["template"]["spec"].update(spec)
    return item


def _container(**more: Any) -> Object:
    return using(containers=[{"name": "x", "image": "backend", **more}])


USERS: dict[str, tuple[Object, bool]] = {
    "envFrom": (_container(envFrom=[{"secretRef": {"name": "extra"}}]), True),
    "env": (_container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "extra", "key": "a"}}}]), True),
    "an init container": (using(initContainers=[{"name": "x", "envFrom": [{"secretRef": {"name": "extra"}}]}]), True),
    "a volume": (using(volumes=[{"name": "v", "secret": {"secretName": "extra"}}]), True),
    "a projected volume": (using(volumes=[{"projected": {"sources": [{"secret": {"name": "extra"}}]}}]), True),
    "a volume plugin": (using(volumes=[{"name": "v", "cephfs": {"secretRef": {"name": "extra"}}}]), True),
    "to pull images": (using(imagePullSecrets=[{"name": "extra"}]), False),
    "a ConfigMap of that name": (_container(envFrom=[{"configMapRef": {"name": "extra"}}]), False),
    "another Secret": (_container(envFrom=[{"secretRef": {"name": "another"}}]), False),
    "none": (_container(), False),
    "a StatefulSet": ({**_container(envFrom=[{"secretRef": {"name": "extra"}}]), "kind": "StatefulSet"}, True),
    "a DaemonSet": ({**_container(envFrom=[{"secretRef": {"name": "extra"}}]), "kind": "DaemonSet"}, True),
    "a Job": ({**_container(envFrom=[{"secretRef": {"name": "extra"}}]), "kind": "Job"}, False),
}  # fmt: skip


def annotation(objects: Objects, index: int = 0) -> str | None:
    found = objects[index]["spec"]["template"]["metadata"].get("annotations") or {}
    value: str | None = found.get(ROLLED_BY)
    return value


@pytest.mark.parametrize("name", USERS)
def test_pods_roll_when_a_secret_that_they_use_changes(name: str) -> None:
    item, rolls = USERS[name]
    one, same, two = (
        annotation(concealed.rolled([item, secret(stringData={"a": value})], DIGEST)) for value in ("1", "1", "2")
    )
    assert (one is not None) == rolls
    assert one == same
    assert (one != two) == rolls


def test_a_workload_without_a_secret_stays_the_very_same() -> None:
    objects = [deployment(), job(), statefulset(), configmap()]
    assert concealed.rolled(objects, DIGEST) == objects
    assert concealed.rolled([*objects, secret()], DIGEST)[:-1] == objects


def test_text_and_base64_of_one_value_are_one_value() -> None:
    item = USERS["envFrom"][0]
    as_text = concealed.rolled([item, secret(stringData={"a": "x"})], DIGEST)
    as_data = concealed.rolled([item, secret(data={"a": encoded("x")})], DIGEST)
    assert annotation(as_text) == annotation(as_data)


RELEASE = Release(
    "todo", "todo", {"backend": "b:1"}, "Never", "bundled", "p", "todo-secrets", digest_key=Sensitive("k")
)


def test_rendered_manifests_are_stamped_with_it() -> None:
    stamped = stamp([USERS["envFrom"][0], secret(stringData={"a": "x"})], RELEASE)
    assert annotation(stamped)
    assert "k" not in repr(RELEASE.digest_key)


def test_the_projects_own_secret_among_the_objects_is_refused(tmp_path: Path) -> None:
    """Applying it would take the generated values away."""
    (tmp_path / "manifests/overlays/bundled").mkdir(parents=True)
    text = yaml.safe_dump(secret("todo-secrets", stringData={"a": CANARY}))
    runner = RecordingRunner({("kubectl",): text})
    with pytest.raises(RenderFailed, match="contain Secret/todo-secrets: kubetasks writes that Secret itself"):
        ManifestsRenderer(settings(), tmp_path, runner).render(RELEASE)


def test_what_is_rendered_is_hidden_from_then_on(tmp_path: Path) -> None:
    (tmp_path / "manifests/overlays/bundled").mkdir(parents=True)
    runner = RecordingRunner({("kubectl",): yaml.safe_dump(secret(stringData={"a": CANARY}))})
    ManifestsRenderer(settings(), tmp_path, runner).render(RELEASE)
    assert runner.redactor(f"webhook says {CANARY} and {encoded(CANARY)}") == "webhook says *** and ***"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = make(tmp_path, monkeypatch)
    made.renderer.extra = [secret(stringData={"password": f"{CANARY}-1", "pin": "1"}, data={"bin": "/wA="})]
    return made


def test_the_record_holds_keys_and_digests_alone(world: World) -> None:
    world.deploy()
    assert CANARY in json.dumps(world.store.objects["Secret/extra"]), "the cluster got no value"
    records = [item for item in world.store.get(["ConfigMap"]) if is_record(item)]
    unpacked = history.objects_of(world.store, world.store.get(["ConfigMap"]), 1, "todo")
    shown = json.dumps([records, unpacked]) + world.shown
    assert CANARY not in shown
    assert encoded(CANARY)[:12] not in shown
    [kept] = [item for item in unpacked if item["kind"] == "Secret"]
    assert sorted(kept["data"]) == ["bin", "password", "pin"]


def roll_back(world: World, to: int = 0) -> str:
    stream = io.StringIO()
    console = Console(stream=stream)
    Rollback(world.settings, console, world.survey(), world.deployer_named, to).run()
    return stream.getvalue()


def test_going_back_leaves_the_secret_and_says_so(world: World) -> None:
    world.deploy()
    world.renderer.extra = [secret(stringData={"password": f"{CANARY}-2", "pin": "1"}, data={"bin": "/wA="})]
    world.edit("backend/main.py")
    world.deploy()
    before = world.store.objects["Secret/extra"]
    shown = roll_back(world)
    assert "· Secret/extra is not changed; password had another value in revision 1" in shown
    assert world.store.objects["Secret/extra"] == before
    assert "· Secret/extra is not changed\n" in roll_back(world, 2)


class Helm:
    """A deployer that goes back as Helm does, or has no record of its own any more."""

    name = "helm"

    def __init__(self, *, kept: bool) -> None:
        self.kept = kept

    def rollback(self, objects: Objects, revision: str, progress: Any) -> str:
        if not self.kept:
            raise NothingToRollBack("Helm no longer has its revision 1")
        return "3"

    def prune(self, objects: Objects, progress: Any) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        (True, "· Secret/extra has the values of Helm's own revision 7 again"),
        (False, "· Secret/extra is not changed; password had another value in revision 1"),
    ],
)
def test_going_back_with_helm_says_what_helm_does(
    world: World, kept: bool, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy()
    world.renderer.extra = [secret(stringData={"password": f"{CANARY}-2", "pin": "1"}, data={"bin": "/wA="})]
    world.edit("backend/main.py")
    world.deploy()
    survey = world.survey()
    first = replace(survey.history[0], deployer="helm", deployer_revision="7")
    survey = replace(survey, history=[first, *survey.history[1:]])
    monkeypatch.setattr(type(survey), "refreshed", lambda survey, _again: survey)
    stream = io.StringIO()

    def named(name: str) -> Any:
        return Helm(kept=kept) if name == "helm" else world.deployer_named(name)

    Rollback(world.settings, Console(stream=stream), survey, named).run()
    assert line in stream.getvalue()


def test_going_back_to_a_secret_that_is_gone_is_refused(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    del world.store.objects["Secret/extra"]
    before = json.dumps(world.store.objects)
    with pytest.raises(RecordDamaged, match="revision 1 needs Secret/extra, which no longer exists"):
        roll_back(world, 1)
    assert json.dumps(world.store.objects) == before


def test_inputs_in_which_there_may_be_a_secret_cannot_be_guessed(world: World, tmp_path: Path) -> None:
    """The digest of the sources is keyed, too: a short value in a manifest would be found by trying."""
    one = world.survey().inputs
    own = secret("todo-secrets")
    own["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "kubetasks"
    world.store.put(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "todo"}},
        {
            **own,
            "data": {"kubetasks.digest-key": encoded("another"), "JWT_SECRET": encoded("x" * 9)},
        },
    )
    two = world.survey().inputs
    assert one != two
    assert world.survey().inputs == two
