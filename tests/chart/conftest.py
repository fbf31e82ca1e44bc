import pytest

from kubetasks.deployers.render import ChartRenderer, ManifestsRenderer
from kubetasks.objects import Objects

from .common import MODES, ROOT, release, runner, settings

Rendered = dict[tuple[str, str], Objects]


@pytest.fixture(scope="session")
def rendered() -> Rendered:
    """(deployer, database mode) to objects; do not change them."""
    renderers = (ManifestsRenderer(settings(), ROOT, runner()), ChartRenderer(settings(), ROOT, runner()))
    return {(each.name, mode): each.render(release(mode)) for each in renderers for mode in MODES}


@pytest.fixture(params=["manifests", "helm"])
def deployer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def objects(rendered: Rendered, deployer: str, mode: str) -> Objects:
    return rendered[deployer, mode]
