"""helm 3.17 and later, and helm 4: the argument vectors of every call, and the parsers of what comes back.

What differs between the two, from their own ``--help``: Helm 4 applies on the server's side and needs a flag to take
fields over from other managers (``--force-conflicts``); and it has no
``list --all``, since it lists all by itself. Neither is asked to wait: kubetasks watches rollouts itself.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

OLDEST: Final = (3, 17)  # the first whose upgrade knows --take-ownership
VERSION: Final = re.compile(r"\bv(\d+)\.(\d+)")

# Characters in values that Helm 3 writes and then cannot read again when a chart has a schema.
NOT_PRINTABLE: Final = re.compile("[\x7f-\x84\x86-\x9f\ufffe\uffff]")

PENDING: Final = ("pending-install", "pending-upgrade", "pending-rollback")


@dataclass(frozen=True)
class Helm:
    """helm, bound to one context and one namespace.

    Args:
        kube_context: the kubeconfig context's name; may be empty for ``template`` and ``lint``, which need no cluster.
        namespace: the namespace.
        version: major and minor, from ``parse_version``.
    """

    kube_context: str = ""
    namespace: str = ""
    version: tuple[int, int] = OLDEST

    @property
    def _server_side(self) -> list[str]:
        # Field managers that deployed before (kubectl, Helm 3, an editor) would otherwise make the upgrade fail.
        return ["--server-side=true", "--force-conflicts"] if self.version[0] >= 4 else []

    def argv(self, *words: str) -> list[str]:
        """Any call to the cluster, with its context and namespace."""
        return ["helm", "--kube-context", self.kube_context, "--namespace", self.namespace, *words]

    def template(self, release: str, chart: str, *, values: Sequence[str] = (), tests: bool = False) -> list[str]:
        """Render without a cluster; values come on stdin, on top of the ``values`` files. ``tests``: test hooks too."""
        skip = [] if tests else ["--skip-tests"]
        return ["helm", "--namespace", self.namespace, "template", release, chart, *skip, *_values(values)]

    def lint(self, chart: str, *, values: Sequence[str] = (), stdin: bool = False) -> list[str]:
        """Check a chart, warnings included, with the ``values`` files and, with ``stdin``, what comes there."""
        return ["helm", "lint", chart, "--strict", *_values(values, stdin=stdin)]

    def upgrade_install(
        self,
        release: str,
        chart: str,
        *,
        values: Sequence[str] = (),
        history: int = 10,
        description: str = "",
        post_renderer: Sequence[str] = (),
    ) -> list[str]:
        """Install or upgrade; values come on stdin, on top of the ``values`` files, and of none from earlier revisions.

        Objects that something else made (the raw manifests) are taken over. Returns as soon as all is applied.

        Args:
            release: the release's name.
            chart: the chart's folder.
            values: values files.
            history: how many revisions are kept.
            description: kept with the revision.
            post_renderer: flags for what changes the objects before they are applied.
        """
        said = ["--description", description] if description else []
        return self.argv(
            "upgrade", release, chart, "--install", "--take-ownership", "--reset-values", *self._server_side,
            "--history-max", str(history), *said, *post_renderer, *_values(values),
        )  # fmt: skip

    def upgrade_published(self, release: str, chart: str, version: str, *, values: Sequence[str] = ()) -> list[str]:
        """Install or upgrade a chart from a registry; values come on stdin, on top of the ``values`` files.

        Args:
            release: the release's name.
            chart: ``oci://…``.
            version: the chart's exact version.
            values: values files.
        """
        return self.argv(
            "upgrade", release, chart, "--install", "--version", version, "--create-namespace", "--reset-values",
            *_values(values),
        )  # fmt: skip

    def rollback(self, release: str, revision: int, *, history: int = 10) -> list[str]:
        """Go back to a revision (as a new one). Also what takes a release out of a pending state."""
        return self.argv("rollback", release, str(revision), *self._server_side, "--history-max", str(history))

    def uninstall(self, release: str, *, timeout: int = 90) -> list[str]:
        """Delete a release's objects and its history; content when there is none. ``timeout``: seconds to wait."""
        return self.argv("uninstall", release, "--ignore-not-found", "--wait", "--timeout", f"{timeout}s")

    def test(self, release: str, *, timeout: int = 120) -> list[str]:
        """Run the chart's tests, for ``timeout`` seconds at most."""
        return self.argv("test", release, "--timeout", f"{timeout}s")


def pull(repository: str, name: str, version: str, folder: str) -> list[str]:
    """Download the archive of a published chart into a folder."""
    place = [f"{repository.rstrip('/')}/{name}"] if repository.startswith("oci://") else [name, "--repo", repository]
    return ["helm", "pull", *place, "--version", version, "--destination", folder]


def values_text(values: Mapping[str, Any]) -> str:
    """Values as Helm can read them on stdin: JSON, as its YAML parser takes it.

    That parser does not put the two escapes together which JSON has for a character beyond U+FFFF; of the others, it
    refuses some and takes some for line breaks unless they are escaped.
    """
    text = json.dumps(values, ensure_ascii=False)
    return re.sub("[\x7f-\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def is_not_printable(text: str) -> bool:
    """Whether Helm 3 could not check values against a schema because of a character in them: ``NOT_PRINTABLE``."""
    return "yaml: control characters are not allowed" in text


def lacks_dependencies(stderr: str) -> bool:
    """Whether a chart does not render because a chart that it depends on was not downloaded."""
    return "missing in charts/ directory" in stderr


def _values(files: Iterable[str], *, stdin: bool = True) -> list[str]:
    """Values files, the later ones above the earlier; ``-`` is stdin."""
    return [word for each in (*files, *(("-",) if stdin else ())) for word in ("--values", each)]


def version() -> list[str]:
    """Ask for the version; see ``parse_version``."""
    return ["helm", "version", "--template", "{{.Version}}"]


def parse_version(text: str) -> tuple[int, int] | None:
    """Major and minor from ``v3.17.3`` or ``v4.2.4+gabc``; None when there is no version in it."""
    found = VERSION.search(text)
    return (int(found[1]), int(found[2])) if found else None


def reason(stderr: str) -> str:
    """What helm complains of, as one line: its last ``Error:`` with the lines that belong to it.

    Helm 3 and 4 print a schema's violations as a list below the error; both word them differently.
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    starts = [index for index, line in enumerate(lines) if line.startswith("Error:")]
    if not starts:
        return lines[-1] if lines else "helm printed nothing"
    first, *rest = lines[starts[-1] :]
    violations = [line.removeprefix("- ") for line in rest if line.startswith("- ")]
    if violations:
        return "; ".join(violations)
    hints = ("Use --debug flag",)
    return " ".join([first.removeprefix("Error:").strip(), *(line for line in rest if not line.startswith(hints))])
