"""containerd's client: command lines, and what it prints (seen with 1.6)."""

import pytest

from kubetasks.tools import ctr

A, B = "a" * 64, "b" * 64
CHECK = f"""REF TYPE DIGEST STATUS SIZE UNPACKED
docker.io/x/a:1  application/vnd.oci.image.manifest.v1+json sha256:{A} complete (5/5)   255.3 MiB/255.3 MiB true
docker.io/x/b:1  application/vnd.oci.image.manifest.v1+json sha256:{A} complete (5/5)   165.0 B/165.0 B     false
docker.io/x/c:1  application/vnd.oci.image.manifest.v1+json sha256:{A} incomplete (4/5) 1.0 MiB/255.3 MiB   true
docker.io/x/d:1  application/vnd.oci.image.manifest.v1+json sha256:{A} unavailable (0/?) 0.0 B/?             false
"""


def test_argv() -> None:
    assert ctr.images_ls() == ["ctr", "-n", "k8s.io", "images", "ls", "-q"]
    assert ctr.images_import() == ["ctr", "-n", "k8s.io", "images", "import", "-"]
    assert ctr.images_check(["a", "b"]) == ["ctr", "-n", "k8s.io", "images", "check", "name==a", "name==b"]
    assert ctr.content()[:2] == ["sh", "-c"]


def test_counts_blobs_that_are_listed_and_on_disk() -> None:
    assert ctr.parse_content(f"sha256:{A}\nsha256:{'c' * 64}\n\n{A} 123\n{B} 456\n") == {f"sha256:{A}": 123}
    assert ctr.parse_content("") == {}


def test_only_what_is_complete_and_unpacked_arrived() -> None:
    assert ctr.parse_check(CHECK) == {"docker.io/x/a:1"}
    assert ctr.parse_check("") == set()


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("app:1", "docker.io/library/app:1"),
        ("kubetasks/app:1", "docker.io/kubetasks/app:1"),
        ("ghcr.io/me/app:1", "ghcr.io/me/app:1"),
        ("kubetasks.local/app:1", "kubetasks.local/app:1"),
        ("localhost/app:1", "localhost/app:1"),
        ("registry:5000/app:1", "registry:5000/app:1"),
        ("docker.io/kubetasks/app:1", "docker.io/kubetasks/app:1"),
    ],
)
def test_full_name(reference: str, name: str) -> None:
    assert ctr.full_name(reference) == name
