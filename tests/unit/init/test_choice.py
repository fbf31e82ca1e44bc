"""Which manifests, kustomization or chart are deployed."""

from pathlib import Path

import pytest

from tests.unit.init.tree import PYTHON, deployment, pairs, proposed, service

WEB = {"web/Dockerfile": PYTHON}
BASE = {
    "deploy/base/kustomization.yaml": "resources: [web.yaml]\n",
    "deploy/base/web.yaml": deployment("web", "acme/web"),
}


def overlay(name: str, more: str = "") -> dict[str, str]:
    return {f"deploy/overlays/{name}/kustomization.yaml": f"resources: [../../base]\n{more}"}


LIST = "apiVersion: v1\nkind: List\nitems:\n- " + deployment("web", "acme/web").replace("\n", "\n  ")
INGRESS = (
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {rules: [{http: {paths: "
    "[{path: /api, backend: {service: {name: web}}}, {path: /, backend: {service: {name: a}}}]}}]}\n"
)
PORTS = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
    "spec: {ports: [{name: grpc, port: 1}, {name: http, port: 2}]}\n"
)
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "chart/values.yaml": "image: acme/web:v1\n",
}


@pytest.mark.parametrize(
    ("files", "entries"),
    [
        ({"k8s/web.yaml": deployment("web", "acme/web")}, ("k8s",)),
        ({"k8s/a/web.yaml": deployment("web", "acme/web"), "k8s/b.yaml": service("web")}, ("k8s",)),
        (
            {"w.yaml": deployment("web", "acme/web"), "x.yaml": deployment("x", "x/y"), "s.yaml": service("web")},
            ("*.yaml",),
        ),
        ({"app.yaml": deployment("web", "acme/web"), "docker-compose.yml": "services: {}\n"}, ("app.yaml",)),
        (
            {"k8s/dev/web.yaml": deployment("web", "acme/web"), "k8s/prod/web.yaml": deployment("web", "acme/web")},
            ("k8s/dev",),
        ),
        (
            {"k8s/all.yaml": deployment("web", "acme/web"), "k8s/web.yaml": deployment("web", "acme/web")},
            ("k8s/web.yaml",),
        ),
        (BASE, ("deploy/base",)),
        (BASE | overlay("dev") | overlay("prod"), ("deploy/overlays/dev",)),
        (BASE | overlay("prod") | overlay("staging"), ("deploy/base",)),
        (BASE | overlay("dev", "components: [../../gone]\n"), ("deploy/base",)),
        (
            BASE | overlay("dev") | {"deploy/base/kustomization.yaml": "kind: Component\nresources: [web.yaml]\n"},
            ("deploy/overlays/dev",),
        ),
        (BASE | CHART, ("deploy/base",)),
        (CHART, ("chart",)),
        (CHART | {"tests/k.yaml": deployment("web", "acme/web")}, ("chart",)),
        ({"k8s/web.yaml": deployment("web", "acme/web"), "k8s/broken.yaml": "a: [\n"}, ("k8s/web.yaml",)),
        ({"web/k8s/w.yaml": deployment("web", "acme/web"), "web/package.json": "{}"}, ("web/k8s",)),
        (
            {
                "kind.yaml": "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nmetadata: {name: x}\n",
                "k.yaml": deployment("web", "acme/web"),
            },
            ("k.yaml",),
        ),
        (
            {"list.yaml": LIST},
            ("list.yaml",),
        ),
    ],
)
def test_what_is_deployed(tmp_path: Path, files: dict[str, str], entries: tuple[str, ...]) -> None:
    found = proposed(tmp_path, WEB | files)
    assert found.choice.source.entries == entries
    assert pairs(found) == {"acme/web": "web/Dockerfile"}


def test_manifests_beside_each_service(tmp_path: Path) -> None:
    files = {
        "web/Dockerfile": PYTHON, "web/k8s/a.yaml": deployment("web", "acme/web"), "web/tsconfig.json": "{ // }",
        "api/Dockerfile": PYTHON, "api/k8s/a.yaml": deployment("api", "acme/api"),
    }  # fmt: skip
    assert sorted(proposed(tmp_path, files).choice.source.entries) == ["api/k8s", "web/k8s"]


def test_skaffold_says_which(tmp_path: Path) -> None:
    skaffold = "apiVersion: skaffold/v4beta1\nkind: Config\nmanifests: {kustomize: {paths: [other]}}\n"
    files = {
        **WEB, **BASE, "skaffold.yaml": skaffold,
        "other/kustomization.yaml": "resources: [w.yaml]\n", "other/w.yaml": deployment("web", "acme/web"),
    }  # fmt: skip
    assert proposed(tmp_path, files).choice.source.entries == ("other",)


def test_a_kustomization_renames_images(tmp_path: Path) -> None:
    files = WEB | BASE | overlay("dev", "images: [{name: acme/web, newName: registry.test/shop/web}]\n")
    assert pairs(proposed(tmp_path, files)) == {"registry.test/shop/web": "web/Dockerfile"}


def test_kustomizations_in_a_circle_end(tmp_path: Path) -> None:
    files = {
        **WEB, "k.yaml": deployment("web", "acme/web"), "a/kustomization.yaml": "resources: [../b]\n",
        "b/kustomization.yaml": "resources: [../a, w.yaml]\n", "b/w.yaml": deployment("web", "acme/web"),
    }  # fmt: skip
    assert pairs(proposed(tmp_path, files)) == {"acme/web": "web/Dockerfile"}


def test_a_file_that_supplies_what_is_missing_is_added(tmp_path: Path) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: jwt}\ndata: {}\n"
    pod = deployment("web", "acme/web").replace(
        "{containers:", "{volumes: [{name: k, secret: {secretName: jwt}}], containers:"
    )
    found = proposed(tmp_path, {**WEB, "k8s/web.yaml": pod, "extras/jwt/secret.yaml": secret})
    assert found.choice.source.entries == ("k8s", "extras/jwt/secret.yaml")
    assert found.choice.supplied == (("extras/jwt/secret.yaml", "Secret/jwt"),)
    assert found.needs == ()


@pytest.mark.parametrize("folder", [".", "deploy/helm"])
def test_the_images_of_a_chart_without_helm(tmp_path: Path, folder: str) -> None:
    values = (
        "image: {registry: ghcr.io, repository: acme/web, tag: 1.2}\nworker: {image: {repository: acme/worker}}\n"
        "names: {hub: registry.test/x, api: api}\nredis: {image: 'redis:7'}\n"
    )
    template = (
        "{{- if .Values.x }}\nkind: Deployment\n"
        "  - image: {{ .Values.names.hub }}/{{ .Values.names.api }}:{{ .Values.tag | default .Chart.AppVersion }}\n"
        '    image: "{{ include "x.image" . }}"\n{{- end }}\n'
    )
    files = {
        f"{folder}/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
        f"{folder}/values.yaml": values,
        f"{folder}/templates/a.yaml": template,
        f"{folder}/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        **{f"{name}/Dockerfile": PYTHON for name in ("web", "worker", "api")},
    }
    found = proposed(tmp_path, files)
    assert found.choice.source.entries == (folder,)
    assert pairs(found) == {
        "ghcr.io/acme/web": "web/Dockerfile",
        "acme/worker": "worker/Dockerfile",
        "registry.test/x/api": "api/Dockerfile",
    }


def test_what_helm_renders_counts(tmp_path: Path) -> None:
    found = proposed(
        tmp_path, WEB | CHART, {"chart": deployment("web", "other.test/acme/web:v1") + "---\n" + service("web")}
    )
    assert pairs(found) == {"other.test/acme/web": "web/Dockerfile"}
    assert found.entry == "web"


def test_a_chart_with_dependencies_that_are_not_there(tmp_path: Path) -> None:
    chart = (
        CHART["chart/Chart.yaml"] + "dependencies: [{name: redis, version: 1.x.x, repository: 'https://charts.test'}]\n"
    )
    found = proposed(tmp_path, WEB | CHART | {"chart/Chart.yaml": chart})
    assert found.choice.source.flaws == ("its dependency redis is not in charts/: run `helm dependency build chart`",)


def test_the_images_of_an_umbrella_chart(tmp_path: Path) -> None:
    needed = "dependencies: [{name: cart, version: 1.x.x, repository: 'file://../../web/chart'}]\n"
    files = {
        **WEB, "app/chart/Chart.yaml": CHART["chart/Chart.yaml"] + needed,
        "web/chart/Chart.yaml": CHART["chart/Chart.yaml"], "web/chart/values.yaml": "image: acme/web\n",
    }  # fmt: skip
    found = proposed(tmp_path, files)
    assert found.choice.source.entries == ("app/chart",)
    assert pairs(found) == {"acme/web": "web/Dockerfile"}


def test_custom_resources_that_the_cluster_may_not_know(tmp_path: Path) -> None:
    odd = "apiVersion: kaito.sh/v1\nkind: Workspace\nmetadata: {name: w}\n"
    more = {"extra/kustomization.yaml": "resources: [../deploy/base, a.yaml, w.yaml]\n", "extra/w.yaml": odd}
    more |= {"extra/a.yaml": deployment("api", "acme/api"), "api/Dockerfile": PYTHON}
    found = proposed(tmp_path, WEB | BASE | more)
    assert found.choice.source.entries == ("deploy/base",)


@pytest.mark.parametrize("image", ["<IMAGE>", "$IMAGE", "${REGISTRY}/web", "{{ image }}"])
def test_a_placeholder_is_no_image(tmp_path: Path, image: str) -> None:
    files = {"k8s/web.yaml": deployment("web", "acme/web"), "api/k8s/a.yaml": deployment("api", image)}
    found = proposed(tmp_path, WEB | files | {"api/Dockerfile": PYTHON})
    assert pairs(found) == {"acme/web": "web/Dockerfile"}
    assert found.choice.source.entries == ("k8s",)


@pytest.mark.parametrize(
    ("objects", "entry"),
    [
        ([service("web"), service("db", 5432)], "web"),
        ([service("vote", 8080, "NodePort"), service("db", 5432)], "vote"),
        ([service("a"), service("b", kind="LoadBalancer")], "b"),
        ([service("a"), service("b")], ""),
        ([service("x")], ""),
        ([service("x").replace("app: x", "app: web")], "x"),
        ([service("a"), service("web"), INGRESS], "web"),
        ([PORTS], "web:http"),
    ],
)
def test_the_entry(tmp_path: Path, objects: list[str], entry: str) -> None:
    text = "---\n".join([deployment("web", "acme/web"), *objects])
    assert proposed(tmp_path, WEB | {"k.yaml": text}).entry == entry
