"""The suites. ``./nox`` runs every default one; ``./nox -s NAME -- ARGUMENTS`` one of them, with arguments for pytest.

The suites share the environment of the session ``environment``, made from the hashed list ``requirements-dev.lock``
with uv where there is one, else with virtualenv and pip: one installation instead of seven, and the same for all.
"""

import os
import platform
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import nox

ROOT = Path(__file__).parent
LIST = ROOT / "requirements-dev.lock"
SHARED = ROOT / ".nox" / "environment"
EXPORTED = {
    "requirements.lock": ("--group", "launch", "--extra", "tools"),
    "requirements-dev.lock": ("--group", "dev", "--extra", "tools"),
    "app/backend/requirements.txt": ("--only-group", "backend"),
    "app/backend/requirements-model.txt": ("--only-group", "model"),
    "app/frontend/requirements.txt": ("--only-group", "frontend"),
    "docker/mcp/requirements.txt": ("--extra", "aiops", "--extra", "tools"),
}

PORTABLE = (
    "tests/unit/tools",
    *(f"tests/unit/test_{noun}.py" for noun in ("settings", "settings_checking", "documents", "redact", "objects")),
    *(f"tests/unit/images/test_{noun}.py" for noun in ("digest", "ignore", "dockerfile")),
)
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
NPM_PACKAGE = "kubernetes-mcp-server-linux-amd64@0.0.67"

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "uv|virtualenv"


@nox.session(reuse_venv=True, default=False)
def environment(session: nox.Session) -> None:
    """The environment that the suites share; filled anew when the list has changed."""
    copy = SHARED / LIST.name
    if copy.exists() and copy.read_bytes() == LIST.read_bytes():
        return
    copy.unlink(missing_ok=True)
    session.install("--no-deps", "--require-hashes", "-r", str(LIST))
    shutil.copy(LIST, copy)


def run(session: nox.Session, *argv: str, **variables: str) -> None:
    """Run a program of the shared environment, with more variables where some are given."""
    programs = SHARED / "bin"
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    session.run(str(programs / argv[0]), *argv[1:], env={"PATH": path, "VIRTUAL_ENV": str(SHARED), **variables})


def pytest(session: nox.Session, folder: str, *parallel: str) -> None:
    """Run one folder of tests.

    Args:
        session: the session; its positional arguments go to pytest.
        folder: the folder.
        parallel: arguments that distribute the tests over the processors. They are left out when the user passes
            arguments: a few tests are quicker in one process, and ``--pdb`` needs it. ``-n auto`` brings them back.
    """
    run(session, "python", "-m", "pytest", folder, *(session.posargs or parallel))


def shell_scripts() -> Iterator[str]:
    """The project's shell scripts: files whose first line names a shell. What they read in is checked with them."""
    below = [path for name in ("bin", ".ci", "bench", "docker") for path in (ROOT / name).rglob("*")]
    for path in sorted(path for path in (*ROOT.iterdir(), *below) if path.is_file()):
        with path.open("rb") as file:
            first = file.readline()
        if re.match(rb"#!.*\b(sh|bash|dash)\b", first):
            yield str(path.relative_to(ROOT))


# Tests of one file stay together: they share fixtures that are expensive to create.
BY_FILE = ("-n", "auto", "--dist", "loadfile")
# Any process takes any test.
BY_TEST = ("-n", "auto", "--dist", "worksteal")

suite = nox.session(venv_backend="none", requires=["environment"])


@suite
def lint(session: nox.Session) -> None:
    """Style: ruff, hadolint for the Dockerfiles, shellcheck for scripts, zizmor and actionlint for the workflows."""
    run(session, "ruff", "check")
    run(session, "ruff", "format", "--check")
    run(session, "shellcheck", "--external-sources", *shell_scripts())
    dockerfiles = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docker/**/*Dockerfile*"))
    run(session, "hadolint", *(name for name in dockerfiles if not name.endswith(".dockerignore")))
    run(session, "zizmor", "--offline", "--quiet", ".github")
    program = actionlint(session)
    if program is None and "GITHUB_ACTIONS" in os.environ:
        session.error("actionlint could not be installed")
    elif program is None:
        session.warn("the workflows are not checked by actionlint: it needs Go and its module proxy")
    else:
        run(session, program, "-shellcheck", str(SHARED / "bin" / "shellcheck"))


def actionlint(session: nox.Session) -> str | None:
    """The program actionlint, built once from its Go module, as no wheel has it; None where that cannot be done."""
    folder = ROOT / ".nox" / "actionlint"
    program = folder / ACTIONLINT.rpartition("@")[2] / "actionlint"
    if not program.exists():
        go = shutil.which("go")
        if go is None:
            return None
        to = {"GOBIN": str(program.parent)}
        session.run(go, "install", ACTIONLINT, env=to, external=True, success_codes=range(256))
    return str(program) if program.exists() else None


@suite
def types(session: nox.Session) -> None:
    """Types: mypy, strict, on everything written in Python, the tests too."""
    run(session, "mypy")


@suite
def unit(session: nox.Session) -> None:
    """Every module by itself: whole argv lists, parsers on recorded output, import rules."""
    pytest(session, "tests/unit", *BY_TEST)


