"""Profiles: settings for one environment over those for all."""

from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import SettingsError, UsageError
from kubetasks.images.plan import withheld_paths
from kubetasks.settings import load
from kubetasks.tasks import config
from kubetasks.tasks._edge import Edge, edge
from tests.unit.tasks.conftest import in_project

FILE: dict[str, Any] = {
    "project": "shop",
    "deadline": 60,
    "services": {"web": {"context": "web"}},
    "config": {"LEVEL": "info", "COLOUR": "red"},
    "chart": {"values": ["base.yaml"]},
    "profiles": {
        "staging": {"namespace": "shop-staging", "config": {"LEVEL": "debug"}, "manifests": ["k8s/staging"]},
        "prod": {"deadline": 300, "chart": {"values": ["prod.yaml"]}, "services": {"web": {"local_port": 80}}},
    },
}


def test_without_a_profile_nothing_of_them_applies() -> None:
    found = load(FILE, environ={})
    assert (found.profile, found.in_namespace, found.deadline) == ("", "shop", 60)


@pytest.mark.parametrize(
    ("flags", "environ", "file", "namespace"),
    [
        ({"profile": "staging"}, {}, {}, "shop-staging"),
        ({}, {"KUBETASKS_PROFILE": "staging"}, {}, "shop-staging"),
        ({}, {}, {"profile": "staging"}, "shop-staging"),
        ({"profile": "staging"}, {"KUBETASKS_PROFILE": "prod"}, {"profile": "prod"}, "shop-staging"),
        ({"profile": ""}, {"KUBETASKS_PROFILE": "staging"}, {"profile": "prod"}, "shop-staging"),
        ({}, {"KUBETASKS_PROFILE": ""}, {"profile": "staging"}, "shop-staging"),
        ({"profile": "prod"}, {"KUBETASKS_PROFILE": "staging"}, {}, "shop"),
    ],
)
def test_the_flag_goes_before_the_variable_and_that_before_the_file(
    flags: dict[str, str], environ: dict[str, str], file: dict[str, str], namespace: str
) -> None:
    assert load({**FILE, **file}, flags, environ).in_namespace == namespace


def test_mappings_are_merged_and_anything_else_is_replaced() -> None:
    staging, prod = (load({**FILE, "profile": name}, environ={}) for name in ("staging", "prod"))
    assert staging.config == {"LEVEL": "debug", "COLOUR": "red"}
    assert staging.manifests.files == ["k8s/staging"]
    assert (prod.chart.values, prod.deadline) == (["prod.yaml"], 300)
    assert (prod.services["web"].context, prod.services["web"].local_port) == ("web", 80)


def test_the_environment_and_flags_go_before_a_profile() -> None:
    environ = {"KUBETASKS_PROFILE": "prod", "KUBETASKS_DEADLINE": "7", "KUBETASKS_SERVICES_WEB_LOCAL_PORT": "81"}
    found = load(FILE, {"namespace": "mine"}, environ)
    assert (found.deadline, found.services["web"].local_port, found.in_namespace) == (7, 81, "mine")


@pytest.mark.parametrize(
    ("flags", "environ", "kind", "said"),
    [
        ({"profile": "stagin"}, {}, UsageError, "--profile stagin: there is no such profile -- did you mean `staging`"),
        ({}, {"KUBETASKS_PROFILE": "xx"}, SettingsError, "is xx: there is no such profile -- profiles: staging, prod"),
    ],
)
def test_a_profile_that_is_not_there(
    flags: dict[str, str], environ: dict[str, str], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind) as caught:
        load(FILE, flags, environ)
    assert said in str(getattr(caught.value, "line", ""))


@pytest.mark.parametrize(
    ("profiles", "path"),
    [
        ({"prod": {"deadlin": 1}}, "kubetasks.profiles.prod.deadlin"),
        ({"prod": {"services": {"web": {"contxt": "x"}}}}, "kubetasks.profiles.prod.services.web.contxt"),
        ({"prod": ["x"]}, "kubetasks.profiles.prod"),
        ({"prod": None}, "kubetasks.profiles.prod"),
        ({"prod": {"profile": "x"}}, "kubetasks.profiles.prod.profile"),
        ({"prod": {"profiles": {}}}, "kubetasks.profiles.prod.profiles"),
        (["prod"], "kubetasks.profiles"),
    ],
)
def test_a_malformed_profile_is_refused_whichever_applies(profiles: Any, path: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({**FILE, "profiles": profiles}, environ={})
    assert f"`{path}`" in caught.value.line


def test_the_env_file_of_no_profile_gets_into_an_image(tmp_path: Path) -> None:
    found = load({"env_file": "dev", "profiles": {"a": {"env_file": "vault/a"}, "b": {}}}, environ={})
    assert {tmp_path / "dev", tmp_path / "vault/a"} <= set(withheld_paths(found, tmp_path, []).paths)


TEXT = """\
kubetasks:
  deadline: 60
  project: shop
  profiles:
    prod:
      deadline: 300
      manifests: [k8s]
"""


def test_a_value_says_which_profile_it_is_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "invoke.yaml").write_text(TEXT)
    monkeypatch.setenv("KUBETASKS_PROFILE", "prod")
    monkeypatch.setenv("KUBETASKS_HISTORY", "9")
    found = edge(in_project(tmp_path))
    assert found.settings.deadline == 300
    assert found.origin("deadline") == "profile prod: invoke.yaml, line 6"
    assert found.origin("manifests", "files") == "profile prod: invoke.yaml, line 7"
    assert found.origin("project") == "invoke.yaml, line 3"
    assert found.origin("history") == "environment KUBETASKS_HISTORY"
    assert found.origin("kind", "name") == "default"


def test_the_flag_of_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "invoke.yaml").write_text(TEXT)
    monkeypatch.delenv("KUBETASKS_PROFILE", raising=False)
    seen: list[Any] = []
    monkeypatch.setattr(Edge, "print_json", lambda edge, document: seen.append(document[0]["value"]))
    context = in_project(tmp_path)
    config.show(context, key="deadline", json=True, profile="prod")
    config.show(context, key="deadline", json=True)
    assert seen == [300, 60]


def test_a_value_of_the_wrong_type_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "invoke.yaml").write_text("kubetasks:\n  profiles:\n    a: {config: {X: 1}}\n  profile: a\n")
    with pytest.raises(SettingsError) as caught:
        _ = edge(in_project(tmp_path)).settings
    assert "line 3" in caught.value.line
