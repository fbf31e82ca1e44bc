"""The edge: where flags, invoke.yaml, environment and terminal become settings, a runner, a console and a target.

Nothing below this layer reads any of them.
"""

import contextlib
import functools
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.tasks import Task
from invoke.tasks import task as invoke_task
from msgspec import to_builtins
from msgspec.structs import replace

from kubetasks import documents
from kubetasks.console import Console, all_as_typed, as_typed, report
from kubetasks.documents import Located
from kubetasks.environment import HOOK, redirected_to, without_redirect
from kubetasks.errors import EngineDown, Interrupted, KubetasksError, UsageError, of_os_error
from kubetasks.redact import Redactor, Sensitive
from kubetasks.settings import Settings, check, checking, from_environment, load, public_words
from kubetasks.tasks import _configuration
from kubetasks.tasks._dry import ReadOnlyTarget, TaskRunner, WouldChange
from kubetasks.tasks._invoke import Options
from kubetasks.tasks._invoke import options as invoke_options

if TYPE_CHECKING:
    from kubetasks.deployers.base import Deployer, Renderer
    from kubetasks.deployers.lock import Lock
    from kubetasks.objects import Objects
    from kubetasks.secrets.readers.base import Ask
    from kubetasks.secrets.values import Given
    from kubetasks.survey import Survey
    from kubetasks.targets.base import Target
    from kubetasks.targets.on_cluster import OnCluster

_redactor = Redactor()
# The value of --profile, for the task that runs.
_profile: ContextVar[str] = ContextVar("profile", default="")

# Variables that begin like settings and are none.
NO_SETTINGS = ("KUBETASKS_CACHE", "KUBETASKS_FAILURE", HOOK)
FLAGS: Mapping[str, str] = {
    "target": "where to deploy: auto, minikube, kind, context or local (setting `target`)",
    "context": "a kubeconfig context; any but a local cluster must also be listed in `allowed_contexts`",
    "namespace": "the namespace (setting `namespace`; the project's name by default)",
    "with": "the deployer: manifests or helm (setting `deployer`)",
    "env-file": "the file with the values of secrets (setting `env_file`)",
    "offline": "use the images of docker/offline, without an image registry (setting `offline`)",
    "profile": "which of the settings' `profiles` applies, such as staging or prod (setting `profile`)",
    "json": "print one JSON document instead of text",
    "junit": "also write a JUnit report to this file",
    "html": "also write an HTML report to this file: one self-contained page",
    "lock-wait": "how many seconds to wait while another command changes the same namespace",
}


def flags(*names: str, **more: str) -> dict[str, str]:
    """Help texts: of common flags by name, and of this task's own."""
    own = {name.replace("_", "-"): text for name, text in more.items()}
    return {**{name: FLAGS[name] for name in names}, **own}


