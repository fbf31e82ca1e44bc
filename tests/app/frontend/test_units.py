"""The small parts: tokens and cookies, origins, views, problems."""

from datetime import datetime

import httpx
import pytest
from starlette.datastructures import Headers

from app.frontend import csrf, flash, problems, session, settings, upstream, views
from app.frontend.upstream import Unreachable
from app.frontend.visit import Refused
from tests.app.frontend.fake import ACCESS, REFRESH, token

NOW = datetime(2026, 11, 21, 12, 30)  # noqa: DTZ001 - as the user's clock shows it


@pytest.mark.parametrize(
    "given", ["", "a", "a.b", "a.b.c.d", "a.!.c", "a." + "b" * 3000 + ".c", "a.bnVsbA.c", "a.W10.c", "a.eyJ.c"]
)
def test_what_is_no_token_says_nothing(given: str) -> None:
    assert session.claims(given) == {}
    assert session.seconds_left(given) == 0


def test_a_session_is_two_tokens_of_one_user() -> None:
    found = session.read({session.REFRESH: REFRESH, session.ACCESS: ACCESS})
    assert found == session.Session("ann", REFRESH, ACCESS)
    assert ACCESS not in repr(found)
    assert REFRESH not in repr(found)
    for other in ("", "x", token("bob"), token(seconds=-1), token(seconds=10)):
        assert session.read({session.REFRESH: REFRESH, session.ACCESS: other}) == session.Session("ann", REFRESH)
    assert session.read({session.ACCESS: ACCESS}) is None
    for user in ("", "a/b", "a" * 65, "\N{LATIN SMALL LETTER E WITH ACUTE}"):
        assert session.read({session.REFRESH: token(user)}) is None


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("a.example", "https://a.example", True),
        ("a.example", "http://a.example", True),
        ("a.example:443", "https://a.example", True),
        ("a.example", "https://a.example:443", True),
        ("A.example", "https://a.example", True),
        ("a.example:3000", "http://a.example:3000", True),
        ("[::1]:3000", "http://[::1]:3000", True),
        ("a.example", "https://a.example:8443", False),
        ("a.example", "https://b.a.example", False),
        ("a.example", "https://a.example.evil", False),
        ("a.example", "null", False),
        ("a.example", "", False),
        ("", "https://a.example", False),
        ("a.example", "https://a.example:x", False),
    ],
)
def test_origins(host: str, origin: str, *, own: bool) -> None:
    assert csrf.own_site(Headers({"host": host, "origin": origin})) is own


@pytest.mark.parametrize(
    ("due", "label", "overdue"),
    [
        ("2026-11-20", "Yesterday", True),
        ("2026-11-21", "Today", False),
        ("2026-11-21T12:29", "Today, 12:29", True),
        ("2026-11-21T12:30", "Today, 12:30", False),
        ("2026-11-22", "Tomorrow", False),
        ("2026-12-04T09:00", "Fri 4 Dec, 09:00", False),
        ("2027-01-01", "Fri 1 Jan 2027", False),
    ],
)
def test_when_a_task_is_due(due: str, label: str, *, overdue: bool) -> None:
    text = {"title": "t", "description": "", "updated_at": "2026-11-21T10:00:00Z"}
    found = {"id": 1, "completed": False, "priority": "low", "due": due, **text}
    task = views.Task.of(found, NOW)
    assert (task.due_label, task.overdue) == (label, overdue)
    assert "T".join(filter(None, (task.form.due_date, task.form.due_time))) == due
    assert not views.Task.of({**found, "completed": True}, NOW).overdue


def test_time_zones() -> None:
    assert views.zone_name(" Europe/Berlin ") == "Europe/Berlin"
    for wrong in ("", "x/y", "/etc/passwd", "../x", "a\0b", "x" * 10_000, "Europe"):
        assert views.zone_name(wrong) == "UTC"
    assert views.local_now("Asia/Tokyo").utcoffset() != views.local_now("nowhere").utcoffset()


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Unreachable(504, "Late.", "why"), 504, "Late. Nothing is lost: try again in a moment."),
        (Refused(422, [{"loc": ["body", "due_date"], "msg": "Value error, bad"}, "x", {}]), 422, "Due date: bad"),
        (Refused(422, [{"loc": ["body"], "msg": "bad"}]), 422, "bad"),
        (Refused(409, "name taken"), 409, "name taken"),
        (Refused(404), 404, "That no longer exists."),
        (Refused(413, {"x": 1}), 413, "That is too long."),
        (Refused(302), 502, "That did not work."),
    ],
)
def test_problems_in_a_visitors_words(error: Refused | Unreachable, status: int, said: str) -> None:
    assert (problems.status_of(error), problems.message_of(error)) == (status, said)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (httpx.ConnectError(""), 502),
        (httpx.ConnectTimeout(""), 502),
        (httpx.PoolTimeout(""), 503),
        (httpx.ReadTimeout(""), 504),
        (httpx.RemoteProtocolError("gone"), 502),
        (httpx.ReadError(""), 502),
    ],
)
def test_failures_have_a_status(error: Exception, status: int) -> None:
    assert upstream.failure(error).status == status
    assert type(error).__name__ in str(upstream.failure(error)) or status == 503


def test_the_pages_token() -> None:
    made = csrf.token(REFRESH)
    assert csrf.valid(REFRESH, made)
    for wrong in ("", made[:-1], made.upper(), "\N{LATIN SMALL LETTER E WITH ACUTE}", csrf.token(ACCESS)):
        assert not csrf.valid(REFRESH, wrong)


def test_how_long_the_frontend_has_to_end() -> None:
    assert settings.from_environment({"SHUTDOWN_SECONDS": "2.5"}).shutdown_seconds == 2.5
    for wrong in ("x", "0", "-1", "nan", "inf"):
        with pytest.raises(settings.SettingsError, match="SHUTDOWN_SECONDS is"):
            settings.from_environment({"SHUTDOWN_SECONDS": wrong})


def test_flashes() -> None:
    assert flash.find("<b>") is None
    assert flash.find("task-deleted") == flash.Flash("task-deleted", "Deleted.", undo=True)
