"""The small helpers: names, quantities, hosts, secrets in texts."""

import time

import pytest

from kubetasks.diagnose import hide, quantity
from kubetasks.diagnose.hosts import hosts_in
from kubetasks.diagnose.words import Near, counted, distance, is_slip, listed, middle, nearest, one_line, shorten, times
from kubetasks.redact import HIDDEN

SLIPS = [
    ("shop-setings", "shop-settings"), ("API_TOKN", "API_TOKEN"), ("app-config", "app-configuration"), ("db-creds", "db-credentials"),
    ("wge", "wget"), ("pyhton", "python"), ("web", "wep"), ("webconfig", "web-config"), ("web-cfg", "web-config"), ("db-host", "database-host"),
    ("ConfigMap", "configmap"), ("wep-config", "web-config"),
]  # fmt: skip
OTHERS = [
    ("frontend-api-keys", "backend-api-keys"), ("v1", "v2"), ("web-1", "web-2"), ("store", "shop"), ("database-secret", "db-login"),
    ("ssd", "hdd"), ("prod", "test"), ("port1", "port2"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SLIPS)
def test_a_slip_of_the_hand(one: str, other: str) -> None:
    assert is_slip(one, other) or len(one) < 4
    assert is_slip(other, one) == is_slip(one, other)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_another_name_is_no_slip(one: str, other: str) -> None:
    assert not is_slip(one, other)
    assert not is_slip(other, one)


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("web-creds", ["db-creds", "web-credentials"], Near("web-credentials", typo=True)),
        ("frontend-api-keys", ["backend-api-keys"], Near("backend-api-keys")),
        ("app", [], Near()),
        ("app", ["app"], Near()),
        ("entirely", ["different"], Near()),
    ],
)
def test_the_nearest_name(name: str, names: list[str], expected: Near) -> None:
    assert nearest(name, names) == expected
    assert bool(nearest(name, names)) == bool(expected.name)


def test_distance_counts_a_swap_once() -> None:
    assert [distance("ab", "ba"), distance("pyhton", "python"), distance("", "abc"), distance("kitten", "sitting")] == [
        1,
        1,
        3,
        3,
    ]


def test_words() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c", "a"]) == "a, b and c"
    assert listed("abcde") == "a, b, c and 2 more"
    assert [counted(1, "pod"), counted(2, "pod"), times(1), times(2), times(3)] == [
        "1 pod",
        "2 pods",
        "once",
        "twice",
        "3 times",
    ]
    assert shorten("abcdef", 4) == "abc…"
    assert middle("abcdefghij", 5) == "ab…ij"


def test_one_line_is_safe_to_print() -> None:
    text = "a\x1b[31mred\x1b[0m\x00\x07 b\r\nc\u202ed\u200be \x1b]0;title\x07f"
    assert one_line(text) == "ared b cde f"
    assert len(one_line("x" * 10_000_000, 100)) == 100


@pytest.mark.parametrize(
    ("text", "value"),
    [("250m", 0.25), ("2", 2), ("64Mi", 64 * 2**20), ("1e3", 1000), ("1.5Gi", 1.5 * 2**30), ("500k", 5e5), ("x", None), ("", None), ("1Q", None)],
)  # fmt: skip
def test_quantities(text: str, value: float | None) -> None:
    assert quantity.parse(text) == value


def test_quantities_are_shown_as_one_writes_them() -> None:
    assert quantity.shown(0.25, "cpu") == "250m"
    assert quantity.shown(2, "requests.cpu") == "2"
    assert quantity.shown(64 * 2**20, "memory") == "64Mi"
    assert quantity.shown(1.5 * 2**30, "limits.memory") == "1.5Gi"
    assert quantity.shown(3, "pods") == "3"
    assert [
        quantity.doubled("64Mi"),
        quantity.doubled("300Mi"),
        quantity.doubled("1Gi"),
        quantity.doubled("16Mi", "storage", 0),
    ] == ["128Mi", "1Gi", "2Gi", "32Mi"]
    assert [quantity.floor(0.0333, "cpu"), quantity.floor(100.7 * 2**20, "memory"), quantity.floor(2.9, "pods")] == [
        "33m",
        "100Mi",
        "2",
    ]


