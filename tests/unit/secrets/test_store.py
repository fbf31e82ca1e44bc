import base64
from collections.abc import Mapping

import pytest

from kubetasks.errors import SecretMissing, UsageError
from kubetasks.redact import Sensitive
from kubetasks.secrets import places
from kubetasks.secrets.store import DIGEST_KEY, check, desired, digest, rotate, secret_objects
from kubetasks.secrets.values import Given
from kubetasks.settings import load

SETTINGS = load(
    {
        "project": "shop",
        "env_file": ".env",
        "namespace": "market",
        "secrets": {
            "JWT_SECRET": {"kind": "generated", "bytes": 48},
            "DB_PASSWORD": {"kind": "generated", "rotate": False, "help": "the volume remembers it"},
            "API_KEY": {"kind": "required", "help": "from the provider"},
            "MAIL_KEY": {"kind": "required"},
            "EXTRA": {"kind": "optional"},
        },
    },
    environ={},
)
GIVEN = {"API_KEY": Sensitive("a-key"), "MAIL_KEY": Sensitive("m-key")}


def plain(values: Mapping[str, Sensitive]) -> dict[str, str]:
    return {name: value.reveal() for name, value in values.items()}


def test_generated_ones_are_made_once_and_kept() -> None:
    first = desired(SETTINGS, GIVEN, {})
    assert set(first) == {"JWT_SECRET", "DB_PASSWORD", "API_KEY", "MAIL_KEY", DIGEST_KEY}
    assert len(first["JWT_SECRET"].reveal()) == 64
    assert desired(SETTINGS, GIVEN, first) == first
    assert desired(SETTINGS, {}, first) == first
    assert desired(SETTINGS, GIVEN, {})["JWT_SECRET"] != first["JWT_SECRET"]


def test_missing_ones_are_listed_together_with_how_to_set_each() -> None:
    with pytest.raises(SecretMissing) as caught:
        desired(SETTINGS, {}, {})
    assert caught.value.line == (
        "no value for API_KEY, MAIL_KEY -- put these lines into .env, or export them, and run the same command again"
    )
    assert caught.value.detail == "API_KEY=…  # from the provider\nMAIL_KEY=…"
    assert caught.value.exit_code == 41


def test_a_given_value_replaces_the_live_one_unless_something_else_remembers_it() -> None:
    live = desired(SETTINGS, GIVEN, {})
    given = {name: Sensitive("new") for name in ("API_KEY", "JWT_SECRET", "DB_PASSWORD", "EXTRA")}
    found = desired(SETTINGS, given, live)
    assert plain(found) | {"DB_PASSWORD": ""} == plain(live) | {
        "API_KEY": "new",
        "JWT_SECRET": "new",
        "EXTRA": "new",
        "DB_PASSWORD": "",
    }
    assert found["DB_PASSWORD"] == live["DB_PASSWORD"]
    assert desired(SETTINGS, {**GIVEN, **given}, {})["DB_PASSWORD"] == Sensitive("new")


def test_what_is_no_longer_declared_goes() -> None:
    assert "OLD" not in desired(SETTINGS, GIVEN, {"OLD": Sensitive("x")})


def test_an_optional_one_stays_until_it_is_removed() -> None:
    live = desired(SETTINGS, {**GIVEN, "EXTRA": Sensitive("x")}, {})
    assert "EXTRA" in desired(SETTINGS, {}, live)
    assert "EXTRA" not in desired(SETTINGS, {"EXTRA": Sensitive("y")}, live, remove=["EXTRA"])
    with pytest.raises(UsageError, match="it is required, not optional"):
        desired(SETTINGS, {}, live, remove=["API_KEY"])
    with pytest.raises(UsageError, match="there is no secret EXTAR -- did you mean EXTRA"):
        desired(SETTINGS, {}, live, remove=["EXTAR"])


def test_the_object_and_back() -> None:
    values = desired(SETTINGS, {**GIVEN, "EXTRA": Sensitive("täxt\n")}, {})
    item = secret_objects(SETTINGS, values)[0]
    assert {key: item[key] for key in ("apiVersion", "kind", "metadata", "type")} == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "shop-secrets",
            "namespace": "market",
            "labels": {"app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "kubetasks"},
        },
        "type": "Opaque",
    }
    assert base64.b64decode(item["data"]["EXTRA"]).decode() == "täxt\n"
    assert places.values(SETTINGS, [{"kind": "Secret", "metadata": {"name": "other"}}, item]) == values
    assert places.values(SETTINGS, []) == {}
    assert places.values(SETTINGS, [{"kind": "Secret", "metadata": {"name": "shop-secrets"}}]) == {}


