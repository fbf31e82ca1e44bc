"""The page: with the real backend, with none, and what a browser is told of it."""

import re
from collections.abc import Iterator

import httpx
import pytest

from app.backend.application import create_app as backend_app
from app.backend.settings import Settings as BackendSettings
from app.frontend import page, session
from app.frontend.application import create_app
from app.frontend.settings import Settings
from tests.app.conftest import SECRET
from tests.app.servers import nobody_at, running

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def site(url: str) -> Iterator[str]:
    """The whole application, of real servers."""
    with (
        running(backend_app(BackendSettings(database_url=url, jwt_secret=SECRET))) as backend,
        running(create_app(Settings(backend_url=backend))) as frontend,
    ):
        yield frontend


@pytest.fixture
def browser(site: str) -> Iterator[httpx.Client]:
    """A browser that has not been here."""
    with httpx.Client(base_url=site, headers=HTML, timeout=30, trust_env=False) as client:
        yield client


def user_of(answer: httpx.Response) -> str:
    """Return the user that the page says it is for."""
    match = re.search(r'data-user="([^"]*)"', answer.text)
    assert match
    return match[1]


def test_a_visit_begins_a_session_and_the_next_goes_on_with_it(browser: httpx.Client) -> None:
    first = browser.get("/")
    assert first.status_code == 200
    user = user_of(first)
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"{session.COOKIE}={user}.")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert "Nothing to do." in first.text
    made = browser.post(f"/api/{user}/tasks", json={"title": "<b>milk</b> & bread"})
    assert made.status_code == 201
    second = browser.get("/")
    assert user_of(second) == user
    assert "set-cookie" not in second.headers
    assert "&lt;b&gt;milk&lt;/b&gt; &amp; bread" in second.text
    assert "<b>milk" not in second.text


def test_what_the_script_does(browser: httpx.Client) -> None:
    user = user_of(browser.get("/"))
    said = browser.post(f"/api/{user}/chat", json={"message": "add buy milk"}).json()
    number = said["actions"][0]["tasks"][0]["id"]
    assert browser.patch(f"/api/{user}/tasks/{number}", json={"completed": True}).json()["completed"] is True
    assert f'<li data-id="{number}" class="done">' in browser.get("/").text
    assert browser.delete(f"/api/{user}/tasks/{number}").status_code == 204
    assert browser.get(f"/api/{user}/tasks").json() == []


def test_the_token_is_in_the_cookie_only(browser: httpx.Client) -> None:
    answer = browser.get("/")
    token = browser.cookies[session.COOKIE].partition(".")[2]
    assert len(token) > 50
    assert token not in answer.text


def test_a_session_that_is_not_valid_any_more_is_replaced(browser: httpx.Client) -> None:
    browser.cookies.set(session.COOKIE, "ann.aaa.bbb.ccc")
    answer = browser.get("/")
    assert user_of(answer) not in {"", "ann"}
    assert answer.headers["set-cookie"].startswith(f"{session.COOKIE}={user_of(answer)}.")


def test_the_page_runs_nothing_but_its_own_files(browser: httpx.Client) -> None:
    answer = browser.get("/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", answer.text)
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text):
        found = browser.get(path)
        assert found.status_code == 200
        assert found.content
    assert not re.search(r"https?://", answer.text)
    assert {name: answer.headers[name] for name in page.SECURITY} == page.SECURITY


def test_behind_tls_the_cookie_is_secure(browser: httpx.Client) -> None:
    answer = browser.get("/", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["set-cookie"]


def test_a_probe_gets_the_page_and_no_session(browser: httpx.Client) -> None:
    for method in ("GET", "HEAD"):
        answer = browser.request(method, "/", headers={"Accept": "*/*"})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("cookie", ["", f"{session.COOKIE}=ann.aaa.bbb.ccc"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_without_a_backend_there_is_a_page_that_says_so(cookie: str, accept: str) -> None:
    with nobody_at() as url, running(create_app(Settings(backend_url=url))) as site:
        answer = httpx.get(site, headers={"Accept": accept, "Cookie": cookie}, timeout=30, trust_env=False)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    said = f"the backend at {url.removeprefix('http://')} cannot be reached" in answer.text
    assert said is (bool(cookie) or accept == "text/html")


def test_without_a_database_the_page_says_so() -> None:
    with nobody_at() as nobody:
        url = f"postgresql://todo@{nobody.removeprefix('http://')}/todo"
        app = backend_app(BackendSettings(database_url=url, jwt_secret=SECRET))
        app.state.database._sleep = lambda _seconds: None
        with (
            running(app) as backend,
            running(create_app(Settings(backend_url=backend))) as site,
            httpx.Client(base_url=site, headers=HTML, timeout=30, trust_env=False) as browser,
        ):
            user = user_of(browser.get("/"))
            answer = browser.get("/")
    assert answer.status_code == 200
    assert user_of(answer) == user
    assert "answers 503 Service Unavailable" in answer.text
