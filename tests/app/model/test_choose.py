import subprocess
import sys

import pytest

from app.backend.assistants import choose
from app.backend.settings import Settings, SettingsError
from tests.app.model.turns import FakeRules

SETTINGS = Settings(database_url="sqlite:///x.db", jwt_secret="x" * 32)
MODEL = Settings(
    database_url="sqlite:///x.db", jwt_secret="x" * 32, llm_base_url="http://someone:hunter2@llm/v1", llm_model="m"
)


def test_the_rules_answer_where_no_model_is_configured() -> None:
    rules = FakeRules()
    assert choose(SETTINGS, rules) is rules


def test_a_configured_model_answers() -> None:
    assert choose(MODEL, FakeRules()).name == "model"


@pytest.mark.parametrize("absent", ["agents", "openai"])
def test_a_model_without_its_package_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    for name in [name for name in sys.modules if name.startswith("app.backend.assistants.model")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(SettingsError, match="use the image built with EXTRA=model") as raised:
        choose(MODEL, FakeRules())
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_settings_do_not_show_the_endpoints_credentials() -> None:
    assert "hunter2" not in repr(MODEL)


def test_the_server_imports_neither_a_models_package_nor_mcps_before_it_needs_them() -> None:
    program = (
        "import sys; from app.backend.application import create_app; from app.backend.settings import Settings;"
        "create_app(Settings(database_url='sqlite:///x.db', jwt_secret='x' * 32));"
        "print([name for name in ('agents', 'openai', 'mcp', 'httpx2', 'sqlalchemy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