def test_the_digest_changes_with_a_value_and_tells_nothing_of_it() -> None:
    values = desired(SETTINGS, GIVEN, {})
    assert digest(values) == digest(dict(reversed(values.items())))
    assert digest(values) != digest({**values, "API_KEY": Sensitive("other")})
    # The same values under another key: nobody without it can try passwords against the digest.
    assert digest(values) != digest({**values, DIGEST_KEY: Sensitive("other")})
    assert len(digest(values)) == 64


def test_the_digest_of_one_value() -> None:
    values = desired(SETTINGS, GIVEN, {})
    assert digest(values, only="API_KEY") == digest({**values, "MAIL_KEY": Sensitive("other")}, only="API_KEY")
    assert digest(values, only="API_KEY") != digest({**values, "API_KEY": Sensitive("other")}, only="API_KEY")
    assert digest(values, only="EXTRA") != digest({**values, "EXTRA": Sensitive("x")}, only="EXTRA")


def test_rotate() -> None:
    live = desired(SETTINGS, GIVEN, {})
    for names in ([], ["JWT_SECRET"]):
        found = rotate(SETTINGS, live, names)
        assert found.pop("JWT_SECRET") != live["JWT_SECRET"]
        assert found == {name: value for name, value in live.items() if name != "JWT_SECRET"}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("DB_PASSWORD", "DB_PASSWORD must not be rotated: its setting has rotate: false -- the volume remembers it"),
        (
            "API_KEY",
            (
                "API_KEY cannot be rotated: its value comes from you"
                " -- put the new value into .env, or export it, then: inv secret.apply"
            ),
        ),
        ("jwt_secrets", "there is no secret jwt_secrets -- did you mean JWT_SECRET?"),
        ("Z", "there is no secret Z -- declared: JWT_SECRET, DB_PASSWORD, API_KEY, MAIL_KEY, EXTRA"),
    ],
)
def test_rotate_refuses(name: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        rotate(SETTINGS, desired(SETTINGS, GIVEN, {}), [name])
    assert caught.value.line == line


def test_check_tells_where_from_and_never_a_value() -> None:
    live = {"API_KEY": Sensitive("old"), "DB_PASSWORD": Sensitive("dbpw"), "EXTRA": Sensitive("same")}
    given = Given(
        {"API_KEY": Sensitive("new"), "DB_PASSWORD": Sensitive("else"), "EXTRA": Sensitive("same")},
        {"API_KEY": ".env", "DB_PASSWORD": "environment", "EXTRA": ".env"},
    )
    rows = check(SETTINGS, given, live)
    assert [row[:4] for row in rows] == [
        ["JWT_SECRET", "generated", "ok", "generated by the next deploy"],
        ["DB_PASSWORD", "generated", "ok", "existing Secret (the one from environment is not used: rotate is false)"],
        ["API_KEY", "required", "ok", ".env, replaces the existing one"],
        ["MAIL_KEY", "required", "missing", "put it into .env, or export it"],
        ["EXTRA", "optional", "ok", ".env, as in the existing Secret"],
    ]
    assert check(SETTINGS, Given(), live)[4][2:4] == ["ok", "existing Secret"]
    assert check(SETTINGS, Given(), {})[4][2:4] == ["-", "not set"]
    assert check(SETTINGS, given, {})[2][3] == ".env"
    assert not {"old", "new", "dbpw", "else", "same"} & {cell for row in rows for cell in row}


def test_bytes_that_are_not_text_come_back_as_they_were() -> None:
    data = base64.b64encode(b"\xff\xfe\x00binary").decode()
    live = places.values(SETTINGS, [{"kind": "Secret", "metadata": {"name": "shop-secrets"}, "data": {"EXTRA": data}}])
    written = secret_objects(SETTINGS, desired(SETTINGS, GIVEN, live))[0]
    assert written["data"]["EXTRA"] == data
    assert digest(desired(SETTINGS, GIVEN, live))
