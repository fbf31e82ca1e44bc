"""Settings that cannot work are refused before anything is done: by path, with what to write instead."""

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.documents import Located
from kubetasks.errors import SettingsError, UsageError
from kubetasks.settings import check, checking, keys, load
from kubetasks.settings.walk import hint_at

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {"services": {"web": {"context": "web"}, "api": {}}}


def refused(section: Any, environ: dict[str, str] | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(section, environ=environ or {})
    return caught.value


TEXT_PATHS = [
    *(path for path, default, _ in keys() if isinstance(default, str) and "*" not in path),
    "services.web.context",
    "services.web.dockerfile",
    "services.web.build_args.A",
    "secrets.KEY.help",
    "config.A",
    "programs.docker",
    "verify.login.parameters.user",
    "verify.journeys.[0]",
    "allowed_contexts.[0]",
]
NOT_TEXT = [
    ("yes", True, "a boolean", '"yes"'),
    ("8080", 8080, "a number", '"8080"'),
    ("1.10", 1.1, "a number", '"1.10"'),
    ("2026-01-02", dt.date(2026, 1, 2), "a date", '"2026-01-02"'),
    ("2026-01-02 03:04:05", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "a date", '"2026-01-02 03:'),
]


def nested(path: str, value: object) -> Any:
    for part in reversed(path.split(".")):
        value = [value] if part == "[0]" else {part: value}
    return value


@pytest.mark.parametrize("path", TEXT_PATHS)
@pytest.mark.parametrize(("raw", "value", "kind", "quoted"), NOT_TEXT)
def test_a_text_that_yaml_takes_for_something_else(path: str, raw: str, value: object, kind: str, quoted: str) -> None:
    section = nested(path, value)
    if "services" not in section:
        section.update(SERVICES)
    asked: list[list[str]] = []

    def locate(found: Sequence[str]) -> Located:
        asked.append(list(found))
        return Located("invoke.yaml", 7, raw)

    with pytest.raises(SettingsError) as caught:
        load(section, environ={}, locate=locate)
    error = caught.value
    if hint_at(path) not in {str, None}:  # one of named values: the choices are named instead
        assert error.fix.startswith("choose one of")
        return
    assert asked == [["kubetasks", *path.split(".")]]
    assert error.what == f"setting `kubetasks.{path.replace('.[', '[')}` (invoke.yaml, line 7)"
    assert error.why == f"it holds text, and YAML reads {raw} as {kind}"
    assert error.fix.startswith("put it in quotes: ")
    assert quoted in error.fix


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, 'setting `kubetasks.config.A`: it has no value -- write A: "" for an empty text, or remove the line'),
        (
            ["x"],
            'setting `kubetasks.config.A`: it holds text, and this is a list -- write it as one text in quotes: A: "…"',
        ),
        (
            {"x": "y"},
            (
                "setting `kubetasks.config.A`: it holds text, and this is a mapping "
                '-- write it as one text in quotes: A: "…"'
            ),
        ),
        (
            True,
            (
                "setting `kubetasks.config.A`: it holds text, and YAML reads true as a boolean "
                '-- put it in quotes: A: "true"'
            ),
        ),
    ],
)
def test_what_is_not_text_in_the_configuration(value: object, line: str) -> None:
    assert refused({"config": {"B": "fine", "A": value}}).line == line


