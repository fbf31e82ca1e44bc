"""Names of images, as people write them."""

import pytest

from kubetasks.images.names import alike, matcher, repository, written

SHA = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("vote", "docker.io/library/vote"),
        ("vote:v1", "docker.io/library/vote"),
        (f"vote@{SHA}", "docker.io/library/vote"),
        (f"vote:v1@{SHA}", "docker.io/library/vote"),
        ("library/vote", "docker.io/library/vote"),
        ("docker.io/vote", "docker.io/library/vote"),
        ("docker.io/library/vote:latest", "docker.io/library/vote"),
        ("index.docker.io/me/vote", "docker.io/me/vote"),
        ("registry-1.docker.io/vote", "docker.io/library/vote"),
        ("me/vote:1", "docker.io/me/vote"),
        ("localhost/vote", "localhost/vote"),
        ("localhost:5000/vote", "localhost:5000/vote"),
        ("localhost:5000/vote:1", "localhost:5000/vote"),
        (f"registry.example.com:443/team/a/vote:1@{SHA}", "registry.example.com:443/team/a/vote"),
        ("ghcr.io/me/vote", "ghcr.io/me/vote"),
        (" vote:1 ", "docker.io/library/vote"),
        ("vote:", "docker.io/library/vote"),
        ("", ""),
    ],
)
def test_the_repository_of_a_reference(reference: str, expected: str) -> None:
    assert repository(reference) == expected


def test_what_stands_for_a_service() -> None:
    service_of = matcher(
        {"vote": "vote", "api": "ghcr.io/me/api:ignored", "web": "localhost:5000/web"},
        {"vote": "kubetasks/shop-vote:abc"},
    )
    found = ("vote:2", "docker.io/library/vote", "kubetasks/shop-vote:old", f"ghcr.io/me/api@{SHA}")
    assert [service_of(each) for each in found] == ["vote", "vote", "vote", "api"]
    assert service_of("localhost:5000/web:3") == "web"
    others = ("", "api", "ghcr.io/me/vote", "me/vote", "vote2", "voter", "localhost/web", "example.com/web")
    assert [service_of(each) for each in others] == [""] * len(others)


def test_what_could_be_meant_for_a_service() -> None:
    images = ["dockersamples/examplevotingapp_vote:v1", "redis:7", "ghcr.io/me/vote-api", "invoted", "me/shop_cart"]
    assert alike("vote", images) == ["dockersamples/examplevotingapp_vote:v1", "ghcr.io/me/vote-api"]
    assert alike("shop-cart", images) == ["me/shop_cart"]
    assert alike("mail", images) == []
    assert written(f"localhost:5000/vote:1@{SHA}") == "localhost:5000/vote"
