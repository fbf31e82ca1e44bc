from pathlib import Path

import pytest
import yaml

from kubetasks import docs
from kubetasks.settings import keys

VALUES = {
    "project": "shop",
    "services": {"web": {"image": "", "context": "web", "build_args": {"A": "1"}}, "api": {"local_port": 81}},
    "secrets": {"KEY": {"help": "from the provider"}, "SALT": {"kind": "generated"}},
    "verify": {"login": {"token": "/t"}},
}


def test_invoke_yaml_has_every_key_and_keeps_the_values() -> None:
    text = docs.invoke_yaml(VALUES)
    found = yaml.safe_load(text)["kubetasks"]
    assert found["services"] == {
        "web": {
            "image": "",
            "context": "web",
            "dockerfile": "Dockerfile",
            "build_args": {"A": "1"},
            "local_port": 0,
            "local": {"command": [], "cwd": "", "python": "", "skip": False},
        },
        "api": {"local_port": 81},
    }
    assert found["project"] == "shop"
    assert found["verify"]["login"] == {"operation": "", "token": "/t", "parameters": {}}
    for path, default, described in keys():
        if path.startswith("verify.checks."):
            continue  # there is none in the file
        spot = found
        for part in path.split("."):
            spot = spot[next(iter(spot)) if part == "*" else part]
        if path in {"deadline", "offline", "kind.name", "verify.journeys", "programs"}:
            assert spot == default
        assert described.split(".")[0].split()[-1] in text


def test_invoke_yaml_made_from_itself_is_the_same() -> None:
    text = docs.invoke_yaml(VALUES)
    assert docs.invoke_yaml(yaml.safe_load(text)["kubetasks"]) == text


def test_the_page_has_every_key_with_default_variable_and_values() -> None:
    page = docs.markdown()
    assert (
        "| `deadline` | `120` | 1 to 3600 | The time limit for a rollout, in seconds. | `KUBETASKS_DEADLINE` |" in page
    )
    assert "`auto`, `context`, `kind`, `local`, `minikube`" in page
    assert page.count("\n| `") == len(list(keys()))
    assert page.count("## `verify`\n") == 1


def test_names_of_variables() -> None:
    assert docs.variable("kind.name") == "KUBETASKS_KIND_NAME"
    assert docs.variable("services.*.local_port") == "KUBETASKS_SERVICES_NAME_LOCAL_PORT"


def test_an_example_for_each_secret() -> None:
    assert docs.env_example(VALUES).endswith(
        "\n# KEY (required): from the provider\nKEY=\n\n# SALT (generated)\n# SALT=\n"
    )


def test_write_says_what_changed_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    invoke = tmp_path / "invoke.yaml"
    invoke.write_text("run:\n  echo: true\nkubetasks:\n  project: shop\n")
    assert {path.name for path in docs.write(tmp_path)} == {
        "invoke.yaml",
        ".env.example",
        "settings.md",
        "settings.schema.json",
        "commands.md",
    }
    assert yaml.safe_load(invoke.read_text())["run"] == {"echo": True}
    assert docs.write(tmp_path) == []


def test_write_begins_an_empty_project(tmp_path: Path) -> None:
    docs.write(tmp_path)
    assert yaml.safe_load((tmp_path / "invoke.yaml").read_text())["kubetasks"]["project"] == "app"


@pytest.mark.parametrize("value", ["", [], {}, False, 0, "a: b", "#x", "é", ["a"], {"a": "b"}])
def test_every_value_is_read_back(value: object) -> None:
    assert yaml.safe_load("\n".join(docs._value("key", value, "  "))) == {"key": value}
