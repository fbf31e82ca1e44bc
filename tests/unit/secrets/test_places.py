"""Secrets that go to other Secrets and keys than the application's own."""

import base64
from typing import Any

import pytest

from kubetasks.deployers.concealed import ROLLED_BY, digester, rolled, secret_keys
from kubetasks.errors import SecretNotOurs, SettingsError
from kubetasks.objects import Object
from kubetasks.redact import Sensitive
from kubetasks.secrets import places, store
from kubetasks.settings import Settings, load
from tests.samples import CANARY, deployment

OURS = {"app.kubernetes.io/managed-by": "kubetasks", "kubetasks.dev/project": "shop"}


def settings(**secrets: Any) -> Settings:
    return load({"project": "shop", "secrets": secrets}, environ={})


SHOP = settings(
    DB_PASSWORD={"kind": "generated", "into": ["db/password", "web/DB_PASSWORD"]},
    API_KEY={"into": "web/secret_key"},
    JWT={"kind": "generated"},
    EXTRA={"kind": "optional", "into": "extra/key"},
)


def secret(name: str, labels: dict[str, str] | None = None, holds: str = "", **data: str) -> Object:
    annotations = {places.HOLDS: holds} if holds else {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    meta = {"name": name, "labels": OURS if labels is None else labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}


def test_each_secret_goes_to_its_places() -> None:
    values = store.desired(SHOP, {"API_KEY": Sensitive(CANARY)}, {})
    written = {item["metadata"]["name"]: item for item in store.secret_objects(SHOP, values)}
    assert {name: sorted(item["data"]) for name, item in written.items()} == {
        "shop-secrets": ["JWT", "kubetasks.digest-key"],
        "db": ["password"],
        "web": ["DB_PASSWORD", "secret_key"],
        "extra": [],
    }
    assert base64.b64decode(written["web"]["data"]["secret_key"]).decode() == CANARY
    assert written["db"]["data"]["password"] == written["web"]["data"]["DB_PASSWORD"]
    for item in written.values():
        assert places.is_ours(item, "shop")


def test_what_was_written_is_read_again() -> None:
    values = store.desired(SHOP, {"API_KEY": Sensitive(CANARY)}, {})
    live = store.secret_objects(SHOP, values)
    assert places.values(SHOP, live) == values
    held = places.held(live, SHOP.secret_places)
    assert places.stale(store.contents(SHOP, values), held, "shop-secrets") == {}
    changed = {**values, "DB_PASSWORD": Sensitive("other")}
    assert places.stale(store.contents(SHOP, changed), held, "shop-secrets") == {
        "db": ["password"], "web": ["DB_PASSWORD"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"into": "db/password"}),
        ({"into": "db/password"}, {}),
        ({"into": "db/password"}, {"into": "other/pw"}),
        ({"into": "db/password"}, {"into": ["other/pw", "db/password"]}),
    ],
)
def test_a_generated_value_moves_with_its_place(before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = settings(PW={"kind": "generated", **before}), settings(PW={"kind": "generated", **after})
    values = store.desired(old, {}, {})
    live = store.secret_objects(old, values)
    assert store.desired(new, {}, places.values(new, live))["PW"] == values["PW"]


def test_after_a_move_the_present_place_counts() -> None:
    chosen = settings(PW={"kind": "generated"})
    live = [secret("db", holds='{"password": "PW"}', password="old"), secret("shop-secrets", PW="new")]
    assert places.values(chosen, live)["PW"] == Sensitive("new")


@pytest.mark.parametrize(
    ("labels", "annotations", "said"),
    [
        ({}, {}, "something else created it"),
        ({"app.kubernetes.io/managed-by": "external-secrets"}, {}, "external-secrets created it"),
        ({**OURS, "kubetasks.dev/project": "other"}, {}, "it belongs to project other"),
        ({"app.kubernetes.io/managed-by": "Helm"}, {places.RELEASE: "web"}, "Helm release web created it"),
    ],
)
@pytest.mark.parametrize("name", ["db", "web", "extra", "shop-secrets"])
def test_a_secret_of_something_else_is_refused_with_the_choices(
    labels: dict[str, str], annotations: dict[str, str], said: str, name: str
) -> None:
    item = secret(name, labels, key=CANARY)
    item["metadata"]["annotations"] = annotations
    with pytest.raises(SecretNotOurs) as caught:
        places.refuse_foreign(SHOP, [item])
    error = caught.value
    assert error.exit_code == 67
    assert said in error.line
    assert "`into`" in error.detail
    assert ("kubectl label" in error.detail) is not bool(annotations)
    assert CANARY not in error.line + error.detail


def test_what_was_handed_over_is_ours_and_a_secret_that_nobody_writes_is_nobodys_concern() -> None:
    places.refuse_foreign(SHOP, [secret("db", OURS), secret("unrelated", {})])


@pytest.mark.parametrize(
    ("secrets", "path"),
    [
        ({"A": {"into": "no-key"}}, "secrets.A.into"),
        ({"A": {"into": "/key"}}, "secrets.A.into"),
        ({"A": {"into": "Name/key"}}, "secrets.A.into"),
        ({"A": {"into": "a/b/c"}}, "secrets.A.into"),
        ({"A": {"into": "shop-secrets/kubetasks.digest-key"}}, "secrets.A.into"),
        ({"A": {"into": "x/y"}, "B": {"into": ["x/y"]}}, "secrets.B.into"),
        ({"A": {}, "B": {"into": "shop-secrets/A"}}, "secrets.B.into"),
        ({"A": {"from": []}}, "secrets.A.from"),
        ({"A": {"from": ["env"], "command": ["x"]}}, "secrets.A.command"),
        ({"A": {"command": [""]}}, "secrets.A.command"),
        ({"A": {"from": ["vault"]}}, "secrets.A.from"),
        ({"A": {"sources": ["env"]}}, "secrets.A.sources"),
    ],
)
def test_places_and_sources_that_cannot_work_are_refused(secrets: dict[str, Any], path: str) -> None:
    with pytest.raises(SettingsError, match=path.replace(".", r"\.")):
        settings(**secrets)


def test_settings_come_from_the_environment_too() -> None:
    found = load(
        {"secrets": {"A": {}}},
        environ={"KUBETASKS_SECRETS_A_INTO": "x/y, z/w", "KUBETASKS_SECRETS_A_FROM": "file"},
    )
    assert found.secrets["A"].places("d/A") == [("x", "y"), ("z", "w")]
    assert found.secrets["A"].sources == ["file"]


USES: dict[str, dict[str, Any]] = {
    "a variable": {"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "web", "key": "secret_key"}}}]}]},
    "all variables": {"containers": [{"envFrom": [{"secretRef": {"name": "web"}}]}]},
    "a file": {"volumes": [{"secret": {"secretName": "web", "items": [{"key": "secret_key", "path": "k"}]}}]},
    "all files": {"volumes": [{"secret": {"secretName": "web"}}]},
    "a projected file": {"volumes": [{"projected": {"sources": [{"secret": {"name": "web"}}]}}]},
    "an init container": {"initContainers": [{"envFrom": [{"secretRef": {"name": "web"}}]}]},
}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
@pytest.mark.parametrize("use", USES)
def test_pods_roll_when_a_key_changes_that_they_use(use: str, kind: str) -> None:
    item = {**deployment("web", "postgres:17"), "kind": kind}
    item["spec"]["template"]["spec"] = USES[use]

    def mark(values: dict[str, Sensitive]) -> str:
        found = rolled([item], digester(Sensitive("k")), store.key_digests(SHOP, values))
        return str(found[0]["spec"]["template"]["metadata"]["annotations"][ROLLED_BY])

    values = store.desired(SHOP, {"API_KEY": Sensitive("one")}, {})
    assert mark({**values, "API_KEY": Sensitive("two")}) != mark(values)
    assert mark({**values, "JWT": Sensitive("two")}) == mark(values)
    whole = ("web", "") in set(secret_keys(USES[use]))
    assert (mark({**values, "DB_PASSWORD": Sensitive("two")}) != mark(values)) is whole


def test_pods_that_use_none_of_them_and_jobs_stay_as_they_are() -> None:
    values = store.key_digests(SHOP, store.desired(SHOP, {"API_KEY": Sensitive("one")}, {}))
    job = {**deployment("web"), "kind": "Job"}
    job["spec"]["template"]["spec"] = USES["all variables"]
    other = deployment("other")
    assert rolled([job, other], digester(Sensitive("k")), values) == [job, other]


def test_the_digests_tell_nothing_of_the_values() -> None:
    values = store.desired(SHOP, {"API_KEY": Sensitive(CANARY)}, {})
    assert CANARY not in repr(store.key_digests(SHOP, values))
    again = store.desired(SHOP, {"API_KEY": Sensitive(CANARY)}, {})
    assert store.key_digests(SHOP, values) != store.key_digests(SHOP, again)  # another random key


def test_without_other_places_the_digest_is_what_it_was() -> None:
    """An upgrade rolls no pod."""
    chosen = settings(A={}, B={"kind": "generated"})
    values = store.desired(chosen, {"A": Sensitive("a")}, {})
    assert store.own_digest(chosen, values) == store.digest(values)
    assert store.key_digests(chosen, values) == {}
