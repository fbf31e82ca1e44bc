"""What minikube said about a profile, kept between commands: asking again takes 0.4 s for each question.

Two answers are kept, and each is checked before it is used:

- what the profile is made of (runtime, driver, nodes), for as long as minikube's own ``config.json`` of that profile
  has the same content;
- the way to the engine inside, which is used only while the engine there has the ID and the name that it had when
  minikube named the address. A restarted profile gets another port, and another profile may get that port: its engine
  has another ID, so minikube is asked again.

Without a ``config.json`` in the expected place nothing is kept.
"""

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from kubetasks import state
from kubetasks.errors import ClusterUnreachable, KubetasksError, StateUnavailable
from kubetasks.images.engine import engine_down
from kubetasks.runner import Runner
from kubetasks.tools import docker, minikube

NAME: Final = "minikube.json"
# More profiles than this are not remembered.
_PROFILES: Final = 20
_FIELDS: Final = {"name": str, "status": str, "driver": str, "runtime": str, "nodes": int, "version": str}


@dataclass(frozen=True)
class Engine:
    """The way to the engine inside a profile.

    Args:
        env: the environment for a docker client; empty where the engine does not answer.
        why: why it does not answer, as far as that is known.
    """

    env: Mapping[str, str | None] = field(default_factory=dict)
    why: str = ""


@dataclass
class ProfileFacts:
    """What is known about one profile.

    Args:
        name: the profile.
        runner: starts minikube and docker.
        environ: this process's environment: where minikube keeps its files.
    """

    name: str
    runner: Runner
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _profile: minikube.Profile | None = None
    _engine: Engine | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def profile(self) -> minikube.Profile:
        """What the profile is made of. Its state may be an earlier one.

        Raises:
            ClusterUnreachable: there is no such profile.
            ToolMissing: minikube is not there.
        """
        with self._lock:
            if self._profile is None:
                self._profile = _profile_in(self._kept()) or self._asked()
            return self._profile

    def engine(self) -> Engine:
        """The way to the engine inside, which has just answered; empty with the reason where it does not.

        Raises:
            ToolMissing: minikube or docker is not there.
        """
        with self._lock:
            if self._engine is None:
                self._engine = self._known_engine() or self._asked_engine()
            return self._engine

    def _asked(self) -> minikube.Profile:
        # Read first: a change while minikube answers makes the answer count as old.
        config = self._config()
        result = self.runner.run(minikube.profile_list(), timeout=60, check=False)
        for profile in minikube.parse_profiles(result.stdout):
            if profile.name == self.name:
                self._keep({"config": config, "profile": asdict(profile)})
                return profile
        raise ClusterUnreachable(
            f"minikube has no profile {self.name}",
            why=minikube.reason(result.stderr),
            fix="make it: inv cluster.up --target minikube",
        )

    def _known_engine(self) -> Engine | None:
        kept = self._kept()
        env, identity = kept.get("env"), kept.get("engine")
        if not isinstance(env, dict) or not env.get("DOCKER_HOST") or not identity:
            return None
        if not all(value is None or isinstance(value, str) for value in env.values()):
            return None
        with contextlib.suppress(KubetasksError):
            return Engine(env) if self._identity(env) == identity else None
        return None

    def _asked_engine(self) -> Engine:
        result = self.runner.run(minikube.docker_env(self.name), timeout=60, check=False)
        env = minikube.parse_docker_env(result.stdout) if result.ok else {}
        if not env:
            return Engine(why=minikube.reason("\n".join(result.lines)))
        answer = self.runner.run(docker.engine_identity(), env=env, timeout=20, check=False)
        identity = docker.parse_identity(answer.stdout) if answer.ok else ""
        if not answer.ok or not answer.stdout.strip():
            # That minikube prints an address does not mean that an engine answers there.
            return Engine(why=engine_down(answer.stderr or answer.stdout).why)
        kept = self._kept()
        if kept and identity:
            self._keep({**kept, "env": env, "engine": identity})
        return Engine(env)

    def _identity(self, env: Mapping[str, str | None]) -> str:
        answer = self.runner.run(docker.engine_identity(), env=env, timeout=20, check=False)
        return docker.parse_identity(answer.stdout) if answer.ok else ""

    def _config(self) -> str:
        """Where minikube keeps the profile's configuration, and a digest of it; empty where that is not clear."""
        places = [
            path for home in _homes(self.environ) if (path := home / "profiles" / self.name / "config.json").is_file()
        ]
        if len(places) != 1:
            return ""
        with contextlib.suppress(OSError):
            return f"{places[0]} {hashlib.sha256(places[0].read_bytes()).hexdigest()}"
        return ""

    def _kept(self) -> dict[str, Any]:
        """The answers that are kept and still count."""
        found = _read().get(self.name)
        config = self._config()
        if not isinstance(found, dict) or not config or found.get("config") != config or _profile_in(found) is None:
            return {}
        return found

    def _keep(self, facts: dict[str, Any]) -> None:
        """Keep answers. A folder that cannot be written is no error: minikube is asked again."""
        if not facts["config"] or facts["config"] != self._config():
            return
        with contextlib.suppress(OSError, StateUnavailable):
            path = state.home() / NAME
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            others = {name: each for name, each in _read().items() if name != self.name}
            content = {**dict(list(others.items())[1 - _PROFILES :]), self.name: facts}
            part = path.with_name(f".{NAME}.{os.getpid()}.{threading.get_ident()}")
            part.touch(mode=0o600)
            part.write_text(json.dumps(content, indent=1), encoding="utf-8")
            part.replace(path)


def _homes(environ: Mapping[str, str]) -> list[Path]:
    """The folders in which minikube may keep its profiles.

    $MINIKUBE_HOME is the folder or the one above it (https://minikube.sigs.k8s.io/docs/handbook/config/).
    """
    named = environ.get("MINIKUBE_HOME", "")
    if named:
        return [Path(named), Path(named) / ".minikube"]
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    return [Path(home) / ".minikube"] if home else []


def _read() -> dict[str, Any]:
    try:
        found = json.loads((state.home() / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, StateUnavailable):
        return {}
    return found if isinstance(found, dict) else {}


def _profile_in(kept: Mapping[str, Any]) -> minikube.Profile | None:
    """The profile in what is kept; None where it is not whole."""
    row = kept.get("profile")
    if not isinstance(row, dict) or not all(type(row.get(name)) is kind for name, kind in _FIELDS.items()):
        return None
    machines = row.get("machines")
    if not isinstance(machines, list) or not all(isinstance(each, str) for each in machines):
        return None
    return minikube.Profile(**{name: row[name] for name in _FIELDS}, machines=tuple(machines))
