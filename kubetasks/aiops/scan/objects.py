"""Rendered objects: kube-score, kubeconform and checkov."""

import json
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Any, Final

from kubetasks import documents, private
from kubetasks.aiops.scan.findings import Scan
from kubetasks.aiops.scan.tools import plain
from kubetasks.aiops.scan.tools import scan as run
from kubetasks.objects import Objects
from kubetasks.runner import Runner
from kubetasks.tools import scanners

TOOLS: Final = ("kube-score", "kubeconform", "checkov")
# What kubetasks does on purpose: images are delivered to the nodes and named by their content (ADR 5, 16).
CONTRARY: Final = ("container-image-pull-policy", "CKV_K8S_15", "CKV_K8S_43")
DEFINITIONS: Final = "/api/_definitions.json#"


def scan(runner: Runner, objects: Objects, version: str, schemas: str, wanted: Sequence[str]) -> Scan:
    """Look at objects; none of them holds a secret's value.

    Args:
        runner: starts the scanners.
        objects: the objects.
        version: of Kubernetes, ``1.34``.
        schemas: where kubeconform finds schemas, as it wants it; empty for those of the package
            ``kubernetes-validate`` where it is installed, else those that kubeconform downloads.
        wanted: the scanners that were asked for by name; where there is none, those that are installed.

    Raises:
        ScanImpossible: a scanner that was asked for is not installed, or prints something else than its report.
    """
    text, found = documents.dump_all(objects), Scan()
    what = f"{len(objects)} objects"
    if not wanted or "kube-score" in wanted:
        argv = scanners.kube_score(f"v{version}", without=[name for name in CONTRARY if "-" in name])
        parse = plain(scanners.parse_kube_score)
        found += run(runner, argv, parse, what, given=text, needed="kube-score" in wanted)
    if not wanted or "kubeconform" in wanted:
        place = schemas or (local_schemas(objects, version) if runner.which("kubeconform") else "")
        argv = scanners.kubeconform(place, f"{version}.0")
        found += run(runner, argv, scanners.parse_kubeconform, what, given=text, needed="kubeconform" in wanted)
    if not wanted or "checkov" in wanted:
        folder = private.folder() / "checkov"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "objects.yaml").write_text(text, encoding="utf-8")
        argv = scanners.checkov(["objects.yaml"], "kubernetes", without=[name for name in CONTRARY if "_" in name])
        parse = plain(scanners.parse_checkov)
        found += run(runner, argv, parse, what, cwd=folder, needed="checkov" in wanted)
    return found


def local_schemas(objects: Objects, version: str) -> str:
    """Schemas for kubeconform from the package ``kubernetes-validate``; empty if it is not installed.

    Its schemas refer to a common file in a way that kubeconform does not follow, so each gets what it refers to.
    """
    spec = util.find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        return ""
    above = Path(next(iter(spec.submodule_search_locations))) / "kubernetes-json-schema"
    source = above / f"v{version}.0-local-strict"
    common = source / "_definitions.json"
    if not common.is_file():
        return ""
    definitions = _read(common)["$defs"]
    folder = private.folder() / "schemas"
    folder.mkdir(mode=0o700, exist_ok=True)
    for item in objects:
        group, _, name = str(item["apiVersion"]).rpartition("/")
        file = f"{item['kind']}{'-' + group.partition('.')[0] if group else ''}-{name}.json".lower()
        if not (source / file).is_file() or (folder / file).exists():
            continue
        schema = _read(source / file)
        schema.pop("$id", None)
        (folder / file).write_text(json.dumps({**schema, "$defs": definitions}), encoding="utf-8")
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8").replace(f'"{DEFINITIONS}', '"#'))
    return found