class OwnTask(Task[Any]):
    """A task of kubetasks, which Invoke's options are checked for."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """As Invoke, which takes the help texts out of the task: a second call gets them, too."""
        texts = dict(self.help)
        try:
            return super().get_arguments(ignore_unknown_help)
        finally:
            self.help = texts


def command(help: dict[str, str] | None = None, **options: Any) -> Callable[[Callable[..., None]], Task[Any]]:
    """An Invoke task whose errors are one line and an exit code of their own, never a traceback.

    Args:
        help: flag name to help text; every flag has one (a test checks it).
        options: passed to ``invoke.task``.
    """

    def decorate(body: Callable[..., None]) -> Task[Any]:
        @functools.wraps(body)
        def guarded(context: Context, /, *args: Any, **kwargs: Any) -> None:
            # As Ctrl-C: children are ended and the lock is given back.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            hangup = getattr(signal, "SIGHUP", None)  # a closed terminal; `nohup` has it ignored
            if hangup is not None and signal.getsignal(hangup) == signal.SIG_DFL:
                signal.signal(hangup, signal.default_int_handler)
            chosen = _profile.set(str(kwargs.pop("profile", "") or ""))
            try:
                invoke_options(context)
                body(context, *args, **kwargs)
            except WouldChange as change:
                sys.stdout.write(_redactor(f"would {change}; nothing was changed (--dry)\n"))
                raise Exit(code=0) from None
            except KubetasksError as error:
                _debug_traceback()
                _name_engine(error)
                report(error, _redactor)
                raise Exit(code=error.exit_code) from None
            except KeyboardInterrupt:
                before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # one line, whatever is pressed meanwhile
                stop = Interrupted("interrupted", fix="run the same command again; it continues where it stopped")
                report(stop)
                signal.signal(signal.SIGINT, before)
                raise Exit(code=stop.exit_code) from None
            except BrokenPipeError:
                raise Exit(code=0) from None
            except Exit:
                raise
            except OSError as error:
                _debug_traceback()
                told = of_os_error(error)
                report(told, _redactor)
                raise Exit(code=told.exit_code) from None
            finally:
                _profile.reset(chosen)

        texts = dict(help or {})
        if {"namespace", "target"} <= set(signature(body).parameters):
            _take_profile(guarded, body)
            texts["profile"] = FLAGS["profile"]
        # Short flags made from first letters would differ from task to task.
        made: Task[Any] = invoke_task(help=texts, auto_shortflags=False, klass=OwnTask, **options)(guarded)
        return made

    return decorate


def _take_profile(guarded: Callable[..., None], body: Callable[..., None]) -> None:
    """Give a task the flag --profile, as the last one."""
    own = signature(body)
    flag = Parameter("profile", Parameter.POSITIONAL_OR_KEYWORD, default="")
    guarded.__signature__ = own.replace(parameters=[*own.parameters.values(), flag])  # type: ignore[attr-defined]


def _name_engine(error: KubetasksError) -> None:
    """Say that DOCKER_HOST chose the engine which does not answer."""
    engine = without_redirect(os.environ).get("DOCKER_HOST", "")
    if isinstance(error, EngineDown) and engine and engine in f"{error.why} {error.detail}":
        error.fix = "DOCKER_HOST names it: start that engine, or unset DOCKER_HOST"


def _debug_traceback() -> None:
    if logging.getLogger("invoke").isEnabledFor(logging.DEBUG):
        import traceback

        sys.stderr.write(_redactor(traceback.format_exc()))


def cache_bin() -> tuple[Path, ...]:
    """Where docker/offline leaves the programs that it builds; nowhere for a user without a home folder."""
    named = os.environ.get("KUBETASKS_CACHE")
    try:
        return (Path(named or Path.home() / ".cache" / "kubetasks") / "bin",)
    except RuntimeError:  # no HOME, and no entry in the password database
        return ()


@dataclass(frozen=True)
class Edge:
    """What a task works with, each part made when it is first asked for.

    Args:
        context: Invoke's.
        flags: dotted settings path to the value given on the command line.
        named_context: the value of --context.
        env_file: the value of --env-file; empty when not given.
        as_json: whether standard output belongs to one JSON document.
        began: when the task began, by the monotonic clock: what it prints at the end counts from there.
    """

    context: Context
    flags: Mapping[str, Any]
    named_context: str = ""
    env_file: str = ""
    as_json: bool = False
    began: float = field(default_factory=time.monotonic)

    @cached_property
    def root(self) -> Path:
        """The project's root: the folder of tasks.py, wherever the task was called from."""
        found = getattr(self.context.config, "_project_prefix", None)
        return Path(found or ".").resolve()

    @cached_property
    def options(self) -> Options:
        """What Invoke's own options ask of this task."""
        return invoke_options(self.context)

    @property
    def dry(self) -> bool:
        """Whether nothing may be changed."""
        return self.options.dry

    def would(self, *what: str) -> None:
        """Say what a task would do, with ``--dry``."""
        if self.as_json:
            self.print_json({"would": list(what)})
        for each in what:
            self.console.line(f"would {each}")

    @cached_property
    def environ(self) -> Mapping[str, str]:
        """The environment, without what is no setting."""
        return {name: value for name, value in os.environ.items() if name not in NO_SETTINGS}

    @property
    def in_hook(self) -> bool:
        """Whether a hook of a deploy has started this command."""
        return bool(os.environ.get(HOOK))

    @property
    def section(self) -> Any:
        """The section ``kubetasks`` of Invoke's configuration."""
        return self.context.config.get("kubetasks")

    @cached_property
    def settings(self) -> Settings:
        """The settings."""
        found = load(self.section, self.flags, self.environ, self._locate)
        _redactor.expect(public_words(found))
        limit = self.options.limit
        if limit is not None and limit < found.images.build_timeout:
            found = replace(found, images=replace(found.images, build_timeout=limit))
        return found

    @property
    def profile(self) -> str:
        """The name of the profile that applies; empty for none."""
        from kubetasks.settings import profiles

        return profiles.chosen(self.section or {}, self.flags, self.environ)

    def _locate(self, keys: Sequence[str]) -> Located | None:
        """Where a setting stands, below the profile that applies or beside the profiles."""
        found = None
        if self.profile and keys[:1] == ["kubetasks"]:
            way = ["kubetasks", "profiles", self.profile, *keys[1:]]
            found = _configuration.locate(self.context.config, way)
        return found or _configuration.locate(self.context.config, keys)

    def check_paths(self) -> None:
        """Reject settings that name a file or folder that does not exist, before anything is done.

        Raises:
            SettingsError: the first one.
        """
        check(checking.missing(self.settings, self.root), self.section, self.environ)

    @cached_property
    def redactor(self) -> Redactor:
        """Hides secrets in everything shown."""
        return _redactor

    @cached_property
    def runner(self) -> TaskRunner:
        """Starts processes; programs that came as wheels or from docker/offline come last."""
        extra = (Path(sys.prefix) / ("Scripts" if sys.platform == "win32" else "bin"), *cache_bin())
        echo = self.echo if self.options.echo is not None else None
        check(checking.missing_programs(self.settings, self.root), self.section, self.environ)
        programs = {name: checking.program(value, self.root) or value for name, value in self.settings.programs.items()}
        reading = {tuple(each.command) for each in self.settings.secrets.values()}
        return TaskRunner(self.root, self.redactor, extra, programs, echo, options=self.options, reading=reading)

    def echo(self, command: str) -> None:
        """Show a command line before it runs: on standard error, as the output may be read by a program."""
        line = (self.options.echo or "{command}").format(command=command)
        if self.console.live:
            self.console.line(line)
        else:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    @cached_property
    def console(self) -> Console:
        """What a person sees; silent on standard output when a JSON document goes there."""
        return Console(hide=self.redactor, quiet=self.as_json, started=self.began)

    @cached_property
    def target(self) -> "Target":
        """The target, detected once."""
        from kubetasks.targets.detect import choose

        found = choose(self.settings, self.runner, self.root, named_context=self.named_context, warn=self.note)
        if found.cluster is not None:
            self.note_redirect()
            found.cluster.link.notify = lambda text: self.console.line(text, mark="note")
        return cast("Target", ReadOnlyTarget(found)) if self.dry else found

    @property
    def on_cluster(self) -> "OnCluster":
        """The target, where it has a cluster: with what only those have."""
        return cast("OnCluster", self.target)

    def note_redirect(self) -> None:
        """Say that DOCKER_HOST is not used, where ``minikube docker-env`` set it in this shell."""
        profile = redirected_to(os.environ)
        if profile:
            self.note(
                f"DOCKER_HOST is from `minikube docker-env` of profile {profile} and is not used: each target has its "
                "own engine"
            )

    @cached_property
    def deployer(self) -> "Deployer":
        """What deploys."""
        return self.deployer_named(self.settings.deployer)

    def deployer_named(self, name: str) -> "Deployer":
        """The deployer of that name. The local target has no Helm: the chart's objects are applied like manifests."""
        if name == "helm" and self.target.cluster is not None:
            from kubetasks.deployers.helm import HelmDeployer

            return HelmDeployer(self.charted, self.root, self.runner, self.target.store, self.target.cluster)
        from kubetasks.deployers.manifests import ManifestsDeployer

        renderer = self.renderer_named(name)
        here = getattr(self.target, "here", None)
        if here is not None:
            from kubetasks.targets.local.runnable import LocalRenderer

            renderer = LocalRenderer(self.settings, renderer, here)
        return ManifestsDeployer(self.settings, self.target.store, renderer)

    def renderer_named(self, name: str) -> "Renderer":
        """What renders: the manifests or the chart."""
        from kubetasks.deployers.render import ChartRenderer, ManifestsRenderer

        if name == "helm":
            return ChartRenderer(self.charted, self.root, self.runner)
        return ManifestsRenderer(self.settings, self.root, self.runner)

    @cached_property
    def charted(self) -> Settings:
        """The settings with the chart on this machine, pulled where a repository has it."""
        from kubetasks.deployers.chart_source import at_hand

        return at_hand(self.settings, self.root, self.runner)

    @cached_property
    def ask(self) -> "Ask":
        """Runs the commands that give secrets' values, each once; also with ``--dry``, as it only reads."""
        from kubetasks.secrets.readers.command import asker

        return asker(self.runner)

    def given(
        self, known: Collection[str] = (), *, ask: bool = True, tell: bool = True, commands: bool = True
    ) -> "Given":
        """The secrets' values that the user gave, hidden from now on in everything shown.

        Args:
            known: names that have a value where it is deployed to.
            ask: prompt for required ones that have none, where someone sits at a terminal.
            tell: show what looks like a slip; else the caller does.
            commands: run the commands that secrets name.
        """
        from kubetasks.secrets.readers.terminal import terminal_prompt
        from kubetasks.secrets.values import collect

        # A path that was typed is the caller's, one that is set the project's.
        wanted = self.env_file or self.settings.env_file
        path = (Path.cwd() if self.env_file else self.root) / wanted if wanted else None
        named = bool(self.env_file) or wanted != checking.USUAL_ENV_FILE
        prompt = terminal_prompt() if ask else None
        run = self.ask if commands and any(each.command for each in self.settings.secrets.values()) else None
        found = collect(self.settings, os.environ, path, named=named, known=known, prompt=prompt, ask=run)
        self.redactor.add(found.values())
        for warning in found.warnings if tell else ():
            self.note(warning)
        return found

    def secrets(self, known: Collection[str] = (), *, ask: bool = True) -> "Given":
        """What ``given`` gives, and on the local target the URL of its database."""
        found = self.given(known, ask=ask)
        key = self.settings.database.url_secret
        if self.target.cluster is None and key in self.settings.secrets and key not in found:
            return found.more(key, Sensitive(self.target.sqlite_url()), "local.sqlite")  # type: ignore[attr-defined]
        return found

    def origin(self, *keys: str) -> str:
        """Where the value of a setting comes from."""
        from kubetasks.settings.origins import origin

        given, place, profile = _configuration.given(self.section, keys), ["kubetasks"], self.profile
        if profile:
            inner = _configuration.given(self.section, ["profiles", profile, *keys])
            given, profile = (inner, profile) if len(inner) > 2 else (given, "")
        said = origin(
            ".".join(keys),
            [path for path, value in self.flags.items() if value not in (None, "")],
            self._from_environment,
            _configuration.locate(self.context.config, [*place, *given]) if given else None,
            named=bool(given),
        )
        return f"profile {profile}: {said}" if profile and not said.startswith(("flag", "environment")) else said

    @cached_property
    def _from_environment(self) -> Mapping[str, Any]:
        """The settings that environment variables give, nested."""
        return from_environment(self.environ, to_builtins(self.settings))

    def survey(self, *, ask: bool = True, force: bool = False) -> "Survey":
        """What is there and what is wanted."""
        from kubetasks.survey import look

        self.check_paths()

        def collect(known: Collection[str]) -> "Given":
            return self.secrets(known, ask=ask)

        files = [Path.cwd() / self.env_file] if self.env_file else []
        found = look(
            self.charted if self.settings.deployer == "helm" else self.settings,
            self.root,
            self.target,
            self.deployer,
            collect,
            runner=self.runner,
            env_files=files,
            forced=force,
        )
        self.redactor.add(found.live_secrets.values())
        for held in found.held.values():
            self.redactor.add(held.values())
        self.redactor.add(found.secrets.values())
        for name in found.unused:
            why = self.settings.secrets[name].help or "its setting has rotate: false"
            self.note(f"the value given for {name} is not used: {why}")
        for name in self.settings.secrets:
            weak = self.redactor.weakness(found.secrets[name]) if name in found.secrets else ""
            if weak:
                self.note(f"{name} cannot be hidden everywhere: {weak}; a longer value can")
        return found

    def rendered(self) -> "tuple[Survey, Objects]":
        """The survey, and the objects that a deploy of this checkout would bring."""
        survey = self.survey(ask=False)
        return survey, self.deployer.render(survey.release)

    def print_objects(self, objects: "Objects", survey: "Survey") -> None:
        """Rendered objects as YAML, redacted: a Secret has digests in the place of its values."""
        from kubetasks.deployers.concealed import all_concealed

        self.print_yaml(all_concealed(objects, survey.digest))

    def locked(self, command: str, lock_wait: float = 0.0) -> "AbstractContextManager[Lock]":
        """The deploy lock, held for a command."""
        from kubetasks.deployers.lock import locked, noted

        store, project, namespace = self.target.store, self.settings.project, self.settings.in_namespace
        return locked(store, project, namespace, command, wait=lock_wait, show=noted(self.console))

    @contextlib.contextmanager
    def changing(self, command: str, survey: "Survey", lock_wait: float = 0.0) -> "Iterator[Survey]":
        """The namespace, created if it does not exist, with the lock held; yields the current survey.

        Raises:
            DeployLocked: another process holds the lock, or has changed something since the survey.
            DeletionHeld: a volume is being deleted.
        """
        from kubetasks.deployers.namespace import ensure

        survey.refuse_lost_volumes()
        ensure(self.target, self.settings)
        with self.locked(command, lock_wait) as lock:
            yield survey.refreshed((lambda: self.survey(ask=False)) if lock.waited else None)

    def left_out(self) -> list[str]:
        """What has no meaning on this target, one line each."""
        if self.target.cluster is not None:
            return []
        lines: list[str] = self.target.left_out()  # type: ignore[attr-defined]
        return lines

    def print_json(self, document: Any, stream: TextIO | None = None) -> None:
        """The one JSON document, redacted."""
        # Hidden before it is written: no quote or brace can be taken for a secret.
        plain = json.loads(json.dumps(document, default=str))
        print(json.dumps(all_as_typed(self.redactor.document(plain)), indent=2), file=stream or sys.stdout)

    def print_yaml(self, objects: "Objects") -> None:
        """Objects as a stream of YAML documents, redacted."""
        sys.stdout.write(documents.dump_all(self.redactor.document(objects)))

    def note(self, text: str) -> None:
        """Something to take note of: on standard error where standard output belongs to a document."""
        if self.as_json:
            sys.stderr.write(f"note: {as_typed(self.redactor(text))}\n")
        self.console.line(text, mark="note")


def waiting(lock_wait: int) -> float:
    """The value of --lock-wait, in seconds.

    Raises:
        UsageError: it is negative.
    """
    if lock_wait < 0:
        raise UsageError(f"--lock-wait {lock_wait}", why="it is negative", fix="specify a number of seconds")
    return float(lock_wait)


def edge(
    context: Context,
    *,
    target: str = "",
    cluster_context: str = "",
    namespace: str = "",
    deployer: str = "",
    env_file: str = "",
    offline: bool = False,
    as_json: bool = False,
    kind: type[Edge] = Edge,
) -> Edge:
    """The edge for a task's common flags; ``kind`` is its class.

    ``--context`` without ``--target`` means whatever target that context is: a kind cluster, Minikube, or any other.
    """
    given = {
        "target": target or ("auto" if cluster_context else ""),
        "context": cluster_context,
        "namespace": namespace,
        "deployer": deployer,
        "offline": True if offline else None,
        "profile": _profile.get(),
    }
    return kind(context, given, cluster_context, env_file, as_json)