@suite
def docs(session: nox.Session) -> None:
    """Documentation: links, generated pages, the changelog's form; then the site, built strictly into site/."""
    pytest(session, "tests/docs")
    run(session, "mkdocs", "build", "--strict", "--quiet", "--clean", NO_MKDOCS_2_WARNING="1")


@suite
def chart(session: nox.Session) -> None:
    """Manifests and chart: lint, strict schemas, everything-on values, both deployers object by object."""
    pytest(session, "tests/chart")


@suite
def app(session: nox.Session) -> None:
    """The todo assistant, on SQLite and on a real Postgres; installs what is missing of Debian's packages."""
    pytest(session, "tests/app", *BY_FILE)


@suite
def local(session: nox.Session) -> None:
    """From a clean clone to a verified deployment on the local target and back: needs no container engine."""
    pytest(session, "tests/local", *BY_TEST)


@suite
def package(session: nox.Session) -> None:
    """The wheel and the source distribution: built, installed into a new environment, used from an empty folder."""
    pytest(session, "tests/package")


@nox.session(venv_backend="none", requires=["environment"], default=False)
def coverage(session: nox.Session) -> None:
    """The unit suite with its coverage; fails below the floor in pyproject.toml (not among the defaults)."""
    pytest(session, "tests/unit", *BY_TEST, "--cov", "--cov-report=term", "--cov-report=json:coverage.json")


@nox.session(venv_backend="none", default=False)
def portable(session: nox.Session) -> None:
    """What has to work on Windows, too: parsing, settings and digests; uses the Python that runs nox."""
    session.run(sys.executable, "-m", "pytest", *PORTABLE, *session.posargs, external=True)


@nox.session(venv_backend="none", requires=["environment"], default=False)
def e2e(session: nox.Session) -> None:
    """The whole way on a real kind cluster (not among the defaults): needs a container engine."""
    pytest(session, "tests/e2e")


def filled(session: nox.Session, requirements: list[str]) -> None:
    """Install packages into the session's own environment, unless they are there since the last time."""
    mark = Path(session.virtualenv.location) / "kubetasks-requirements.txt"
    wanted = "\n".join(requirements)
    if not mark.exists() or mark.read_text() != wanted:
        session.install(*requirements)
        mark.write_text(wanted)


@nox.session(reuse_venv=True, default=False)
def aiops_kagent(session: nox.Session) -> None:
    """Kagent's runtime, for the session aiops (not among the defaults)."""
    # The last one has pre-releases only, which pip takes when one is named.
    filled(session, ["kagent-adk==0.10.4", "a2a-sdk<1", "opentelemetry-instrumentation-fastapi>=0.52b0"])


@nox.session(reuse_venv=True, default=False)
def aiops_holmes(session: nox.Session) -> None:
    """holmesgpt, for the session aiops (not among the defaults)."""
    filled(session, ["holmesgpt==0.45"])


@nox.session(venv_backend="none", requires=["environment", "aiops_kagent", "aiops_holmes"], default=False)
def aiops(session: nox.Session) -> None:
    """The MCP server and our Agent with kagent's runtime and holmesgpt (not among the defaults: 1.6 GB to install)."""
    above = ROOT / ".nox"
    os.environ["KUBETASKS_KAGENT_ADK"] = str(above / "aiops_kagent" / "bin" / "kagent-adk")
    os.environ["KUBETASKS_HOLMES"] = str(above / "aiops_holmes" / "bin" / "holmes")
    os.environ.setdefault("KUBETASKS_KUBERNETES_MCP", kubernetes_mcp_server(session))
    pytest(session, "tests/aiops")


def kubernetes_mcp_server(session: nox.Session) -> str:
    """The program kubernetes-mcp-server from npm, as it is in the package for this platform; empty without npm."""
    folder = ROOT / ".nox" / "aiops_npm"
    program = folder / "package" / "bin" / NPM_PACKAGE.partition("@")[0]
    if not program.exists() and shutil.which("npm") and sys.platform == "linux" and platform.machine() == "x86_64":
        folder.mkdir(parents=True, exist_ok=True)
        session.run("npm", "pack", "--silent", "--pack-destination", str(folder), NPM_PACKAGE, external=True)
        with tarfile.open(next(folder.glob("*.tgz"))) as package:
            package.extractall(folder, filter="data")
    return str(program)


@nox.session(venv_backend="none", requires=["environment"], default=False)
def fuzz(session: nox.Session) -> None:
    """The backend under schemathesis at length (not among the defaults): all checks, thousands of cases."""
    run(session, "python", "-m", "tests.app.contract.fuzz", *session.posargs)


@nox.session(venv_backend="none", default=False)
def lock(session: nox.Session) -> None:
    """Resolve every dependency anew within pyproject.toml's bounds and export the hashed lists (needs uv)."""
    session.run("uv", "lock", *session.posargs, external=True)
    for name, chosen in EXPORTED.items():
        session.run(
            *("uv", "export", "--quiet", "--frozen", "--no-emit-project", "--no-default-groups", "--no-annotate"),
            *("--no-header", *chosen, "--output-file", name),
            external=True,
        )
