"""The backend under schemathesis, for as long as a suite can wait."""

import yaml

from tests.app.contract.fuzz import ROOT, fuzz


def test_every_check_holds(url: str) -> None:
    outcome = fuzz(url, examples=5, seed=7)
    assert outcome.code == 0, outcome.output
    assert outcome.cases > 500
    assert outcome.phases == dict.fromkeys(("examples", "coverage", "fuzzing", "stateful"), "success")
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
    operations = [name for path, item in document["paths"].items() if path.startswith("/api/") for name in item]
    assert outcome.tested == len(operations)
