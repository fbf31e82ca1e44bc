"""The revisions: what is kept, for how long, and what becomes of records that people and programs changed."""

import base64
import gzip
import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from kubetasks.deployers import history, packing, record
from kubetasks.deployers.concealed import all_concealed, digester
from kubetasks.deployers.history import DEPLOYED, DEPLOYING, FAILED, Revision
from kubetasks.deployers.record import from_object, to_objects
from kubetasks.errors import (
    ApplyFailed,
    ClusterUnreachable,
    Forbidden,
    KubetasksError,
    RecordDamaged,
    RecordFailed,
    ToolFailed,
)
from kubetasks.objects import Object, is_record
from kubetasks.redact import Sensitive
from kubetasks.secrets.store import secret_objects
from tests.memory_store import LEAVING_AT, NAMESPACE, MemoryStore
from tests.samples import CANARY, PROJECT, application, configmap, settings


def revision(number: int, status: str = DEPLOYED, **more: Any) -> Revision:
    return Revision(number, status, "manifests", f"inputs-{number}", **more)


def store(*items: Object) -> MemoryStore:
    made = MemoryStore()
    made.put(NAMESPACE, *items)
    return made


def known(cluster: MemoryStore) -> list[Revision]:
    return history.revisions(cluster.get(["ConfigMap"]))


def kept(cluster: MemoryStore) -> list[int]:
    return [each.number for each in known(cluster)]


def objects(cluster: MemoryStore, number: int) -> list[Object]:
    return history.objects_of(cluster, cluster.get(["ConfigMap"]), number, PROJECT)


def item_of(made: Revision, project: str = PROJECT, namespace: str = PROJECT) -> Object:
    [item] = to_objects(made, project, namespace)
    return item


def test_a_revision_comes_back_as_it_was_saved() -> None:
    cluster = store()
    saved = revision(
        3,
        deployer_revision="7",
        fingerprint={"Service/backend": "abc"},
        verified=True,
        at="2026-01-02T03:04:05Z",
        note="rollback to 1",
        objects=application(),
        finished={"Job/migrate": {"template": "abc", "image": "backend:1"}},
    )
    assert history.save(cluster, saved, settings(), []) == ""
    assert known(cluster) == [Revision(**{**vars(saved), "objects": []})]
    assert objects(cluster, 3) == application()
    with pytest.raises(RecordDamaged, match="the record of revision 4 no longer exists"):
        objects(cluster, 4)


def test_a_record_is_named_after_the_project_and_labelled_as_ours() -> None:
    item = item_of(revision(3), namespace="elsewhere")
    assert item["metadata"] == {
        "name": "todo-revision-3",
        "namespace": "elsewhere",
        "labels": {
            "app.kubernetes.io/part-of": "todo",
            "app.kubernetes.io/managed-by": "kubetasks",
            "kubetasks.dev/record": "revision",
        },
    }
    assert is_record(item)
    assert not is_record(configmap())
    assert all(isinstance(value, str) for value in item["data"].values())


def test_packing_is_repeatable_and_small() -> None:
    many = application() * 50
    packed = packing.pack(many)
    assert packed == packing.pack(deepcopy(many))
    assert packing.unpack(packed) == many
    assert len(packed) < len(json.dumps(many)) / 10


def test_revisions_are_ordered_by_number_not_by_name() -> None:
    live = [item_of(revision(number)) for number in (10, 9, 1)]
    assert [each.number for each in history.revisions([*live, configmap()])] == [1, 9, 10]


# What may be among the texts of a rendered object.
TEXTS = {
    "emoji": "✅ 🚀",
    "control characters": "a\x00b\x1b[31mred\x07\r\n\x7f",
    "a lone surrogate": "\ud800",
    "every plane": "".join(chr(each) for each in (0x7F, 0x85, 0x2028, 0xFEFF, 0xFFFD, 0x1F600, 0x10FFFF)),
    "right to left": "\u202eabc",
    "yaml": "yes\n---\n- no: |\n",
    "a template": "{{ .Values.x }} ${VAR}",
    "long": "x" * 300_000,
}


