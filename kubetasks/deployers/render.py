"""From a release to Kubernetes objects, without a cluster: the raw manifests, or the chart.

Both give the same objects but for who manages them. The manifests hold placeholders (an image named like a service, the
migration Job's base name), which ``kubetasks.deployers.stamp`` fills in; the chart gets the same facts as values.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kubetasks import documents
from kubetasks.deployers import manifest_files
from kubetasks.deployers.base import Release
from kubetasks.deployers.belonging import labelled
from kubetasks.deployers.concealed import digester, rolled, to_hide
from kubetasks.deployers.documents import check_unique, checked_objects, is_foreign, parse
from kubetasks.deployers.stamp import config_digest, stamp
from kubetasks.errors import RenderFailed
from kubetasks.objects import (
    CONFIG_DIGEST,
    DOMAIN,
    MANAGED_BY,
    PART_OF,
    Object,
    Objects,
    of_kind,
    pod_template,
)
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.tools import helm, kubectl, kustomize

MANAGER: Final = "kubetasks"
# In Chart.yaml: the chart takes the values of `chart_values`.
TAKES_VALUES: Final = f"{DOMAIN}/values"
# Rendered instead of the ConfigMaps' digest, which is known only once they are rendered.
UNKNOWN: Final = "0" * 64


def namespace_object(settings: Settings) -> Object:
    """The namespace, with the Pod Security Standard that the settings name.

    See https://kubernetes.io/docs/concepts/security/pod-security-standards/.
    """
    labels = {PART_OF: settings.project, MANAGED_BY: MANAGER}
    if settings.namespace_policy != "none":
        for mode in ("enforce", "warn", "audit"):
            labels[f"pod-security.kubernetes.io/{mode}"] = settings.namespace_policy
            labels[f"pod-security.kubernetes.io/{mode}-version"] = "latest"
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": settings.in_namespace, "labels": labels}}


def _checked(objects: Objects, release: Release, runner: Runner) -> Objects:
    """The objects, once the values of the Secrets among them are hidden in everything shown.

    Raises:
        RenderFailed: one of them is the Secret that kubetasks writes itself.
    """
    for item in of_kind(objects, "Secret"):
        name = item["metadata"]["name"]
        if name == release.secret_name:
            raise RenderFailed(
                f"the rendered objects contain Secret/{name}",
                why="kubetasks writes that Secret itself, and its generated values would be lost",
                fix="give yours another name, or declare its keys below kubetasks.secrets in invoke.yaml",
            )
        if name in release.secret_keys:
            raise RenderFailed(
                f"the rendered objects contain Secret/{name}, and so does `into` in kubetasks.secrets",
                why="one of the two would overwrite the other",
                fix="leave that Secret out of what is rendered and declare all of its keys, or take `into` out",
            )
    runner.redactor.add(to_hide(objects))
    return objects


def takes_values(chart: Path) -> bool:
    """Whether a chart says that it takes the values that kubetasks gives; of any other, objects are changed instead."""
    try:
        found = documents.load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    annotations = found.get("annotations") if isinstance(found, dict) else None
    return isinstance(annotations, dict) and str(annotations.get(TAKES_VALUES)).lower() == "true"


def chart_values(release: Release, digest_of_config: str) -> dict[str, Any]:
    """The values of a release for the chart. Its every other value has a default in the chart's own values.yaml.

    Args:
        release: the release.
        digest_of_config: the ConfigMaps' digest, as hex; empty lets the chart take its own.
    """
    images = {}
    for service, reference in release.images.items():
        repository, _, tag = reference.rpartition(":")
        images[service] = {"repository": repository, "tag": tag}
    values: dict[str, Any] = {
        "images": images,
        "imagePullPolicy": release.pull_policy,
        "secret": {"existingSecret": release.secret_name, "digest": release.secret_digest},
        "configDigest": digest_of_config,
        "database": {"mode": release.database, "image": release.postgres_image},
    }
    if release.config:
        values["config"] = dict(release.config)
    if release.migration_job:
        values["migrations"] = {"id": release.migration_id, "image": release.migration_image}
    return values


@dataclass
class ManifestsRenderer:
    """Renders the raw manifests: kustomizations and files.

    Args:
        settings: for the files.
        root: the project's root.
        runner: starts kubectl.
    """

    settings: Settings
    root: Path
    runner: Runner

    @property
    def name(self) -> str:
        """``manifests``."""
        return "manifests"

    def render(self, release: Release) -> Objects:
        """The objects, without Namespace and Secret. Needs no cluster.

        Raises:
            RenderFailed: with the file at fault.
            ToolMissing: there is no kubectl.
        """
        objects: Objects = []
        paths = manifest_files.paths(self.root, self.settings.manifests, release.database)
        for path in paths:
            objects += self._kustomized(path) if (self.root / path).is_dir() else self._file(path)
        check_unique(objects)
        held = {item["metadata"]["name"] for item in of_kind(objects, "ConfigMap")}
        if release.config and release.config_name not in held:
            raise RenderFailed(
                f"the manifests in {', '.join(paths)} have no ConfigMap {release.config_name}",
                why=f"kubetasks.config gives it {', '.join(sorted(release.config))}",
                fix="add the ConfigMap, or remove the keys from invoke.yaml and the environment",
            )
        return stamp(_checked(objects, release, self.runner), release)

    def _kustomized(self, folder: str) -> Objects:
        result = self.runner.run(kubectl.kustomize(folder), cwd=self.root, check=False)
        if not result.ok:
            raise RenderFailed(
                f"the manifests in {folder} do not render",
                why=kustomize.reason(result.stderr, str(self.root)),
                fix="fix it, and check the result with `inv manifest.render`",
            )
        return parse(result.stdout, f"kustomize in {folder}")

    def _file(self, path: str) -> Objects:
        try:
            text = (self.root / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RenderFailed(f"{path} cannot be read", why=str(error)) from None
        named = path in self.settings.manifests.files
        try:
            found = [each for each in documents.load_all(text) if named or not is_foreign(each)]
        except documents.NotYamlError as error:
            raise RenderFailed(
                f"{path} is not valid YAML", why=str(error), fix="fix it, or leave it out of kubetasks.manifests"
            ) from None
        return checked_objects(found, path)


@dataclass
class ChartRenderer:
    """Renders the Helm chart.

    Args:
        settings: for the chart's folder, values files and release name.
        root: the project's root.
        runner: starts helm.
    """

    settings: Settings
    root: Path
    runner: Runner
    raw: Objects = field(default_factory=list, init=False, repr=False)
    _last: tuple[Release, str] | None = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        """``helm``."""
        return "helm"

    def render(self, release: Release) -> Objects:
        """The objects, without Namespace, Secret and test hooks. Needs no cluster.

        Raises:
            RenderFailed: with the template and the line at fault, or the values that the chart's schema refuses.
            ToolMissing: there is no helm.
        """
        chart = self.settings.chart.path
        if not (self.root / chart / "Chart.yaml").is_file():
            raise RenderFailed(f"there is no chart in {chart}", fix="set kubetasks.chart.path in invoke.yaml")
        argv = helm.Helm(namespace=release.namespace).template(
            release.project, chart, values=self.settings.chart.values
        )
        given = chart_values(release, UNKNOWN) if takes_values(self.root / chart) else self._image_values(release)
        values = helm.values_text(given)
        result = self.runner.run(argv, input=values, cwd=self.root, check=False)
        if not result.ok and helm.is_not_printable(result.stderr):
            odd = [key for key, value in release.config.items() if helm.NOT_PRINTABLE.search(value)]
            raise RenderFailed(
                f"Helm 3 cannot take the value of {', '.join(odd) or 'a setting'}",
                why="it holds a control character",
                fix="remove that from `config`, or use Helm 4 or --with manifests",
            )
        if not result.ok:
            raise RenderFailed(
                f"the chart in {chart} does not render",
                why=helm.reason(result.stderr),
                fix=f"helm dependency build {chart}"
                if helm.lacks_dependencies(result.stderr)
                else "fix it, and check it with `inv chart.lint`",
            )
        objects = parse(result.stdout, f"the chart in {chart}")
        marked = [
            template
            for template in map(pod_template, objects)
            if template is not None
            and (template.get("metadata", {}).get("annotations") or {}).get(CONFIG_DIGEST) == UNKNOWN
        ]
        found = config_digest(objects, marked)
        for template in marked:
            template["metadata"]["annotations"][CONFIG_DIGEST] = found
        self._last = (release, found)
        self.raw = deepcopy(objects)
        _checked(objects, release, self.runner)
        if not takes_values(self.root / chart):
            return stamp(objects, release)
        return labelled(rolled(objects, digester(release.digest_key), release.secret_keys), release.project)

    def values(self, release: Release) -> dict[str, Any]:
        """The arguments of `helm upgrade` for the same objects as ``render``.

        Renders first, unless this release is the one rendered last.

        Raises:
            RenderFailed: as ``render``.
        """
        if self._last is None or self._last[0] != release:
            self.render(release)
        if not takes_values(self.root / self.settings.chart.path):
            return self._image_values(release)
        return chart_values(release, self._last[1] if self._last is not None else "")

    def _image_values(self, release: Release) -> dict[str, Any]:
        """The values that the settings map to the image of a service, for what no post-renderer gets."""
        found: dict[str, Any] = {}
        for service, paths in self.settings.chart.image_values.items():
            repository, _, tag = release.images[service].rpartition(":")
            parts = {
                "image": release.images[service], "repository": repository, "tag": tag,
                "pull_policy": release.pull_policy,
            }  # fmt: skip
            for place, path in paths.items():
                *outer, last = path.split(".")
                below = found
                for key in outer:
                    below = below.setdefault(key, {})
                below[last] = parts[place]
        return found
