"""Which kagent a cluster has, and which it may get."""

from typing import Any

import pytest

from kubetasks.aiops.kagent import lines
from kubetasks.errors import KagentMissing, KagentUnsupported

OURS = {f"{kind}.kagent.dev": frozenset({"v1alpha1", "v1alpha2"}) for kind in lines.KINDS}
NEXT = {f"{kind}.api.kagent.dev": frozenset({"v1alpha3"}) for kind in ("agenttemplates", "harnesses")}


def found(served: dict[str, frozenset[str]] = OURS, controller: str = "0.10.4") -> lines.Found:
    return lines.Found((1, 34), served, controller, True)


@pytest.mark.parametrize("controller", ["0.10", "0.10.0", "0.10.0-rc3", "0.10.4", "0.10.11", ""])
def test_supported(controller: str) -> None:
    lines.check_line(found(controller=controller))


def test_nothing_is_fine_to_install_and_not_to_ask() -> None:
    nothing = lines.Found((1, 34), {})
    assert not nothing.installed
    lines.check_line(nothing)
    with pytest.raises(KagentMissing, match=r"no CRD agents\.kagent\.dev"):
        lines.check_there(nothing)
    with pytest.raises(KagentMissing, match="controller does not exist"):
        lines.check_there(found(controller=""))
    lines.check_there(found())


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (found(NEXT, "1.0.2"), r"kagent 1\.0 is installed \(1\.0\.2\)"),
        (found(NEXT, ""), r"kagent 1\.0 is installed"),
        (found({**OURS, **NEXT}), r"kagent 1\.0 is installed"),
        (found(controller="1.0.0"), r"kagent 1\.0 is installed"),
        (found({"agents.kagent.dev": frozenset({"v1alpha1"})}), "serve v1alpha1"),
        (found({"agents.kagent.dev": frozenset()}), "serve nothing"),
        (found(controller="0.9.9"), r"kagent 0\.9\.9 is installed"),
        (found(controller="0.11.0"), r"kagent 0\.11\.0 is installed"),
        (found(controller="0.100.0"), r"kagent 0\.100\.0 is installed"),
        (found(controller="?"), r"kagent \? is installed"),
    ],
)
def test_not_supported(there: lines.Found, said: str) -> None:
    with pytest.raises(KagentUnsupported, match=said):
        lines.check_line(there)


@pytest.mark.parametrize(("version", "allowed"), [((1, 28), True), ((1, 36), True), ((1, 37), False), ((2, 0), False)])
def test_kubernetes(version: tuple[int, int], allowed: bool) -> None:
    if allowed:
        lines.check_kubernetes(version)
        return
    with pytest.raises(KagentUnsupported, match=r"up to 1\.36"):
        lines.check_kubernetes(version)


def crd(name: str, group: str, *versions: tuple[str, bool]) -> dict[str, Any]:
    rows = [{"name": each, "served": served} for each, served in versions]
    return {"metadata": {"name": name}, "spec": {"group": group, "versions": rows}}


def test_served() -> None:
    rows = [
        crd("agents.kagent.dev", "kagent.dev", ("v1alpha1", False), ("v1alpha2", True)),
        crd("harnesses.api.kagent.dev", "api.kagent.dev", ("v1alpha3", True)),
        crd("agents.example.org", "example.org", ("v1", True)),
    ]
    assert lines.served(rows) == {
        "agents.kagent.dev": frozenset({"v1alpha2"}),
        "harnesses.api.kagent.dev": frozenset({"v1alpha3"}),
    }


@pytest.mark.parametrize(
    ("label", "image", "version"),
    [
        ("0.10.4", "x:latest", "0.10.4"),
        ("v0.10.4", "x:latest", "0.10.4"),
        ("", "ghcr.io/kagent-dev/kagent/controller:0.10.0-rc3", "0.10.0-rc3"),
        ("", "registry:5000/controller", ""),
        ("", "x:latest", ""),
    ],
)
def test_version_of(label: str, image: str, version: str) -> None:
    spec = {"template": {"spec": {"containers": [{"image": image}]}}}
    labels = {"app.kubernetes.io/version": label} if label else None
    assert lines.version_of({"metadata": {"labels": labels}, "spec": spec}) == version