@pytest.mark.parametrize("name", TEXTS)
def test_any_text_comes_back(name: str) -> None:
    cluster = store()
    saved = [configmap(text=TEXTS[name])]
    assert history.save(cluster, revision(1, objects=saved), settings(), []) == ""
    assert objects(cluster, 1) == saved
    assert cluster.objects["ConfigMap/todo-revision-1"]["data"]["objects"].isascii()


def test_what_only_yaml_has_is_kept_as_near_as_json_can() -> None:
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {1: b"bytes", None: {"b", "a"}}}
    cluster = store()
    history.save(cluster, revision(1, objects=[item]), settings(), [])
    [found] = objects(cluster, 1)
    assert found["data"]["1"] == base64.b64encode(b"bytes").decode()
    assert sorted(found["data"]["null"]) == ["a", "b"]


def noise(size: int) -> str:
    return base64.b64encode(random.Random(1).randbytes(size)).decode()  # noqa: S311  (nothing secret)


@pytest.mark.parametrize(("size", "parts"), [(1000, 0), (100_000, 0), (400_000, 1), (900_000, 2), (3_000_000, 5)])
def test_what_is_too_large_for_one_configmap_is_split(size: int, parts: int) -> None:
    cluster = store()
    saved = [configmap(text=noise(size))]
    assert history.save(cluster, revision(1, objects=saved), settings(), []) == ""
    held = [item for item in cluster.get(["ConfigMap"]) if "-objects-" in item["metadata"]["name"]]
    assert abs(len(held) - parts) <= (parts > 0)
    assert objects(cluster, 1) == saved
    for item in cluster.get(["ConfigMap"]):
        assert len(json.dumps(item)) < 1_000_000
    # Nothing but a rollback reads the parts, and all go with their record.
    assert not any(item["metadata"]["labels"].get("app.kubernetes.io/part-of") for item in held)
    for number in range(2, 9):
        history.save(cluster, revision(number), settings(history=3), known(cluster))
    assert not any("-objects-" in name for name in cluster.named("ConfigMap"))


def test_what_is_too_large_for_any_record_is_left_out_and_said() -> None:
    cluster = store()
    left_out = history.save(cluster, revision(1, objects=[configmap(text=noise(9_000_000))]), settings(), [])
    assert left_out.startswith("its objects are too large to keep (")
    assert kept(cluster) == [1]
    with pytest.raises(RecordDamaged, match="recorded without its objects"):
        objects(cluster, 1)


def test_many_objects_make_no_record_too_large() -> None:
    cluster = store()
    prints = {f"ConfigMap/dashboard-{number}": "0123456789abcdef" for number in range(20_000)}
    history.save(cluster, revision(1, fingerprint=prints, note="x" * 10_000), settings(), [])
    [found] = known(cluster)
    assert found.fingerprint == prints
    assert len(found.note) == 500
    assert len(json.dumps(cluster.objects["ConfigMap/todo-revision-1"])) < 600_000


def _set(**data: Any) -> Callable[[Object], None]:
    def edit(item: Object) -> None:
        item["data"] = {**item["data"], **data}

    return edit


def _drop(key: str) -> Callable[[Object], None]:
    def edit(item: Object) -> None:
        del item["data"][key]

    return edit


def _no_data(item: Object) -> None:
    item["data"] = None


def _data_is_a_list(item: Object) -> None:
    item["data"] = ["number"]


