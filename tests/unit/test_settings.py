from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from kubetasks import settings as module
from kubetasks.errors import SettingsError, UsageError
from kubetasks.settings import Settings, keys, load, schema

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {"services": {"web": {"context": "web"}, "api": {}}}


def refused(section: Any, environ: dict[str, str] | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(section, environ=environ or {})
    return caught.value


def test_every_key_has_a_default() -> None:
    assert load(None, environ={}) == load({}, environ={}) == Settings()


def test_every_key_has_a_description() -> None:
    assert [path for path, _, described in keys() if not described.endswith((".", ")"))] == []


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load({}, environ={}).project = "other"  # type: ignore[misc]


def test_the_flag_goes_before_the_environment_and_that_before_the_file() -> None:
    section = {"namespace": "file", "deadline": 1, "kind": {"name": "file", "wait": 7}}
    environ = {"KUBETASKS_NAMESPACE": "environment", "KUBETASKS_KIND_NAME": "environment"}
    found = load(section, {"kind.name": "flag", "deadline": None, "target": ""}, environ)
    assert (found.namespace, found.kind.name, found.deadline, found.kind.wait) == ("environment", "flag", 1, 7)
    assert found.target == "auto"


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("KUBETASKS_OFFLINE", "yes", "offline", True),
        ("KUBETASKS_OFFLINE", "0", "offline", False),
        ("KUBETASKS_OFFLINE", "", "offline", False),
        ("KUBETASKS_DEADLINE", "30", "deadline", 30),
        ("KUBETASKS_ALLOWED_CONTEXTS", "a, b,", "allowed_contexts", ["a", "b"]),
        ("KUBETASKS_VERIFY_LOGIN_TOKEN", "/t", "verify.login.token", "/t"),
        ("KUBETASKS_SERVICES_WEB_LOCAL_PORT", "81", "services.web.local_port", 81),
        ("KUBETASKS_PROGRAMS_DOCKER", "/opt/docker", "programs.docker", "/opt/docker"),
        ("KUBETASKS_CONFIG_LLM_MODEL", "small", "config.LLM_MODEL", "small"),
        ("KUBETASKS_SERVICES_WEB_BUILD_ARGS_EXTRA", "model", "services.web.build_args.EXTRA", "model"),
    ],
)
def test_the_environment_is_read_by_type(name: str, text: str, path: str, value: object) -> None:
    found: Any = load(SERVICES, environ={name: text, "OTHER": "1"})
    for part in path.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"projcet": "x"}, "unknown setting `kubetasks.projcet` -- did you mean `project`?"),
        ({"kind": {"nmae": "x"}}, "unknown setting `kubetasks.kind.nmae` -- did you mean `name`?"),
        (
            {"verify": {"login": {"tokens": ""}}},
            "unknown setting `kubetasks.verify.login.tokens` -- did you mean `token`?",
        ),
        (
            {"services": {"web": {"dockerfiles": "x"}}},
            "unknown setting `kubetasks.services.web.dockerfiles` -- did you mean `dockerfile`?",
        ),
        ({"manifests": {"zzz": 1}}, "unknown setting `kubetasks.manifests.zzz` -- known here: files, path"),
    ],
)
def test_an_unknown_key_is_refused_with_its_path_and_the_nearest_one(section: Any, line: str) -> None:
    assert refused(section).line == line


@pytest.mark.parametrize(
    ("section", "path", "why"),
    [
        ({"deadline": "soon"}, "deadline", "Expected `int`, got `str`"),
        ({"deadline": 0}, "deadline", "Expected `int` >= 1"),
        ({"offline": 1}, "offline", "Expected `bool`, got `int`"),
        ({"project": "No Label"}, "project", "it must be a DNS label"),
        ({"services": {"web": {"local_port": 70000}}}, "services.web.local_port", "Expected `int` <= 65535"),
        ({"services": ["web"]}, "services", "Expected `object`, got `array`"),
        ({"verify": {"journeys": "x"}}, "verify.journeys", "Expected `array`, got `str`"),
        ({"kind": None}, "kind", "Expected `object`, got `null`"),
    ],
)
def test_an_ill_typed_value_is_refused_with_its_path(section: Any, path: str, why: str) -> None:
    error = refused(section)
    assert error.what == f"setting `kubetasks.{path}`"
    assert error.why.startswith(why)
    assert error.exit_code == 2


def test_a_value_that_is_not_one_of_the_possible_ones() -> None:
    assert refused({"target": "kin"}).line == (
        "setting `kubetasks.target`: unknown value -- choose one of auto, minikube, kind, context, local "
        "(did you mean kind?)"
    )
    assert "external" in refused({"database": {"mode": "neon"}}).fix


