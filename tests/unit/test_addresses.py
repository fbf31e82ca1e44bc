"""Hosts and URLs; tests/unit/targets/test_guard.py has the table of local ones."""

import pytest

from kubetasks.addresses import InvalidUrl, bypasses, endpoint, host_of, without_password


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://127.0.0.1:6443", ("https", "127.0.0.1", 6443)),
        ("https://cluster.example/k8s/c-1", ("https", "cluster.example", 443)),
        ("http://localhost", ("http", "localhost", 80)),
        ("HTTPS://[::1]:6443", ("https", "::1", 6443)),
        ("127.0.0.1:6443", ("https", "127.0.0.1", 6443)),
        ("localhost", ("https", "localhost", 443)),
    ],
)
def test_where_a_url_leads(url: str, found: tuple[str, str, int]) -> None:
    assert endpoint(url) == found


@pytest.mark.parametrize(
    "url",
    ["", "https://", "https://:6443", "https://a:0", "https://a:65536", "https://a:99999999999", "https://a:x",
     "ftp://a", "unix:///x", "https://[::1", "https://a b", "https://a\n", "https://a\x00"],
)  # fmt: skip
def test_a_url_that_leads_nowhere(url: str) -> None:
    with pytest.raises(InvalidUrl):
        endpoint(url)


def test_the_host_alone() -> None:
    assert host_of("https://A.example.:6443/x") == "a.example"
    assert host_of("https://[::1") == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:secret@proxy:3128", "http://proxy:3128"),
        ("http://proxy:3128/a@b", "http://proxy:3128/a@b"),
        ("me:secret@proxy:3128", "proxy:3128"),
        ("", ""),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("exceptions", "host", "without"),
    [
        ("", "127.0.0.1", True),
        ("", "127.8.9.1", True),
        ("", "::1", True),
        ("", "localhost", True),
        ("", "192.168.49.2", False),
        ("*", "prod.example", True),
        ("192.168.49.2", "192.168.49.2", True),
        ("192.168.0.0/16", "192.168.49.2", True),
        ("10.0.0.0/8,192.168.49.2:8443", "192.168.49.2", True),
        ("192.168.49.2:1", "192.168.49.2", False),
        ("example", "prod.example", True),
        ("prod.example", "prod.example", True),
        (".prod.example", "prod.example", False),
        ("*.example", "prod.example", True),
        (" corp.example , prod.example", "prod.example", True),
        ("xample", "prod.example", False),
        ("::1", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8::1", True),
    ],
)
def test_hosts_that_are_reached_without_a_proxy(exceptions: str, host: str, without: bool) -> None:
    assert bypasses(exceptions, host, 8443) is without
