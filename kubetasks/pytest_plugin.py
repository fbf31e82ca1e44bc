"""A pytest plugin: the fixture ``deployment`` deploys the application to a fresh namespace, and deletes it at the end.

    def test_the_page(deployment):
        assert requests.get(deployment.url()).ok

The options ``--kubetasks-root``, ``--kubetasks-target``, ``--kubetasks-context`` and ``--kubetasks-keep`` (also in the
ini file, without the dashes in front) say what is deployed where. docs/api.md has a guide.
"""

import contextlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kubetasks.api import Deployed, Project
    from kubetasks.verify import Report

OPTIONS: Mapping[str, str] = {
    "kubetasks_root": "the folder of invoke.yaml; pytest's root folder by default",
    "kubetasks_target": "where the fixture `deployment` deploys to: local, kind, minikube, context or auto",
    "kubetasks_context": "the kubeconfig context that the fixture `deployment` deploys to",
    "kubetasks_scope": "how long a deployment is kept: function, class, module (the default), package or session",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, on the command line and in the ini file."""
    group = parser.getgroup("kubetasks")
    for name, text in OPTIONS.items():
        group.addoption(f"--{name.replace('_', '-')}", dest=name, default="", help=text)
        parser.addini(name, text, default="")
    group.addoption("--kubetasks-keep", action="store_true", help="do not delete the deployment at the end")


def _option(config: pytest.Config, name: str) -> str:
    return str(config.getoption(name) or config.getini(name) or "")


def _scope(fixture_name: str, config: pytest.Config) -> str:  # noqa: ARG001  (pytest gives it)
    return _option(config, "kubetasks_scope") or "module"


@dataclass
class Deployment:
    """An application that is deployed and verified.

    Args:
        project: what is deployed where; ``kubetasks.api`` takes it.
        result: what came of the deploy.
    """

    project: "Project"
    result: "Deployed"
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _urls: dict[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """The namespace."""
        return self.project.namespace

    def url(self, service: str = "") -> str:
        """A base URL that answers until the end of the fixture.

        Args:
            service: ``NAME`` or ``NAME:PORT``; the entry where empty.

        Raises:
            KubetasksError: there is no such Service, or it cannot be reached.
        """
        from kubetasks import api  # noqa: PLC0415

        if service not in self._urls:
            self._urls[service] = self._stack.enter_context(api.endpoint(self.project, service))
        return self._urls[service]

    def verify(self) -> "Report":
        """Verify it once more."""
        from kubetasks import api  # noqa: PLC0415

        return api.verify(self.project)


@pytest.fixture(scope=_scope)  # type: ignore[arg-type]  # pytest takes a function, too
def kubetasks_project(request: pytest.FixtureRequest) -> "Project":
    """What ``deployment`` deploys; override it to deploy something else, or with other settings."""
    from kubetasks.api import Project  # noqa: PLC0415

    config = request.config
    root = Path(config.rootpath, _option(config, "kubetasks_root"))
    target, context = _option(config, "kubetasks_target"), _option(config, "kubetasks_context")
    return Project(root, target=target, context=context)


@pytest.fixture(scope=_scope)  # type: ignore[arg-type]
def deployment(kubetasks_project: "Project", request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """The application of the project, deployed to a fresh namespace and verified; deleted at the end."""
    from dataclasses import replace  # noqa: PLC0415

    from kubetasks import api  # noqa: PLC0415

    module = re.sub(r"[^a-z0-9]+", "-", request.node.name.rpartition("/")[2].lower()).strip("-")[:40].strip("-")
    namespace = kubetasks_project.namespace or f"test-{module}-{secrets.token_hex(4)}".replace("--", "-")
    project = replace(kubetasks_project, namespace=namespace)
    with contextlib.ExitStack() as stack:
        if not request.config.getoption("--kubetasks-keep"):
            stack.callback(api.destroy, project)
        yield Deployment(project, api.deploy(project), stack.enter_context(contextlib.ExitStack()))
