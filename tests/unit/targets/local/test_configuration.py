import io
import shlex
import tempfile
from pathlib import Path

import pytest
from supervisor.options import ServerOptions, UnhosedConfigParser

from kubetasks.targets.local.configuration import configuration, longest_grace, quoted
from kubetasks.targets.local.workloads import Pod, Program
from tests.unit.targets.local.objects import CANARY, deployment, job


def pods() -> list[Pod]:
    run = [{"name": "web", "argv": ["python", CANARY], "env": {"KEY": CANARY}}]
    return [
        Pod("deployment.web", deployment("web"), "web-1", "d1", {}, [], [Program("deployment.web@web", run)]),
        Pod("job.once", job("once"), "once-1", "d2", {}, [], [Program("job.once@job", run)]),
        Pod("deployment.none", deployment("none"), "none-1", "d3", {}),
    ]


def test_it_holds_digests_but_neither_commands_nor_environments() -> None:
    text = configuration(pods(), Path("/tmp/x.sock"))
    assert CANARY not in text
    assert 'environment=KUBETASKS_DIGEST="d1"' in text
    assert "deployment.none" not in text


def test_supervisord_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    options = ServerOptions()  # type: ignore[no-untyped-call]
    options.configfile = options.here = str(tmp_path)
    text = configuration(pods(), Path("/tmp/x.sock"))
    section = options.read_config(io.StringIO(text))  # type: ignore[no-untyped-call]
    web, once = section.process_group_configs
    assert (web.name, once.name) == ("deployment.web", "job.once")
    assert web.process_configs[0].environment == {"KUBETASKS_DIGEST": "d1"}
    assert web.process_configs[0].stopwaitsecs == 3
    assert shlex.split(web.process_configs[0].command)[-1] == "run/deployment.web@web.json"
    assert (once.process_configs[0].autorestart, once.process_configs[0].startsecs) == (False, 0)


@pytest.mark.parametrize("path", ["/plain", "/with space", "/a ;b #c", "/100%/%(x)s", "/quo'te\"s", "/ünï"])
def test_odd_paths_survive(path: str) -> None:
    parser = UnhosedConfigParser()  # type: ignore[no-untyped-call]
    parser.read_string(f"[x]\ncommand={quoted('python')} {quoted(path)}\n")  # type: ignore[no-untyped-call]
    command = parser.saneget("x", "command", expansions={})  # type: ignore[no-untyped-call]
    assert shlex.split(command) == ["python", path]


def test_longest_grace() -> None:
    assert longest_grace(configuration(pods(), Path("/s"))) == 3
    assert longest_grace("") == 1


@pytest.mark.parametrize("name", ["a b", "100%", "%(here)s", "%d"])
def test_a_temporary_folder_of_any_name_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Supervisord takes it for its children's logs by default, and expands what it takes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    options = ServerOptions()  # type: ignore[no-untyped-call]
    options.configfile = options.here = str(tmp_path)
    section = options.read_config(io.StringIO(configuration(pods(), Path("/tmp/x.sock"))))  # type: ignore[no-untyped-call]
    assert Path(section.childlogdir).resolve() == tmp_path.resolve()
    assert section.minfds <= 100, "no more than a shell with `ulimit -n 100` has"