HOSTS = [
    ("postgres://user@db:5432/shop", ["db:5432"]),
    ("http://store.data.svc.cluster.local/x", ["store.data.svc.cluster.local"]),
    ("dial tcp 10.96.0.9:6379: connect: connection refused", ["10.96.0.9:6379"]),
    ('could not translate host name "db" to address', ["db"]),
    ("getaddrinfo ENOTFOUND cache.prod", ["cache.prod"]),
    ("until nc -z queue 5672; do sleep 1; done", ["queue:5672"]),
    ("pg_isready -h db -p 5433", ["db:5433"]),
    ("HTTPConnectionPool(host='api', port=80)", ["api:80"]),
    ("redis:6379", ["redis:6379"]),
    ("localhost:6379", ["localhost:6379"]),
    ('File "/app/main.py", line 12', []),
    ("at Main.java:5 12:30:01", []),
    ("2026-05-04T12:00:00Z started", []),
]


@pytest.mark.parametrize(("text", "expected"), HOSTS)
def test_hosts_in_a_text(text: str, expected: list[str]) -> None:
    assert [host.shown for host in hosts_in(text)] == expected


SECRETS = [
    "password=hunter2hunter2", "PASSWORD: hunter2hunter2", '"apiKey": "hunter2hunter2"', "--token hunter2hunter2", "db_password='hunter2hunter2'",
    "postgres://u:hunter2hunter2@db/x", "Authorization: Bearer hunter2hunter2", "Authorization: Basic aHVudGVyMmh1bnRlcjI=", "Cookie: sid=hunter2hunter2",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2hunter2", "AKIAHUNTER2HUNTER222", "ghp_hunter2hunter2hunter2hunter2hunt", "sk-proj-hunter2hunter2hunter2",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2hunter2\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nhunter2hunter2", "secret: hunter2hunter2",
    "client_secret=hunter2hunter2&x=1", "AWS_SECRET_ACCESS_KEY=hunter2hunter2",
]  # fmt: skip


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    shown = hide.masked(f"starting {text} done")
    assert "hunter2hunter2" not in shown
    assert "aHVudGVy" not in shown
    assert "HUNTER2HUNTER22" not in shown
    assert HIDDEN in shown


PLAIN = [
    "KeyError: 'API_TOKEN'", 'secret "db" not found', "password authentication failed for user \"app\"", "API_TOKEN: field required",
    "couldn't find key token in Secret space/login", "token: missing", "the password is required", "http://db:5432/x", "listening on :8080",
    "secretName: web-tls", "Error: secret not set",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_what_tells_the_cause_stays(text: str) -> None:
    assert hide.masked(text) == text


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "API_TOKEN", "JWT_SECRET", "STRIPE_KEY", "apiKey", "DATABASE_DSN", "SMTP_PASS", "AUTH"]
)
def test_a_variable_by_its_name(name: str) -> None:
    assert hide.value(name, "anything") == HIDDEN
    assert hide.value(name, "") == ""


@pytest.mark.parametrize("name", ["PORT", "LOG_LEVEL", "AUTHOR", "PASSENGERS", "KEYBOARD", "DB_HOST"])
def test_other_variables_stay(name: str) -> None:
    assert hide.value(name, "anything") == "anything"


@pytest.mark.parametrize(
    "piece",
    ["a.", "-a", " -a", "--", "token", "pwd", "sk-", "http://a:", "eyJaaaaaaaa.", "token ", "cookie ", "bearer "],
)
def test_a_long_hostile_text_does_not_keep_the_patterns_busy(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    begin = time.process_time()
    hide.masked(text)
    assert time.process_time() - begin < 3  # quadratic patterns took half a minute for this