def _cut(item: Object) -> None:
    item["data"]["objects"] = item["data"]["objects"][: len(item["data"]["objects"]) // 2]


def _text(objects: str) -> Callable[[Object], None]:
    """Other objects, as a record of an earlier version, without a checksum, may have them."""

    def edit(item: Object) -> None:
        item["data"]["objects"] = objects
        item["data"].pop("checksum")

    return edit


def _packed(value: Any) -> Callable[[Object], None]:
    return _text(packing.pack(value))


def _bomb(item: Object) -> None:
    _text(base64.b64encode(gzip.compress(b" " * (packing.UNPACKED + 1))).decode())(item)


def _other_namespace() -> Object:
    item = configmap()
    item["metadata"]["namespace"] = "kube-system"
    return item


# How a record was damaged: whether its revision is still good, and what is said when its objects are asked for.
DAMAGES: dict[str, tuple[Callable[[Object], None], bool, str]] = {
    "no data": (_no_data, False, "its record is empty"),
    "data of another shape": (_data_is_a_list, False, "its record is empty"),
    "another number": (_set(number="7"), False, "it is damaged: its number is 7"),
    "a number that is none": (_set(number="one"), False, "it is damaged: its number is one"),
    "a negative number": (_set(number="-1"), False, "it is damaged: its number is -1"),
    "a number of other digits": (_set(number="\u0661"), False, "it is damaged: its number is \u0661"),
    "no number": (_drop("number"), False, "it is damaged: its number is missing"),
    "an unknown status": (_set(status="paused"), False, "it is damaged: its status is paused"),
    "no status": (_drop("status"), False, "it is damaged: its status is missing"),
    "a fingerprint that is no JSON": (_set(fingerprint="{"), True, ""),
    "a fingerprint that is a list": (_set(fingerprint="[1]"), True, ""),
    "a fingerprint that is deep": (_set(fingerprint="[" * 100_000), True, ""),
    "a packed fingerprint that is cut off": (_set(fingerprint="gz:H4sI"), True, ""),
    "no fingerprint": (_drop("fingerprint"), True, ""),
    "finished Jobs that are a text": (_set(finished='{"Job/x": "done"}'), True, ""),
    "values that are no texts": (_set(note=3, at=None, inputs=[]), True, ""),
    "objects that are cut off": (_cut, True, "its objects are not as they were written"),
    "objects that were edited": (_set(objects=packing.pack([])), True, "its objects are not as they were written"),
    "no objects": (_drop("objects"), True, "its objects are not as they were written"),
    "objects that are no base64": (_text("\u00a7"), True, "its objects cannot be read"),
    "objects that are no gzip": (_text("aGVsbG8="), True, "its objects cannot be read"),
    "objects that are a mapping": (_packed({"a": 1}), True, "it holds something that is not an object"),
    "objects without a name": (_packed([{"apiVersion": "v1", "kind": "Pod", "metadata": {}}]), True, "not an object"),
    "objects of another namespace": (_packed([_other_namespace()]), True, "not an object in namespace todo"),
    "objects that unpack to too much": (_bomb, True, "its objects cannot be read: it is cut off, or too large"),
    "too many parts": (_set(parts="99999"), True, ""),
    "parts that are no number": (_set(parts="many"), True, ""),
    "parts that are gone": (_set(parts="2"), True, "ConfigMap todo-revision-2-objects-1 is missing"),
    "a later version": (_set(format="3"), False, "a later version of kubetasks wrote it (record format 3)"),
    "a format that is none": (_set(format="new"), False, "it is damaged: its format is new"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_record_is_named_and_harms_no_other(name: str) -> None:
    damage, good, why = DAMAGES[name]
    cluster = store()
    for number in (1, 2, 3):
        history.save(cluster, revision(number, objects=application()), settings(), known(cluster))
    damage(cluster.objects["ConfigMap/todo-revision-2"])
    found = known(cluster)
    assert [each.number for each in found] == [1, 2, 3]
    assert [each.good for each in found] == [True, good, True]
    assert history.next_number(found) == 4
    if why:
        with pytest.raises(RecordDamaged) as caught:
            objects(cluster, 2)
        assert why in caught.value.why
        assert caught.value.exit_code == 57
    else:
        assert objects(cluster, 2) == application()
    assert objects(cluster, 1) == objects(cluster, 3) == application()
    for number in range(4, 9):
        history.save(cluster, revision(number), settings(history=2), known(cluster))
    assert kept(cluster) == ([2, 7, 8] if name == "a later version" else [7, 8])


def test_a_record_of_an_earlier_version_is_read() -> None:
    """Before the format had a number: no checksum, everything in one ConfigMap."""
    item = item_of(revision(4, objects=application(), verified=True))
    for key in ("format", "checksum", "parts", "left-out", "finished"):
        del item["data"][key]
    cluster = store(item)
    [found] = known(cluster)
    assert (found.number, found.good, found.verified, found.finished) == (4, True, True, {})
    assert objects(cluster, 4) == application()


# ConfigMaps that look like records and are none.
STRANGERS: dict[str, Callable[[Object], None]] = {
    "a copy": lambda item: item["metadata"].update(name="copy-of-1"),
    "another number in its name": lambda item: item["metadata"].update(name="todo-revision-01"),
    "no number in its name": lambda item: item["metadata"].update(name="todo-revision-"),
    "a huge number": lambda item: item["metadata"].update(name="todo-revision-99999999999"),
    "another project's": lambda item: item["metadata"]["labels"].update({"app.kubernetes.io/part-of": "other"}),
    "without our label": lambda item: item["metadata"].update(labels={"app.kubernetes.io/part-of": "todo"}),
    "of another kind of record": lambda item: item["metadata"]["labels"].update({"kubetasks.dev/record": "lock"}),
    "being deleted": lambda item: item["metadata"].update(deletionTimestamp=LEAVING_AT),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_only_looks_like_a_record_is_none(name: str) -> None:
    item = item_of(revision(1))
    STRANGERS[name](item)
    assert history.revisions([item]) == []


@pytest.mark.parametrize("owned", [{}, {"app.kubernetes.io/part-of": "another"}])
def test_a_configmap_of_somebody_else_is_neither_replaced_nor_deleted(owned: dict[str, str]) -> None:
    theirs = configmap("todo-revision-1", precious="data")
    theirs["metadata"]["labels"] = owned
    cluster = store(theirs)
    made = history.open_record(cluster, revision(1), settings(), known(cluster))
    assert (made.number, made.status) == (2, DEPLOYING)
    for number in range(2, 9):
        history.save(cluster, revision(number), settings(history=2), known(cluster))
    assert cluster.objects["ConfigMap/todo-revision-1"]["data"] == {"precious": "data"}
    assert kept(cluster) == [7, 8]


def test_an_interrupted_revision_keeps_its_number() -> None:
    cluster = store()
    first = history.open_record(cluster, revision(1), settings(), [])
    assert history.next_number(known(cluster)) == 1
    again = history.open_record(cluster, revision(1), settings(), known(cluster))
    assert (first.number, again.number, kept(cluster)) == (1, 1, [1])
    history.save(cluster, revision(1), settings(), known(cluster))
    assert history.next_number(known(cluster)) == 2


@pytest.mark.parametrize("gone", [[1], [2], [3], [1, 2], [2, 3], [1, 2, 3]])
def test_records_that_were_deleted_by_hand_leave_gaps(gone: list[int]) -> None:
    cluster = store()
    for number in (1, 2, 3):
        history.save(cluster, revision(number), settings(), known(cluster))
    for number in gone:
        del cluster.objects[f"ConfigMap/todo-revision-{number}"]
    left = [number for number in (1, 2, 3) if number not in gone]
    assert kept(cluster) == left
    made = history.open_record(cluster, revision(history.next_number(known(cluster))), settings(), known(cluster))
    assert made.number == (left[-1] + 1 if left else 1)


QUOTA = ToolFailed("kubectl could not create", why='configmaps "x" is forbidden: exceeded quota: few, used: 5')


def test_a_quota_that_old_revisions_fill_makes_room_for_the_new_one() -> None:
    class Full(MemoryStore):
        def create(self, item: Object) -> bool:
            if len(self.named("ConfigMap")) >= 5:
                raise QUOTA
            return super().create(item)

    cluster = Full()
    cluster.put(NAMESPACE)
    for number in range(1, 6):
        history.save(cluster, revision(number), settings(history=5), known(cluster))
    history.open_record(cluster, revision(6), settings(history=5), known(cluster))
    assert kept(cluster) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "error",
    [
        QUOTA,
        ToolFailed("kubectl could not create", why="configmaps is forbidden: User cannot create"),
        Forbidden("the cluster does not allow this", why='configmaps is forbidden: User "me" cannot create'),
        ToolFailed("kubectl could not create", why='admission webhook "policy" denied the request: no owner label'),
    ],
)
def test_a_record_that_cannot_be_opened_stops_before_anything_is_changed(error: KubetasksError) -> None:
    cluster = store()
    cluster.fail["create"] = error
    with pytest.raises(RecordFailed) as caught:
        history.open_record(cluster, revision(1), settings(), [])
    assert caught.value.exit_code == 56
    assert caught.value.line.startswith(f"the record of revision 1 could not be written: {error.why} -- nothing was ch")


def test_a_cluster_that_does_not_answer_is_no_matter_of_records() -> None:
    cluster = store()
    cluster.fail["create"] = cluster.fail["apply"] = ClusterUnreachable("no answer")
    for call in (history.open_record, history.save):
        with pytest.raises(ClusterUnreachable):
            call(cluster, revision(1), settings(), [])


def test_a_record_that_is_refused_with_its_objects_is_kept_without_them() -> None:
    class Small(MemoryStore):
        def apply(self, objects: list[Object], *, dry_run: bool = False) -> list[Object]:
            if any(len(item["data"].get("objects", "")) > 100 for item in objects):
                raise ApplyFailed("the cluster refused an object", why="exceeded quota: bytes")
            return super().apply(objects, dry_run=dry_run)

    cluster = Small()
    cluster.put(NAMESPACE)
    assert history.save(cluster, revision(1, objects=application()), settings(), []) == "exceeded quota: bytes"
    [found] = known(cluster)
    assert found.good
    with pytest.raises(RecordDamaged, match="exceeded quota: bytes"):
        objects(cluster, 1)


def test_a_record_that_is_refused_in_any_form_is_told() -> None:
    cluster = store()
    cluster.refuse["ConfigMap/todo-revision-1"] = "field is immutable when `immutable` is set"
    with pytest.raises(RecordFailed, match="what is deployed stays"):
        history.save(cluster, revision(1, objects=application()), settings(), [])


def test_old_records_that_cannot_be_deleted_are_in_nobodys_way() -> None:
    cluster = store()
    cluster.fail["delete"] = ToolFailed("kubectl could not delete", why="forbidden")
    for number in range(1, 5):
        history.save(cluster, revision(number), settings(history=2), known(cluster))
    assert kept(cluster) == [1, 2, 3, 4]


def test_saving_drops_the_oldest_beyond_the_setting() -> None:
    cluster = store()
    chosen = settings(history=3)
    for number in range(1, 7):
        history.save(cluster, revision(number), chosen, known(cluster))
    assert kept(cluster) == [4, 5, 6]


def test_saving_a_revision_again_drops_none_of_the_others() -> None:
    cluster = store()
    chosen = settings(history=3)
    for number in (1, 2, 3, 3, 3):
        history.save(cluster, revision(number), chosen, known(cluster))
    assert kept(cluster) == [1, 2, 3]


def test_the_last_good_one_stays_however_many_fail_after_it() -> None:
    cluster = store()
    chosen = settings(history=2)
    history.save(cluster, revision(1), chosen, [])
    for number in range(2, 9):
        history.save(cluster, revision(number, FAILED), chosen, known(cluster))
        assert 1 in kept(cluster)
    assert kept(cluster) == [1, 7, 8]
    history.save(cluster, revision(9), chosen, known(cluster))
    history.save(cluster, revision(10), chosen, known(cluster))
    assert kept(cluster) == [9, 10]


def test_noting_that_a_revision_is_verified_leaves_the_rest_of_its_record() -> None:
    cluster = store()
    history.save(cluster, revision(1, objects=application()), settings(), [])
    cluster.objects["ConfigMap/todo-revision-1"]["data"]["of-a-later-version"] = "kept"
    history.mark_verified(cluster, cluster.get(["ConfigMap"]), 1)
    assert known(cluster)[0].verified
    assert objects(cluster, 1) == application()
    assert cluster.objects["ConfigMap/todo-revision-1"]["data"]["of-a-later-version"] == "kept"


def test_a_record_that_was_made_immutable_is_read_and_not_rewritten() -> None:
    cluster = store()
    history.save(cluster, revision(1, objects=application()), settings(), [])
    cluster.refuse["ConfigMap/todo-revision-1"] = "field is immutable when `immutable` is set"
    with pytest.raises(ApplyFailed):
        history.mark_verified(cluster, cluster.get(["ConfigMap"]), 1)
    assert objects(cluster, 1) == application()


def test_what_is_shown_of_a_record_is_one_printable_line() -> None:
    item = item_of(revision(1))
    item["data"].update(note="\x1b[2J\x1b]0;title\x07two\nlines \u202e", at="\x00now", deployer="\x1b[31mhelm")
    found = from_object(item)
    assert found is not None
    assert (found.note, found.at, found.deployer) == ("[2J ]0;title two lines", "now", "[31mhelm")
    assert record.clean("a\ud800b") == "a b"


def test_a_record_and_a_fingerprint_hold_no_secret() -> None:
    cluster = store()
    own = secret_objects(settings(), {"API_KEY": Sensitive(CANARY)})[0]
    theirs = {**own, "metadata": {**own["metadata"], "name": "theirs"}, "stringData": {"password": CANARY}}
    cluster.apply([*application(), own])
    live = cluster.get(["Deployment", "Service", "ConfigMap", "Secret", "Job"])
    saved = all_concealed([*application(), theirs], digester(Sensitive("key")))
    history.save(cluster, revision(1, fingerprint=history.fingerprint(live), objects=saved), settings(), [])
    [item] = [item for item in cluster.get(["ConfigMap"]) if is_record(item)]
    shown = json.dumps([item, objects(cluster, 1)])
    assert CANARY not in shown
    assert base64.b64encode(CANARY.encode()).decode() not in shown
    assert '"password": "hmac-sha256:' in shown
    assert "Secret/todo-secrets" in json.loads(item["data"]["fingerprint"])


def test_the_time_is_utc_to_the_second() -> None:
    assert len(history.now()) == len("2026-01-02T03:04:05Z")


def test_values_of_secrets_are_taken_out_of_records_of_an_earlier_version() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs"}, "stringData": {"password": CANARY}}
    cluster = store()
    for number, kept_objects in ((1, [*application(), secret]), (2, application())):
        item = item_of(revision(number, objects=kept_objects))
        for key in ("format", "checksum", "parts", "left-out", "finished"):
            del item["data"][key]
        cluster.put(item)
    before = dict(cluster.objects["ConfigMap/todo-revision-2"]["data"])
    assert CANARY in json.dumps(objects(cluster, 1))
    history.conceal(cluster, cluster.get(["ConfigMap"]), digester(Sensitive("key")))
    found = objects(cluster, 1)
    assert CANARY not in json.dumps(found)
    assert found[:-1] == application()
    assert cluster.objects["ConfigMap/todo-revision-2"]["data"] == before
    cluster.log.clear()
    history.conceal(cluster, cluster.get(["ConfigMap"]), digester(Sensitive("key")))
    assert not [line for line in cluster.log if line.startswith("apply")]


def test_what_images_stood_for_is_kept_and_read_tolerantly() -> None:
    contents = {"kubetasks/todo-backend:1a2b": ["config:sha256:1", "sha256:2"]}
    ran = {"kubetasks/todo-backend:1a2b": ["sha256:3"]}
    [item] = to_objects(revision(1, images=contents, running=ran), PROJECT, PROJECT)
    read = from_object(item)
    assert read is not None
    assert (read.images, read.running) == (contents, ran)
    for damaged in ("", "no JSON", "[]", "gz:cut off", '{"a": "no list"}'):
        item["data"].update(images=damaged, running=damaged)
        found = from_object(item)
        assert found is not None
        assert (found.images, found.running, found.problem) == ({}, {}, "")
