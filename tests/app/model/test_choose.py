import subprocess
import sys
from pathlib import Path

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


def test_a_server_without_the_package_ends_with_that_line(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text("raise ModuleNotFoundError('no agents', name='agents')")
    root = Path(__file__).parents[3]
    environment = {
        "PYTHONPATH": f"{tmp_path}:{root}",
        "DATABASE_URL": "sqlite:///x.db",
        "JWT_SECRET": "x" * 32,
        "LLM_BASE_URL": "http://someone:hunter2@llm/v1",
        "LLM_MODEL": "m",
    }
    ran = subprocess.run(
        [sys.executable, "-c", "import app.backend.main"], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    assert line.startswith("backend: LLM_BASE_URL and LLM_MODEL are set, and openai-agents is not installed")