CANNOT_WORK = [
    ({"project": "p" * 54, "deployer": "helm"}, "project", "53 characters"),
    ({"services": {"Web": {}}}, "services.Web", "DNS label"),
    ({"services": {"w" * 64: {}}}, f"services.{'w' * 64}", "DNS label"),
    ({"services": {"a": {"local_port": 80}, "b": {"local_port": 80}}}, "services.b.local_port", "local port of a too"),
    ({"services": {"a": {"build_args": {"A B": ""}}}}, "services.a.build_args.A B", "letters, digits"),
    ({"config": {"A B": ""}}, "config.A B", "a key consists of"),
    ({"config": {"A": "x\0"}}, "config.A", "NUL"),
    ({"config": {"A": "x\udc80"}}, "config.A", "not UTF-8"),
    ({"secrets": {"A/B": {}}}, "secrets.A/B", "a key consists of"),
    ({"programs": {"kubctl": "/bin/true"}}, "programs.kubctl", "no such program"),
    *(
        ({"images": {"repository": name}}, "images.repository", "not an image name")
        for name in ("", "Acme", "acme/", "/acme", "acme//shop", "acme:1", "https://x/y", "ä", "acme/Shop", "a..b")
    ),
    *(
        ({"images": {"registry": name}}, "images.registry", "")
        for name in ("https://ghcr.io/me", "ghcr.io/Me", "ghcr.io:port", "ghcr.io:70000/me", "ghcr.io//", "-x.io")
    ),
    *(
        ({"images": {"platform": name}}, "images.platform", "")
        for name in ("linux/amd64,linux/arm64", "linux/pdp11", "lnux/amd64", "linux/", "linux/arm/v7/x", "64")
    ),
    *(
        ({section: {key: name}}, f"{section}.{key}", "not an image reference")
        for section, key in (
            ("images", "base"), ("images", "offline_base"), ("database", "image"), ("database", "offline_image"),
            ("kind", "node_image"), ("kind", "offline_node_image"), ("minikube", "base_image"),
        )
        for name in ("Postgres:17", "postgres:", "postgres 17", "postgres:17:1", "https://x/y:1", "postgres@sha256:abc")
    ),
    ({"images": {"base": ""}}, "images.base", "not an image reference"),
    ({**SERVICES, "migrations": {"service": "wbe"}}, "migrations.service", "there is no service `wbe`"),
    ({**SERVICES, "migrations": {"job": "m"}}, "migrations.service", "it is empty"),
    ({**SERVICES, "migrations": {"job": "m" * 51, "service": "web"}}, "migrations.job", "50 characters"),
    *(
        ({**SERVICES, "verify": {"entry": entry}}, "verify.entry", "")
        for entry in (
            *("Web", "w_b:80", "Ingress/", "Pod/web", "Ingress/A b"),
            *(":80", "web:", "web:0", "web:65536", "web:-1", "web:80:80", "web:HTTP", "web:٣"),
        )
    ),
    ({"verify": {"login": {"token": "token"}}}, "verify.login.token", "not a JSON pointer"),
    ({"verify": {"login": {"parameters": {"id": "id"}}}}, "verify.login.parameters.id", "not a JSON pointer"),
    ({"database": {"url_secret": "DB_URL"}, "secrets": {"DATABASE_URL": {}}}, "database.url_secret", "not declared"),
    ({"database": {"mode": "external"}}, "database.url_secret", "not declared"),
    *(
        ({"local": {"sqlite": url}}, "local.sqlite", "")
        for url in ("sqlite:///{folder}", "sqlite:///{}", "sqlite:///{data", "{data}/app.db", "")
    ),
    ({"minikube": {"runtime": "dockerd"}}, "minikube.runtime", "unknown value"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "path", "why"), CANNOT_WORK)
def test_values_that_cannot_work_are_refused_by_their_path(section: Any, path: str, why: str) -> None:
    error = refused(section)
    assert error.what == f"setting `kubetasks.{path}`"
    assert why in error.why
    assert error.why
    assert error.fix
    assert error.exit_code == 2


@pytest.mark.parametrize(
    "section",
    [
        {"images": {"repository": "acme/shop_a/b-c.d"}},
        {"images": {"repository": "localhost:5000/acme"}},
        {"images": {"registry": "ghcr.io/me/too"}},
        {"images": {"registry": "localhost:5000"}},
        {"images": {"registry": "registry:5000/a"}},
        {"images": {"registry": "[::1]:5000/a"}},
        {"images": {"registry": "me"}},
        *({"images": {"platform": each}} for each in ("linux/arm64", "linux/arm/v7", "linux/amd64/v3", "arm64", "")),
        {"images": {"base": "scratch"}},
        {"images": {"base": f"registry.example:5000/python:3.11@sha256:{'0' * 64}"}},
        {"database": {"url_secret": "DB"}, "secrets": {"DB": {}}},
        {"secrets": {"tls.key": {}, "a-b_c": {}}, "config": {"app.properties": "a\nb"}},
        *({**SERVICES, "verify": {"entry": each}} for each in ("web", "web:80", "web:http", "web:65535", "")),
        {"project": "p" * 54},
        {"local": {"sqlite": "sqlite:///{data}/{{x}}.db"}},
    ],
)
def test_values_that_can_work(section: Any) -> None:
    load(section, environ={})


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        ({"KUBETASKS_IMAGES_REGISTRY": "https://x.io"}, "setting KUBETASKS_IMAGES_REGISTRY in the environment"),
        ({"KUBETASKS_VERIFY_ENTRY": "w_b"}, "setting KUBETASKS_VERIFY_ENTRY in the environment"),
        ({"KUBETASKS_CONFIG_my-key!": "x"}, "setting KUBETASKS_CONFIG_my-key! in the environment"),
        ({"KUBETASKS_PROGRAMS_KUBCTL": "x"}, "setting KUBETASKS_PROGRAMS_KUBCTL in the environment"),
        (
            {"KUBETASKS_SERVICES_WEB_BUILD_ARGS_A-B": ""},
            "setting KUBETASKS_SERVICES_WEB_BUILD_ARGS_A-B in the environment",
        ),
    ],
)
def test_values_of_the_environment_that_cannot_work(environ: dict[str, str], what: str) -> None:
    assert refused(SERVICES, environ).what == what


