"""What an index gets: the files, the metadata, and README as its page."""

import email
import re
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from readme_renderer import markdown

from kubetasks import __version__
from tests.package.conftest import ROOT, Distributions, build

LEFT_OUT = re.compile(
    r"\.(woff2?|ttf|png)$|^(docs/pictures|tests/states/recorded|\.hypothesis|\.venv|\.nox)/|/__pycache__/"
)
MIB = 1024 * 1024


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def description(wheel: Path) -> str:
    body = metadata(wheel).get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()


def names_in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def names_in_sdist(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {each.name.partition("/")[2] for each in archive.getmembers()}


def test_the_wheel_has_the_package_and_nothing_else(distributions: Distributions) -> None:
    tops = {name.partition("/")[0] for name in names_in_wheel(distributions.wheel)}
    assert tops == {"kubetasks", f"kubetasks-{__version__}.dist-info"}
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "kubetasks").rglob("*.py")}
    assert ours | {"kubetasks/py.typed"} <= names_in_wheel(distributions.wheel)


def test_the_source_distribution_leaves_out_what_nobody_builds_from(distributions: Distributions) -> None:
    names = names_in_sdist(distributions.sdist)
    assert [name for name in names if LEFT_OUT.search(name)] == []
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "inv", "nox", "bin/launch.sh"} <= names
    assert distributions.sdist.stat().st_size < 3 * MIB


def test_the_source_distribution_builds_the_same_wheel(distributions: Distributions, tmp_path: Path) -> None:
    with tarfile.open(distributions.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    build(tmp_path / "dist", next(tmp_path.glob("kubetasks-*")), "--target", "wheel")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert names_in_wheel(wheel) == names_in_wheel(distributions.wheel)


def test_there_is_one_version(distributions: Distributions) -> None:
    assert metadata(distributions.wheel)["Version"] == __version__
    assert f"-{__version__}" in distributions.wheel.name
    assert distributions.sdist.name == f"kubetasks-{__version__}.tar.gz"


def test_kubectl_and_helm_come_with_an_extra_alone(distributions: Distributions) -> None:
    needed = metadata(distributions.wheel).get_all("Requires-Dist") or []
    programs = {line for line in needed if re.match(r"(kubectl|helm)", line)}
    assert len(programs) == 2
    assert all(line.endswith("; extra == 'tools'") for line in programs)


def test_readme_renders_on_an_index(distributions: Distributions) -> None:
    assert metadata(distributions.wheel)["Description-Content-Type"] == "text/markdown"
    page = markdown.render(description(distributions.wheel))
    assert page is not None
    assert "<h1" in page
    assert "<img" in page


@pytest.mark.parametrize("attribute", ["href", "src"])
def test_readme_on_an_index_has_no_relative_link(distributions: Distributions, attribute: str) -> None:
    page = markdown.render(description(distributions.wheel)) or ""
    links = re.findall(rf'{attribute}="([^"]*)"', page)
    assert links
    assert [link for link in links if not re.match(r"https://|#", link)] == []