def test_the_environment_is_named_when_it_is_at_fault() -> None:
    assert refused({}, {"KUBETASKS_DEADLINE": "soon"}).what == "setting KUBETASKS_DEADLINE in the environment"
    assert refused(SERVICES, {"KUBETASKS_SERVICES_WEB_LOCAL_PORT": "x"}).what == (
        "setting KUBETASKS_SERVICES_WEB_LOCAL_PORT in the environment"
    )
    assert refused({}, {"KUBETASKS_KIND_NAEM": "x"}).line == (
        "unknown setting in the environment: KUBETASKS_KIND_NAEM -- did you mean KUBETASKS_KIND_NAME?"
    )
    assert refused({}, {"KUBETASKS_Q": "x"}).fix == "unset it"


@pytest.mark.parametrize("section", ["text", ["list"], 3])
def test_the_section_must_be_a_mapping(section: Any) -> None:
    assert refused(section).line == "setting `kubetasks`: it must be a mapping -- see docs/settings.md"


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            {"target": "minicube"},
            (
                "--target minicube: unknown value -- choose one of auto, minikube, kind, context, local "
                "(did you mean minikube?)"
            ),
        ),
        ({"deployer": "helmet"}, "--with helmet: unknown value -- choose one of manifests, helm (did you mean helm?)"),
    ],
)
def test_a_flag_is_refused_by_its_name(flags: dict[str, str], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        load({}, flags, {})
    assert caught.value.line == line


def test_a_namespace_that_is_no_label() -> None:
    with pytest.raises(UsageError, match="--namespace A B: it must be a DNS label"):
        load({}, {"namespace": "A B"}, {})


def test_names_of_services_are_checked() -> None:
    assert "services: web, api" in refused({**SERVICES, "migrations": {"service": "zzzz"}}).line
    assert load({**SERVICES, "verify": {"entry": "web:80"}}, environ={}).verify.entry == "web:80"


@pytest.mark.parametrize("entry", ["gateway", "gateway:http", "Ingress/shop.example", "HTTPRoute/a", "Gateway/b"])
def test_the_entry_may_be_anything_that_is_rendered(entry: str) -> None:
    assert load({**SERVICES, "verify": {"entry": entry}}, environ={}).verify.entry == entry


def test_an_entry_of_another_kind_is_refused() -> None:
    assert refused({**SERVICES, "verify": {"entry": "ingress/web"}}).line == (
        "setting `kubetasks.verify.entry`: `ingress` leads to no Service -- did you mean `Ingress`?"
    )


def test_derived_names() -> None:
    found = load({"project": "shop"}, environ={})
    assert (found.in_namespace, found.secret_name) == ("shop", "shop-secrets")
    assert load({"project": "shop", "namespace": "other"}, environ={}).in_namespace == "other"


def test_offline_images() -> None:
    plain, offline = load({}, environ={}), load({"offline": True}, environ={})
    assert (plain.base_image, plain.postgres_image, plain.node_image) == ("python:3.11-slim", "postgres:17", "")
    for image in (offline.base_image, offline.postgres_image, offline.node_image):
        assert image.startswith("kubetasks.local/")


class Proxy:
    """Invoke's DataProxy is no Mapping, and has items."""

    def __init__(self, **held: object) -> None:
        self.held = held

    def items(self) -> Any:
        return self.held.items()


def test_reads_what_invoke_gives() -> None:
    found = load(Proxy(project="shop", kind=Proxy(name="one"), allowed_contexts=("a",)), environ={})
    assert (found.project, found.kind.name, found.allowed_contexts) == ("shop", "one", ["a"])


def test_the_schema_accepts_what_load_accepts_and_refuses_what_it_refuses() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    ours = yaml.safe_load((ROOT / "invoke.yaml").read_text())["kubetasks"]
    assert list(validator.iter_errors(ours)) == []
    for wrong in ({"projcet": "x"}, {"deadline": "soon"}, {"kind": {"nmae": "x"}}, {"target": "kin"}):
        assert list(validator.iter_errors(wrong))


def test_our_own_file_is_read() -> None:
    ours = yaml.safe_load((ROOT / "invoke.yaml").read_text())["kubetasks"]
    assert list(load(ours, environ={}).services) == ["backend", "frontend"]


def test_no_key_is_hidden_by_a_name_of_the_users() -> None:
    variables = [module.ENVIRONMENT_PREFIX + path.replace(".", "_").upper() for path, _, _ in keys()]
    assert len(variables) == len(set(variables))


def test_a_variable_names_a_program_with_a_dash() -> None:
    found = load({}, environ={"KUBETASKS_PROGRAMS_KUBECTL_AI": "/opt/kubectl-ai", "KUBETASKS_PROGRAMS_HELM": "helm4"})
    assert found.programs == {"kubectl-ai": "/opt/kubectl-ai", "helm": "helm4"}