def test_a_flag_that_cannot_work_is_named_by_its_flag() -> None:
    with pytest.raises(UsageError):
        load({"project": "p" * 54}, {"project": "q" * 54, "deployer": "helm"}, {})


MISSING = [
    ({"manifests": {"path": "k8s"}}, "manifests.path"),
    ({"manifests": {"path": ""}}, "manifests.path"),
    ({"manifests": {"path": "file"}}, "manifests.path"),
    ({"manifests": ["there.yaml", "gone.yaml"]}, "manifests.files"),
    ({"manifests": {"files": [""]}}, "manifests.files"),
    ({"chart": {"path": "helm"}}, "chart.path"),
    ({"chart": {"values": ["there.yaml", "prod.yaml"]}}, "chart.values"),
    ({"chart": {"values": ["folder"]}}, "chart.values"),
    ({"chart": {"values": [""]}}, "chart.values"),
    ({"migrations": {"paths": ["folder", "gone"]}}, "migrations.paths"),
    ({"migrations": {"paths": [""]}}, "migrations.paths"),
    ({"kind": {"config": "kind.yaml"}}, "kind.config"),
    ({"verify": {"contract": "api.yaml"}}, "verify.contract"),
    ({"verify": {"journeys": ["there.yaml", "chat.yaml"]}}, "verify.journeys"),
    ({"verify": {"journeys": ["folder"]}}, "verify.journeys"),
]


@pytest.mark.parametrize(("section", "path"), MISSING)
def test_a_path_that_is_set_and_not_there_is_refused(tmp_path: Path, section: Any, path: str) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("there.yaml", "file"):
        (tmp_path / name).write_text("")
    with pytest.raises(SettingsError) as caught:
        check(checking.missing(load(section, environ={}), tmp_path), section, {})
    assert caught.value.what == f"setting `kubetasks.{path}`"
    assert caught.value.exit_code == 2


def test_the_variable_that_names_a_missing_file_is_named(tmp_path: Path) -> None:
    environ = {"KUBETASKS_CHART_VALUES": "prod.yaml"}
    with pytest.raises(SettingsError, match="KUBETASKS_CHART_VALUES in the environment: there is no prod"):
        check(checking.missing(load({}, environ=environ), tmp_path), {}, environ)


def test_defaults_may_be_missing_and_our_own_paths_are_there(tmp_path: Path) -> None:
    assert list(checking.missing(load({}, environ={}), tmp_path)) == []
    ours = yaml.safe_load((ROOT / "invoke.yaml").read_text())["kubetasks"]
    assert list(checking.missing(load(ours, environ={}), ROOT)) == []


def test_every_setting_that_names_a_file_is_checked() -> None:
    """By their descriptions; the services' own and the programs have checks of their own."""
    named = {path for path, _, described in keys() if re.search(r"relative to the|file\b|files\b|folder", described)}
    checked = {path for _, path in MISSING}
    elsewhere = {
        "env_file",
        "secrets.*.from",
        "services.*.context",
        "services.*.dockerfile",
        "services.*.local.cwd",
        "services.*.local.command",
        "local.sqlite",
        *("minikube.profile", "profile", "profiles"),
    }
    assert named - checked - elsewhere == set()


@pytest.mark.parametrize(
    ("node", "machine", "faults"),
    [
        ({"cpus": 4, "memory": 8192}, (4, 8192), []),
        ({"cpus": 5}, (4, 8192), ["minikube.cpus"]),
        ({"cpus": 5, "memory": 9000}, (4, 8192), ["minikube.cpus", "minikube.memory"]),
        ({"cpus": 64, "memory": 900000}, (0, 0), []),
        ({"cpus": 64, "driver": "ssh"}, (4, 8192), []),
    ],
)
def test_a_node_that_the_machine_cannot_hold(node: Any, machine: tuple[int, int], faults: list[str]) -> None:
    found = load({"minikube": node}, environ={})
    assert [fault.path for fault in checking.too_large(found, *machine)] == faults
